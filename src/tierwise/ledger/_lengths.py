"""How much the newest calls wrote, for a process that begins and knows nothing of them yet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from tierwise.ledger._store import Ledger
from tierwise.ledger._tables import calls

_RUNG: Final = re.compile(r"\S+ \((\w+)\)")


class Wrote(msgspec.Struct, frozen=True):
    """What one call wrote, reasoning among it."""

    workload: int
    model: str
    """As served."""
    effort: str | None
    output: int
    """Tokens."""


class _Facts(msgspec.Struct, frozen=True):
    effort: str | None = None


class _Line(msgspec.Struct, frozen=True):
    facts: _Facts = _Facts()


def newest_lengths(ledger: Ledger, most: int) -> list[Wrote]:
    """The newest calls that were answered and counted, at most so many, oldest first."""
    columns = (calls.c.workload, calls.c.served, calls.c.moved, calls.c.rung, calls.c.output, calls.c.line)
    query = sa.select(*columns).where(
        calls.c.status.in_(("ok", "incomplete")),
        calls.c.endpoint.in_(("chat", "responses", "completions")),
        calls.c.estimated.is_(False),
        calls.c.workload.is_not(None),
        calls.c.served.is_not(None),
    )
    found = list(_read(ledger, query.order_by(calls.c.at.desc()).limit(most)))
    return found[::-1]


def _read(ledger: Ledger, query: sa.Select[Any]) -> Iterator[Wrote]:
    with ledger.engine.connect() as connection:
        for workload, served, moved, rung, output, line in connection.execute(query):
            named = _RUNG.fullmatch(rung or "") if moved else None
            effort = named[1] if named is not None else None if moved else _effort(line)
            yield Wrote(int(workload, 16), served, effort, output)


def _effort(line: bytes | None) -> str | None:
    """The effort that a call asked for, by the facts in its line."""
    try:
        return msgspec.json.decode(line or b"", type=_Line).facts.effort
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
