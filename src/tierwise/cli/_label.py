"""`tierwise label`: two answers, blind, in a page on this machine."""

from __future__ import annotations

import getpass
import secrets
from pathlib import Path
from typing import Annotated

import typer


def label(
    file: Annotated[Path, typer.Argument(help="CSV file of comparisons.", metavar="FILE.csv")],
    rater: Annotated[
        str | None, typer.Option(help="Whose labels they are; your login name if not given.", metavar="NAME")
    ] = None,
    port: Annotated[int, typer.Option(help="Port on loopback; 0 takes any.", min=0, max=65535)] = 0,
) -> None:
    r"""Say which of two answers is better, in a page that only this machine can open.

    Keys: 1 left, 2 right, 3 as good, u undo. Every answer is saved into the file at once, so you can stop
    at any time and go on later. A second rater labels the same file under another name.

    \b
    Examples:
      tierwise label labels.csv
      tierwise label labels.csv --rater ann --port 8766
    """
    from tierwise.prove import LabelPage

    page = LabelPage(file, rater or _login(), secrets.token_urlsafe(16), port)
    typer.echo(
        f"labelling {file} as {page.sheet.rater}: open {page.url}\nCtrl-C ends; every answer is saved."
    )
    try:
        page.serve()
    except KeyboardInterrupt:
        typer.echo(f"stopped; {page.sheet.done()}")
    finally:
        page.release()


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "rater"


# The parser keeps the lines of a paragraph that a backspace stands before.
label.__doc__ = (label.__doc__ or "").replace("\\b", "\b")
