"""`tierwise keys`, `spend`, `ledger`, `off` and `on`: what is kept of live calls, and who may make them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tierwise.errors import CallerError, MissingExtra

if TYPE_CHECKING:
    from tierwise.ledger import Ledger, Total

Url = Annotated[
    str,
    typer.Option(
        "--ledger",
        help="File of an SQLite ledger, or postgresql+psycopg://...",
        metavar="URL",
        envvar="TIERWISE_LEDGER",
    ),
]
DEFAULT: str = "tierwise.db"
LEVER: str = "lever"
"""What `spend --by` takes beside the groups of calls: what each lever saved."""


@contextmanager
def opened(url: str, *, new: bool = False) -> Iterator[Ledger]:
    """The ledger at an address; one of SQLite's must be there, unless `new`."""
    try:
        from tierwise.ledger import Ledger
    except ModuleNotFoundError as error:
        raise MissingExtra(f"the ledger needs {error.name}: pip install 'tierwise[gateway]'") from None
    if not new and "://" not in url and not Path(url).exists():
        raise CallerError(
            f"expected a ledger at {url}, found none; name it with --ledger, or start: tierwise serve"
        )
    ledger = Ledger(url)
    try:
        yield ledger
    finally:
        ledger.close()


def keys_app() -> typer.Typer:
    """The commands under `tierwise keys`."""
    app = typer.Typer(help="Make, list and end gateway keys.", no_args_is_help=True, rich_markup_mode=None)
    app.command("create")(create)
    app.command("list")(listed)
    app.command("end")(end)
    return app


def create(
    name: Annotated[str, typer.Argument(help="What the key is called, in budgets and reports.")],
    project: Annotated[str, typer.Option(help="Whose its calls and objects are.")] = "default",
    model: Annotated[
        list[str] | None, typer.Option(help="Only this model, * for any text; may be repeated.")
    ] = None,
    workload: Annotated[list[str] | None, typer.Option(help="Only this workload; may be repeated.")] = None,
    day: Annotated[str | None, typer.Option(help="Dollars a day.", metavar="USD")] = None,
    month: Annotated[str | None, typer.Option(help="Dollars a month.", metavar="USD")] = None,
    a_minute: Annotated[int | None, typer.Option(help="Calls a minute.", min=1)] = None,
    at_once: Annotated[int | None, typer.Option(help="Calls at once.", min=1)] = None,
    pass_through: Annotated[
        bool, typer.Option("--pass-through", help="May use OpenAI's other paths.")
    ] = False,
    unrouted: Annotated[bool, typer.Option("--unrouted", help="May ask not to be routed.")] = False,
    admin: Annotated[bool, typer.Option("--admin", help="May turn routing off, and see every call.")] = False,
    ledger: Url = DEFAULT,
) -> None:
    r"""Make a key, print it once: it is kept nowhere.

    \b
    Example:
      tierwise keys create app --project support --month 500
    """
    with opened(ledger, new=True) as found:
        from tierwise.ledger import Budget, Keys, Scope

        scope = Scope(
            project=project,
            models=tuple(model or ()),
            workloads=tuple(workload or ()),
            pass_through=pass_through,
            unrouted=unrouted,
            a_minute=a_minute,
            at_once=at_once,
            budget=Budget(day=_dollars(day), month=_dollars(month)),
            admin=admin,
        )
        typer.echo(Keys(found).make(name, scope))


def listed(ledger: Url = DEFAULT) -> None:
    """List keys: name, project, budgets, since when."""
    with opened(ledger) as found:
        from tierwise.ledger import Keys

        rows: list[tuple[str, ...]] = [("name", "project", "dollars a day", "a month", "made", "ended")]
        for key in Keys(found).all():
            budget = key.scope.budget
            rows.append(
                (
                    key.name,
                    key.scope.project,
                    _or_none(budget.day),
                    _or_none(budget.month),
                    _day(key.made),
                    _day(key.ended),
                )
            )
        table(rows)


def end(name: Annotated[str, typer.Argument(help="The key's name.")], ledger: Url = DEFAULT) -> None:
    """End a key: within seconds it opens nothing any more."""
    with opened(ledger) as found:
        from tierwise.ledger import Keys

        Keys(found).end(name)
    typer.echo(f"ended {name}")


def spend(
    by: Annotated[
        str | None,
        typer.Option(help="workload, model, key, project, lane, day, rule, task, status or lever."),
    ] = None,
    since: Annotated[str | None, typer.Option(help="First day, UTC.", metavar="YYYY-MM-DD")] = None,
    until: Annotated[str | None, typer.Option(help="Last day, UTC.", metavar="YYYY-MM-DD")] = None,
    ledger: Url = DEFAULT,
) -> None:
    r"""Say what live calls cost, what they would have cost as asked, and what is held.

    \b
    Examples:
      tierwise spend
      tierwise spend --by workload --since 2026-11-01
    """
    with opened(ledger) as found:
        from tierwise.ledger import BY

        if by == LEVER:
            _by_lever(found.saved(iso(since), iso(until)))
            return
        if by is not None and by not in BY:
            raise CallerError(f"expected --by one of {', '.join(BY)}; got {by!r:.40}")
        totals = found.totals(by, iso(since), iso(until))
        if not totals:
            typer.echo("no calls in the ledger for these days")
            return
        head = (
            by or "",
            "calls",
            "input",
            "output",
            "cost",
            "as asked (est.)",
            "saved (est.)",
            "held",
            "unpriced",
        )
        table([head, *map(_row, totals), *([_row(_sum(totals))] if len(totals) > 1 else [])])


def _by_lever(saved: dict[str, Decimal]) -> None:
    """What each lever saved."""
    if not saved:
        typer.echo("no lever has saved or lost anything on these days")
        return
    rows = [(lever, f"{amount:f}") for lever, amount in saved.items()]
    table([("lever", "saved (est.)"), *rows, ("sum", f"{sum(saved.values(), Decimal(0)):f}")])


def budgets_app() -> typer.Typer:
    """The commands under `tierwise budgets`."""
    app = typer.Typer(help="Budgets of projects and workloads.", no_args_is_help=True, rich_markup_mode=None)
    app.command("set")(set_budget)
    app.command("list")(list_budgets)
    return app


def set_budget(
    who: Annotated[str, typer.Argument(help="project:NAME or workload:FINGERPRINT.", metavar="WHO")],
    day: Annotated[str | None, typer.Option(help="Dollars a day.", metavar="USD")] = None,
    month: Annotated[str | None, typer.Option(help="Dollars a month.", metavar="USD")] = None,
    ledger: Url = DEFAULT,
) -> None:
    r"""Set a budget; within two seconds it holds on every replica. Without an amount it is taken away.

    \b
    Example:
      tierwise budgets set project:support --month 2000
    """
    import getpass

    kind, _, name = who.partition(":")
    if kind not in {"project", "workload"} or not name:
        raise CallerError(
            f"expected project:NAME or workload:FINGERPRINT, got {who!r:.60}; keys have their own"
        )
    with opened(ledger, new=True) as found:
        from tierwise.ledger import Budget

        found.set_budget(who, Budget(day=_dollars(day), month=_dollars(month)), f"user:{getpass.getuser()}")
    typer.echo(f"{who}: {day or 'no limit'} a day, {month or 'no limit'} a month")


def list_budgets(ledger: Url = DEFAULT) -> None:
    """List budgets of projects and workloads."""
    with opened(ledger) as found:
        rows: list[tuple[str, ...]] = [("who", "dollars a day", "a month")]
        rows += [(who, _or_none(b.day), _or_none(b.month)) for who, b in found.budgets().items()]
        table(rows)


Workload = Annotated[
    str | None, typer.Option(help="Only this workload, by its fingerprint (16 hex digits).", metavar="ID")
]


def off(workload: Workload = None, ledger: Url = DEFAULT) -> None:
    """Stop routing: within two seconds every replica sends calls as asked. They are still recorded."""
    _switch(ledger, workload, "off")


def on(workload: Workload = None, ledger: Url = DEFAULT) -> None:
    """Route again; with --workload, its alarm of the living proof is lifted too."""
    _switch(ledger, workload, "on")


def _switch(url: str, workload: str | None, value: str) -> None:
    import getpass

    if workload is not None and re.fullmatch("[0-9a-f]{16}", workload) is None:
        raise CallerError(f"expected a fingerprint of 16 hex digits, got {workload!r:.40}")
    with opened(url) as found:
        name = "routing" if workload is None else f"routing:{workload}"
        found.set_flag(name, value, f"user:{getpass.getuser()}")
        if workload is not None and value == "on":
            from tierwise.ledger import lift_alarm

            if lift_alarm(found, workload, f"user:{getpass.getuser()}"):
                typer.echo(f"the alarm on {workload} is lifted")
    typer.echo(f"routing is {value}{'' if workload is None else f' for {workload}'}")


for _command in (create, set_budget, spend):
    _command.__doc__ = (_command.__doc__ or "").replace("\\b", "\b")


def _dollars(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal(-1)
    if not found.is_finite() or found < 0:
        raise CallerError(f"expected dollars from 0, such as 25 or 0.50; got {text!r:.40}")
    return found


def iso(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError:
        raise CallerError(f"expected a day such as 2026-11-25, got {text!r:.40}") from None


def _sum(totals: list[Total]) -> Total:
    from tierwise.ledger import Total

    whole = Total("together")
    for total in totals:
        whole.calls += total.calls
        whole.input += total.input
        whole.output += total.output
        whole.cost += total.cost
        whole.as_asked += total.as_asked
        whole.reserved += total.reserved
        whole.unpriced += total.unpriced
    return whole


def _row(total: Total) -> tuple[str, ...]:
    saved = total.as_asked - total.cost
    return (
        total.name or "(none)",
        f"{total.calls:,}",
        f"{total.input:,}",
        f"{total.output:,}",
        f"${total.cost:f}",
        f"${total.as_asked:.6f}",
        f"${saved:.6f}",
        f"${total.reserved:.6f}",
        f"{total.unpriced:,}",
    )


def table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
        ]
        typer.echo("  ".join(cells).rstrip())


def _or_none(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:f}"


def _day(at: int | None) -> str:
    return "" if at is None else dt.datetime.fromtimestamp(at / 1e6, dt.UTC).date().isoformat()
