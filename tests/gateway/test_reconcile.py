"""The ledger beside OpenAI's costs: what the simulator billed, exported as OpenAI exports it."""

from __future__ import annotations

import csv
import datetime as dt
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai
import pytest

from tierwise.calls import CostLine, plan, read
from tierwise.ledger import Opened, Spool, reconcile, settle, settling

COLUMNS = (
    "start_time", "end_time", "start_time_iso", "end_time_iso", "amount_value", "amount_currency",
    "line_item", "project_id", "organization_id", "organization_name",
)  # fmt: skip


def exported(path: Path, amounts: dict[str, Decimal]) -> Path:
    """A cost export of today, its money split over line items as OpenAI splits it."""
    start = int(dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp())
    with path.open("w", newline="") as file:
        rows = csv.DictWriter(file, COLUMNS)
        rows.writeheader()
        for item, amount in amounts.items():
            shared = {
                "start_time": start,
                "end_time": start + 86_400,
                "amount_currency": "usd",
                "project_id": "p",
            }
            rows.writerow({**shared, "amount_value": f"{amount / 4 * 3:f}", "line_item": f"{item}, input"})
            rows.writerow({**shared, "amount_value": f"{amount / 4:f}", "line_item": f"{item}, output"})
    return path


def billed(bench: Any) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for line in bench.simulator.bill:
        found[line.model] = found.get(line.model, Decimal(0)) + line.cost
    return found


def test_what_was_billed_is_what_was_counted_and_each_difference_has_its_reason(
    bench: Any, tmp_path: Path
) -> None:
    client = bench.client()
    for model in ("gpt-5.5", "gpt-5.4", "gpt-5.4-mini"):
        for number in range(3):
            client.responses.create(model=model, input=f"Prove theorem {number}.")
    bench.settled(9)
    served = billed(bench)
    named = {
        total.name: served[
            next(model for model in served if total.name == model or total.name.startswith(f"{model}-20"))
        ]
        for total in bench.ledger.totals("model")
    }
    costs = exported(tmp_path / "cost_2026.csv", named)

    def compare() -> Any:
        return reconcile(bench.ledger, [line for unit in plan([costs]).units for line in read(unit)])  # type: ignore[misc]

    rows = compare()
    assert len(rows) == 3
    assert sum(row.unexplained for row in rows) == 0
    assert all(row.difference == 0 and row.reason == "" for row in rows)
    first, *others = sorted(named)
    exported(costs, {first: named[first] / 2, others[0]: named[others[0]], "gpt-4o-2024-08-06": Decimal(5)})
    told = {row.model: row.reason for row in compare()}
    assert told[first].startswith("charged at 50.0 %")
    assert told[others[0]] == ""
    assert told["gpt-4o-2024-08-06"] == "not called through the gateway"
    assert told[others[1]].startswith("not in the export")
    exported(costs, {name: cost * 3 for name, cost in named.items()})
    assert all(row.unexplained == row.difference > 0 for row in compare())


def test_the_command_says_the_difference_and_what_is_unexplained(bench: Any, tmp_path: Path) -> None:
    client = bench.client()
    client.responses.create(model="gpt-5.5", input="Prove it.")
    bench.settled(1)
    (name,) = [total.name for total in bench.ledger.totals("model")]
    costs = exported(tmp_path / "cost_2026.csv", {name: bench.simulator.bill_total})
    done = subprocess.run(
        [sys.executable, "-m", "tierwise", "reconcile", str(costs), "--ledger", bench.options.ledger],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert name in done.stdout
    assert "unexplained: $0.000000, 0.00 % of what was charged" in done.stdout


def test_a_running_gateway_lets_go_what_was_held_for_a_settled_call(bench: Any) -> None:
    now = dt.datetime.now(dt.UTC)
    later = now.date() + dt.timedelta(days=2)
    key = bench.key("tight", budget={"month": "1"})
    spool = Spool(bench.folder / "another")
    at = int(now.timestamp() * 1e6)
    spool.append(
        Opened(id="gone", at=at, project="default", key="tight", model="gpt-5.4", reserved=Decimal("0.9999"))
    )
    path = spool.path
    spool.close()
    bench.ledger.fold(path, orphan=True)
    client = bench.client(key)

    def ask() -> Any:
        return client.responses.create(model="gpt-5.5", input="Prove it.", max_output_tokens=2_000)

    with pytest.raises(openai.RateLimitError, match="budget"):
        ask()
    line = CostLine(start=at, amount=Decimal("0.25"), line_item="gpt-5.4-2026-03-05, input")
    assert settle(bench.ledger, settling(bench.ledger, [line], later), "kim") == 1
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            ask()
        except openai.RateLimitError:
            time.sleep(0.1)
        else:
            break
    else:
        raise AssertionError("what was held for the settled call is still held")
    bench.settled(2)
    (total,) = [total for total in bench.ledger.totals("key") if total.name == "tight"]
    assert (total.reserved, total.unpriced) == (0, 0)
    assert total.cost > Decimal("0.25")
