"""`tierwise reconcile`: the ledger beside what OpenAI charged."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import typer

from tierwise.cli._ledger import DEFAULT, Url, opened
from tierwise.errors import CallerError


def reconcile(
    costs: Annotated[
        list[str],
        typer.Argument(help="OpenAI's cost export (cost_*.csv), or pages of its costs API.", metavar="COSTS"),
    ],
    ledger: Url = DEFAULT,
) -> None:
    r"""Compare the ledger with what OpenAI says it charged, by day and model.

    \b
    Example:
      tierwise reconcile cost_2026-11-01_2026-11-30.csv
    """
    from tierwise.calls import CostLine, plan, read

    lines = [record for unit in plan(costs).units for record in read(unit) if isinstance(record, CostLine)]
    if not lines:
        raise CallerError("expected OpenAI's costs (cost_*.csv, or the costs API), found no line of them")
    with opened(ledger) as found:
        from tierwise.ledger import reconcile as compare

        rows = compare(found, lines)
    head = f"{'day':11}{'model':34}{'charged':>14}{'in the ledger':>16}{'difference':>14}  reason"
    typer.echo(head)
    for row in rows:
        typer.echo(
            f"{row.day:11}{row.model[:33]:34}{row.charged:14.6f}{row.counted:16.6f}{row.difference:14.6f}  {row.reason}".rstrip()
        )
    charged = sum((row.charged for row in rows), Decimal(0))
    unexplained = sum((row.unexplained for row in rows), Decimal(0))
    share = unexplained * 100 / charged if charged else Decimal(0)
    counted = sum((row.counted for row in rows), Decimal(0))
    typer.echo(f"{'together':45}{charged:14.6f}{counted:16.6f}{charged - counted:14.6f}")
    typer.echo(f"unexplained: ${unexplained:.6f}, {share:.2f} % of what was charged")


# The parser keeps the lines of a paragraph that a backspace stands before.
reconcile.__doc__ = (reconcile.__doc__ or "").replace("\\b", "\b")
