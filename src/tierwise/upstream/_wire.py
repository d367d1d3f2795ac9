"""One HTTP request over aiohttp. The only module that opens sockets.

Imported when an `Upstream` is entered, because aiohttp is an extra.
"""

from __future__ import annotations

import ssl as tls
from typing import Any

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from tierwise.calls import Timeouts
from tierwise.errors import CallerError
from tierwise.upstream._failure import Failure
from tierwise.upstream._faults import Circumstances, failure, redirected
from tierwise.upstream._reply import Reply

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing upstream (RFC 9110, 9.2.1), so sending them twice does no harm."""
MOST_HEADER = 1 << 15
"""Bytes of one header line or of the status line."""
_PIECE = 1 << 16
_URLS = 512
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Body(aiohttp.payload.Payload):
    """Bytes to send that know whether their last piece was handed to the connection.

    aiohttp's own payload for bytes warns above 1 MB and cannot tell.
    """

    _autoclose = True

    def __init__(self, value: bytes) -> None:
        super().__init__(value, content_type="application/json")
        self._size = len(value)
        self.handed = False

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The body as text."""
        return str(self._value, encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write all of it; a broken or cancelled write leaves no half-sent connection behind."""
        transport: Any = getattr(writer, "transport", None)
        view = memoryview(self._value)
        last = max(0, (len(view) - 1) // _PIECE * _PIECE)
        try:
            for at in range(0, last, _PIECE):
                await writer.write(view[at : at + _PIECE])
            self.handed = _still_open(transport)
            await writer.write(view[last:] if last else self._value)
        except BaseException:
            # close() would first try to send what is still buffered, however long that takes.
            if transport is not None:
                transport.abort()
            raise

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """The same; the length is always that of the whole body."""
        del content_length
        await self.write(writer)


def _still_open(transport: Any) -> bool:
    """True; raises where what is written now would go nowhere."""
    if transport is None or transport.is_closing():
        raise aiohttp.ClientConnectionResetError("closed before the request was written")
    return True


class Broken(aiohttp.ClientError):
    """A connection that broke, in a form that aiohttp does not answer with a second try of its own."""


async def _one_try(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Middleware: aiohttp sends idempotent requests again by itself; ours are counted attempts."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        name = type(error).__name__
    raise Broken(name)


class Wire:
    """A pool of connections and one method that uses them."""

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession | None,
        connections: int,
        keepalive: float,
        ssl: tls.SSLContext | None,
        proxy: str | None,
    ) -> None:
        self._own = session is None
        self._connections = connections
        self._proxy = proxy
        # Parsing an address and building a ClientTimeout cost as much as all else here together.
        self._urls: dict[str, URL] = {}
        self._usual: tuple[Timeouts, aiohttp.ClientTimeout] | None = None
        self._session = session or aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=connections, keepalive_timeout=keepalive, ttl_dns_cache=60, ssl=ssl or True
            ),
            # Cookies of one caller would go out with the next.
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def aclose(self) -> None:
        """Close the connections, unless the session was given."""
        if self._own:
            await self._session.close()

    async def exchange(
        self,
        method: str,
        url: str,
        headers: list[tuple[str, str]],
        body: bytes,
        *,
        origin: str,
        timeouts: Timeouts,
        remaining: float,
    ) -> Reply | Failure:
        """Send once and wait for status and headers.

        Args:
            method: In capitals.
            url: Escaped as it goes out.
            headers: All of them.
            body: As it goes out; b'' sends none.
            origin: For messages.
            timeouts: The caller's.
            remaining: Seconds left of the total.

        Raises:
            CallerError: The session was closed.
        """
        payload = Body(body) if body else None
        fault: BaseException
        try:
            response = await self._session.request(
                method,
                self._url(url),
                data=payload,
                headers=headers,
                allow_redirects=False,
                auto_decompress=False,
                raise_for_status=False,
                proxy=self._proxy,
                max_line_size=MOST_HEADER,
                max_field_size=MOST_HEADER,
                middlewares=() if method == "POST" else (_one_try,),
                timeout=self._times(timeouts, remaining),
            )
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            fault = error
        except RuntimeError:
            if not self._session.closed:
                raise
            raise CallerError("this Upstream is closed; send inside `async with Upstream(...)`") from None
        else:
            return self._reply(response, origin, timeouts)
        # Raised and recorded outside of `except`: aiohttp's errors carry the request's headers.
        sent = payload.handed if payload is not None else not isinstance(fault, aiohttp.ClientConnectorError)
        return failure(fault, self._circumstances(origin, timeouts, sent=sent, safe=method in SAFE))

    def _circumstances(self, origin: str, timeouts: Timeouts, *, sent: bool, safe: bool) -> Circumstances:
        return Circumstances(
            origin=origin,
            timeouts=timeouts,
            connections=self._connections,
            most_header=MOST_HEADER,
            sent=sent,
            safe=safe,
        )

    def _url(self, address: str) -> URL:
        url = self._urls.get(address)
        if url is None:
            if len(self._urls) >= _URLS:
                self._urls.clear()
            url = self._urls[address] = URL(address, encoded=True)
        return url

    def _times(self, timeouts: Timeouts, remaining: float) -> aiohttp.ClientTimeout:
        whole = remaining > timeouts.total - 0.001
        if whole and self._usual is not None and self._usual[0] is timeouts:
            return self._usual[1]
        times = aiohttp.ClientTimeout(
            total=remaining, connect=timeouts.connect, sock_read=timeouts.first_byte
        )
        if whole:
            self._usual = timeouts, times
        return times

    def _reply(self, response: aiohttp.ClientResponse, origin: str, timeouts: Timeouts) -> Reply | Failure:
        if response.status in _REDIRECTS:
            response.close()
            return Failure(error=redirected(response, origin), reason=f"{response.status} redirect")
        connection = response.connection
        protocol = connection.protocol if connection is not None else None
        if protocol is not None:
            # The wait for the first byte is over; Reply counts idle time itself, and cheaper.
            protocol.read_timeout = None
            protocol.start_timeout()
        return Reply(response, timeouts=timeouts, origin=origin)
