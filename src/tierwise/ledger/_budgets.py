"""Budgets: money is held before a call goes and settled when it is over.

Each process spends what it leased of a budget (`Leases`), so that processes together keep to it.
A call that says how much it may write is held for in full, so that such calls never pass a
budget; one that does not is held for by what is expected, as far as money is left, so that
together they pass it by no more than what they cost above what was held.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Final, Protocol

import msgspec

from tierwise.errors import LedgerUnavailable
from tierwise.ledger._leases import PART, REST, period_of
from tierwise.ledger._money import Budget

_NOTHING: Final = Decimal(0)
_LEAST: Final = Decimal("1e-9")


class Lessor(Protocol):
    """Leases parts of budgets, as `Leases` does."""

    def take(self, who: str, period: str, limit: Decimal, need: Decimal) -> Decimal:
        """Lease more: USD added."""

    def give(self, who: str, period: str, amount: Decimal) -> None:
        """Give USD back."""

    def others(self, periods: Iterable[str]) -> Mapping[tuple[str, str], Decimal]:
        """What other processes leased, by who and period."""

    def owe(self, who: str, period: str, amount: Decimal) -> None:
        """Lease USD that were spent already."""


class Held(msgspec.Struct, kw_only=True):
    """Money held for one call."""

    who: str
    periods: tuple[str, ...]
    """The day and month that it counts to, as far as they have a limit."""
    amount: Decimal


class Over(msgspec.Struct, frozen=True, kw_only=True):
    """A budget that has no room for a call."""

    who: str
    period: str
    """'day' or 'month'."""
    budget: Decimal
    left: Decimal
    """USD that this process could still get."""


class _Share(msgspec.Struct, kw_only=True):
    """What this process may spend of one budget in one period."""

    limit: Decimal
    leased: Decimal = _NOTHING
    used: Decimal = _NOTHING

    @property
    def left(self) -> Decimal:
        return self.leased - self.used


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
    """What this process leased, spent and holds. Safe for several threads.

    Args:
        lessor: Where budgets are shared with other processes.
        clock: Seconds that only go forward.
    """

    def __init__(self, lessor: Lessor, clock: Callable[[], float] = time.monotonic) -> None:
        self._lessor, self._clock = lessor, clock
        self._shares: dict[tuple[str, str], _Share] = {}
        self._lock = threading.Lock()
        self._gone = float("-inf")
        self._others: Mapping[tuple[str, str], Decimal] = {}

    def hold(self, who: str, budget: Budget, day: dt.date, amount: Decimal, *, capped: bool) -> Held | Over:
        """Hold money for a call, or say which budget has no room.

        Args:
            who: Whose budget.
            budget: Its limits.
            day: The UTC day.
            amount: USD that the call may cost.
            capped: Whether it can cost no more than that: then it must fit whole.

        Raises:
            LedgerUnavailable: What was leased is not enough, and no more can be had while the
                database is gone.
        """
        shares: list[tuple[str, _Share]] = []
        with self._lock:
            for kind, limit in (("day", budget.day), ("month", budget.month)):
                if limit is None:
                    continue
                period = period_of(kind, day)
                share = self._share(who, period, limit)
                left = self._left(share, who, period, amount)
                if left <= 0 or (capped and amount > left):
                    return Over(who=who, period=kind, budget=limit, left=max(left, _NOTHING))
                amount = min(amount, left)
                shares.append((period, share))
            for _, share in shares:
                share.used += amount
        return Held(who=who, periods=tuple(period for period, _ in shares), amount=amount)

    def settle(self, held: Held, cost: Decimal | None) -> None:
        """Put the real cost in place of what was held; None leaves it held, for a call whose end is unknown."""
        if cost is None or not held.periods:
            return
        with self._lock:
            for period in held.periods:
                share = self._shares.get((held.who, period))
                if share is not None:
                    share.used += cost - held.amount
            held.amount = cost

    def correct(self, who: str, day: str, change: Decimal) -> None:
        """Take in that calls of this process, held or counted before, cost more or less by `change` USD.

        Their settlement changed the lease in the ledger by as much (`Leases`).
        """
        with self._lock:
            for period in (day, day[:7]):
                share = self._shares.get((who, period))
                if share is not None:
                    share.used += change
                    share.leased += change

    def spend(self, who: str, budget: Budget, day: dt.date, cost: Decimal) -> None:
        """Count money that is already spent, whatever is left."""
        with self._lock:
            for kind, limit in (("day", budget.day), ("month", budget.month)):
                if limit is None:
                    continue
                period = period_of(kind, day)
                share = self._share(who, period, limit)
                with suppress(LedgerUnavailable):
                    self._left(share, who, period, cost)
                share.used += cost

    def sums(self, day: dt.date) -> dict[tuple[str, str], Decimal]:
        """USD spent or held in a day and in its month, by who and period, where calls counted towards it.

        What other processes leased counts as spent.
        """
        names = {period_of("day", day), period_of("month", day)}
        with self._lock:
            return {
                name: share.used + self._others.get(name, _NOTHING)
                for name, share in self._shares.items()
                if name[1] in names
            }

    def tend(self, day: dt.date) -> None:
        """Lease ahead, and give back what is not needed: every second or so, away from calls.

        Raises:
            LedgerUnavailable: The database is gone; what is leased stays.
        """
        today = {period_of("day", day), period_of("month", day)}
        self._others = self._lessor.others(today)
        with self._lock:
            known = list(self._shares.items())
        for (who, period), share in known:
            self._tend_one(who, period, share, over=period not in today)

    def close(self) -> None:
        """Give everything back that was not spent. Raises LedgerUnavailable."""
        with self._lock:
            known, self._shares = self._shares, {}
        for (who, period), share in known.items():
            self._lessor.give(who, period, share.left)

    def _tend_one(self, who: str, period: str, share: _Share, *, over: bool) -> None:
        part = share.limit / PART
        with self._lock:
            left = share.left
            back = max(_NOTHING, left if over else left - 2 * part)
            share.leased -= back
        if back:
            self._lessor.give(who, period, back)
        elif left < 0:
            self._lessor.owe(who, period, -left)
            self._add(share, -left)
        elif over:
            self._shares.pop((who, period), None)
        elif left < part / 2:
            self._add(share, self._lessor.take(who, period, share.limit, part / 2))

    def _add(self, share: _Share, amount: Decimal) -> None:
        with self._lock:
            share.leased += amount

    def _share(self, who: str, period: str, limit: Decimal) -> _Share:
        share = self._shares.get((who, period))
        if share is None:
            share = self._shares[who, period] = _Share(limit=limit)
        elif share.limit != limit:
            # What was leased under the old limit may be more than the new one has.
            back, share.limit = max(_NOTHING, share.left), limit
            self._lessor.give(who, period, back)
            share.leased -= back
        return share

    def _left(self, share: _Share, who: str, period: str, amount: Decimal) -> Decimal:
        """What is left for a call, once more was leased where the share is too small for it."""
        if share.left < max(amount, _LEAST):
            if self._clock() - self._gone < REST:
                raise LedgerUnavailable("the ledger cannot be reached, and what was leased is used up")
            try:
                share.leased += self._lessor.take(who, period, share.limit, max(amount, _LEAST) - share.left)
            except LedgerUnavailable:
                self._gone = self._clock()
                raise
        return share.left
