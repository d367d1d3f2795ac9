"""`tierwise cache`: what the prompt cache could serve of a log."""

from __future__ import annotations

from typing import Annotated

import typer

from tierwise.cli._audit import Format, KeyFile, OnLadder, Prices, Processes, Strict, progress

Paths = Annotated[
    list[str], typer.Argument(help="Files, folders or patterns; '-' is standard input.", metavar="LOGS")
]
Workload = Annotated[
    str,
    typer.Option("--workload", "-w", help="Its id, or the start of it, as an audit shows it.", metavar="ID"),
]
ZeroRetention = Annotated[
    bool,
    typer.Option("--zero-retention", help="Prefixes are kept in memory where the model lets one choose."),
]


def cache_app() -> typer.Typer:
    """The commands under `tierwise cache`."""
    app = typer.Typer(
        help="Say what the prompt cache could serve, and what keeps it from that.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.callback()(_group)
    app.command("explain")(explain)
    return app


def _group() -> None:
    """A group of one command keeps its name."""


def explain(
    paths: Paths,
    workload: Workload,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    format: Format = None,
    strict: Strict = False,
    ladder: OnLadder = "gpt-5.4",
    zero_retention: ZeroRetention = False,
    prices: Prices = None,
    processes: Processes = None,
    key: KeyFile = None,
) -> None:
    r"""Explain one workload's prompt cache: what was read, what could be, and what breaks its prefix.

    \b
    Examples:
      tierwise cache explain logs/ --workload 3f2a91c04d5e6f70
      tierwise cache explain calls.jsonl.gz -w 3f2a --json
    """
    from rich.console import Console

    from tierwise import audit, report
    from tierwise.policy import Limits
    from tierwise.workloads import read_key

    with progress(Console(stderr=True)) as told:
        found = audit.audit(
            paths,
            format=format,
            strict=strict,
            ladder=ladder,
            limits=Limits(zero_retention=zero_retention),
            prices=prices,
            processes=processes,
            progress=told,
            key=read_key(key) if key is not None else b"",
        )
    explained = audit.explain(found, workload)
    typer.echo(report.explained_json(explained) if json else report.explained_text(explained), nl=False)
