"""The ledger beside what OpenAI says it charged: by day and model, the difference and its likely reason."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal, localcontext
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from tierwise.calls import CostLine
from tierwise.catalog import Catalog
from tierwise.errors import CallerError, CatalogError
from tierwise.ledger._money import exact, read_amount
from tierwise.ledger._rows import UNKNOWN
from tierwise.ledger._store import Ledger
from tierwise.ledger._tables import BOOK, PAID, calls, waiting

CLOSE: Final = Decimal("0.01")
"""Share of what was charged within which two sums are taken for equal: exports are rounded."""
BILLED: Final = "calls whose end is not known were billed"
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


class Compared(msgspec.Struct, kw_only=True):
    """One model on one day as both sides have it, with the calls whose end is not known."""

    day: str
    known: bool = False
    """Whether the catalog knows the model, so that its names on both sides are one."""
    charged: Decimal | None = None
    """None where the export has no line of it."""
    counted: Decimal = _ZERO
    calls: int = 0
    held: Decimal = _ZERO
    unpriced: int = 0
    unknown: list[tuple[str, Decimal]] = []
    """Id of each call of unknown end, and USD held for it."""
    names: dict[str, None] = {}
    """As the export writes it, then as the ledger does."""
    model: str = ""

    @property
    def name(self) -> str:
        """What it is called: the one name it goes by on both sides, else the model's."""
        exported = list(self.names)
        return exported[0] if len(exported) == 1 or not self.known else self.model


def reconcile(ledger: Ledger, lines: Iterable[CostLine], prices: Catalog | None = None) -> list[Difference]:
    """Every model and day that either side has, by day and then by money.

    Args:
        ledger: What was counted.
        lines: The cost export or pages of the costs API, by line item ('gpt-5.4-2026-03-05, input').
        prices: Knows which names are one model; the package's own where none is given.

    Raises:
        CallerError: A line is not in USD.
    """
    rows = [_row(each) for each in compared(ledger, lines, prices)]
    return sorted(rows, key=lambda row: (row.day, -max(row.charged, row.counted), row.model))


def compared(ledger: Ledger, lines: Iterable[CostLine], prices: Catalog | None = None) -> list[Compared]:
    """Both sides by day and model, in no order; as `reconcile`."""
    names = _Names(prices if prices is not None else Catalog.open())
    found: dict[tuple[str, str], Compared] = {}
    with localcontext(exact()):
        for line in lines:
            if line.currency.strip().lower() != "usd":
                raise CallerError(
                    f"expected costs in USD, found {line.currency!r:.20}; the ledger is in USD, and no rate is assumed"
                )
            of = names.of(found, _day(line.start), _item(line.line_item))
            of.charged = (of.charged or _ZERO) + line.amount
        exported = {key: len(each.names) for key, each in found.items()}
        _count(ledger, {day for day, _ in found}, names, found)
    for key, length in exported.items():
        # A name of the export's goes before those of the ledger's.
        found[key].names = dict.fromkeys(list(found[key].names)[:length])
    return list(found.values())


def _count(ledger: Ledger, days: set[str], names: _Names, found: dict[tuple[str, str], Compared]) -> None:
    """The ledger's sums of the days that the export has."""
    columns: tuple[Any, ...] = (
        calls.c.id, calls.c.day, calls.c.served, calls.c.asked, PAID, calls.c.cost, calls.c.reserved, calls.c.status,
    )  # fmt: skip
    # What waits has not been sent: nothing can have been charged for it, nor is its end unknown.
    still = sa.exists().where(waiting.c.id == calls.c.response_id, waiting.c.ended.is_(None))
    query = sa.select(*columns).select_from(BOOK).where(calls.c.day.in_(sorted(days)), sa.not_(still))
    with ledger.engine.connect().execution_options(yield_per=5_000) as connection:
        for identity, day, served, asked, paid, own, reserved, status in connection.execute(query):
            if status == "error" and served is None:
                continue
            of = names.of(found, day, (served or asked or "(unknown)").lower())
            cost, held = read_amount(paid), read_amount(reserved)
            of.calls += 1
            of.counted += cost if cost is not None else _ZERO
            of.held += held if held is not None else _ZERO
            if status == UNKNOWN and own is None:
                of.unknown.append((identity, held or _ZERO))
            else:
                of.unpriced += cost is None


class _Names:
    """Which names are one model: a call of unknown end has the name it was sent with, an export that of a snapshot."""

    def __init__(self, prices: Catalog) -> None:
        self._prices = prices
        self._known: dict[str, tuple[str, bool]] = {}

    def of(self, found: dict[tuple[str, str], Compared], day: str, name: str) -> Compared:
        """The entry of a name's model on a day, begun where there is none."""
        if name not in self._known:
            self._known[name] = self._resolved(name)
        model, known = self._known[name]
        entry = found.get((day, model))
        if entry is None:
            entry = found[day, model] = Compared(day=day, known=known, model=model, unknown=[], names={})
        entry.names[name] = None
        return entry

    def _resolved(self, name: str) -> tuple[str, bool]:
        try:
            found = self._prices.resolve(name)
        except CatalogError:
            return name, False
        # A fine-tuned model is charged by itself.
        return (name if found.how == "fine-tune" else found.model.name), True


def _row(each: Compared) -> Difference:
    return Difference(
        day=each.day,
        model=each.name,
        charged=each.charged if each.charged is not None else _ZERO,
        counted=each.counted,
        held=each.held,
        unpriced=each.unpriced,
        reason=_reason(each),
    )


def _reason(each: Compared) -> str:
    """Why the two sides differ, by what each has."""
    charged, counted = each.charged, each.counted
    if not each.calls:
        return "not called through the gateway"
    if charged is None:
        return "not in the export: not charged yet, free, or under another name"
    difference = charged - counted
    if same(charged, counted):
        return ""
    if 0 < difference <= each.held:
        return BILLED
    if difference > 0 and each.unpriced:
        return f"{each.unpriced} calls have no price here"
    if counted and difference < 0:
        percent = (charged * 100 / counted).quantize(Decimal("0.1"))
        return f"charged at {percent} % of these prices: a discount? say so in the overrides file"
    return ""


def same(charged: Decimal, counted: Decimal) -> bool:
    """Whether two sums are taken for equal."""
    return abs(charged - counted) <= CLOSE * max(charged, counted)


def _item(item: str | None) -> str:
    """The model of a line item; the item itself where it names none."""
    return (item or "(no line item)").partition(",")[0].strip().lower()


def _day(start: int) -> str:
    return dt.datetime.fromtimestamp(start / 1e6, dt.UTC).date().isoformat()
