"""`tierwise train` and `tierwise evaluate`: the learned scorer, from outcomes to a file and a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tierwise.cli._ledger import DEFAULT, Url, opened
from tierwise.errors import CallerError

if TYPE_CHECKING:
    from tierwise.router import Evaluation, Outcome, Row, Text

Labels = Annotated[
    Path | None, typer.Option("--from", help="Labels: a JSONL file, or a folder of them.", metavar="PATH")
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key", help="The key that the labels' request digests were made under.", metavar="FILE"),
]


def train(
    rung: Annotated[list[str], typer.Option(help="A rung as the labels name it; cheapest first, repeated.")],
    logs: Annotated[
        list[str] | None, typer.Argument(help="Logs with the requests' text.", metavar="[LOGS...]")
    ] = None,
    labels: Labels = None,
    ledger: Annotated[
        str | None,
        typer.Option(
            help="Ledger with scores that were said of calls: an SQLite file, or postgresql+psycopg://...",
            metavar="URL",
        ),
    ] = None,
    score: Annotated[str, typer.Option(help="Name of the ledger's score.")] = "score",
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where the scorer goes.", metavar="FILE")
    ] = Path("router.scorer"),
    bar: Annotated[float, typer.Option(help="Score from which an answer holds.")] = 0.5,
    key: KeyFile = None,
) -> None:
    r"""Learn, for each rung, which requests its answers hold the bar on.

    Labels, and scores of a ledger, are joined to calls by request digest or call id; calls whose text the
    ledger keeps need no log. The file that is written holds hashes and weights, no text.

    \b
    Examples:
      tierwise train logs/ --from labels.jsonl --rung gpt-5.4-nano --rung gpt-5.4-mini --rung gpt-5.4
      tierwise train logs/ --ledger tierwise.db --key tierwise.key --rung gpt-5.4-mini --rung gpt-5.4
    """
    from tierwise.router import save
    from tierwise.router import train as learn

    if labels is None and ledger is None:
        raise CallerError(
            "expected --from PATH or --ledger URL, got neither: nothing says which answers hold"
        )
    texts = _texts(logs or [], key)
    outcomes, unmatched = _labelled(labels, texts)
    outcomes += _said(ledger, score, texts)
    if not outcomes and unmatched:
        raise CallerError(_NO_TEXT.format(place=labels, count=unmatched))
    made = learn(outcomes, rung, bar=bar, proven=True)
    digest = save(made.scorer, output)
    about = made.scorer.about
    for name, count in zip(about.rungs, about.calls, strict=True):
        typer.echo(f"{name}: {count:,} labelled calls")
    for name, count in made.refused:
        typer.echo(f"{name}: refused, {count:,} labelled calls are too few")
    if unmatched:
        typer.echo(f"{unmatched:,} labels left out: no text of their request in the logs")
    typer.echo(f"{output}: {output.stat().st_size:,} bytes, digest {digest}")


def evaluate(
    scorer: Annotated[str, typer.Argument(help="A scorer's file, or 'prior' for the one that ships.")],
    data: Annotated[Path, typer.Argument(help="Labels that training has not seen: JSONL, or a folder.")],
    logs: Annotated[
        list[str] | None, typer.Option("--logs", help="Logs with the requests' text; may be repeated.")
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", help="Write everything as JSON.", metavar="FILE")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the curves as SVG.", metavar="FILE")
    ] = None,
    key: KeyFile = None,
    draws: Annotated[int, typer.Option(help="Bootstrap samples.", min=10, max=100_000)] = 1000,
) -> None:
    r"""Set a scorer beside always-each-rung, random, prompt length and oracle, with intervals.

    \b
    Examples:
      tierwise evaluate router.scorer held-out.jsonl --plot curves.svg
      tierwise evaluate prior labels.jsonl --json found.json
    """
    import msgspec

    from tierwise.router import chart, load, prior
    from tierwise.router import evaluate as measure

    loaded = prior() if scorer == "prior" else load(Path(scorer))
    outcomes, unmatched = _labelled(data, _texts(logs or [], key))
    if not outcomes:
        raise CallerError(_NO_TEXT.format(place=data, count=unmatched))
    found = measure(loaded, outcomes, draws=draws)
    if not loaded.about.proven:
        typer.echo("unproven: trained on public outcomes; it allows no stage above shadow")
    typer.echo("\n".join(in_words(found)))
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    if plot is not None:
        plot.write_text(chart(found), "utf-8")


def drift(
    scorer: Annotated[Path, typer.Argument(help="A scorer's file.")],
    ledger: Url = DEFAULT,
    since: Annotated[str | None, typer.Option(help="First UTC day, e.g. 2026-11-01.", metavar="DAY")] = None,
    score: Annotated[str, typer.Option(help="Name of the ledger's score.")] = "score",
) -> None:
    r"""Tell whether a scorer's scores, or the answers it let through, have fallen since it was trained.

    Goes over the ledger's calls that the scorer was asked about, in order. An alarm ends with status 1; a false
    one comes once in 100,000 scored calls, or less often.

    \b
    Example:
      tierwise drift router.scorer --ledger tierwise.db
    """
    from tierwise.catalog import Catalog
    from tierwise.router import load, watch

    loaded = load(scorer)
    with opened(ledger) as found:
        seen = watch(found.lines(since=since), loaded, Catalog.open(), name=score)
    typer.echo(
        f"{seen.scored:,} calls were scored, chance of {loaded.about.rungs[0]} {seen.mean:.3f}, {seen.expected:.3f} in training"
    )
    typer.echo(f"{seen.told:,} of them have a score of their answer")
    alarms = (
        ("scores", "scored calls", seen.scores_fell, seen.scores_since),
        ("outcomes", "scored answers", seen.outcomes_fell, seen.outcomes_since),
    )
    for what, of, fell, since_then in alarms:
        if fell is not None:
            typer.echo(f"{what} have fallen: alarm after {fell:,} {of}, begun after about {since_then:,}")
    if seen.scores_fell is not None or seen.outcomes_fell is not None:
        raise typer.Exit(1)


for _command in (train, evaluate, drift):
    _command.__doc__ = (_command.__doc__ or "").replace("\\b", "\b")


_NO_TEXT = (
    "{place}: none of {count:,} labels is of a call with text in the logs; "
    "name the logs, and the key that the digests were made under"
)


def _texts(logs: Sequence[str], key: Path | None) -> Mapping[str, Text]:
    """Texts of the calls in logs, by request digest and by id."""
    from tierwise.calls import Call, plan, read
    from tierwise.router import texts_of
    from tierwise.workloads import Recogniser, read_key

    made = Recogniser(read_key(key) if key is not None else b"")
    calls = (
        record
        for unit in (plan(logs).units if logs else ())
        for record in read(unit)
        if isinstance(record, Call)
    )
    return texts_of(calls, made)


def _labelled(labelled: Path | None, texts: Mapping[str, Text]) -> tuple[list[Outcome], int]:
    """Outcomes of a file of labels, and how many labels are of calls without text."""
    from tierwise.router import join, labels

    if labelled is None:
        return [], 0
    joined = join(labels(labelled), texts)
    return list(joined.outcomes), joined.unmatched


def _said(url: str | None, score: str, texts: Mapping[str, Text]) -> list[Outcome]:
    """Outcomes of a ledger's calls; says what was left out."""
    if url is None:
        return []
    from tierwise.catalog import Catalog
    from tierwise.router import recorded_outcomes

    with opened(url) as ledger:
        from tierwise.ledger import lines_with_text

        found = recorded_outcomes(lines_with_text(ledger.engine), texts, Catalog.open(), name=score)
    typer.echo(f"{len(found.outcomes):,} scored calls of the ledger")
    for why, count in sorted(found.left.items()):
        typer.echo(f"{count:,} calls of the ledger left out: {why}")
    return list(found.outcomes)


def in_words(found: Evaluation) -> list[str]:
    """The table of an evaluation, a line each."""
    lines = [
        f"scorer {found.scorer[:16]}, {found.requests:,} requests, {found.known:.1%} with support",
        f"{'':<26}{'APGR':>6}  {'95 %':<16}{'CPT(50)':>8}{'CPT(80)':>8}{'quality':>9}{'$/request':>12}  scorer minus it",
    ]
    lines += [_line(row) for row in found.rows]
    name, quality, cost = found.best_single
    reach = "is not reached" if found.neutral is None else f"is reached at ${found.neutral:.6f} a request"
    lines.append(f"best single rung {name}: {quality:.3f} at ${cost:.6f}; by routing it {reach}")
    lines.append(
        f"AIQ {found.aiq:.3f}; calibration error " + ", ".join(f"{r} {e:.3f}" for r, e in found.ece.items())
    )
    return lines


def _line(row: Row) -> str:
    def shown(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    span = "" if row.low is None or row.high is None else f"{row.low:.3f} to {row.high:.3f}"
    better = "" if row.better is None else f"{row.better[0]:+.3f} to {row.better[1]:+.3f}"
    return (
        f"{row.name:<26}{shown(row.apgr, '.3f'):>6}  {span:<16}{shown(row.cpt50, '.1f'):>8}{shown(row.cpt80, '.1f'):>8}"
        f"{shown(row.quality, '.3f'):>9}{shown(row.cost, '.6f'):>12}  {better}"
    ).rstrip()
