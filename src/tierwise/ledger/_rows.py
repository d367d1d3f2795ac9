"""Lines of a spool as rows of the table of calls, whatever stands in them."""

from __future__ import annotations

import time
from collections import defaultdict
from decimal import Decimal
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from tierwise.calls import Recorded, encode_recorded
from tierwise.catalog import utc_day
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


class _Said(msgspec.Struct):
    """What the lines of a group say of one call."""

    opened: Opened | None = None
    closed: Closed | None = None
    held: str | None = None
    """USD held for it."""

    def hear(self, line: Line) -> None:
        """Take in one more line: an end replaces a beginning, and nothing replaces an end."""
        if isinstance(line, Closed):
            if self.closed is None or self.closed.call.status == UNKNOWN:
                self.closed = line
                self.held = self.held if _held_for(line.call.status, line.call.cost) else None
        elif self.closed is None:
            # A second beginning is a fallback's: it may cost more than the first, on another model.
            at = self.opened.at if self.opened is not None else line.at
            self.opened, self.held = msgspec.structs.replace(line, at=at), str(line.reserved)

    def row(self) -> dict[str, Any]:
        """Its row."""
        values = _closed(self.closed) if self.closed is not None else {}
        if self.closed is None and self.opened is not None:
            values = _opened(self.opened)
        return _fitting({**_EMPTY, **values, "reserved": self.held})


def take(connection: sa.Connection, group: list[Line]) -> None:
    """Lines into the table: an end replaces a beginning, and nothing replaces an end."""
    said: defaultdict[str, _Said] = defaultdict(_Said)
    for line in group:
        said[line.id].hear(line)
    rows = {identity: one.row() for identity, one in said.items()}
    found = connection.execute(sa.select(calls.c.id, calls.c.status).where(calls.c.id.in_(list(rows))))
    known = {identity: status for identity, status in found}  # noqa: C416 - rows are not pairs to mypy
    take_texts(connection, group, known)
    _insert(connection, [row for identity, row in rows.items() if identity not in known])
    there = [row for identity, row in rows.items() if known.get(identity) == UNKNOWN]
    _begin_again(connection, [row for row in there if row["line"] is None])
    _end(connection, [row for row in there if row["line"] is not None])
    for identity, row in rows.items():
        if known.get(identity) == SETTLED and row["line"] is not None:
            what = f"the end of {identity} came after it was settled; what it was settled at stays"
            connection.execute(events.insert().values(at=now(), who="ledger", what=what))


def _insert(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    """New calls, by the database's driver itself: no value needs what SQLAlchemy would do to each."""
    if not rows:
        return
    form = calls.insert().compile(dialect=connection.dialect)
    order = form.positiontup
    given = [tuple([row[name] for name in order]) for row in rows] if order is not None else rows
    connection.exec_driver_sql(form.string, given)


def _begin_again(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    """Calls that begin a second time, on another model."""
    again = [{"call": row["id"], "asked": row["asked"], "reserved": row["reserved"]} for row in rows]
    if again:
        connection.execute(calls.update().where(_CALL, calls.c.line.is_(None)), again)


def _end(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    """Calls whose beginning is in already; what is held for one without an end that costs stays as it is."""
    keeping, other = [], []
    for row in rows:
        if row["reserved"] is None and _held_for(row["status"], row["cost"]):
            keeping.append({name: value for name, value in row.items() if name != "reserved"})
        else:
            other.append(row)
    for ends in (keeping, other):
        if ends:
            connection.execute(calls.update().where(_CALL), [{**row, "call": row["id"]} for row in ends])


_CALL: Final = sa.and_(calls.c.id == sa.bindparam("call"), calls.c.status == UNKNOWN)


def _held_for(status: str, cost: object | None) -> bool:
    """Whether a call that is over keeps what was held for it: nobody knows its end, nor what it cost."""
    return status == UNKNOWN and cost is None


_LENGTHS: Final = {
    column.name: column.type.length
    for column in calls.c
    if isinstance(column.type, sa.String) and column.type is not Money
}
_WHOLE: Final = tuple(column.name for column in calls.c if isinstance(column.type, sa.Integer))


def _fitting(row: dict[str, Any]) -> dict[str, Any]:
    """A row made such that any database takes it: one that is refused would hold up all others.

    Callers choose names. PostgreSQL refuses text beyond a column's length and text with a zero in it;
    numbers beyond 63 bits no database takes. The call's own line keeps all of it.
    """
    for name, most in _LENGTHS.items():
        value = row[name]
        if value is not None and ("\0" in value or (most is not None and len(value) > most)):
            row[name] = value.replace("\0", "\N{REPLACEMENT CHARACTER}")[:most]
    for name in _WHOLE:
        if row[name] is not None and row[name] > _MOST:
            row[name] = _MOST
    return row


_EMPTY: Final[dict[str, Any]] = dict.fromkeys(column.name for column in calls.c)


def _opened(line: Opened) -> dict[str, Any]:
    """A call of which only the beginning is known: its money is held until it is settled."""
    return {
        "id": line.id, "at": line.at, "day": day_of(line.at), "project": line.project, "key": line.key,
        "endpoint": line.endpoint, "workload": line.workload, "asked": line.model, "lane": "standard",
        "moved": False, "unproven": False, "status": UNKNOWN, "attempts": 1, "input": 0, "cached": 0,
        "output": 0, "estimated": True,
    }  # fmt: skip


def _closed(line: Closed) -> dict[str, Any]:
    call = line.call
    tokens = call.tokens
    return {
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
    return utc_day(at / 1e6).isoformat()
