"""The client: one call, its attempts, and the reply or the error that is left."""

from __future__ import annotations

import asyncio
import copy
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Self

from tierwise.calls import Attempt, Outgoing, Retries, Timeouts
from tierwise.errors import CallerError, MissingExtra, UpstreamGarbled
from tierwise.upstream._failure import Failure
from tierwise.upstream._headers import upward
from tierwise.upstream._inflate import Inflater
from tierwise.upstream._keys import Credentials, Key
from tierwise.upstream._retries import Verdict, verdict, wait_before
from tierwise.upstream._targets import Azure, safe_method, safe_path, target

if TYPE_CHECKING:
    import ssl as tls

    from aiohttp import ClientSession

    from tierwise.upstream._reply import Reply
    from tierwise.upstream._wire import Wire

OPENAI = "https://api.openai.com/v1"
FLEX = Timeouts(first_byte=900.0, idle=900.0, total=3600.0)
"""Flex waits for capacity: OpenAI advises 15 minutes (flex guide)."""

_ADDRESSES = 512


class Upstream:
    """OpenAI, or anything that speaks its API, over one pool of connections.

    Use it as `async with Upstream(base_url, key) as upstream:`. It satisfies `tierwise.calls.Send`.
    It retries by itself, so SDK clients in front of it should be made with `max_retries=0`:
    otherwise attempts multiply.

    Args:
        base_url: As an SDK takes it, with '/v1'; for Azure the resource's address.
        key: Sent with every request in place of the caller's. None passes the caller's own
            `authorization` or `api-key` header on.
        azure: Given when the base URL is an Azure resource.
        headers: Sent with every request, in place of the caller's of the same name
            (`openai-organization`, `openai-project`).
        timeouts: Of calls that bring none.
        flex_timeouts: Of calls in the flex lane that bring none.
        retries: Of calls that bring none.
        connections: Open at most; calls beyond that wait up to `timeouts.connect`.
        keepalive: Seconds that an idle connection is kept for the next call. Keep it below what
            the server and the routers between close at.
        ssl: For private certificate authorities.
        proxy: Address of an HTTP proxy. Proxy variables of the environment are not read.
        session: A session of the caller's own, which stays open and should have no cookie jar;
            connections, keepalive and ssl are then its matter.
        clock: Seconds that only go forward.
        now: Unix seconds, for `retry-after` dates.
        sleep: Waits between attempts.
        chance: Gives numbers between 0 and 1, for the backoff.

    Raises:
        ConfigurationError: The base URL, the key or a header of ours cannot be used.
    """

    def __init__(
        self,
        base_url: str = OPENAI,
        key: Key | None = None,
        *,
        azure: Azure | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        flex_timeouts: Timeouts = FLEX,
        retries: Retries | None = None,
        connections: int = 1000,
        keepalive: float = 30.0,
        ssl: tls.SSLContext | None = None,
        proxy: str | None = None,
        session: ClientSession | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._target = target(base_url, azure)
        self._origin = self._target.origin
        self._headers = dict(headers or {})
        self._credentials = Credentials(key, self._target.shown, self._headers)
        self._timeouts = timeouts or Timeouts()
        self._flex_timeouts = flex_timeouts
        self._retries = retries or Retries()
        self._pool = (session, connections, keepalive, ssl, proxy)
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._chance = chance
        self._addresses: dict[tuple[str, str | None], str] = {}
        self._wire: Wire | None = None
        self._shares = False

    def __repr__(self) -> str:
        return f"Upstream({self._origin!r}, key={'set' if self._credentials.keyed else 'none'})"

    async def __aenter__(self) -> Self:
        """Open the pool.

        Raises:
            MissingExtra: aiohttp is not installed.
        """
        try:
            from tierwise.upstream._wire import Wire
        except ModuleNotFoundError as error:
            if error.name not in ("aiohttp", "yarl"):
                raise
            raise MissingExtra("sending calls needs aiohttp: pip install 'tierwise[live]'") from None
        session, connections, keepalive, ssl, proxy = self._pool
        self._wire = Wire(session=session, connections=connections, keepalive=keepalive, ssl=ssl, proxy=proxy)
        return self

    async def __aexit__(self, *_: object) -> None:
        wire, self._wire = self._wire, None
        if wire is not None and not self._shares:
            await wire.aclose()

    def with_key(self, key: Key | None) -> Upstream:
        """The same upstream over the same connections with another key, for another project.

        None passes the caller's own on.

        It lives as long as the one it was made from, and need not be entered or closed.

        Raises:
            ConfigurationError: The key cannot be sent.
            CallerError: This upstream is not open.
        """
        self._opened()
        other = copy.copy(self)
        other._credentials = Credentials(key, self._target.shown, self._headers)
        other._shares = True
        return other

    def _address(self, path: str, model: str | None) -> str:
        found = self._addresses.get((path, model))
        if found is None:
            found = self._target.url(safe_path(path), model)
            if len(self._addresses) >= _ADDRESSES:
                self._addresses.clear()
            self._addresses[path, model] = found
        return found

    def _opened(self) -> Wire:
        if self._wire is None:
            raise CallerError("this Upstream is not open; send inside `async with Upstream(...)`")
        return self._wire

    async def send(self, outgoing: Outgoing) -> Reply:
        """Send a call, again where that is right, and return at its status and headers.

        Error replies of upstream are returned like any other, with status, headers and body, and
        are never retried once a byte of a good reply was passed on.

        Raises:
            UnsafeRequest: A method, path or header that must not go up; nothing was sent.
            ConfigurationError: No key could be had, or Azure has no such path.
            CallerError: Not inside `async with`.
            UpstreamError: No reply; the class says what failed, `attempts` what was tried.
        """
        call = _Sending(self, outgoing)
        while True:
            got = await call.attempt()
            again = await call.judge(got)
            if again is None:
                return call.done(got)
            await self._sleep(again)


async def _readable(reply: Reply) -> bytes:
    """The beginning of an error body, for its code; b'' where it cannot be read."""
    head = await reply.peek()
    try:
        return Inflater(reply.header("content-encoding"), most=1 << 20).feed(head)
    except UpstreamGarbled:
        return b""


class _Sending:
    """One call on its way: what was tried, and how much time is left."""

    __slots__ = (
        "attempts",
        "began",
        "deadline",
        "method",
        "outgoing",
        "retries",
        "started",
        "timeouts",
        "upstream",
        "url",
        "waited",
        "wire",
    )

    def __init__(self, upstream: Upstream, outgoing: Outgoing) -> None:
        self.upstream = upstream
        self.outgoing = outgoing
        self.wire = upstream._opened()
        self.retries = outgoing.retries or upstream._retries
        usual = upstream._flex_timeouts if outgoing.lane == "flex" else upstream._timeouts
        self.timeouts = outgoing.timeouts or usual
        self.method = safe_method(outgoing.method)
        self.url = upstream._address(outgoing.path, outgoing.model)
        self.attempts: list[Attempt] = []
        self.waited = 0.0
        self.started = self.began = upstream._clock()
        self.deadline = self.started + self.timeouts.total

    async def attempt(self) -> Reply | Failure:
        """Send once."""
        upstream, outgoing = self.upstream, self.outgoing
        headers = upward(
            outgoing.headers,
            own=await upstream._credentials.headers(),
            keyed=upstream._credentials.keyed,
            body=bool(outgoing.body),
        )
        self.began = upstream._clock()
        return await self.wire.exchange(
            self.method,
            self.url,
            headers,
            upstream._target.body(outgoing.path, outgoing.body, outgoing.model),
            origin=upstream._origin,
            timeouts=self.timeouts,
            remaining=max(self.deadline - self.began, 0.001),
        )

    async def judge(self, got: Reply | Failure) -> float | None:
        """Record the attempt. The seconds to wait before the next one, or None to end here."""
        seconds = self.upstream._clock() - self.began
        if isinstance(got, Failure):
            self._record(seconds, status=None, reason=got.reason)
            return self._wait(again=got.again or (got.unknown and self.retries.unknown), found=None)
        if got.status < 400:
            self._record(seconds, status=got.status, reason=None, request_id=got.header("x-request-id"))
            return None
        return await self._judge_error(got, seconds)

    async def _judge_error(self, reply: Reply, seconds: float) -> float | None:
        found = verdict(reply.status, reply.header, await _readable(reply), now=self.upstream._now)
        name = reply.header("x-request-id") or reply.header("apim-request-id")
        self._record(seconds, status=reply.status, reason=found.reason, request_id=name)
        wait = self._wait(again=found.again, found=found)
        if wait is not None:
            # Read to its end, so that the connection is used again; else closed.
            reply.close()
        return wait

    def _record(
        self, seconds: float, *, status: int | None, reason: str | None, request_id: str | None = None
    ) -> None:
        self.attempts.append(
            Attempt(
                number=len(self.attempts) + 1,
                status=status,
                seconds=seconds,
                reason=reason,
                waited=self.waited,
                request_id=request_id,
            )
        )

    def _wait(self, *, again: bool, found: Verdict | None) -> float | None:
        number = len(self.attempts) + 1
        if not again or number > self.retries.attempts:
            return None
        wait = wait_before(number, self.retries, self.upstream._chance, found)
        if wait is None:
            return None
        next_start = self.upstream._clock() + wait
        if next_start > self.started + self.retries.within or next_start >= self.deadline:
            return None
        self.waited = wait
        return wait

    def done(self, got: Reply | Failure) -> Reply:
        """The reply, or the error raised, with the attempts."""
        if isinstance(got, Failure):
            got.error.attempts = tuple(self.attempts)
            raise got.error
        got.attempts = tuple(self.attempts)
        return got
