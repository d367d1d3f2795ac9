"""Text of calls in the ledger: taken in with its call, exported beside it, gone in time or when asked for."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

import sqlalchemy as sa

from tierwise.ledger._lines import Closed, Line
from tierwise.ledger._outcomes import with_scores
from tierwise.ledger._tables import calls, events, forgotten, texts

UNKNOWN: Final = "unknown"
MOST: Final = 1 << 31
"""Bytes of an unpacked text; more is damage."""


def take_texts(connection: sa.Connection, group: Iterable[Line], known: Mapping[str, str]) -> None:
    """Take in the text of lines that are about to be taken in themselves.

    Args:
        connection: In the transaction of the lines.
        group: The lines.
        known: Status of those of their calls that are in already. Of a call that has ended nothing
            more is taken, so that what was deleted since does not come back with an old spool.
    """
    rows: dict[str, dict[str, Any]] = {}
    late: dict[str, bytes] = {}
    for line in group:
        if not isinstance(line, Closed) or line.text is None or known.get(line.id, UNKNOWN) != UNKNOWN:
            continue
        text, call = line.text, line.call
        if text.request and line.id not in rows:
            rows[line.id] = {
                "call": line.id, "project": call.project, "at": call.at or 0, "until": text.until,
                "request": text.request, "reply": text.reply or None, "key": call.key,
            }  # fmt: skip
        elif text.reply:
            late[line.id] = text.reply
    for row in _kept(connection, rows.values()):
        values = {**row, "reply": late.pop(row["call"], row["reply"])}
        connection.execute(texts.insert().values(values))
    for identity, reply in late.items():
        # Of a call whose request is there: one that was forgotten in the meantime stays so.
        connection.execute(texts.update().where(texts.c.call == identity).values(reply=reply))


def _kept(connection: sa.Connection, rows: Collection[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows that are neither in already, nor past their time, nor of whom text is to be forgotten."""
    if not rows:
        return
    there = set(
        connection.execute(
            sa.select(texts.c.call).where(texts.c.call.in_([row["call"] for row in rows]))
        ).scalars()
    )
    oldest, moment = min(row["at"] for row in rows), now()
    columns = (forgotten.c.at, forgotten.c.call, forgotten.c.key, forgotten.c.project)
    asked = connection.execute(sa.select(*columns).where(forgotten.c.at >= oldest)).all()
    for row in rows:
        key, call, project = row.pop("key"), row["call"], row["project"]
        gone = any(
            row["at"] <= at
            and (
                call == of_call
                or (key is not None and key == of_key)
                or (project is not None and project == of_project)
            )
            for at, of_call, of_key, of_project in asked
        )
        if not gone and call not in there and row["until"] > moment:
            yield row


def purge(engine: sa.Engine, moment: int | None = None) -> int:
    """Delete the text that is past its time; how many calls that were."""
    where = texts.c.until <= (moment if moment is not None else now())
    with engine.begin() as connection:
        return connection.execute(texts.delete().where(where)).rowcount


def forget(
    engine: sa.Engine,
    who: str,
    *,
    call: str | None = None,
    key: str | None = None,
    project: str | None = None,
) -> int:
    """Delete the text of one call, of a key's calls or of a project's, and note who asked; how many calls that were.

    What calls cost stays. Text of calls sent until now that is still in a spool is not taken in.
    """
    where = texts.c.call == call
    said = f"call {call}"
    if key is not None:
        where, said = texts.c.call.in_(sa.select(calls.c.id).where(calls.c.key == key)), f"key {key}"
    elif project is not None:
        where, said = texts.c.project == project, f"project {project}"
    with engine.begin() as connection:
        moment = now()
        connection.execute(forgotten.insert().values(at=moment, call=call, key=key, project=project))
        count = connection.execute(texts.delete().where(where)).rowcount
        what = f"text of {said} forgotten: {count} calls"
        connection.execute(events.insert().values(at=moment, who=who[:200], what=what))
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            # The log beside the file has it still.
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return count


def lines_with_text(engine: sa.Engine, *, since: str | None = None) -> Iterator[bytes]:
    """Every call since a UTC day as a line of a recorder file, with its outcomes, and its text where that is kept.

    In the order they were sent.
    """
    query = (
        sa.select(calls.c.id, calls.c.line, texts.c.request, texts.c.reply)
        .select_from(calls.outerjoin(texts, sa.and_(texts.c.call == calls.c.id, texts.c.until > now())))
        .where(calls.c.line.is_not(None))
        .order_by(calls.c.at, calls.c.id)
    )
    if since is not None:
        query = query.where(calls.c.day >= since)
    with engine.connect().execution_options(yield_per=100) as connection:
        rows = (
            (row.id, _with_text(bytes(row.line), row.request, row.reply)) for row in connection.execute(query)
        )
        for line in with_scores(engine, rows):
            yield line + b"\n"


def _with_text(line: bytes, request: bytes | None, reply: bytes | None) -> bytes:
    asked, said = _unpacked(request), _unpacked(reply)
    if asked is None:
        return line
    parts = b'"request":' + asked + (b',"reply":' + said if said is not None else b"")
    return line[:-1] + b',"text":{' + parts + b"}}"


def _unpacked(packed: bytes | None) -> bytes | None:
    """JSON; None for none, and for what is damaged."""
    import zstandard

    if not packed:
        return None
    try:
        return zstandard.ZstdDecompressor().decompress(bytes(packed), max_output_size=MOST)
    except (zstandard.ZstdError, MemoryError):
        return None


def now() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1_000
