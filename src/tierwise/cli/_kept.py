"""`tierwise ledger`: what is kept of calls, brought out, made again, and deleted."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

from tierwise.cli._ledger import DEFAULT, Url, iso, opened
from tierwise.cli._replay import replay
from tierwise.errors import CallerError


def ledger_app() -> typer.Typer:
    """The commands under `tierwise ledger`."""
    app = typer.Typer(
        help="Export the ledger, read its audit log, delete text.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.command("export")(export)
    app.command("log")(log)
    app.command("replay")(replay)
    app.command("purge")(purge)
    app.command("forget")(forget)
    return app


def export(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write here; printed otherwise.", metavar="FILE")
    ] = None,
    format: Annotated[
        Literal["jsonl", "parquet"] | None,
        typer.Option(help="By the file's ending without it; JSON lines where that says nothing."),
    ] = None,
    since: Annotated[str | None, typer.Option(help="First day, UTC.", metavar="DAY")] = None,
    text: Annotated[
        bool, typer.Option("--text", help="With the text that the policy has kept; without, none.")
    ] = False,
    ledger: Url = DEFAULT,
) -> None:
    r"""Write every call as a line of a recorder file: one more log for `tierwise audit`.

    \b
    Examples:
      tierwise ledger export -o calls.jsonl && tierwise audit calls.jsonl
      tierwise ledger export -o calls.parquet --since 2026-11-01
    """
    kind = format or ("parquet" if output is not None and output.suffix == ".parquet" else "jsonl")
    if output is None and kind == "parquet":
        raise CallerError("expected a file for Parquet, got none; add: -o calls.parquet")
    first = iso(since)
    with opened(ledger) as found:
        from tierwise.ledger import lines_with_text

        lines = lines_with_text(found.engine, since=first) if text else found.lines(since=first)
        if output is None:
            for line in lines:
                typer.echo(line, nl=False)
            return
        count = _exported(lines, output, parquet=kind == "parquet", private=text)
    typer.echo(f"wrote {count:,} calls to {output}", err=True)


def _exported(lines: Iterator[bytes], output: Path, *, parquet: bool, private: bool) -> int:
    """Write the file whole or not at all; how many lines."""
    from tierwise.ledger import write_parquet

    part = output.with_name(f".{output.name}.part")
    try:
        if parquet:
            count = write_parquet(lines, part)
        else:
            count = 0
            with open(part, "wb", opener=_for_owner if private else None) as file:
                for line in lines:
                    file.write(line)
                    count += 1
        part.replace(output)
    except OSError as error:
        raise CallerError(f"cannot write {output}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    return count


def _for_owner(path: str, flags: int) -> int:
    """Open a file that nobody else may read."""
    return os.open(path, flags, 0o600)


def purge(ledger: Url = DEFAULT) -> None:
    """Delete the text of calls that is past its retention. A gateway does it every minute by itself."""
    with opened(ledger) as found:
        from tierwise.ledger import purge as purge_texts

        typer.echo(f"deleted the text of {purge_texts(found.engine):,} calls")


def forget(
    call: Annotated[str | None, typer.Option(help="Of one call.", metavar="ID")] = None,
    key: Annotated[str | None, typer.Option(help="Of the calls of a key, by its name.", metavar="ID")] = None,
    project: Annotated[str | None, typer.Option(help="Of the calls of a project.", metavar="NAME")] = None,
    ledger: Url = DEFAULT,
) -> None:
    r"""Delete the text of calls, whatever its retention; what they cost stays. The audit log has who did.

    \b
    Example:
      tierwise ledger forget --project support
    """
    import getpass

    if sum(each is not None for each in (call, key, project)) != 1:
        raise CallerError("expected one of --call, --key and --project")
    with opened(ledger) as found:
        from tierwise.ledger import forget as forget_texts

        count = forget_texts(found.engine, f"user:{getpass.getuser()}", call=call, key=key, project=project)
    typer.echo(f"deleted the text of {count:,} calls")


def log(ledger: Url = DEFAULT) -> None:
    """Print the audit log: who changed what, oldest first."""
    with opened(ledger) as found:
        for at, who, what in found.notes():
            when = dt.datetime.fromtimestamp(at / 1e6, dt.UTC).isoformat(timespec="seconds")
            typer.echo(f"{when}  {who}  {what}")


# The parser keeps the lines of a paragraph that a backspace stands before.
for _command in (export, forget):
    _command.__doc__ = (_command.__doc__ or "").replace("\\b", "\b")
