"""`tierwise statement`: a month of the ledger for finance."""

from __future__ import annotations

import datetime as dt
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from tierwise.cli._ledger import DEFAULT, Url, opened

if TYPE_CHECKING:
    from tierwise.statement import Group, Month


def statement(
    month: Annotated[str, typer.Option(help="The month, in UTC.", metavar="YYYY-MM")],
    ledger: Url = DEFAULT,
    prices: Annotated[
        Path | None, typer.Option(help="Your contract prices and discounts (TOML).", metavar="FILE")
    ] = None,
    project: Annotated[str | None, typer.Option(help="Only this project.", metavar="NAME")] = None,
    account: Annotated[
        str, typer.Option(help="What finance calls the account that OpenAI bills.", metavar="NAME")
    ] = "OpenAI",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Write the table and the page here.", metavar="FOLDER"),
    ] = None,
) -> None:
    r"""State a month for finance: what was billed, at list and at contract prices, saved, held and unpriced.

    Prints one page. With -o it is written as Markdown and HTML, beside a FOCUS 1.2 table (CSV) with a row
    by day, project, model, lane and kind of token, whose rows add up to the ledger to the last digit.

    \b
    Examples:
      tierwise statement --month 2026-11
      tierwise statement --month 2026-11 --prices contract.toml -o statements/
    """
    from tierwise.catalog import Catalog
    from tierwise.statement import Focus, html, markdown, month_of, state

    today = dt.datetime.now(dt.UTC).date()
    span = month_of(month, today)
    listed, contract = Catalog.open(), Catalog.open(prices) if prices is not None else None
    with opened(ledger) as found, _progress() as told:

        def sums(each: Callable[[Group], None] | None = None) -> Month:
            return state(found, span, today, listed, contract, project=project, each=each, told=told)

        if output is None:
            typer.echo(markdown(sums()), nl=False)
            return
        output.mkdir(parents=True, exist_ok=True)
        name = _file_name(month, project)
        with _whole(output / f"focus-{name}.csv") as file:
            focus = Focus(file, span, account)
            whole = sums(focus.write)
    for ending, text in (("md", markdown(whole)), ("html", html(whole))):
        with _whole(output / f"statement-{name}.{ending}") as file:
            file.write(text)
    typer.echo(markdown(whole), nl=False)
    typer.echo(
        f"wrote {focus.rows:,} rows to {output / f'focus-{name}.csv'}, and the page beside it", err=True
    )


def _file_name(month: str, project: str | None) -> str:
    return month if project is None else f"{month}-{re.sub(r'[^A-Za-z0-9._-]+', '-', project)[:60]}"


@contextmanager
def _whole(path: Path) -> Iterator[TextIO]:
    """A file that is there only once all of it is: one of an earlier run stays until then."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _progress() -> Iterator[Callable[[dt.date, int], None] | None]:
    """How far it is, on a terminal; nothing where standard error is a file or a pipe."""
    if not sys.stderr.isatty():
        yield None
        return

    def told(day: dt.date, calls: int) -> None:
        typer.echo(f"\r{day.isoformat()}: {calls:,} calls", nl=False, err=True)

    try:
        yield told
    finally:
        typer.echo("\r\033[K", nl=False, err=True)


# The parser keeps the lines of a paragraph that a backspace stands before.
statement.__doc__ = (statement.__doc__ or "").replace("\\b", "\b")
