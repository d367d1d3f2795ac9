"""Answers that come later: background responses, taken down once somebody has seen their end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from tierwise.calls import Around, Status, live_call
from tierwise.catalog import Catalog, Lane
from tierwise.online._defer import carried_out
from tierwise.online._price import price
from tierwise.online._values import Entry

_PATH: Final = re.compile(r"/responses/([^/?]+)(?:/cancel)?(?:\?|$)")
_UNDER_WAY: Final = frozenset({"queued", "in_progress"})
MOST: Final = 100_000
"""Answers that are waited for at once; beyond that the oldest stays as it was taken down first."""


class _Seen(msgspec.Struct):
    id: str = ""
    status: str = ""


def under_way(body: bytes) -> str | None:
    """The id of a response that is not over yet; None for any other body."""
    seen = _seen(body)
    return seen.id if seen is not None and seen.status in _UNDER_WAY else None


def ended_by(path: str, body: bytes) -> str | None:
    """The id of the response that a look at it, or its cancelling, shows to be over; else None."""
    found = _PATH.search(path)
    seen = _seen(body) if found is not None else None
    if seen is None or found is None or seen.id != found[1] or seen.status in _UNDER_WAY:
        return None
    return seen.id if seen.status else None


def ended(
    entry: Entry,
    body: bytes,
    prices: Catalog,
    now: int,
    *,
    residency: bool,
    lane: Lane | None = None,
    how: tuple[Status | None, str | None] = (None, None),
) -> Entry:
    """The entry of a call with the answer that came later.

    Args:
        entry: As it was taken down when the call was made.
        body: The response as it is now.
        prices: The catalog.
        now: When it was seen, microseconds since the epoch.
        residency: Whether upstream carries the residency uplift.
        lane: How it came, where that is known beside the answer; a batch does not say that it was one.
        how: Status and error, where the answer does not say them.
    """
    line = entry.line
    around = Around(
        at=line.at or now,
        latency=max(0, now - (line.at or now)),
        asked=line.asked,
        lane=lane or line.lane,
        status=how[0],
        error=how[1],
    )
    call = live_call(line.endpoint, None, b"", body or None, around)
    if lane is not None and (lane == "batch" or call.lane == "standard"):
        call = msgspec.structs.replace(call, lane=lane, lane_basis="served")
    elif lane is None and call.lane == "standard":
        call = msgspec.structs.replace(call, lane=line.lane, lane_basis=line.lane_basis)
    if how[0] == "error":
        call = msgspec.structs.replace(call, tokens=None)
    decision = carried_out(entry, call.lane, prices) if lane is not None else entry.decision
    money = price(call, decision if entry.reason is None else None, prices, residency=residency)
    response = call.response
    flags = line.flags | ({"answered"} if response is not None else set())
    late = msgspec.structs.replace(
        line,
        latency=call.latency,
        served=call.model_served,
        tokens=call.tokens,
        lane=call.lane,
        lane_basis=call.lane_basis,
        status=call.status,
        error=call.error,
        hosted=dict(response.hosted) if response is not None else {},
        flags=frozenset(flags),
        cost=money.cost,
        as_asked=money.as_asked,
        saved=money.saved,
    )
    return msgspec.structs.replace(
        entry, line=late, cost=money.cost, as_asked=money.as_asked, unpriced=money.unpriced
    )


class Waiting:
    """Calls whose answer is to come, by the id of their response; the oldest gives way."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def add(self, identity: str, entry: Entry) -> None:
        """Wait for an answer."""
        self._entries[identity] = entry
        if len(self._entries) > MOST:
            self._entries.pop(next(iter(self._entries)))

    def take(self, identity: str) -> Entry | None:
        """The call that an answer belongs to, which is then waited for no longer."""
        return self._entries.pop(identity, None)

    def all(self) -> Mapping[str, Entry]:
        """Every call that is waited for, oldest first."""
        return dict(self._entries)


def _seen(body: bytes) -> _Seen | None:
    try:
        return msgspec.json.decode(body, type=_Seen)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
