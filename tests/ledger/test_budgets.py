"""Budgets: kept by one process, by several on one ledger, while the database is gone, and after a crash."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.errors import LedgerUnavailable
from tierwise.ledger import Budget, Budgets, Held, Ledger, Opened, Over, Spool

AT = 1_795_600_000_000_000
DAY = dt.date(2026, 11, 25)
TEN = Budget(day=Decimal(10))


class Alone:
    """Leases of a process that has no other beside it."""

    def __init__(self, before: Decimal = Decimal(0)) -> None:
        self.rows: dict[tuple[str, str], Decimal] = {}
        self.before = before
        self.gone = False

    def take(self, who: str, period: str, limit: Decimal, need: Decimal) -> Decimal:
        if self.gone:
            raise LedgerUnavailable("gone")
        leased = self.rows.setdefault((who, period), self.before)
        granted = max(Decimal(0), min(limit - leased, max(need, limit / 50)))
        self.rows[who, period] += granted
        return granted

    def give(self, who: str, period: str, amount: Decimal) -> None:
        self.rows[who, period] -= amount

    def others(self, periods: Any) -> dict[tuple[str, str], Decimal]:
        return {}

    def owe(self, who: str, period: str, amount: Decimal) -> None:
        self.rows[who, period] += amount


@pytest.fixture
def ledger(database: str) -> Iterator[Ledger]:
    found = Ledger(database)
    yield found
    found.close()


def leased(ledger: Ledger) -> dict[tuple[str, str, str], Decimal]:
    with ledger.engine.connect() as connection:
        found = connection.execute(sa.text("select who, period, process, amount from leases"))
        return {(who, period, process): Decimal(amount) for who, period, process, amount in found}


def test_capped_calls_never_pass_a_budget_with_200_at_once() -> None:
    budgets, budget, spent = Budgets(Alone()), Budget(day=Decimal(1)), []
    lock = threading.Lock()

    def call() -> None:
        held = budgets.hold("key:app", budget, DAY, Decimal("0.03"), capped=True)
        if isinstance(held, Held):
            time.sleep(0.001)
            with lock:
                spent.append(Decimal("0.029"))
            budgets.settle(held, Decimal("0.029"))

    threads = [threading.Thread(target=call) for _ in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Decimal("0.9") < sum(spent) <= 1


@given(st.lists(st.tuples(st.integers(1, 100), st.integers(0, 300)), max_size=60))
def test_uncapped_calls_pass_a_budget_by_no_more_than_what_they_cost_above_what_was_held(
    calls: list[tuple[int, int]],
) -> None:
    budgets, budget = Budgets(Alone()), Budget(day=Decimal(1_000))
    under_way, spent, excess = [], Decimal(0), Decimal(0)
    for amount, cost in calls:
        held = budgets.hold("key:app", budget, DAY, Decimal(amount), capped=False)
        if isinstance(held, Over):
            assert held.left == 0
            continue
        assert held.amount <= amount
        under_way.append((held, Decimal(cost)))
    for held, cost in under_way:
        excess += max(Decimal(0), cost - held.amount)
        budgets.settle(held, cost)
        spent += cost
    assert spent <= 1_000 + excess


def test_the_narrower_of_day_and_month_holds_and_a_new_day_begins_anew() -> None:
    budgets, budget = Budgets(Alone()), Budget(day=Decimal(5), month=Decimal(8))
    for amount in (4, 1):
        assert isinstance(budgets.hold("key:app", budget, DAY, Decimal(amount), capped=True), Held)
    over = budgets.hold("key:app", budget, DAY, Decimal(1), capped=True)
    assert isinstance(over, Over)
    assert (over.period, over.left) == ("day", 0)
    tomorrow = DAY + dt.timedelta(days=1)
    assert isinstance(budgets.hold("key:app", budget, tomorrow, Decimal(3), capped=True), Held)
    over = budgets.hold("key:app", budget, tomorrow, Decimal(1), capped=True)
    assert isinstance(over, Over)
    assert over.period == "month"
    assert isinstance(budgets.hold("key:app", budget, dt.date(2026, 12, 1), Decimal(5), capped=True), Held)


def test_a_lowered_limit_holds_at_once_and_a_raised_one_makes_room() -> None:
    budgets = Budgets(Alone())
    held = budgets.hold("key:app", TEN, DAY, Decimal(6), capped=True)
    assert isinstance(held, Held)
    low = Budget(day=Decimal(5))
    assert isinstance(budgets.hold("key:app", low, DAY, Decimal(1), capped=True), Over)
    assert isinstance(budgets.hold("key:app", Budget(day=Decimal(7)), DAY, Decimal(1), capped=True), Held)


def test_processes_on_one_ledger_never_pass_a_budget_together(ledger: Ledger) -> None:
    spent: list[Decimal] = []
    lock = threading.Lock()

    def process(name: str) -> None:
        budgets = Budgets(ledger.leases(name))
        for number in range(40):
            held = budgets.hold("project:p", TEN, DAY, Decimal("0.13"), capped=True)
            if isinstance(held, Held):
                with lock:
                    spent.append(Decimal("0.11"))
                budgets.settle(held, Decimal("0.11"))
            if number % 7 == 0:
                budgets.tend(DAY)
        budgets.close()

    threads = [threading.Thread(target=process, args=(f"tw_{n}_",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Decimal(9) < sum(spent) <= 10
    # Each gave back what it did not spend.
    assert sum(leased(ledger).values()) == sum(spent)


def test_what_was_spent_before_a_budget_was_set_counts(ledger: Ledger, tmp_path: Any) -> None:
    spool = Spool(tmp_path / "spool", process="tw_old_")
    spool.append(Opened(id="tw_old_1", at=AT, project="p", reserved=Decimal("7.5")))
    ledger.fold(spool.path)
    spool.close()
    budgets = Budgets(ledger.leases("tw_new_"))
    day = dt.datetime.fromtimestamp(AT / 1e6, dt.UTC).date()
    assert isinstance(budgets.hold("project:p", TEN, day, Decimal(3), capped=True), Over)
    assert isinstance(budgets.hold("project:p", TEN, day, Decimal("2.5"), capped=True), Held)


def test_a_process_that_was_killed_leaves_only_what_it_spent(ledger: Ledger, tmp_path: Any) -> None:
    day = dt.datetime.fromtimestamp(AT / 1e6, dt.UTC).date()
    dead = Budgets(ledger.leases("tw_dead_"))
    spool = Spool(tmp_path / "spool", process="tw_dead_")
    assert isinstance(dead.hold("key:app", TEN, day, Decimal(4), capped=True), Held)
    spool.append(Opened(id="tw_dead_1", at=AT, key="app", reserved=Decimal("0.5")))
    other = Budgets(ledger.leases("tw_b_"))
    assert isinstance(other.hold("key:app", TEN, day, Decimal(8), capped=True), Over)
    assert ledger.fold_orphans(tmp_path / "spool") == 0, "its process lives"
    spool.close()
    ledger.fold_orphans(tmp_path / "spool")
    assert leased(ledger)["key:app", day.isoformat(), "tw_dead_"] == Decimal("0.5")
    assert isinstance(other.hold("key:app", TEN, day, Decimal("9.5"), capped=True), Held)


def test_without_the_database_calls_go_as_far_as_was_leased_and_then_wait() -> None:
    lessor, now = Alone(), [0.0]
    budgets = Budgets(lessor, clock=lambda: now[0])
    assert isinstance(budgets.hold("key:app", TEN, DAY, Decimal("0.01"), capped=True), Held)
    lessor.gone = True
    gone = 0
    for _ in range(30):
        try:
            assert isinstance(budgets.hold("key:app", TEN, DAY, Decimal("0.01"), capped=True), Held)
        except LedgerUnavailable:
            gone += 1
    assert gone == 30 - 19, "a fiftieth was leased"
    lessor.gone = False
    with pytest.raises(LedgerUnavailable, match="used up"):
        budgets.hold("key:app", TEN, DAY, Decimal("0.01"), capped=True)
    now[0] = 6
    assert isinstance(budgets.hold("key:app", TEN, DAY, Decimal("0.01"), capped=True), Held)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 400), st.integers(0, 400)), max_size=50))
def test_leases_always_cover_what_was_spent_and_keep_to_the_budget(calls: list[tuple[int, int, int]]) -> None:
    lessor = Alone()
    processes = [Budgets(lessor) for _ in range(3)]
    spent = over = Decimal(0)
    for number, amount, cost in calls:
        held = processes[number].hold("key:app", TEN, DAY, Decimal(amount) / 100, capped=True)
        if isinstance(held, Held):
            real = min(Decimal(cost) / 100, held.amount)
            processes[number].settle(held, real)
            spent += real
        processes[(number + 1) % 3].tend(DAY)
        over = max(over, max(lessor.rows.values(), default=Decimal(0)))
    assert spent <= over <= 10 or not calls
    for budgets in processes:
        budgets.close()
    assert sum(lessor.rows.values(), Decimal(0)) == spent
