"""Calls whose answers come later, at the edge: which may wait, how a repeat joins, what is kept."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Final

import msgspec

from tierwise.batch import Found, Outcome, Sealer
from tierwise.calls import Headers
from tierwise.errors import LedgerUnavailable, TierwiseError
from tierwise.gateway._access import Caller, Refused
from tierwise.gateway._errors import (
    CANNOT_WAIT,
    CONFLICT,
    NO_STORE,
    NOT_FOUND,
    NOT_YET,
    TOO_LONG,
    UNREAD_DEADLINE,
)
from tierwise.ledger import Queue
from tierwise.online import Answer, Course, Deferred, Later, Pipeline, creates, new_id, seconds, shown

_LOG: Final = logging.getLogger("tierwise.gateway")
SENDER: Final = "OPENAI_API_KEY"
"""The gateway's own key of OpenAI's, by the name of where it stands."""
HELD: Final = 600
"""Seconds that a Chat call is held for its answer at most."""
_LOOK: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Seconds between looks at an answer that somebody waits for; the last stands."""
_FORGOTTEN: Final = 20
"""Requests under one repeated name whose answers are gone, at most, before a new one is refused."""


class _Said(msgspec.Struct):
    metadata: dict[str, Any] | None = None
    background: bool | None = None
    stream: bool | None = None


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """How a call may wait."""

    later: Later | None = None
    """None where it is sent now."""
    holds: int | None = None
    """Seconds that its caller is held for the answer; None answers at once that it waits."""
    joins: str | None = None
    """The id of the same call, made before."""


NOW: Final = Wish()


class Waits:
    """What waits, as the edge sees it.

    Args:
        queue: Where it is kept.
        sealer: Seals it.
        pipeline: Decides and writes down.
    """

    def __init__(self, queue: Queue, sealer: Sealer, pipeline: Pipeline) -> None:
        self.queue, self.sealer, self._pipeline = queue, sealer, pipeline

    async def wish(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, caller: Caller
    ) -> Wish:
        """How a call may wait, by what it says itself; `headers` in lower case. Raises Refused, LedgerUnavailable."""
        endpoint = creates(method, path)
        asks = _asks(headers, body)
        if endpoint not in {"chat", "responses"} or not asks:
            return NOW
        said = _said(body)
        stored = endpoint == "chat" and headers.get("x-tierwise-store", "").strip() == "1"
        deadline = _deadline(headers, said)
        policy = self._pipeline.policy
        if caller.key is None:
            wants = stored or (deadline is not None and (endpoint == "chat" or bool(said.background)))
            if wants and policy is not None and policy.waiting.own_keys == "refuse":
                raise Refused(CANNOT_WAIT)
            return NOW
        if policy is not None and policy.limits.zero_retention:
            if stored:
                raise Refused(NO_STORE)
            return NOW
        name = headers.get("idempotency-key", "").strip()
        mark = self.sealer.mark(body)
        if endpoint == "responses":
            if not said.background or said.stream:
                return NOW
            return await self._named(Later(sender=SENDER, mark=mark), endpoint, name, caller)
        if stored:
            if said.stream:
                raise Refused(NO_STORE)
            return await self._named(Later(sender=SENDER, always=True, mark=mark), endpoint, name, caller)
        if deadline is not None and deadline > HELD:
            raise Refused(TOO_LONG)
        if deadline is None or said.stream or not name:
            return NOW
        later = Later(sender=SENDER, always=True, mark=mark)
        return await self._named(later, endpoint, name, caller, holds=deadline)

    async def _named(
        self, later: Later, endpoint: str, name: str, caller: Caller, holds: int | None = None
    ) -> Wish:
        """With the id that a repeat under the same idempotency key finds again. Raises Refused where it is another's."""
        if not name or caller.key is None:
            return Wish(later=later, holds=holds)
        for turn in range(_FORGOTTEN):
            text = "\0".join((caller.project or "", caller.key.id, endpoint, name, str(turn)))
            drawn = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
            identity = new_id(endpoint, drawn)
            found = await asyncio.to_thread(self._find, identity)
            if found is not None and await asyncio.to_thread(self._gone, found):
                continue
            if found is not None and found.item.mark != later.mark:
                raise Refused(CONFLICT)
            later = msgspec.structs.replace(later, identity=identity)
            return Wish(later=later, holds=holds, joins=identity if found is not None else None)
        raise Refused(CONFLICT)

    def _find(self, identity: str) -> Found | None:
        try:
            return self.queue.find(identity)
        except Exception as error:  # noqa: BLE001 - whatever the database says
            raise LedgerUnavailable(f"what waits cannot be looked at: {type(error).__name__}") from None

    def _gone(self, found: Found) -> bool:
        """Whether nothing is left of a request that is over."""
        if found.deleted:
            return True
        return found.state == "done" and found.ended is not None and self.queue.answer(found.item.id) is None

    async def reply(self, course: Course | None, wish: Wish) -> Answer:
        """The reply to a call that waits: that it does; its answer, for whoever is held; or what its like came to.

        Args:
            course: With the call to keep; None joins the one that was made before.
            wish: How it may wait.

        Raises:
            Refused: No answer came in the time that its caller is held.
            LedgerUnavailable: It is not kept.
        """
        identity = wish.joins or ""
        if course is not None and course.deferred is not None:
            identity = course.deferred.item.id
            try:
                await self.keep(course)
            except Joined:
                _LOG.info("a call joins the same call", extra={"fields": {"id": identity}})
            else:
                if wish.holds is None:
                    return course.answer
        if wish.holds is not None:
            return await self.told_when_over(identity, wish.holds)
        found = await asyncio.to_thread(self._find, identity)
        if found is None:
            raise Refused(NOT_FOUND)
        return await self.shown(found)

    async def keep(self, course: Course) -> None:
        """Keep a call that is to wait, and let its course go on. Goes to its end even if its caller leaves.

        Raises:
            Joined: The same call waits already.
            LedgerUnavailable: It is not kept.
        """
        await asyncio.shield(asyncio.create_task(self._keep(course)))

    async def _keep(self, course: Course) -> None:
        deferred = course.deferred
        if deferred is None:
            raise AssertionError("nothing is to be kept")
        try:
            await asyncio.to_thread(self._add, deferred)
        except Exception as fault:
            if await asyncio.to_thread(self._there, deferred):
                course.kept()
                return
            course.failed(fault)
            raise
        course.kept()

    def _add(self, deferred: Deferred) -> None:
        item = deferred.item
        sealed = self.sealer.seal(item.id, deferred.body)
        try:
            self.queue.add([(item, sealed, deferred.entry)])
        except Exception as error:  # noqa: BLE001 - whatever the database says
            raise LedgerUnavailable(f"the call cannot be kept: {type(error).__name__}") from None
        found = self._find(item.id)
        if found is None or found.item.call != item.call:
            raise Joined(item.id)

    def _there(self, deferred: Deferred) -> bool:
        """Whether it was kept after all. Raises LedgerUnavailable where that cannot be said: its end stays open."""
        found = self._find(deferred.item.id)
        return found is not None and found.item.call == deferred.item.call

    async def told_when_over(self, identity: str, holds: int) -> Answer:
        """The answer of a call that somebody is held for. Raises Refused where it does not come in time."""
        end, looks = time.monotonic() + holds, 0
        while True:
            found = await asyncio.to_thread(self._find, identity)
            if found is not None and found.ended is not None:
                return await self.shown(found)
            left = end - time.monotonic()
            if left <= 0:
                raise Refused(NOT_YET, 1)
            await asyncio.sleep(min(left, _LOOK[min(looks, len(_LOOK) - 1)]))
            looks += 1

    async def find(self, identity: str, caller: Caller) -> Found | None:
        """A request of the caller's project; None where there is none that it may see. Raises LedgerUnavailable."""
        found = await asyncio.to_thread(self._find, identity)
        mine = caller.key is not None and found is not None and found.item.project == caller.project
        return found if mine and found is not None and not found.deleted else None

    async def shown(self, found: Found, headers: Headers = ()) -> Answer:
        """What a caller is shown of a request; an answer is taken for fetched from then on. Raises Gone."""
        status, body = await asyncio.to_thread(self._shown, found)
        return Answer(status=status, headers=(("content-type", "application/json"), *headers), body=body)

    def _shown(self, found: Found) -> tuple[int, bytes]:
        item = found.item
        body, answer = (
            self._opened(item.id, self.queue.body(item.id)),
            self._opened(item.id, self.queue.answer(item.id)),
        )
        if found.state == "done" and answer is None:
            raise Gone(item.id)
        if found.ended is not None:
            self.queue.fetched([item.id], int(time.time() * 1e6))
        return shown(found, body, answer)

    def body(self, found: Found) -> bytes | None:
        """The request as it was sent; None once it is gone."""
        return self._opened(found.item.id, self.queue.body(found.item.id))

    def upstream_id(self, found: Found) -> str | None:
        """Upstream's own id of an answer; None before it is there, and once it is gone."""
        answer = (
            self._opened(found.item.id, self.queue.answer(found.item.id)) if found.state == "done" else None
        )
        named = msgspec.json.decode(answer).get("id") if answer is not None else None
        return named if isinstance(named, str) else None

    def _opened(self, identity: str, sealed: bytes | None) -> bytes | None:
        return self.sealer.open(identity, sealed) if sealed is not None else None

    def told(self, found: Found, end: Outcome) -> None:
        """Write down the end of a request. Raises LedgerUnavailable where it is to be told again."""
        kept = self.queue.entry(found.item.id)
        if kept is None:
            _LOG.error("request %s has no entry; its end is not in the ledger", found.item.id)
            return
        entry = self._pipeline.told(found, end, kept)
        _LOG.info(
            "a request that waited is over",
            extra={
                "fields": {
                    "id": found.item.id,
                    "decision": found.item.call,
                    "state": end.state,
                    "lane": end.lane,
                    "error": end.error,
                    "cost": f"{entry.cost:f}" if entry.cost is not None else None,
                }
            },
        )


class Joined(TierwiseError):
    """The same call waits already, under the id. Never leaves the room."""

    def __init__(self, identity: str) -> None:
        super().__init__(f"{identity} waits already")
        self.identity = identity


class Gone(TierwiseError):
    """The answer is no longer kept. Never leaves the room."""


def _asks(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a call may say that it can wait: cheap, and never no where it does."""
    named = "x-tierwise-deadline" in headers or "x-tierwise-store" in headers
    return named or b"background" in body or b"deadline" in body or b"\\u" in body


def _said(body: bytes) -> _Said:
    try:
        return msgspec.json.decode(body, type=_Said)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Said()


def _deadline(headers: Mapping[str, str], said: _Said) -> int | None:
    """Seconds that the answer may take. Raises Refused for a header that says none."""
    given = headers.get("x-tierwise-deadline")
    if given is not None:
        found = seconds(given)
        if found is None:
            raise Refused(UNREAD_DEADLINE)
        return found
    named = (said.metadata or {}).get("deadline")
    return seconds(named) if isinstance(named, str) else None
