"""Lines of a spool as rows of the table of calls, whatever stands in them."""

from __future__ import annotations

import datetime as dt
import time
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from tierwise.calls import Recorded, encode_recorded
from tierwise.ledger._lines import Closed, Line, Opened
from tierwise.ledger._tables import Money, calls, events
from tierwise.ledger._texts import take_texts

UNKNOWN: Final = "unknown"
"""Status of a call whose process died before its end was known."""
SETTLED: Final = "settled"
"""Status of such a call once what OpenAI charged told what it cost; its cost is in its settlement."""
_MOST: Final = 2**63 - 1
"""The largest whole number that a column holds."""


def now() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1_000


def take(connection: sa.Connection, group: list[Line]) -> None:
    """Lines into the table: an end replaces a beginning, and nothing replaces an end."""
    rows: dict[str, dict[str, Any]] = {}
    for line in group:
        before = rows.get(line.id)
        if isinstance(line, Opened):
            if before is None or before["line"] is None:
                # A second beginning is a fallback's: it may cost more than the first, on another model.
                at = before["at"] if before is not None else line.at
                rows[line.id] = _fitting(_opened(line) | {"at": at, "day": day_of(at)})
        elif before is None or before["status"] == UNKNOWN:
            held = before["reserved"] if before is not None else None
            end = _fitting(_closed(line))
            rows[line.id] = {**end, "reserved": held if _held_for(end) else None}
    found = connection.execute(sa.select(calls.c.id, calls.c.status).where(calls.c.id.in_(list(rows))))
    known = {identity: status for identity, status in found}  # noqa: C416 - rows are not pairs to mypy
    take_texts(connection, group, known)
    new = [row for identity, row in rows.items() if identity not in known]
    if new:
        connection.execute(calls.insert(), new)
    ends = [
        row for identity, row in rows.items() if known.get(identity) == UNKNOWN and row["line"] is not None
    ]
    late = [
        identity for identity in rows if known.get(identity) == SETTLED and rows[identity]["line"] is not None
    ]
    for identity in late:
        said = f"the end of {identity} came after it was settled; what it was settled at stays"
        connection.execute(events.insert().values(at=now(), who="ledger", what=said))
    for row in rows.values():
        if known.get(row["id"]) == UNKNOWN and row["line"] is None:
            again = {"asked": row["asked"], "reserved": row["reserved"]}
            where = (calls.c.id == row["id"], calls.c.status == UNKNOWN, calls.c.line.is_(None))
            connection.execute(calls.update().where(*where).values(**again))
    for row in ends:
        keeps = _held_for(row) and row["reserved"] is None
        values = {name: value for name, value in row.items() if name != "reserved" or not keeps}
        connection.execute(calls.update().where(calls.c.id == row["id"]).values(**values))


def _held_for(row: dict[str, Any]) -> bool:
    """Whether a call that is over keeps what was held for it: nobody knows its end, nor what it cost."""
    return row["status"] == UNKNOWN and row["cost"] is None


_LENGTHS: Final = {
    column.name: column.type.length
    for column in calls.c
    if isinstance(column.type, sa.String) and column.type is not Money
}


def _fitting(row: dict[str, Any]) -> dict[str, Any]:
    """A row that any database takes: callers choose names, and one that is refused would hold up all others.

    PostgreSQL refuses text beyond a column's length and text with a zero in it; numbers beyond 63
    bits no database takes. The call's own line keeps all of it.
    """
    fitting = dict(row)
    for name, value in row.items():
        if isinstance(value, str) and name in _LENGTHS:
            fitting[name] = value.replace("\0", "\N{REPLACEMENT CHARACTER}")[: _LENGTHS[name]]
        elif isinstance(value, int):
            fitting[name] = min(value, _MOST)
    return fitting


_EMPTY: Final[dict[str, Any]] = dict.fromkeys(column.name for column in calls.c)


def _opened(line: Opened) -> dict[str, Any]:
    """A call of which only the beginning is known: its money is held until it is settled."""
    return _EMPTY | {
        "id": line.id, "at": line.at, "day": day_of(line.at), "project": line.project, "key": line.key,
        "endpoint": line.endpoint, "workload": line.workload, "asked": line.model, "lane": "standard",
        "moved": False, "unproven": False, "status": UNKNOWN, "attempts": 1, "input": 0, "cached": 0,
        "output": 0, "estimated": True, "reserved": str(line.reserved),
    }  # fmt: skip


def _closed(line: Closed) -> dict[str, Any]:
    call = line.call
    tokens = call.tokens
    return _EMPTY | {
        "id": line.id, "at": call.at or 0, "day": day_of(call.at or 0), "response_id": call.id,
        "project": call.project, "key": call.key, "endpoint": call.endpoint, "workload": line.workload,
        "task": line.task, "depth": line.depth, "name": call.name, "session": call.session,
        "trace": call.trace, "asked": call.asked, "served": call.served, "rung": line.rung,
        "lane": call.lane, "rule": line.rule, "stage": line.stage, "moved": line.moved,
        "unproven": line.unproven, "status": call.status, "error": call.error, "reason": line.reason,
        "attempts": max(1, len(line.attempts)), "input": tokens.input_total if tokens is not None else 0,
        "cached": tokens.cached + tokens.audio_cached if tokens is not None else 0,
        "output": tokens.output_total if tokens is not None else 0, "estimated": call.estimated,
        "latency": call.latency, "cost": money(call.cost), "as_asked": money(call.as_asked),
        "unpriced": line.unpriced, "line": _line(call),
    }  # fmt: skip


def _line(call: Recorded) -> bytes:
    return encode_recorded(call).rstrip(b"\n")


def money(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


def day_of(at: int) -> str:
    """The UTC day of a time in microseconds, as ISO has it."""
    return dt.datetime.fromtimestamp(at / 1e6, dt.UTC).date().isoformat()
