"""Sums over the ledger, exact."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from tierwise.ledger._money import exact, read_amount
from tierwise.ledger._tables import BOOK, PAID, calls

BY: Final = ("workload", "model", "key", "project", "lane", "day", "rule", "task", "status")
"""What sums can be taken by."""


class Total:
    """Sums of the calls of one group."""

    __slots__ = ("as_asked", "calls", "cost", "input", "name", "output", "reserved", "unpriced")

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls = 0
        self.cost = Decimal(0)
        """USD of calls that have a price or were settled, exact."""
        self.as_asked = Decimal(0)
        """USD that the same calls would have cost as asked, estimated where they were moved."""
        self.reserved = Decimal(0)
        """USD held for calls whose end is not known."""
        self.unpriced = 0
        self.input = 0
        self.output = 0


def totals(engine: sa.Engine, by: str | None, since: str | None, until: str | None) -> list[Total]:
    column: Any = sa.literal("") if by is None else calls.c["served" if by == "model" else by]
    where = [calls.c.day >= since] if since else []
    where += [calls.c.day <= until] if until else []
    columns: tuple[Any, ...] = (PAID, calls.c.as_asked, calls.c.reserved, calls.c.input, calls.c.output)
    found: dict[str, Total] = {}
    with localcontext(exact()), engine.connect().execution_options(yield_per=5_000) as connection:
        # Decimal text is summed here: no database's own numbers keep every digit.
        for name, cost, as_asked, reserved, read, wrote in connection.execute(
            sa.select(column, *columns).select_from(BOOK).where(*where)
        ):
            total = found.setdefault(name or "", Total(name or ""))
            total.calls += 1
            total.input += read
            total.output += wrote
            total.reserved += read_amount(reserved) or 0
            paid = read_amount(cost)
            if paid is None:
                total.unpriced += 1
                continue
            before = read_amount(as_asked)
            total.cost += paid
            total.as_asked += before if before is not None else paid
    return sorted(found.values(), key=lambda total: (-total.cost, total.name))


class _Line(msgspec.Struct):
    saved: dict[str, Decimal] = {}


_LINE: Final = msgspec.json.Decoder(_Line)


def saved(engine: sa.Engine, since: str | None, until: str | None) -> dict[str, Decimal]:
    """USD saved by lever, exact: an estimate, as what calls would have cost as asked is one."""
    where = [calls.c.day >= since] if since else []
    where += [calls.c.day <= until] if until else []
    found: dict[str, Decimal] = {}
    with localcontext(exact()), engine.connect().execution_options(yield_per=5_000) as connection:
        query = sa.select(calls.c.line).where(calls.c.line.is_not(None), *where)
        for (line,) in connection.execute(query):
            for lever, amount in _LINE.decode(bytes(line)).saved.items():
                found[lever] = found.get(lever, Decimal(0)) + amount
    return found
