"""A month of calls through the gateway, stated: rows add up to the ledger, estimates are made again to the digit."""

from __future__ import annotations

import csv
import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from tierwise.catalog import Catalog
from tierwise.cli._main import build
from tierwise.statement import month_of, state

CONTRACT = """
[[discount]]
models = ["*"]
percent = 20
from = 2026-01-01
reason = "yearly contract"
"""


def test_what_calls_cost_and_would_have_cost_is_stated_as_it_was_counted(bench: Any, tmp_path: Path) -> None:
    client = bench.client()
    for number in range(4):
        client.chat.completions.create(
            model="gpt-5.5",
            messages=[
                {
                    "role": "system",
                    "content": "Classify the ticket as billing, bug or other. Answer with one word.",
                },
                {"role": "user", "content": f"Ticket {number}: I was charged twice."},
            ],
        )
        client.responses.create(model="gpt-5.5", input=f"Prove theorem {number}.")
    bench.settled(8)
    (total,) = bench.ledger.totals()
    today = dt.datetime.now(dt.UTC).date()
    (tmp_path / "contract.toml").write_text(CONTRACT)
    contract, rows = Catalog.open(tmp_path / "contract.toml"), []
    span = month_of(f"{today:%Y-%m}", today)
    month = state(bench.ledger, span, today, Catalog.open(), contract, each=rows.append)
    assert month.moved > 0
    assert month.cost.counted == month.cost.listed == total.cost == sum(row.sums.counted for row in rows)
    assert month.as_asked.counted == month.as_asked.listed == total.as_asked
    assert month.cost.contract == total.cost * Decimal("0.8")
    assert month.as_asked.contract == total.as_asked * Decimal("0.8")
    assert month.saving.counted == total.as_asked - total.cost > 0
    assert {row.charge.basis for row in rows} == {"rates"}
    out = tmp_path / "out"
    done = CliRunner().invoke(
        build(),
        [
            "statement", "--month", span.name, "--ledger", bench.options.ledger,
            "--prices", str(tmp_path / "contract.toml"), "-o", str(out),
        ],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    with (out / f"focus-{span.name}.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert sum(Decimal(row["BilledCost"]) for row in table) == total.cost
    assert len(table) == len(rows)
    assert (out / f"statement-{span.name}.md").read_text() in done.output
    assert sorted(path.name for path in out.iterdir()) == [
        f"focus-{span.name}.csv", f"statement-{span.name}.html", f"statement-{span.name}.md",
    ]  # fmt: skip
