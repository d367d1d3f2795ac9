"""`tierwise batch list`, `show` and `cancel`: files of requests, and how far each is."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tierwise.cli._batch_run import retry, run
from tierwise.cli._ledger import DEFAULT, Url, opened, table
from tierwise.errors import CallerError, MissingExtra

if TYPE_CHECKING:
    from tierwise.batch import Job
    from tierwise.ledger import Ledger

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="Its id, as `tierwise batch list` shows it.", metavar="BATCH")]


def batch_app() -> typer.Typer:
    """The commands under `tierwise batch`."""
    app = typer.Typer(
        help="Answer a file of requests at half the price, and look after what waits.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.command("run")(run)
    app.command("list")(listed)
    app.command("show")(show)
    app.command("cancel")(cancel)
    app.command("retry")(retry)
    return app


def listed(
    most: Annotated[int, typer.Option("--most", help="At most so many, the newest.", min=1)] = 20,
    as_json: AsJson = False,
    ledger: Url = DEFAULT,
) -> None:
    r"""List batches, newest first: of `tierwise batch run`, and of callers of a gateway on this ledger.

    \b
    Examples:
      tierwise batch list
      tierwise batch list --json --ledger postgresql+psycopg://db/tierwise
    """
    with _opened(ledger) as found:
        from tierwise.ledger import Jobs

        shown = [_seen(found, job) for job in Jobs(found).all(most=most)]
    if as_json:
        _print(shown)
        return
    if not shown:
        typer.echo("no batches yet; start one with: tierwise batch run REQUESTS.jsonl -o ANSWERS.jsonl")
        return
    rows: list[tuple[str, ...]] = [("batch", "status", "requests", "answered", "failed", "made", "due", "of")]
    table(rows + [_row(one) for one in shown])


def show(name: Name, as_json: AsJson = False, ledger: Url = DEFAULT) -> None:
    r"""Show one batch: how far it is, the batches of OpenAI's that its requests are in, what was refused.

    \b
    Example:
      tierwise batch show batch_tw3f2a --json
    """
    with _opened(ledger) as found:
        one = _seen(found, _of(found, name))
    if as_json:
        _print(one)
        return
    counts = one["request_counts"]
    typer.echo(f"{one['id']}  {one['status']}  {one['name'] or ''}".rstrip())
    typer.echo(
        f"requests   {counts['total']:,}, answered {counts['completed']:,}, failed {counts['failed']:,}"
    )
    typer.echo(f"made       {_time(one['created_at'])}, due {_time(one['expires_at'])}")
    for batch in one["batches"]:
        where = batch["upstream"] or "not made yet"
        typer.echo(f"  {batch['requests']:,} requests of {batch['model']} in {where}: {batch['status']}")
    for problem in (one["errors"] or {"data": []})["data"]:
        place = f"line {problem['line']}: " if problem["line"] is not None else ""
        typer.echo(f"  {place}{problem['message']} ({problem['code']})")


def cancel(name: Name, as_json: AsJson = False, ledger: Url = DEFAULT) -> None:
    r"""Cancel a batch: what was answered is kept and was paid for, the rest is not sent any more.

    Whoever runs it, `tierwise batch run` or a gateway on this ledger, ends it.

    \b
    Example:
      tierwise batch cancel batch_tw3f2a
    """
    with _opened(ledger) as found:
        from tierwise.batch import JOB_ENDED
        from tierwise.ledger import Jobs

        job = _of(found, name)
        if job.state in JOB_ENDED:
            raise CallerError(f"{job.id} is {job.state} already; there is nothing to cancel")
        one = _seen(found, Jobs(found).cancel(job.id, int(time.time() * 1e6)) or job)
    if as_json:
        _print(one)
        return
    typer.echo(f"{name} is cancelled once its batches are; whoever runs it writes what was answered")


@contextmanager
def _opened(url: str) -> Iterator[Ledger]:
    try:
        with opened(url) as found:
            yield found
    except ModuleNotFoundError as error:
        raise MissingExtra(f"batches need {error.name}: pip install 'tierwise[batch]'") from None


def _of(ledger: Ledger, name: str) -> Job:
    """The batch of an id, or of its beginning. Raises CallerError."""
    from tierwise.ledger import Jobs

    found = Jobs(ledger).find(name)
    if found is None:
        raise CallerError(f"no batch has the id {name!r:.60}; see: tierwise batch list")
    return found


def _seen(ledger: Ledger, job: Job) -> dict[str, Any]:
    """A batch as the API shows it, with what only its owner sees."""
    from tierwise.batch import progress, shown
    from tierwise.ledger import JobItems

    items = JobItems(ledger)
    seen = progress(items.counts(job.id)) if job.ended is None else None
    batches = [
        {
            "id": one.id,
            "upstream": one.upstream,
            "model": one.model,
            "status": one.status,
            "requests": one.items,
        }
        for one in items.batches(job.id)
    ]
    return shown(job, seen) | {"project": job.project, "name": job.name, "batches": batches}


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    counts = one["request_counts"]
    return (
        one["id"],
        one["status"],
        f"{counts['total']:,}",
        f"{counts['completed']:,}",
        f"{counts['failed']:,}",
        _time(one["created_at"]),
        _time(one["expires_at"]),
        one["name"] or one["project"] or "",
    )


def _time(at: int) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%d %H:%M")


def _print(value: Any) -> None:
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


# The parser keeps the lines of a paragraph that a backspace stands before.
for _command in (listed, show, cancel):
    _command.__doc__ = (_command.__doc__ or "").replace("\\b", "\b")
