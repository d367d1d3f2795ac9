"""Budgets: money is held before a call goes and settled when it is over.

Kept in memory by the process that decides, and begun from the ledger's own sums of the day and
the month. A call that says how much it may write is held for in full, so that such calls never
pass a budget; one that does not is held for by what is expected, as far as money is left, so that
together they pass it by no more than what they cost above what was held.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from tierwise.ledger._money import Budget

Spent = Callable[[str, str, str], Decimal]
"""Project or key ('key:NAME', 'project:NAME'), first and last day, to USD spent or held by then."""
_NOTHING: Final = Decimal(0)


class Held(msgspec.Struct, kw_only=True):
    """Money held for one call."""

    who: str
    day: str
    amount: Decimal


class Over(msgspec.Struct, frozen=True, kw_only=True):
    """A budget that has no room for a call."""

    who: str
    period: str
    """'day' or 'month'."""
    budget: Decimal
    left: Decimal


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far a budget is spent."""

    who: str
    period: str
    """A UTC day or month as ISO has it: '2026-11-25', '2026-11'."""
    limit: Decimal
    """USD."""
    spent: Decimal
    """USD, without what is held for calls under way."""


class Budgets:
    """What is spent and held, by who spends.

    Args:
        spent: What the ledger has, asked once for each who and period.
    """

    def __init__(self, spent: Spent) -> None:
        self._spent = spent
        self._sums: dict[tuple[str, str], Decimal] = {}
        self._lock = threading.Lock()

    def hold(self, who: str, budget: Budget, day: dt.date, amount: Decimal, *, capped: bool) -> Held | Over:
        """Hold money for a call, or say which budget has no room.

        Args:
            who: Whose budget.
            budget: Its limits.
            day: The UTC day.
            amount: USD that the call may cost.
            capped: Whether it can cost no more than that: then it must fit whole.
        """
        with self._lock:
            for period, limit in (("day", budget.day), ("month", budget.month)):
                if limit is None:
                    continue
                left = limit - self._sum(who, _name(period, day), day)
                if left <= 0 or (capped and amount > left):
                    return Over(who=who, period=period, budget=limit, left=max(left, _NOTHING))
                amount = min(amount, left)
            self._add(who, day, amount)
            return Held(who=who, day=day.isoformat(), amount=amount)

    def settle(self, held: Held, cost: Decimal | None) -> None:
        """Put the real cost in place of what was held; None leaves it held, for a call whose end is unknown."""
        if cost is None:
            return
        with self._lock:
            self._add(held.who, dt.date.fromisoformat(held.day), cost - held.amount)
            held.amount = cost

    def left(self, who: str, budget: Budget, day: dt.date) -> Decimal | None:
        """USD that are left, of the narrower of both limits; None without one."""
        with self._lock:
            limits = [
                limit - self._sum(who, _name(period, day), day)
                for period, limit in (("day", budget.day), ("month", budget.month))
                if limit is not None
            ]
        return min(limits, default=None)

    def sums(self, day: dt.date) -> dict[tuple[str, str], Decimal]:
        """USD spent or held in a day and in its month, by who and period, where calls counted towards it."""
        names = {_name(period, day) for period in ("day", "month")}
        with self._lock:
            return {name: total for name, total in self._sums.items() if name[1] in names}

    def _sum(self, who: str, period: str, day: dt.date) -> Decimal:
        found = self._sums.get((who, period))
        if found is None:
            first = period if len(period) == 10 else f"{period}-01"
            found = self._sums[who, period] = self._spent(who, first, day.isoformat())
        return found

    def _add(self, who: str, day: dt.date, amount: Decimal) -> None:
        for period in ("day", "month"):
            name = _name(period, day)
            self._sums[who, name] = self._sum(who, name, day) + amount


def _name(period: str, day: dt.date) -> str:
    return day.isoformat() if period == "day" else day.isoformat()[:7]
