"""The ledger beside what OpenAI says it charged: by day and model, the difference and its likely reason."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from tierwise.calls import CostLine
from tierwise.ledger._store import Ledger
from tierwise.ledger._tables import calls

CLOSE: Final = Decimal("0.01")
"""Share of what was charged within which two sums are taken for equal: exports are rounded."""
_ZERO: Final = Decimal(0)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One model on one day."""

    day: str
    model: str
    charged: Decimal
    """USD by the export."""
    counted: Decimal
    """USD by the ledger."""
    held: Decimal
    """USD held for calls whose end is not known."""
    unpriced: int
    reason: str
    """Why they differ, most likely; '' where they do not, or nothing explains it."""

    @property
    def difference(self) -> Decimal:
        """Charged less counted."""
        return self.charged - self.counted

    @property
    def unexplained(self) -> Decimal:
        """USD of the difference that nothing explains."""
        return _ZERO if self.reason else abs(self.difference)


class _Counted(msgspec.Struct):
    cost: Decimal = _ZERO
    held: Decimal = _ZERO
    unpriced: int = 0


def reconcile(ledger: Ledger, lines: Iterable[CostLine]) -> list[Difference]:
    """Every model and day that either side has, by day and then by money.

    Args:
        ledger: What was counted.
        lines: The cost export or pages of the costs API, by line item ('gpt-5.4-2026-03-05, input').
    """
    charged: dict[tuple[str, str], Decimal] = {}
    for line in lines:
        key = (_day(line.start), _model(line.line_item))
        charged[key] = charged.get(key, _ZERO) + line.amount
    days = {day for day, _ in charged}
    counted = _counted(ledger, days)
    rows = [
        _row(day, model, charged.get((day, model)), counted.get((day, model)))
        for day, model in {*charged, *counted}
    ]
    return sorted(rows, key=lambda row: (row.day, -max(row.charged, row.counted), row.model))


def _counted(ledger: Ledger, days: set[str]) -> dict[tuple[str, str], _Counted]:
    """The ledger's sums of the days that the export has."""
    columns: tuple[Any, ...] = (
        calls.c.day,
        calls.c.served,
        calls.c.asked,
        calls.c.cost,
        calls.c.reserved,
        calls.c.status,
    )
    found: dict[tuple[str, str], _Counted] = {}
    with ledger.engine.connect().execution_options(yield_per=5_000) as connection:
        for day, served, asked, cost, reserved, status in connection.execute(
            sa.select(*columns).where(calls.c.day.in_(sorted(days)))
        ):
            if status == "error" and served is None:
                continue
            of = found.setdefault((day, (served or asked or "(unknown)").lower()), _Counted())
            of.cost += Decimal(cost) if cost is not None else 0
            of.held += Decimal(reserved) if reserved is not None else 0
            of.unpriced += cost is None and reserved is None
    return found


def _row(day: str, model: str, charged: Decimal | None, counted: _Counted | None) -> Difference:
    known = counted or _Counted()
    paid = charged if charged is not None else _ZERO
    return Difference(
        day=day,
        model=model,
        charged=paid,
        counted=known.cost,
        held=known.held,
        unpriced=known.unpriced,
        reason=_reason(charged, known, there=counted is not None),
    )


def _reason(charged: Decimal | None, known: _Counted, *, there: bool) -> str:
    """Why the two sides differ, by what each has."""
    if not there:
        return "not called through the gateway"
    if charged is None:
        return "not in the export: not charged yet, free, or under another name"
    difference = charged - known.cost
    if abs(difference) <= CLOSE * max(charged, known.cost):
        return ""
    if 0 < difference <= known.held:
        return "calls whose end is not known were billed"
    if difference > 0 and known.unpriced:
        return f"{known.unpriced} calls have no price here"
    if known.cost and difference < 0:
        percent = (charged * 100 / known.cost).quantize(Decimal("0.1"))
        return f"charged at {percent} % of these prices: a discount? say so in the overrides file"
    return ""


def _model(item: str | None) -> str:
    """The model of a line item; the item itself where it names none."""
    return (item or "(no line item)").partition(",")[0].strip().lower()


def _day(start: int) -> str:
    return dt.datetime.fromtimestamp(start / 1e6, dt.UTC).date().isoformat()
