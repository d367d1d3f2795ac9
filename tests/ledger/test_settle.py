"""Calls of unknown end: settled by what was charged, to the last digit, once, and only where it tells."""

from __future__ import annotations

import csv
import datetime as dt
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.calls import RECORDER_VERSION, CostLine, Recorded
from tierwise.catalog import Tokens
from tierwise.errors import CallerError
from tierwise.ledger import (
    SETTLED,
    UNKNOWN,
    Budget,
    Budgets,
    Closed,
    Held,
    Ledger,
    Opened,
    Over,
    Spool,
    corrections,
    newest,
    reconcile,
    settle,
    settling,
    shares,
    uncovered,
)
from tierwise.ledger._store import open_engine
from tierwise.ledger._tables import migrate

DAY = dt.date(2026, 11, 20)
TODAY = dt.date(2026, 11, 25)
YESTERDAY = dt.date(2026, 11, 24)
SNAPSHOT = "gpt-5.5-2026-04-23"


def at(day: dt.date) -> int:
    return int(dt.datetime(day.year, day.month, day.day, 12, tzinfo=dt.UTC).timestamp() * 1e6)


def opened(identity: str, held: str = "0.5", model: str = "gpt-5.5", day: dt.date = DAY) -> Opened:
    return Opened(
        id=identity, at=at(day), project="p", key="app", model=model, workload="00000000000000a1",
        reserved=Decimal(held),
    )  # fmt: skip


def closed(identity: str, cost: str | None = "1", *, day: dt.date = DAY, **call: Any) -> Closed:
    given: dict[str, Any] = {
        "status": "ok",
        "served": SNAPSHOT,
        "tokens": Tokens(uncached=5, output=2),
    } | call
    cost_ = Decimal(cost) if cost is not None else None
    recorded = Recorded(
        recorder=RECORDER_VERSION, at=at(day), asked="gpt-5.5", project="p", key="app", cost=cost_, **given
    )
    return Closed(id=identity, call=recorded, workload="00000000000000a1")


def charged(amount: str, model: str = SNAPSHOT, day: dt.date = DAY, currency: str = "usd") -> list[CostLine]:
    """What an export has of a day: input and output apart."""
    most = Decimal(amount) / 4 * 3
    halves = ((f"{model}, input", most), (f"{model}, output", Decimal(amount) - most))
    return [CostLine(start=at(day), amount=part, line_item=item, currency=currency) for item, part in halves]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def ledger(folder: Path) -> Any:
    found = Ledger(str(folder / "l.db"))
    yield found
    found.close()


def fold(ledger: Ledger, folder: Path, *lines: Opened | Closed) -> None:
    spool = Spool(folder / "spool", room=1024 * 1024)
    for line in lines:
        spool.append(line)
    path = spool.path
    spool.close()
    ledger.fold(path, orphan=True)


@given(
    st.decimals(min_value=-1000, max_value=1000, places=15),
    st.lists(st.decimals(min_value=0, max_value=100, places=9), min_size=1, max_size=30),
)
def test_shares_add_up_to_the_last_digit_in_proportion(amount: Decimal, weights: list[Decimal]) -> None:
    parts = shares(amount, weights)
    assert sum(parts) == amount
    whole = sum(weights) or Decimal(len(weights))
    for part, weight in zip(parts, weights if any(weights) else [Decimal(1)] * len(weights), strict=True):
        assert abs(part - amount * weight / whole) < Decimal("1e-9")
    assert all(part * amount >= 0 for part in parts)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.decimals(min_value=0, max_value=2, places=7), min_size=1, max_size=12),
    st.decimals(min_value=0, max_value=1, places=9),
)
def test_after_settling_the_ledger_has_what_was_charged_and_holds_nothing(
    tmp_path_factory: Any, held: list[Decimal], part: Decimal
) -> None:
    folder = tmp_path_factory.mktemp("settle")
    ledger = Ledger(str(folder / "l.db"))
    calls = [opened(f"u{number}", f"{amount:f}") for number, amount in enumerate(held)]
    fold(ledger, folder, closed("a", "0.123456789012345"), closed("b", "3.000000000000001"), *calls)
    whole = Decimal("3.123456789012346") + sum(held) * part
    found = settling(ledger, charged(f"{whole:f}"), TODAY)
    assert settle(ledger, found, "kim") == len(held)
    for by in (None, "model", "day", "project", "key", "workload", "status"):
        totals = ledger.totals(by)
        assert sum(total.cost for total in totals) == whole
        assert sum(total.reserved for total in totals) == 0
        assert sum(total.unpriced for total in totals) == 0
    (row,) = reconcile(ledger, charged(f"{whole:f}"))
    assert (row.difference, row.held, row.reason) == (0, 0, "")
    ledger.close()


def test_settling_again_changes_nothing_and_a_calls_own_row_is_not_rewritten(
    ledger: Ledger, folder: Path
) -> None:
    fold(ledger, folder, closed("a", "1"), opened("u", "0.5"), opened("v", "0.25"))
    lines = charged("1.000000000000000007")
    for count in (2, 0, 0):
        assert settle(ledger, settling(ledger, lines, TODAY), "kim") == count
    u, v = ledger.call("u"), ledger.call("v")
    assert u is not None
    assert v is not None
    assert (u["status"], u["cost"], u["reserved"]) == (SETTLED, None, None)
    assert Decimal(u[SETTLED]) + Decimal(v[SETTLED]) == Decimal("7E-18")
    assert Decimal(u[SETTLED]) > Decimal(v[SETTLED])
    (note,) = [what for _, who, what in ledger.notes() if who == "kim"]
    assert note.startswith("settled 2 calls at 0.000000000000000007, held 0.75; 2026-11-20 gpt-5.5")
    with ledger.engine.connect() as connection:
        rows = connection.execute(sa.text("select call, held, who from settlements order by call")).all()
    assert [tuple(row) for row in rows] == [("u", "0.5", "kim"), ("v", "0.25", "kim")]


def test_where_nothing_more_was_charged_they_cost_nothing(ledger: Ledger, folder: Path) -> None:
    fold(ledger, folder, closed("a", "1"), opened("u"), opened("n", model="gpt-5.4-nano"))
    found = settling(ledger, charged("1"), TODAY)
    assert [(each.model, each.amount) for each in found] == [("gpt-5.4-nano", 0), (SNAPSHOT, 0)]
    assert settle(ledger, found, "kim") == 2
    (total,) = ledger.totals()
    assert (total.cost, total.reserved, total.unpriced, total.calls) == (1, 0, 0, 3)


@pytest.mark.parametrize(
    ("lines", "calls", "why"),
    [
        (charged("1.6"), [], "more was charged than is held"),
        (charged("0.8"), [], "less was charged than was counted"),
        (charged("1.2"), [closed("x", None)], "1 other calls have no price"),
        (charged("1.2", day=TODAY), [opened("w", day=TODAY)], "costs of the day may still come"),
        (charged("1.2", day=YESTERDAY), [opened("w", day=YESTERDAY)], "costs of the day may still come"),
        (charged("1.2"), [opened("w", model="our-own")], "the model is not known"),
    ],
    ids=["more than held", "a discount", "unpriced beside", "today", "yesterday", "no such model"],
)
def test_what_the_export_does_not_tell_stays_held(
    ledger: Ledger, folder: Path, lines: list[CostLine], calls: list[Any], why: str
) -> None:
    fold(ledger, folder, closed("a", "1"), opened("u"), *calls)
    before = ledger.totals()[0].reserved
    held = [each for each in settling(ledger, lines, TODAY) if each.amounts is None]
    assert len(held) == 1
    assert held[0].why.startswith(why)
    assert settle(ledger, held, "kim") == 0
    assert ledger.totals()[0].reserved == before


def test_days_that_the_export_does_not_cover_stay_held(ledger: Ledger, folder: Path) -> None:
    other = DAY - dt.timedelta(days=1)
    fold(ledger, folder, closed("a", "1"), opened("u"), opened("o", "0.75", day=other))
    assert settle(ledger, settling(ledger, charged("1.25"), TODAY), "kim") == 1
    assert uncovered(ledger, {DAY.isoformat()}) == (1, Decimal("0.75"))
    row = ledger.call("o")
    assert row is not None
    assert (row["status"], row["reserved"]) == (UNKNOWN, "0.75")


def test_a_snapshot_in_the_export_is_the_model_that_was_sent(ledger: Ledger, folder: Path) -> None:
    fold(ledger, folder, opened("u", model="gpt-5.5"), opened("v", model=SNAPSHOT))
    (row,) = reconcile(ledger, charged("0.75"))
    assert (row.model, row.held, row.reason) == (SNAPSHOT, 1, "calls whose end is not known were billed")
    (each,) = settling(ledger, charged("0.75"), TODAY)
    assert each.amounts == (Decimal("0.375"), Decimal("0.375"))


def test_other_currencies_are_refused(ledger: Ledger) -> None:
    with pytest.raises(CallerError, match="expected costs in USD, found 'eur'"):
        reconcile(ledger, charged("1", currency="eur"))


def test_an_end_that_comes_late_is_noted_and_changes_nothing(ledger: Ledger, folder: Path) -> None:
    fold(ledger, folder, opened("u"))
    settle(ledger, settling(ledger, charged("0.2"), TODAY), "kim")
    fold(ledger, folder, closed("u", "9"))
    assert ledger.totals()[0].cost == Decimal("0.2")
    assert ledger.notes()[-1][1:] == (
        "ledger",
        "the end of u came after it was settled; what it was settled at stays",
    )


def test_an_end_that_comes_between_plan_and_deed_settles_nothing(ledger: Ledger, folder: Path) -> None:
    fold(ledger, folder, opened("t"), opened("u"))
    found = settling(ledger, charged("0.2"), TODAY)
    fold(ledger, folder, closed("u", "0.1"))
    with pytest.raises(CallerError, match="became known in the meantime"):
        settle(ledger, found, "kim")
    (total,) = ledger.totals()
    assert (total.cost, total.reserved) == (Decimal("0.1"), Decimal("0.5"))


def test_an_unknown_call_that_has_a_cost_is_not_held_as_well(ledger: Ledger, folder: Path) -> None:
    fold(ledger, folder, opened("u"), closed("u", "0.1", status="unknown"))
    fold(ledger, folder, opened("v"))
    fold(ledger, folder, closed("v", "0.2", status="unknown"))
    (total,) = ledger.totals()
    assert (total.cost, total.reserved) == (Decimal("0.3"), 0)
    assert settling(ledger, charged("0.3"), TODAY) == []


def test_a_ledger_of_the_first_version_gets_its_table(folder: Path) -> None:
    path = str(folder / "old.db")
    engine = open_engine(path)
    assert migrate(engine, 1) == 1
    engine.dispose()
    ledger = Ledger(path)
    assert ledger.version >= 2
    assert newest(ledger) == 0
    ledger.close()


@pytest.mark.parametrize("process", ["tw_gone_", "tw_here_"])
def test_what_a_call_was_settled_at_is_what_it_takes_of_a_budget(
    ledger: Ledger, folder: Path, process: str
) -> None:
    """Whether its process is gone, or is the one that still holds its money."""
    budget = Budget(day=Decimal(10), month=Decimal(20))
    running = Budgets(ledger.leases("tw_here_"))
    fold(ledger, folder, closed("a", "1"))
    if process == "tw_here_":
        held = running.hold("project:p", budget, DAY, Decimal("0.5"), capped=True)
        assert isinstance(held, Held)
    fold(ledger, folder, opened(f"{process}u"))
    if process == "tw_gone_":
        assert isinstance(running.hold("project:p", budget, DAY, Decimal("8.5"), capped=True), Held)
    settle(ledger, settling(ledger, charged("1.25"), TODAY), "kim")
    for one in corrections(ledger, 0):
        if one.call.startswith("tw_here_"):
            for who in one.who:
                running.correct(who, one.day, one.change)
    left = Decimal("0.25") if process == "tw_gone_" else Decimal("8.75")
    assert isinstance(running.hold("project:p", budget, DAY, left + Decimal("0.01"), capped=True), Over)
    assert isinstance(running.hold("project:p", budget, DAY, left, capped=True), Held)
    assert corrections(ledger, newest(ledger)) == []


def run(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tierwise", "reconcile", *words],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout


def exported(folder: Path, form: str, amount: str) -> Path:
    start = at(DAY) // 1_000_000 // 86_400 * 86_400
    path = folder / f"cost_2026.{form}"
    if form == "csv":
        with path.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(
                ["start_time", "end_time", "amount_value", "amount_currency", "line_item", "project_id"]
            )
            rows.writerow([start, start + 86_400, amount, "usd", f"{SNAPSHOT}, input", "p"])
        return path
    result = {
        "object": "organization.costs.result",
        "amount": {"value": float(amount), "currency": "usd"},
        "line_item": f"{SNAPSHOT}, input",
    }
    bucket = {"object": "bucket", "start_time": start, "end_time": start + 86_400, "results": [result]}
    path.write_text(json.dumps({"object": "page", "data": [bucket], "has_more": False}))
    return path


@pytest.mark.parametrize("form", ["csv", "json"])
def test_the_command_says_what_it_would_do_and_does_it_when_told(
    ledger: Ledger, folder: Path, form: str
) -> None:
    fold(ledger, folder, closed("a", "1"), opened("u"), opened("o", "0.75", day=DAY - dt.timedelta(days=2)))
    costs, where = str(exported(folder, form, "1.25")), str(folder / "l.db")
    said = run(costs, "--ledger", where)
    assert "1 calls of unknown end, $0.5 held, would be settled at $0.25" in said
    assert "on days that the costs do not cover stay held: $0.75" in said
    assert "settle them with --settle" in said
    assert ledger.totals()[0].reserved == Decimal("1.25")
    said = run(costs, "--ledger", where, "--settle")
    assert "settled at $0.25" in said
    assert "settled 1 calls" in said
    assert "settled 0 calls" in run(costs, "--ledger", where, "--settle")
    (total,) = ledger.totals()
    assert (total.cost, total.reserved) == (Decimal("1.25"), Decimal("0.75"))


def test_costs_that_cannot_all_be_read_settle_nothing(ledger: Ledger, folder: Path) -> None:
    fold(ledger, folder, opened("u"))
    costs = exported(folder, "csv", "0.25")
    rows = costs.read_text()
    costs.write_text(rows + rows.splitlines()[1].replace("0.25", "a quarter") + "\n")
    words = ["reconcile", str(costs), "--ledger", str(folder / "l.db"), "--settle"]
    done = subprocess.run(
        [sys.executable, "-m", "tierwise", *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "1 lines of the costs cannot be read, so that nothing is settled" in done.stderr
    assert ledger.totals()[0].reserved == Decimal("0.5")
