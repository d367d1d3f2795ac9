"""Calls of unknown end, settled by what OpenAI charged for their day and model.

What was charged beyond what was counted is shared out over them in proportion to what was held, to
the last digit; where nothing was, they cost nothing. What was held is let go. A call's own row keeps
its own cost: a settlement is a row beside it, appended once and never changed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal, localcontext
from typing import Final

import msgspec
import sqlalchemy as sa

from tierwise.calls import CostLine
from tierwise.catalog import Catalog
from tierwise.errors import CallerError
from tierwise.ledger._leases import correct
from tierwise.ledger._money import exact, plain, read_amount, shares
from tierwise.ledger._reconcile import Compared, compared, same
from tierwise.ledger._rows import SETTLED, UNKNOWN, now
from tierwise.ledger._store import Ledger
from tierwise.ledger._tables import calls, events, settlements, take_turn

FINAL: Final = dt.timedelta(days=1)
"""How long a day must be over before its costs are taken for complete: a settlement is not undone."""
_ZERO: Final = Decimal(0)


class Settling(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of unknown end of one model on one day, and what is to become of them."""

    day: str
    model: str
    charged: Decimal
    """USD by the export."""
    counted: Decimal
    """USD by the ledger, without these calls."""
    calls: tuple[str, ...]
    held: tuple[Decimal, ...]
    """USD held for each."""
    amounts: tuple[Decimal, ...] | None
    """USD that each is taken to have cost; None where they stay held."""
    why: str

    @property
    def amount(self) -> Decimal | None:
        """USD for all of them."""
        with localcontext(exact()):
            return None if self.amounts is None else sum(self.amounts, _ZERO)

    @property
    def held_for_all(self) -> Decimal:
        """USD held for all of them."""
        with localcontext(exact()):
            return sum(self.held, _ZERO)


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """A settlement as a budget sees it."""

    number: int
    call: str
    who: tuple[str, ...]
    """'key:NAME', 'project:NAME', 'workload:FINGERPRINT'."""
    day: str
    change: Decimal
    """USD settled less USD held."""


def settling(
    ledger: Ledger, lines: Iterable[CostLine], today: dt.date, prices: Catalog | None = None
) -> list[Settling]:
    """What would become of the calls of unknown end, by day and model, for the days that the export has.

    Args:
        ledger: What was counted.
        lines: The cost export or pages of the costs API.
        today: The UTC day. Nothing is settled of days that were not over a day before it began.
        prices: Knows which names are one model; the package's own where none is given.

    Raises:
        CallerError: A line is not in USD.
    """
    found = [each for each in compared(ledger, lines, prices) if each.unknown]
    found.sort(key=lambda each: (each.day, each.name))
    with localcontext(exact()):
        return [_settling(each, today) for each in found]


def _settling(each: Compared, today: dt.date) -> Settling:
    charged = each.charged if each.charged is not None else _ZERO
    amount, why = _amount(each, charged, today)
    held = tuple(held for _, held in each.unknown)
    return Settling(
        day=each.day,
        model=each.name,
        charged=charged,
        counted=each.counted,
        calls=tuple(identity for identity, _ in each.unknown),
        held=held,
        amounts=None if amount is None else tuple(shares(amount, held)),
        why=why,
    )


def _amount(each: Compared, charged: Decimal, today: dt.date) -> tuple[Decimal | None, str]:
    """USD that the calls of unknown end cost together, None where nothing tells; and why."""
    difference = charged - each.counted
    if dt.date.fromisoformat(each.day) >= today - FINAL:
        return None, "costs of the day may still come: it is not over for a day yet"
    if not each.known:
        return None, "the model is not known, so that the export may have it under another name"
    if each.unpriced:
        return None, f"{each.unpriced} other calls have no price, and the difference may be theirs"
    if 0 < difference <= each.held:
        return difference, "charged beyond what was counted, shared out by what was held"
    if difference <= 0 and same(charged, each.counted):
        return _ZERO, "nothing was charged beyond what was counted"
    if difference < 0:
        return (
            None,
            "less was charged than was counted: prices differ, so that the export tells nothing of them",
        )
    return None, "more was charged than is held: something else was billed too"


def settle(ledger: Ledger, found: Iterable[Settling], who: str) -> int:
    """Write settlements down, all or none, and let go what was held; how many calls that were.

    Args:
        ledger: Whose calls they are.
        found: As `settling` gave it; entries that stay held are passed over.
        who: For the audit log.

    Raises:
        CallerError: A call's end became known in the meantime; nothing was written.
    """
    done = 0
    with ledger.engine.begin() as connection:
        take_turn(connection, "leases")
        for each in found:
            if each.amounts is None:
                continue
            said = f"{each.day} {each.model}: charged {plain(each.charged)}, counted {plain(each.counted)}; {each.why}"
            for identity, held, amount in zip(each.calls, each.held, each.amounts, strict=True):
                _settle(connection, identity, held, amount, who, said)
            note = f"settled {len(each.calls)} calls at {plain(each.amount or _ZERO)}, held {plain(each.held_for_all)}; {said}"
            connection.execute(events.insert().values(at=now(), who=who[:200], what=note))
            done += len(each.calls)
    return done


def _settle(
    connection: sa.Connection, identity: str, held: Decimal, amount: Decimal, who: str, why: str
) -> None:
    changed = connection.execute(
        calls.update()
        .where(calls.c.id == identity, calls.c.status == UNKNOWN, calls.c.cost.is_(None))
        .values(status=SETTLED, reserved=None)
    )
    if changed.rowcount != 1:
        raise CallerError(
            f"the end of {identity} became known in the meantime; nothing is settled, run it again"
        )
    connection.execute(
        settlements.insert().values(
            call=identity, at=now(), amount=plain(amount), held=plain(held), who=who[:200], why=why
        )
    )
    of = sa.select(calls.c.day, calls.c.key, calls.c.project, calls.c.workload).where(calls.c.id == identity)
    day, key, project, workload = connection.execute(of).one()
    budgets = (f"key:{key}", f"project:{project}", f"workload:{workload}")
    correct(connection, identity, budgets, day, amount - held)


def uncovered(ledger: Ledger, days: Iterable[str]) -> tuple[int, Decimal]:
    """Calls of unknown end on other days than these: how many, and USD held for them."""
    there = set(days)
    count, held = 0, _ZERO
    query = sa.select(calls.c.day, calls.c.reserved).where(calls.c.status == UNKNOWN, calls.c.cost.is_(None))
    with localcontext(exact()), ledger.engine.connect().execution_options(yield_per=5_000) as connection:
        for day, reserved in connection.execute(query):
            if day not in there:
                count += 1
                held += read_amount(reserved) or _ZERO
    return count, held


def newest(ledger: Ledger) -> int:
    """Number of the newest settlement; 0 where there is none."""
    with ledger.engine.connect() as connection:
        return connection.execute(sa.select(sa.func.max(settlements.c.number))).scalar() or 0


def corrections(ledger: Ledger, after: int) -> list[Correction]:
    """Settlements above a number, oldest first, as budgets see them."""
    columns = (
        settlements.c.number, settlements.c.call, settlements.c.amount, settlements.c.held,
        calls.c.day, calls.c.key, calls.c.project, calls.c.workload,
    )  # fmt: skip
    query = sa.select(*columns).join_from(settlements, calls, settlements.c.call == calls.c.id)
    query = query.where(settlements.c.number > after).order_by(settlements.c.number)
    with ledger.engine.connect() as connection, localcontext(exact()):
        return [
            Correction(
                number=number,
                call=call,
                who=(f"key:{key}", f"project:{project}", f"workload:{workload}"),
                day=day,
                change=Decimal(amount) - Decimal(held),
            )
            for number, call, amount, held, day, key, project, workload in connection.execute(query)
        ]
