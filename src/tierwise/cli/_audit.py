"""`tierwise audit`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tierwise.errors import CallerError

if TYPE_CHECKING:
    from rich.console import Console

    from tierwise.audit import Audit, Progress

MOST_TIMES = 1_000_000
"""Times the volume that a forecast may ask for."""

EXAMPLES = """
Examples:

  tierwise audit logs/                          a folder, a file or a pattern; .gz and .zst too

  tierwise audit calls.jsonl --html report.html

  zcat calls.jsonl.gz | tierwise audit -        standard input

  tierwise audit completions_usage.csv          totals only: models, lanes, what-ifs

  tierwise audit logs/ --ladder gpt-6 --times 3

The formats that are recognised: tierwise audit --formats
"""


Paths = Annotated[
    list[str] | None,
    typer.Argument(help="Files, folders or patterns; '-' is standard input.", metavar="PATH"),
]
Html = Annotated[Path | None, typer.Option(help="Write the report as one HTML file.", metavar="FILE")]
Json = Annotated[
    Path | None, typer.Option(help="Write the findings as JSON; '-' prints them.", metavar="FILE")
]
Parquet = Annotated[
    Path | None, typer.Option(help="Write one row a call (needs tierwise[parquet]).", metavar="FILE")
]
Format = Annotated[str | None, typer.Option(help="Read as this format instead of finding out.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first record that cannot be read.")]
OnLadder = Annotated[str, typer.Option(help="Ladder that moves are proposed on.")]
Approved = Annotated[
    list[str] | None, typer.Option(help="Propose only this model; may be repeated.", metavar="MODEL")
]
ZeroRetention = Annotated[
    bool, typer.Option("--zero-retention", help="Propose nothing that stores bodies (Batch).")
]
Prices = Annotated[
    Path | None, typer.Option(help="Your prices, discounts, aliases and ladders (TOML).", metavar="FILE")
]
Times = Annotated[
    list[float] | None,
    typer.Option(help="Forecast at this many times the volume; may be repeated.", min=0),
]
Processes = Annotated[int | None, typer.Option(help="Processes to read with; all cores by default.", min=1)]
LearnedFile = Annotated[
    Path | None,
    typer.Option(
        "--learned",
        help="Write what the log taught, for a policy: templates, lengths, times.",
        metavar="FILE",
    ),
]
KeyFile = Annotated[
    Path | None, typer.Option("--key", help="Your key, to name workloads under.", metavar="FILE")
]
PolicyFile = Annotated[
    Path | None,
    typer.Option("--policy", help="Make the decisions that an exported ledger holds again.", metavar="FILE"),
]
LedgerUrl = Annotated[
    str | None,
    typer.Option("--ledger", help="Likewise, by every policy that this ledger keeps.", metavar="URL"),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print no report.")]
ListFormats = Annotated[bool, typer.Option("--formats", help="List the log formats and leave.")]


def audit(
    paths: Paths = None,
    html: Html = None,
    json: Json = None,
    parquet: Parquet = None,
    format: Format = None,
    strict: Strict = False,
    ladder: OnLadder = "gpt-5.4",
    approved: Approved = None,
    zero_retention: ZeroRetention = False,
    prices: Prices = None,
    times: Times = None,
    processes: Processes = None,
    learned: LearnedFile = None,
    key: KeyFile = None,
    policy: PolicyFile = None,
    ledger: LedgerUrl = None,
    quiet: Quiet = False,
    formats: ListFormats = False,
) -> None:
    """Say what the calls in these logs cost, and what each lever could save."""
    if formats:
        _print_formats()
        return
    if not paths:
        raise CallerError("expected a log to audit, got none; try: tierwise audit LOGS (or --formats)")
    outputs = [path for path in (html, json, parquet, learned) if path is not None and str(path) != "-"]
    _can_write(outputs)
    volumes = _volumes(times)
    from rich.console import Console

    from tierwise.audit import DEFAULT_TIMES
    from tierwise.audit import audit as run
    from tierwise.policy import Limits
    from tierwise.workloads import read_key

    secret = read_key(key) if key is not None else b""
    with progress(Console(stderr=True)) as told:
        found = run(
            paths,
            format=format,
            strict=strict,
            ladder=ladder,
            limits=Limits(models=frozenset(approved) if approved else None, zero_retention=zero_retention),
            prices=prices,
            times=volumes or DEFAULT_TIMES,
            processes=processes,
            progress=told,
            key=secret,
        )
    printed = json is not None and str(json) == "-"
    # What cannot be written must not cost the report of a long reading.
    refused: CallerError | None = None
    try:
        found = _with_learned(found, learned, key, secret, json)
    except CallerError as error:
        refused = error
    try:
        _write(found, html=html, json=json, parquet=parquet)
    finally:
        if not quiet and not printed:
            _print_report(found)
    if refused is not None:
        raise refused
    if policy is not None or ledger is not None:
        _replay(paths, policy, ledger, prices, err=printed)
    for path in outputs:
        typer.echo(f"wrote {path}", err=True)


def _print_report(found: Audit) -> None:
    from rich.console import Console

    from tierwise.report import terminal

    terminal(found.findings, Console())


def _replay(
    paths: list[str], policy: Path | None, ledger: str | None, prices: Path | None, *, err: bool
) -> None:
    from tierwise.cli._replay import in_words, replayed_logs

    if "-" in paths:
        raise CallerError(
            "expected a file to replay decisions of, got standard input; write it to a file first"
        )
    typer.echo("\n".join(in_words(replayed_logs(paths, policy, ledger, prices))), err=err)


audit.__doc__ = f"{audit.__doc__}\n\n\b{EXAMPLES}"


@contextmanager
def progress(console: Console) -> Iterator[Progress | None]:
    """A bar on a terminal; nothing where standard error is a file or a pipe."""
    if not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def tell(done: int, total: int) -> None:
            finished = total and done >= total
            bar.update(
                task,
                completed=done,
                total=total or None,
                description="working out" if finished else "reading",
            )

        yield tell


def _volumes(times: list[float] | None) -> tuple[float, ...]:
    """Volumes to forecast. Raises CallerError for one that is no number of times."""
    for n in times or ():
        if not 0 <= n <= MOST_TIMES:
            raise CallerError(f"expected --times from 0 to {MOST_TIMES:,}, got {n:g}")
    return tuple(times or ())


def _can_write(paths: list[Path]) -> None:
    """Refuse an output that cannot be written before anything is read: a reading may take minutes."""
    for path in paths:
        if path.is_dir():
            raise CallerError(f"expected a file to write to, got the folder {path}; name a file in it")
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise CallerError(f"cannot write to {path}: no permission; name another place")


def _write(found: Audit, *, html: Path | None, json: Path | None, parquet: Path | None) -> None:
    from tierwise import report

    if html is not None:
        _save(html, report.html(found.findings).encode("utf-8"))
    if json is not None and str(json) == "-":
        typer.echo(report.json_bytes(found.findings), nl=True)
    elif json is not None:
        _save(json, report.json_bytes(found.findings))
    if parquet is not None:
        from tierwise.audit import write_parquet

        with _naming(parquet):
            write_parquet(found, parquet)


def _with_learned(
    found: Audit, path: Path | None, key: Path | None, secret: bytes, json: Path | None
) -> Audit:
    """Write what was learned; the findings say where, and where the key is, from their file's folder."""
    import msgspec

    from tierwise.audit import learned_of
    from tierwise.policy import save_learned

    if path is not None:
        if found.analysis is None:
            raise CallerError("expected a log of calls to learn from, got one of totals only")
        with _naming(path):
            save_learned(learned_of(found.analysis, secret), path)
    folder = json.parent if json is not None and str(json) != "-" else Path()
    named = {"learned": path, "key": key}
    seen = {name: os.path.relpath(at, folder) for name, at in named.items() if at is not None}
    return msgspec.structs.replace(found, findings=msgspec.structs.replace(found.findings, **seen))


def _save(path: Path, content: bytes) -> None:
    with _naming(path):
        path.write_bytes(content)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Errors of writing that say where; a full disk alone does not."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise CallerError(f"cannot write {path}: {reason}") from error


def _print_formats() -> None:
    from tierwise.calls import formats

    for name, title, best_effort in formats():
        typer.echo(f"{name:20} {title}{' (best effort)' if best_effort else ''}")
