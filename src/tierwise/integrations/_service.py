"""The decision service over HTTP: asked within a hard limit of time, told without waiting."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any, Final

_LOG: Final = logging.getLogger("tierwise")
LIMIT: Final = 0.05
"""Seconds that asking may take in all: connecting, sending, reading."""
AFTER: Final = 5
"""Failures in a row after which nobody is asked for a while."""
REST: Final = 10.0
"""Seconds of that while; then one call tries again."""
QUEUE_CALLS: Final = 1_000
QUEUE_BYTES: Final = 64 * 1024 * 1024
"""What waits to be told, at most; what comes beyond it is dropped and counted."""
PATIENCE: Final = 5.0
"""Seconds that telling one call may take, in the background."""


class Unanswered(Exception):
    """No decision was had. Never leaves the room.

    Args:
        reason: Why, in few words: it is counted by.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Counts:
    """Counts things by name, and logs each the first time."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def note(self, what: str) -> None:
        """Count one."""
        if not self._counts[what]:
            _LOG.warning("%s; said once, counted from now on", what)
        self._counts[what] += 1

    def all(self) -> dict[str, int]:
        """Every name and its count."""
        return dict(self._counts)


class Breaker:
    """Says whether to ask: not for a while after failures in a row, then one call at a time tries.

    Args:
        clock: Seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._failures, self._until = clock, 0, 0.0

    def lets(self) -> bool:
        """Whether a call may ask now."""
        if self._failures < AFTER:
            return True
        now = self._clock()
        if now < self._until:
            return False
        self._until = now + REST
        return True

    def went(self, *, well: bool) -> None:
        """Take note of how asking went."""
        self._failures = 0 if well else self._failures + 1
        if self._failures >= AFTER:
            self._until = self._clock() + REST


class Service:
    """One gateway of tierwise, for one event loop at a time.

    Args:
        url: Its base URL, with or without '/v1'.
        key: A gateway key.
        limit: Seconds that asking may take in all.
        clock: Seconds that only go forward.
    """

    def __init__(
        self, url: str, key: str, *, limit: float = LIMIT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        # It comes with LiteLLM; loaded now, so that no call waits for it.
        from aiohttp import ClientSession

        self._new_session = ClientSession
        self._base = url.rstrip("/").removesuffix("/v1") + "/v1/tierwise/"
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        self._limit, self._breaker = limit, Breaker(clock)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: Any = None
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._teller: asyncio.Task[None] | None = None
        self.counts = Counts()
        """Why calls went as asked, and what could not be told, by reason."""

    async def decide(self, question: Mapping[str, Any]) -> Any:
        """What the service answers, decoded. Raises Unanswered where it does not within the limit."""
        if not self._breaker.lets():
            raise Unanswered("the decision service is skipped for a while after failures")
        try:
            async with asyncio.timeout(self._limit):
                status, body = await self._post("decide", encoded(question))
        except TimeoutError:
            reason = "the decision service did not answer in time"
        except Exception as fault:  # noqa: BLE001 - whatever broke on the way there, the call goes as asked
            reason = f"the decision service cannot be reached: {type(fault).__name__}"
        else:
            if status == 200:
                return self._decoded(body)
            reason = f"the decision service refused: status {status}"
            if status in {400, 413}:
                # This call's doing, not the service's.
                raise Unanswered(reason)
        self._breaker.went(well=False)
        raise Unanswered(reason)

    def nonsense(self) -> Unanswered:
        """Take note of an answer that is no decision."""
        self._breaker.went(well=False)
        return Unanswered("the decision service answered nonsense")

    def _decoded(self, body: bytes) -> Any:
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            raise self.nonsense() from None
        self._breaker.went(well=True)
        return found

    def tell(self, report: Mapping[str, Any]) -> None:
        """Have a call taken down, some time soon: returns at once. What cannot wait is dropped and counted."""
        raw = encoded(report)
        if len(self._waiting) >= QUEUE_CALLS or self._bytes + len(raw) > QUEUE_BYTES:
            self.counts.note("a call was not told of: too many wait")
            return
        self._waiting.append(raw)
        self._bytes += len(raw)
        self._here()
        if self._teller is None or self._teller.done():
            self._teller = asyncio.get_running_loop().create_task(self._tell_all())

    async def _tell_all(self) -> None:
        while self._waiting:
            raw = self._waiting.popleft()
            self._bytes -= len(raw)
            try:
                async with asyncio.timeout(PATIENCE):
                    status, _ = await self._post("calls", raw)
            except Exception as fault:  # noqa: BLE001 - a call that cannot be told is counted, never the caller's
                self.counts.note(f"a call was not told of: {type(fault).__name__}")
                continue
            # Never told twice: what a timeout hid may have been taken down.
            if status != 200:
                self.counts.note(f"a call was not told of: status {status}")

    async def _post(self, what: str, body: bytes) -> tuple[int, bytes]:
        async with self._here().post(self._base + what, data=body, allow_redirects=False) as reply:
            return reply.status, await reply.read()

    def _here(self) -> Any:
        """The session of the running loop, made when it is first needed."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._session = self._new_session(headers=self._headers)
            self._loop, self._teller = loop, None
        return self._session

    async def aclose(self) -> None:
        """Tell what waits and let go of connections. May be repeated."""
        if self._loop is None:
            return
        if self._teller is not None:
            await self._teller
        await self._session.close()
        self._loop, self._teller = None, None


def encoded(value: Any) -> bytes:
    """JSON. Raises TypeError, ValueError for what JSON cannot carry."""
    return json.dumps(value, separators=(",", ":")).encode()
