"""`tierwise record`: run a program and take its calls down, without editing it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from tierwise.errors import CallerError

NOT_FOUND = 127
"""Exit code of a command that does not exist, as shells have it."""


def record(
    command: Annotated[list[str], typer.Argument(help="The program and its arguments.", metavar="COMMAND")],
    out: Annotated[Path, typer.Option(help="Append calls to this file.", metavar="FILE")] = Path(
        "tierwise-calls.jsonl"
    ),
    key: Annotated[
        Path | None,
        typer.Option(help="Your key for digests; FILE.key otherwise, made at first use.", metavar="FILE"),
    ] = None,
    names: Annotated[
        bool, typer.Option("--names", help="Keep names of tools and first words of instructions.")
    ] = False,
    project: Annotated[str | None, typer.Option(help="Project that the calls are recorded under.")] = None,
) -> None:
    r"""Run a Python program that uses openai, and record its calls: no call is changed, no text is kept.

    \b
    Examples:
      tierwise record -- python app.py
      tierwise record --out calls.jsonl -- gunicorn app:server
      tierwise audit tierwise-calls.jsonl --key tierwise-calls.jsonl.key
    """
    from tierwise.client import child_environment
    from tierwise.workloads import make_key, read_key

    if not command:
        raise CallerError("expected a command to run, got none; try: tierwise record -- python app.py")
    held = key or Path(f"{out}.key")
    if held.exists():
        read_key(held)
    else:
        make_key(held)
        typer.echo(f"tierwise: made {held}; keep it, and do not give it away with {out}", err=True)
    before = out.stat().st_size if out.exists() else 0
    environment = child_environment(os.environ, file=out, key=held, names=names, project=project)
    code = _run(command, environment)
    _say_what_came(out, held, before)
    raise typer.Exit(code)


record.__doc__ = (record.__doc__ or "").replace("\\b", "\b")


def _run(command: list[str], environment: dict[str, str]) -> int:
    """The program's exit code; as shells have it where a signal ended it."""
    try:
        child = subprocess.Popen(command, env=environment)  # noqa: S603 - running it is what was asked for
    except FileNotFoundError:
        raise CallerError(f"expected a command to run, found no {command[0]!r:.100}") from None
    with _signals_for(child):
        code = child.wait()
    return code if code >= 0 else 128 - code


@contextmanager
def _signals_for(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leave Ctrl-C to the program, which gets it from the terminal too, and hand SIGTERM on to it."""
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: child.terminate()),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say_what_came(out: Path, key: Path, before: int) -> None:
    calls = 0
    if out.exists():
        with out.open("rb") as file:
            file.seek(before)
            calls = sum(1 for line in file if line.strip())
    if calls:
        typer.echo(
            f"tierwise: recorded {calls:,} calls in {out}; next: tierwise audit {out} --key {key}",
            err=True,
        )
        return
    typer.echo(
        "tierwise: no call was recorded; is it a Python program that uses openai, started without -I or -E, "
        f"in an environment where tierwise is installed (such as {sys.executable})?",
        err=True,
    )
