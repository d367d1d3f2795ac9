"""A reply while it comes in: bytes as they are, an end that is known to be one, and a way out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from aiohttp import ClientError

from tierwise.calls import Attempt, Headers, Timeouts
from tierwise.errors import UpstreamCut, UpstreamError, UpstreamTimeout
from tierwise.upstream._headers import downward

if TYPE_CHECKING:
    from aiohttp import ClientResponse

PEEK = 1 << 16
"""Bytes of an error body that are read to find its code."""
_PEEK_SECONDS = 5.0


class Reply:
    """Satisfies `Incoming`. One task reads it; `close` may be called from any."""

    __slots__ = (
        "_ahead",
        "_failure",
        "_headers",
        "_late",
        "_loop",
        "_origin",
        "_raw",
        "_response",
        "_timeouts",
        "_waiting",
        "_watch",
        "attempts",
        "ended",
        "status",
    )

    def __init__(self, response: ClientResponse, *, timeouts: Timeouts, origin: str) -> None:
        self.status = response.status
        self.attempts: tuple[Attempt, ...] = ()
        self.ended = False
        """True once the last byte has come; the connection is then free for the next call."""
        self._response = response
        self._timeouts = timeouts
        self._origin = origin
        self._ahead: list[bytes] = []
        self._failure: UpstreamError | None = None
        self._raw: tuple[tuple[bytes, bytes], ...] | None = None
        self._headers: Headers | None = None
        self._waiting: float | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._late = False
        self._loop = asyncio.get_running_loop()

    @property
    def raw_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """End-to-end headers, names and values as they came, the way ASGI wants them."""
        if self._raw is None:
            self._raw = downward(self._response.raw_headers)
        return self._raw

    @property
    def headers(self) -> Headers:
        """The same as text, read as latin-1."""
        if self._headers is None:
            self._headers = tuple([(n.decode("latin-1"), v.decode("latin-1")) for n, v in self.raw_headers])
        return self._headers

    def header(self, name: str) -> str | None:
        """The first header of that name, in any case."""
        return self._response.headers.get(name)

    def __aiter__(self) -> Self:
        """The body, piece by piece, each as soon as it is there."""
        return self

    async def __anext__(self) -> bytes:
        """The next piece, never empty.

        Raises:
            UpstreamCut: The body stopped before its end, or the reply was closed by us.
            UpstreamTimeout: Nothing came for `idle` seconds, or `total` passed.
        """
        if self._ahead:
            return self._ahead.pop(0)
        if self._failure is not None:
            raise self._failure
        content = self._response.content
        fault: BaseException
        try:
            if content.is_eof():
                piece = content.read_nowait()
            else:
                self._waiting = self._loop.time()
                if self._watch is None:
                    self._watch = self._loop.call_later(self._timeouts.idle, self._look)
                piece = await content.readany()
                self._waiting = None
        except (ClientError, OSError) as error:  # TimeoutError is an OSError
            fault = error
        except BaseException:
            # Cancelled: nobody waits any more, so no idle time is counted.
            self._waiting = None
            raise
        else:
            if piece:
                return piece
            self._finish()
            raise StopAsyncIteration
        return self._broke(fault)

    def _broke(self, fault: BaseException) -> bytes:
        """Note the failure; gives what came before it, or raises where that was all read."""
        self._failure = self._failure or self._why(fault)
        # aiohttp would drop with the error what came before the break and was not read yet.
        rest = b"".join(getattr(self._response.content, "_buffer", ()))
        self._release()
        if rest:
            return rest
        raise self._failure

    async def read(self) -> bytes:
        """The rest of the body. Raises as iterating does."""
        pieces = [piece async for piece in self]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def aclose(self) -> None:
        """Let go; a reply that is not at its end is cancelled by closing its connection."""
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """The same at once; what was not read yet is gone."""
        if self.ended:
            return
        self._ahead.clear()
        if self._failure is None:
            self._failure = UpstreamCut(
                f"the reply of {self._origin} was closed before it was read", sent=True
            )
        self._release()

    async def peek(self) -> bytes:
        """The beginning of the body, which iterating gives again.

        At most `PEEK` bytes and a few seconds; a body that breaks raises only when it is iterated.
        """
        ahead: list[bytes] = []
        try:
            async with asyncio.timeout(min(_PEEK_SECONDS, self._timeouts.idle)):
                while sum(map(len, ahead)) < PEEK:
                    ahead.append(await anext(self))
        except (StopAsyncIteration, UpstreamError, TimeoutError):
            pass
        except BaseException:
            self.close()
            raise
        self._ahead = ahead
        return b"".join(ahead)

    def _why(self, fault: BaseException) -> UpstreamError:
        if self._late:
            return UpstreamTimeout(
                f"{self._origin} sent nothing more for {self._timeouts.idle:g} s in the middle of a reply; "
                "raise timeouts.idle if that is usual",
                sent=True,
            )
        if isinstance(fault, TimeoutError):
            return UpstreamTimeout(
                f"the reply of {self._origin} was not at its end after {self._timeouts.total:g} s in all; "
                "raise timeouts.total",
                sent=True,
            )
        return UpstreamCut(
            f"the reply of {self._origin} stopped before its end ({type(fault).__name__}); "
            "what was generated so far may be billed",
            sent=True,
        )

    def _look(self) -> None:
        """Whether it was idle for too long. One timer serves the whole reply, and sets itself again."""
        self._watch = None
        if self._waiting is None or self.ended:
            return
        left = self._waiting + self._timeouts.idle - self._loop.time()
        if left > 0:
            self._watch = self._loop.call_later(left, self._look)
        else:
            self._late = True
            self._response.close()

    def _finish(self) -> None:
        self.ended = True
        self._stop_watch()

    def _release(self) -> None:
        self._stop_watch()
        self._response.close()

    def _stop_watch(self) -> None:
        self._waiting = None
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
