"""A month, day by day: groups of equal charges for the table, and sums for the page.

Calls are read one after another and only the groups of one day are kept, so that memory does not grow
with the ledger.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Final

import msgspec

from tierwise.catalog import Catalog
from tierwise.errors import CallerError
from tierwise.ledger import Entered, Ledger, entries, exact
from tierwise.statement._charges import ZERO, Basis, Charge, Charges, Sums, charges

REASONS: Final = 1_000
"""Reasons without a price that are told apart; further ones are counted together."""
OTHERS: Final = "(others)"
OFTEN: Final = 5_000
"""Calls between two words on how far it is."""
Told = Callable[[dt.date, int], None]
"""Given the day, and the calls read so far."""


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A month."""

    name: str
    """As '2026-11'."""
    first: dt.date
    next: dt.date
    """First day of the next month."""

    def days(self, today: dt.date) -> list[dt.date]:
        """Its days up to today."""
        count = (min(self.next, today + dt.timedelta(days=1)) - self.first).days
        return [self.first + dt.timedelta(days=number) for number in range(count)]


class Group(msgspec.Struct, kw_only=True):
    """Equal charges of one day, together."""

    day: dt.date
    project: str | None
    model: str
    lane: str
    tags: tuple[str, ...]
    estimated: bool
    charge: Charge
    """The first of them; its sums and quantity are its own, the group's are below."""
    sums: Sums = Sums()
    quantity: int = 0
    calls: int = 0


class Of(msgspec.Struct, kw_only=True):
    """Sums of one project or model."""

    calls: int = 0
    cost: Sums = Sums()
    as_asked: Sums = Sums()


class Month(msgspec.Struct, kw_only=True):
    """Sums of a month, USD, exact."""

    span: Span
    today: dt.date
    project: str | None
    priced: bool
    """Whether there are prices of the owner's."""
    reserved: Decimal = ZERO
    """USD a month for the owner's reserved capacity, which is in no call's cost."""
    calls: int = 0
    cost: Sums = Sums()
    """Of calls that have a price or were settled: what the ledger says was spent."""
    as_asked: Sums = Sums()
    moved: int = 0
    """Calls that were moved, so that what they would have cost as asked is an estimate."""
    unasked: int = 0
    """Of those, calls whose cost as asked could not be priced one of three ways: it is taken for their cost."""
    estimated: int = 0
    """Calls whose tokens are an estimate."""
    retried: int = 0
    """Calls of more than one request."""
    attempts: int = 0
    """Requests beyond the first."""
    held: Decimal = ZERO
    """USD held for calls whose end is not known."""
    unknown: int = 0
    settled: int = 0
    settlements: Decimal = ZERO
    """USD of the cost that calls of unknown end were settled at."""
    unpriced: int = 0
    reasons: dict[str, int] = {}
    damaged: int = 0
    """Calls whose line or money cannot be read."""
    bases: dict[Basis, int] = {}
    """Calls by what their charges rest on."""
    projects: dict[str, Of] = {}
    models: dict[str, Of] = {}

    @property
    def saving(self) -> Sums:
        """As asked less what it cost: an estimate; negative where routing cost more."""
        with localcontext(exact()):
            return self.as_asked.minus(self.cost)

    @property
    def over(self) -> bool:
        """Whether the month is over."""
        return self.today >= self.span.next


def month_of(text: str, today: dt.date) -> Span:
    """The month that a text such as '2026-11' names.

    Raises:
        CallerError: It names none, or one that has not begun.
    """
    found = re.fullmatch(r"(\d{4})-(\d{2})", text)
    try:
        first = dt.date(int(found[1]), int(found[2]), 1) if found else None
        after = dt.date(first.year + first.month // 12, first.month % 12 + 1, 1) if first else None
    except ValueError:
        first = after = None
    if first is None or after is None:
        raise CallerError(f"expected a month such as 2026-11, got {text!r:.40}")
    if first > today:
        raise CallerError(f"{text} has not begun: today is {today.isoformat()} (UTC)")
    return Span(name=text, first=first, next=after)


def state(
    ledger: Ledger,
    span: Span,
    today: dt.date,
    listed: Catalog,
    contract: Catalog | None = None,
    *,
    project: str | None = None,
    each: Callable[[Group], None] | None = None,
    told: Told | None = None,
) -> Month:
    """Add up a month.

    Args:
        ledger: Its calls.
        span: The month.
        today: The UTC day; later ones are not looked at.
        listed: List prices.
        contract: The owner's prices; None where there are none, and list prices then stand for them.
        project: Only this one's calls.
        each: Given every group, by day; their `sums.counted` add up to the month's to the last digit.
        told: Given the day and the calls read so far, now and then and after each day.
    """
    month = Month(span=span, today=today, project=project, priced=contract is not None)
    days = span.days(today)
    for capacity in contract.reserved if contract is not None else ():
        month.reserved += capacity.monthly_fee if any(capacity.holds(day) for day in days) else ZERO
    for day in days:
        for group in _day(ledger, day, month, listed, contract or listed, told or _nobody):
            if each is not None:
                each(group)
    return month


def _nobody(day: dt.date, calls: int) -> None:
    """Told to nobody."""


def _day(
    ledger: Ledger, day: dt.date, month: Month, listed: Catalog, contract: Catalog, told: Told
) -> list[Group]:
    """The groups of a day, in the order that a table has them; its sums go into the month."""
    groups: dict[tuple[object, ...], Group] = {}
    with localcontext(exact()):
        for entry in entries(ledger, day.isoformat(), month.project):
            _count(month, entry)
            if not month.calls % OFTEN:
                told(day, month.calls)
            if entry.cost is None:
                continue
            found = charges(entry, day, listed, contract)
            _add(month, entry, found)
            for charge in found.charges:
                _group(groups, day, entry, found, charge)
    told(day, month.calls)
    return sorted(groups.values(), key=_order)


def _count(month: Month, entry: Entered) -> None:
    """What every call counts towards, with a price or without."""
    month.calls += 1
    month.retried += entry.attempts > 1
    month.attempts += max(0, entry.attempts - 1)
    month.held += entry.held if entry.held is not None else ZERO
    month.damaged += entry.damaged
    if entry.cost is not None:
        return
    if entry.unknown:
        month.unknown += 1
        return
    month.unpriced += 1
    reason = "its money in the ledger is damaged" if entry.damaged else entry.unpriced or "no reason is known"
    if reason not in month.reasons and len(month.reasons) >= REASONS:
        reason = OTHERS
    month.reasons[reason] = month.reasons.get(reason, 0) + 1


def _add(month: Month, entry: Entered, found: Charges) -> None:
    cost = Sums()
    for charge in found.charges:
        cost = cost.plus(charge.sums)
    for basis in {charge.basis for charge in found.charges}:
        month.bases[basis] = month.bases.get(basis, 0) + 1
    month.cost = month.cost.plus(cost)
    month.as_asked = month.as_asked.plus(found.as_asked)
    month.moved += entry.moved
    month.unasked += found.unasked
    month.estimated += found.estimated
    month.damaged += found.damaged
    if entry.settled:
        month.settled += 1
        month.settlements += cost.counted
    for groups, name in ((month.projects, entry.project), (month.models, entry.model)):
        of = groups.setdefault(name or "", Of())
        of.calls += 1
        of.cost = of.cost.plus(cost)
        of.as_asked = of.as_asked.plus(found.as_asked)


def _group(
    groups: dict[tuple[object, ...], Group], day: dt.date, entry: Entered, found: Charges, charge: Charge
) -> None:
    key = (
        entry.project, entry.model, entry.lane, found.tags, found.estimated,
        charge.kind, charge.long, charge.list_price, charge.contract_price, charge.basis,
    )  # fmt: skip
    group = groups.get(key)
    if group is None:
        group = groups[key] = Group(
            day=day, project=entry.project, model=entry.model, lane=entry.lane, tags=found.tags,
            estimated=found.estimated, charge=charge,
        )  # fmt: skip
    group.sums = group.sums.plus(charge.sums)
    group.quantity += charge.quantity or 0
    group.calls += 1


def _order(group: Group) -> tuple[object, ...]:
    charge = group.charge
    return (
        group.project or "", group.model, group.lane, group.tags, charge.kind, charge.long, charge.basis,
        group.estimated, charge.contract_price or ZERO, charge.list_price or ZERO,
    )  # fmt: skip
