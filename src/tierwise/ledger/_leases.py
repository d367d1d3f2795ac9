"""Leases: how much of a budget each process may spend without asking the others.

The ledger has one row a process for each day or month of a budget. What all rows sum to never
passes the budget, so that processes which only spend what they leased cannot pass it together,
whatever they know of each other; and one whose database is gone goes on with what it leased
beforehand. A process that is gone gives back what it did not spend: by itself when it ends in
good order, else when its spool is folded in.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import ROUND_DOWN, Decimal
from typing import Final

import sqlalchemy as sa

from tierwise.errors import LedgerUnavailable
from tierwise.ledger._money import read_amount
from tierwise.ledger._tables import BOOK, PAID, calls, leases, take_turn

BEFORE: Final = ""
"""The process whose lease is what was spent before anybody asked."""
PART: Final = 50
"""A lease is a fiftieth of the budget at a time, and never above a quarter of what is left."""
REST: Final = 5.0
"""Seconds that a database which could not be reached is left alone by calls."""
_NOTHING: Final = Decimal(0)
_STEP: Final = Decimal("1e-9")
"""What is leased ahead is a multiple of it: quarters of quarters would grow digits without end."""


class Leases:
    """The leases of one process.

    Args:
        engine: The ledger's.
        process: Its name; ids of its calls begin with it.
    """

    def __init__(self, engine: sa.Engine, process: str) -> None:
        self._engine, self._process = engine, process

    def take(self, who: str, period: str, limit: Decimal, need: Decimal) -> Decimal:
        """Lease more of a budget: at least `need` where that is left, else all that is.

        Args:
            who: 'key:NAME', 'project:NAME' or 'workload:FINGERPRINT'.
            period: A day as ISO has it, or its month.
            limit: USD of the budget.
            need: USD wanted, above 0.

        Returns:
            USD added to this process's lease, from 0.

        Raises:
            LedgerUnavailable: The database cannot be asked.
        """
        with self._alone() as connection:
            rows = _rows(connection, who, period)
            if not rows:
                rows[BEFORE] = spent(connection, who, period)
                _put(connection, who, period, BEFORE, rows[BEFORE], new=True)
            left = limit - sum(rows.values(), _NOTHING)
            ahead = min(limit / PART, left / 4).quantize(_STEP, ROUND_DOWN)
            amount = max(_NOTHING, min(left, max(need, ahead)))
            if amount:
                mine = rows.get(self._process)
                _put(connection, who, period, self._process, (mine or _NOTHING) + amount, new=mine is None)
        return amount

    def owe(self, who: str, period: str, amount: Decimal) -> None:
        """Lease what was spent already, whether it is left or not. Raises LedgerUnavailable."""
        self.give(who, period, -amount)

    def give(self, who: str, period: str, amount: Decimal) -> None:
        """Give back a part of what was leased. Raises LedgerUnavailable."""
        with self._alone() as connection:
            mine = _rows(connection, who, period).get(self._process)
            left = max(_NOTHING, (mine or _NOTHING) - amount)
            _put(connection, who, period, self._process, left, new=mine is None)

    def others(self, periods: Iterable[str]) -> dict[tuple[str, str], Decimal]:
        """What other processes leased or spent in some days or months, by who and period. Raises LedgerUnavailable."""
        where = (leases.c.period.in_(list(periods)), leases.c.process != self._process)
        found: dict[tuple[str, str], Decimal] = {}
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(
                    sa.select(leases.c.who, leases.c.period, leases.c.amount).where(*where)
                )
                for who, period, amount in rows:
                    found[who, period] = found.get((who, period), _NOTHING) + Decimal(amount)
        except sa.exc.SQLAlchemyError as error:
            raise LedgerUnavailable(f"the ledger cannot be reached: {type(error).__name__}") from None
        return found

    @contextmanager
    def _alone(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as connection:
                take_turn(connection, "leases")
                yield connection
        except sa.exc.SQLAlchemyError as error:
            raise LedgerUnavailable(f"the ledger cannot be reached: {type(error).__name__}") from None


def settle_process(engine: sa.Engine, process: str) -> None:
    """Put what a process spent in place of what it leased: for one that is gone, once its spool is in."""
    with engine.begin() as connection:
        take_turn(connection, "leases")
        held = connection.execute(
            sa.select(leases.c.who, leases.c.period).where(leases.c.process == process)
        ).all()
        for who, period in held:
            amount = spent(connection, who, period, process)
            _put(connection, who, period, process, amount, new=False)


def correct(connection: sa.Connection, call: str, who: Iterable[str], day: str, change: Decimal) -> None:
    """Change what stands in the ledger for a call by what it was settled at, in the lease that it counts to.

    To be called once `take_turn` was.
    """
    for each, period in itertools.product(who, (day, day[:7])):
        rows = _rows(connection, each, period)
        mine = next((process for process in rows if process and call.startswith(process)), BEFORE)
        if mine in rows:
            _put(connection, each, period, mine, max(_NOTHING, rows[mine] + change), new=False)


def spent(connection: sa.Connection, who: str, period: str, process: str | None = None) -> Decimal:
    """USD that a key, project or workload spent or has held in a day or month, of all processes or of one."""
    kind, _, name = who.partition(":")
    first, last = (period, period) if len(period) == 10 else (f"{period}-01", f"{period}-31")
    where = [calls.c[kind] == name, calls.c.day >= first, calls.c.day <= last]
    if process is not None:
        where.append(calls.c.id.startswith(process, autoescape=True))
    found = connection.execute(sa.select(PAID, calls.c.reserved).select_from(BOOK).where(*where))
    # Decimal text is summed here: no database's own numbers keep every digit.
    return sum((read_amount(paid or reserved) or _NOTHING for paid, reserved in found), _NOTHING)


def period_of(kind: str, day: dt.date) -> str:
    """The name of the day or month ('day', 'month') that a day falls into."""
    return day.isoformat() if kind == "day" else day.isoformat()[:7]


def _rows(connection: sa.Connection, who: str, period: str) -> dict[str, Decimal]:
    found = connection.execute(
        sa.select(leases.c.process, leases.c.amount).where(leases.c.who == who, leases.c.period == period)
    )
    return {process: Decimal(amount) for process, amount in found}


def _put(
    connection: sa.Connection, who: str, period: str, process: str, amount: Decimal, *, new: bool
) -> None:
    if new:
        row = {"who": who, "period": period, "process": process, "amount": f"{amount:f}"}
        connection.execute(leases.insert().values(**row))
        return
    where = (leases.c.who == who, leases.c.period == period, leases.c.process == process)
    connection.execute(leases.update().where(*where).values(amount=f"{amount:f}"))
