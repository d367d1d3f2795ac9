"""`tierwise verify`: the verdict of evidence, worked out again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tierwise.errors import ConfigurationError

LARGEST = 64 << 20
"""Bytes of an evidence file that are read."""


def verify(
    evidence: Annotated[
        list[Path], typer.Argument(help="Evidence files, or folders of them.", metavar="EVIDENCE")
    ],
) -> None:
    r"""Work the verdict of evidence out again, offline, from the path of its tests; exit 1 where it differs.

    \b
    Example:
      tierwise verify evidence/
    """
    from tierwise.prove import verify as again

    wrong = 0
    for path in files(evidence):
        try:
            found = again(path.read_bytes(), str(path))
        except ConfigurationError as error:
            wrong += 1
            typer.echo(f"tierwise: {error}", err=True)
            continue
        said = found.evidence
        typer.echo(
            f"{path}: {found.verdict}: {said.baseline} -> {said.rung}, {said.calls} calls, lower bound "
            f"{said.lower_bound}; {found.reason}"
        )
    if wrong:
        raise typer.Exit(1)


verify.__doc__ = (verify.__doc__ or "").replace("\\b", "\b")


def files(paths: list[Path]) -> list[Path]:
    """Evidence files at paths, those of a folder by name.

    Raises:
        ConfigurationError: None there, or one too large.
    """
    found: list[Path] = []
    for path in paths:
        found += sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not found:
        raise ConfigurationError(f"expected evidence at {', '.join(map(str, paths))}, found none")
    for path in found:
        if not path.is_file():
            raise ConfigurationError(f"{path}: expected an evidence file, found none")
        if path.stat().st_size > LARGEST:
            raise ConfigurationError(f"{path}: larger than any evidence")
    return found
