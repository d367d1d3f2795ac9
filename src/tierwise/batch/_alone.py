"""Requests that a batch can no longer bring in time: each sent by itself, once."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

import msgspec

from tierwise.batch._form import latest
from tierwise.batch._life import LOST as BODY_LOST
from tierwise.batch._means import Means
from tierwise.batch._results import error_body
from tierwise.batch._types import Found, Outcome
from tierwise.calls import Outgoing
from tierwise.catalog import Lane
from tierwise.errors import SealBroken, UpstreamError

_LOG: Final = logging.getLogger("tierwise.batch")
AT_ONCE: Final = 32
MANY: Final = 1_000
"""Cancelled requests that are over at one look."""
AGAIN: Final = (1.0, 5.0, 15.0, 60.0, 60.0, 60.0, 60.0)
"""Seconds between tries to keep an answer."""
_JSON: Final = (("content-type", "application/json"),)
_TIER: Final[dict[Lane, str | None]] = {"flex": "flex", "priority": "priority", "standard": None}
LOST: Final = (
    "the process that sent this call was gone before its answer came; it may have been carried out and "
    "billed, so it was not sent again"
)


class Alone:
    """Sends pressing requests by the lanes that they may take, and fails those whose sender is gone.

    Args:
        means: What it is done with.
    """

    def __init__(self, means: Means) -> None:
        self._means = means
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def going(self) -> int:
        """Requests on their way."""
        return len(self._tasks)

    async def tend(self) -> None:
        """Begin to send what has to go now, and give up what was lost."""
        now = self._means.now()
        for found in await asyncio.to_thread(self._means.store.lost, now, AT_ONCE):
            await self._keep(found, _failed(found, "outcome_unknown", LOST))
        for found in await asyncio.to_thread(self._means.store.unwanted, MANY):
            await self._keep(found, Outcome(id=found.item.id, state="cancelled"))
        room = AT_ONCE - len(self._tasks)
        before = latest(now, self._means.settings)
        for found in await asyncio.to_thread(self._means.store.pressing, before, room) if room > 0 else []:
            if not found.item.then:
                end = _failed(found, "deadline_passed", "no batch brought an answer in time")
                await self._keep(found, end)
                continue
            until = now + (self._means.settings.live + 60) * 1_000_000
            if await asyncio.to_thread(self._means.store.go, found.item.id, self._means.runner, until):
                task = asyncio.create_task(self._send(found))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Wait for what is on its way."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, found: Found) -> None:
        """By the first lane that has room; flex says 429 where it has none, which costs nothing."""
        end = await self._by_lanes(found)
        for wait in AGAIN:
            # Its answer is in memory alone and was paid for: it is kept as soon as it can be.
            try:
                await self._keep(found, end)
            except Exception:  # noqa: BLE001 - the database may be gone for a while
                _LOG.exception("the answer of request %s could not be kept; trying again", found.item.id)
                await asyncio.sleep(wait)
            else:
                return

    async def _by_lanes(self, found: Found) -> Outcome:
        item = found.item
        try:
            sealed = await asyncio.to_thread(self._means.store.body, item.id)
            body = self._means.sealer.open(item.id, sealed or b"")
        except SealBroken as broken:
            return _failed(found, BODY_LOST, str(broken))
        end = _failed(found, "deadline_passed", "no lane had room in time")
        for lane in item.then:
            outgoing = Outgoing(
                path=item.path, headers=_JSON, body=_in_lane(body, lane), model=item.model, lane=lane
            )
            try:
                reply = await self._means.senders.send(item.sender).send(outgoing)
                came = await reply.read()
            except UpstreamError as fault:
                if fault.sent:
                    return _failed(found, "outcome_unknown", str(fault), lane)
                end = _failed(found, "upstream_error", str(fault), lane)
                continue
            if reply.status < 400:
                return Outcome(id=item.id, state="done", status=reply.status, body=came, lane=lane)
            end = Outcome(
                id=item.id, state="failed", status=reply.status, body=came, lane=lane, error="refused"
            )
            if reply.status not in {429, 503}:
                break
        return end

    async def _keep(self, found: Found, end: Outcome) -> None:
        await asyncio.to_thread(self._kept, found, end)

    def _kept(self, found: Found, end: Outcome) -> None:
        self._means.told(found, end)
        self._means.store.settle([(end, self._means.sealer.seal(end.id, end.body))], self._means.now())


def _failed(found: Found, code: str, message: str, lane: Lane = "standard") -> Outcome:
    body = error_body(code, message)
    return Outcome(id=found.item.id, state="failed", body=body, error=code, lane=lane)


def _in_lane(body: bytes, lane: Lane) -> bytes:
    """The body with the service tier of a lane; what stands in it otherwise keeps its bytes."""
    fields: dict[str, Any] = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    fields.pop("service_tier", None)
    tier = _TIER.get(lane)
    if tier is not None:
        fields["service_tier"] = tier
    return msgspec.json.encode(fields)
