"""`tierwise reconcile`: the ledger beside what OpenAI charged."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tierwise.cli._ledger import DEFAULT, Url, opened
from tierwise.errors import CallerError

if TYPE_CHECKING:
    from tierwise.calls import CostLine
    from tierwise.ledger import Difference, Ledger, Settling


def reconcile(
    costs: Annotated[
        list[str],
        typer.Argument(help="OpenAI's cost export (cost_*.csv), or pages of its costs API.", metavar="COSTS"),
    ],
    settle: Annotated[
        bool, typer.Option("--settle", help="Settle calls of unknown end by what was charged.")
    ] = False,
    prices: Annotated[
        Path | None, typer.Option(help="Your prices and names of models (TOML).", metavar="FILE")
    ] = None,
    ledger: Url = DEFAULT,
) -> None:
    r"""Compare the ledger with what OpenAI says it charged, by day and model.

    Calls whose end is not known keep what was held for them, until the costs of their day tell
    what they were charged: this says what they would be settled at, and with --settle does it.

    \b
    Examples:
      tierwise reconcile cost_2026-11-01_2026-11-30.csv
      tierwise reconcile cost_2026-11-01_2026-11-30.csv --settle
    """
    import getpass

    from tierwise.catalog import Catalog

    catalog = Catalog.open(prices)
    lines = _lines(costs, whole=settle)
    with opened(ledger) as found:
        from tierwise import ledger as room

        rows = room.reconcile(found, lines, catalog)
        _print(rows)
        plans = room.settling(found, lines, dt.datetime.now(dt.UTC).date(), catalog)
        count = room.settle(found, plans, f"user:{getpass.getuser()}") if settle else 0
        _say(found, plans, {row.day for row in rows}, done=settle)
        if settle:
            typer.echo(f"settled {count:,} calls")


def _lines(costs: list[str], *, whole: bool) -> list[CostLine]:
    """What the files have. Raises CallerError where that is nothing, or not all where it must be whole."""
    from tierwise.calls import CostLine, Skipped, plan, read

    records = [record for unit in plan(costs).units for record in read(unit)]
    lines = [record for record in records if isinstance(record, CostLine)]
    if not lines:
        raise CallerError("expected OpenAI's costs (cost_*.csv, or the costs API), found no line of them")
    unread = sum(isinstance(record, Skipped) for record in records)
    if unread and whole:
        raise CallerError(
            f"{unread:,} lines of the costs cannot be read, so that nothing is settled by the others"
        )
    if unread:
        typer.echo(f"{unread:,} lines of the costs cannot be read", err=True)
    return lines


def _print(rows: list[Difference]) -> None:
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


def _say(ledger: Ledger, plans: list[Settling], days: set[str], *, done: bool) -> None:
    """What becomes of calls of unknown end, or would with --settle."""
    from tierwise.ledger import plain, uncovered

    for plan in plans:
        many = f"{plan.day} {plan.model[:60]}: {len(plan.calls):,} calls of unknown end, ${plain(plan.held_for_all)} held"
        if plan.amount is None:
            typer.echo(f"{many}, stay held: {plan.why}")
        else:
            typer.echo(
                f"{many}, {'settled' if done else 'would be settled'} at ${plain(plan.amount)}: {plan.why}"
            )
    count, held = uncovered(ledger, days)
    if count:
        typer.echo(
            f"{count:,} calls of unknown end on days that the costs do not cover stay held: ${plain(held)}"
        )
    if not done and any(plan.amount is not None for plan in plans):
        typer.echo("nothing is changed; settle them with --settle")


# The parser keeps the lines of a paragraph that a backspace stands before.
reconcile.__doc__ = (reconcile.__doc__ or "").replace("\\b", "\b")
