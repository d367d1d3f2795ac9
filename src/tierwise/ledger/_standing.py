"""What waits and how long it takes, in numbers."""

from __future__ import annotations

from collections import Counter
from typing import Final

import msgspec
import sqlalchemy as sa

from tierwise.batch import OPEN, Batch
from tierwise.catalog import Lane
from tierwise.ledger._store import Ledger
from tierwise.ledger._tables import batches, calls, waiting

NEWEST: Final = 500
"""Batches that tell how long one takes."""
LOOKED: Final = 20_000
"""Calls looked through for those by flex."""
ENOUGH: Final = 20
"""Batches, or calls by flex, from which on times are learned."""
_BATCH = msgspec.json.Decoder(Batch)


class Queued(msgspec.Struct, frozen=True, kw_only=True):
    """What waits."""

    requests: dict[str, int]
    """Requests without an end by state: 'waiting', 'sent', 'going'."""
    batches: dict[str, int]
    """Batches under way by status: 'new', or as upstream says."""


def waiting_now(ledger: Ledger) -> Queued:
    """What waits, of all processes."""
    w, b = waiting.c, batches.c
    with ledger.engine.connect() as connection:
        states = connection.execute(
            sa.select(w.state, sa.func.count()).where(w.state.in_(sorted(OPEN))).group_by(w.state)
        )
        lines = connection.execute(sa.select(b.line).where(b.ended.is_(None))).scalars()
        found = Counter(_BATCH.decode(line).status for line in lines)
        return Queued(requests={row[0]: row[1] for row in states}, batches=dict(found))


def completion(ledger: Ledger) -> dict[Lane, int]:
    """Seconds in which 99 of 100 batches were over, and flex answered; of lanes that enough is known of."""
    with ledger.engine.connect() as connection:
        learned: dict[Lane, list[int]] = {"batch": _batches(connection), "flex": _flex(connection)}
    found: dict[Lane, int] = {}
    for lane, times in learned.items():
        if len(times) >= ENOUGH:
            found[lane] = sorted(times)[(len(times) * 99 - 1) // 100] // 1_000_000 + 1
    return found


def _batches(connection: sa.Connection) -> list[int]:
    """Microseconds that batches took which nobody cut short."""
    b = batches.c
    query = (
        sa.select(b.line, b.made, b.ended).where(b.ended.is_not(None)).order_by(b.made.desc()).limit(NEWEST)
    )
    return [
        ended - made
        for line, made, ended in connection.execute(query)
        if _BATCH.decode(line).status in {"completed", "expired"}
    ]


def _flex(connection: sa.Connection) -> list[int]:
    """Microseconds that calls by flex took."""
    c = calls.c
    recent = sa.select(c.lane, c.latency, c.status).order_by(c.at.desc()).limit(LOOKED).subquery()
    query = sa.select(recent.c.latency).where(
        recent.c.lane == "flex", recent.c.latency.is_not(None), recent.c.status.in_(("ok", "incomplete"))
    )
    return list(connection.execute(query).scalars())
