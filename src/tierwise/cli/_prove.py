"""`tierwise prove`: whether a cheaper rung holds the bar, on the calls of a log."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tierwise.errors import CallerError, ConfigurationError

if TYPE_CHECKING:
    from tierwise.policy import Live
    from tierwise.prove import Told

KEPT = 30
"""Days that answers are kept unless told otherwise."""

Lane = Literal["standard", "flex"]


def prove(
    logs: Annotated[list[str], typer.Argument(help="Logs, as for `tierwise audit`.", metavar="LOGS")],
    workload: Annotated[
        list[str] | None,
        typer.Option(
            help="Fingerprint (or its beginning) or label; may be repeated. The one with most at stake otherwise.",
            metavar="ID",
        ),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every workload that can be tried.")] = False,
    rung: Annotated[
        list[str] | None,
        typer.Option(
            help="Where calls would go, MODEL or MODEL:EFFORT, in the order tried; may be repeated.",
            metavar="RUNG",
        ),
    ] = None,
    max_spend: Annotated[
        str, typer.Option(help="USD that is never passed, calls on their way included.", metavar="USD")
    ] = "5.00",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Spend without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and leave.")] = False,
    policy: Annotated[
        Path | None,
        typer.Option(
            help="Your policy: bar, limits, rungs of its rules, names of workloads.", metavar="FILE"
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="CSV: right answers (id, answer), or people's labels of drawn answers.", metavar="FILE"
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(help="Model that judges, a dated snapshot, MODEL or MODEL:EFFORT.", metavar="MODEL"),
    ] = None,
    grader: Annotated[
        str | None, typer.Option(help="Grader by name; chosen from the answers otherwise.")
    ] = None,
    draw_labels: Annotated[
        Path | None,
        typer.Option(help="Write judged answers, drawn at random, for `tierwise label`.", metavar="FILE"),
    ] = None,
    label_share: Annotated[
        float, typer.Option(help="Share of judged answers that is drawn.", min=0.01, max=1.0)
    ] = 0.5,
    lane: Annotated[Lane, typer.Option(help="How calls travel.")] = "standard",
    seed: Annotated[str, typer.Option(help="Fixes the order in which calls are drawn.")] = "1",
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder of evidence, hypotheses and answers.", metavar="DIR")
    ] = Path("evidence"),
    key: Annotated[
        Path | None,
        typer.Option(help="Your key, for digests and seals; made in --out otherwise.", metavar="FILE"),
    ] = None,
    keep_answers: Annotated[
        int,
        typer.Option(
            help="Days that answers are kept, sealed; 0 keeps none.", min=0, max=365, metavar="DAYS"
        ),
    ] = KEPT,
    upstream: Annotated[
        str, typer.Option(help="Where calls are sent.", metavar="URL")
    ] = "https://api.openai.com/v1",
    concurrency: Annotated[int, typer.Option(help="Calls on their way at once.", min=1, max=256)] = 8,
    ladder: Annotated[str, typer.Option(help="Ladder that rungs are taken from.")] = "gpt-5.4",
    format: Annotated[str | None, typer.Option(help="Read as this format instead of finding out.")] = None,
    prices: Annotated[
        Path | None, typer.Option(help="Your prices, discounts, aliases and ladders (TOML).", metavar="FILE")
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Ask nothing: exit 1 where evidence is stale. LOGS: policies, evidence, logs."
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    r"""Say whether a cheaper rung keeps the quality of logged calls, with a confidence, for little money.

    Prints a plan first and asks before it spends. Calls are asked again with OPENAI_API_KEY, which must be of
    the project that they came from; no tool is ever carried out. Ctrl-C ends it, and the same command goes on.

    \b
    Examples:
      tierwise prove logs/ --dry-run
      tierwise prove logs/ --workload 3f2a --max-spend 2.00
      tierwise prove logs/ --all --rung gpt-5.4-mini:low --yes
      tierwise prove --check tierwise.toml
    """
    from tierwise.catalog import Catalog

    catalog = Catalog.open(prices)
    if check:
        from tierwise.cli._prove_check import check_evidence

        raise typer.Exit(check_evidence([Path(name) for name in logs], catalog))
    from tierwise.cli._prove_plan import Planner, Wanted, rung_named
    from tierwise.cli._prove_text import plan_text
    from tierwise.policy import load_live

    most = _money(max_spend)
    live = load_live(policy, catalog) if policy is not None else None
    secret = _key(out, key, live, make=not dry_run)
    wanted = Wanted(
        workloads=tuple(workload or ()),
        all=all_,
        rungs=tuple(rung_named(text, catalog) for text in rung or ()),
        seed=seed,
        lane=lane,
        ladder=ladder,
        format=format,
        label_share=label_share,
        **_graded(grader, judge, labels, seed),
    )
    today = dt.datetime.now(dt.UTC).date()
    planner = Planner(wanted, live, catalog, secret, today)
    ready = planner.plan(*planner.read(logs))
    typer.echo(plan_text([one.planned for one in ready], most, planner.bar), err=json)
    if dry_run:
        return
    works = [one for one in ready if one.case is not None]
    if not works:
        raise CallerError("no workload can be proved; the plan says why")
    if not yes:
        typer.confirm(f"Spend up to ${most}?", abort=True, err=json)
    from tierwise.cli._prove_run import Spending, spend

    told = spend(
        works,
        planner,
        Spending(
            most=most,
            out=out,
            days=keep_answers,
            upstream=upstream,
            concurrency=concurrency,
            drawing=draw_labels is not None,
        ),
    )
    _labels(told, draw_labels, seed, label_share)
    _say(told, out, json)


prove.__doc__ = (prove.__doc__ or "").replace("\\b", "\b")


def _money(text: str) -> Decimal:
    try:
        found = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        found = Decimal(-1)
    if not found.is_finite() or found <= 0:
        raise CallerError(f"expected --max-spend in USD, above 0, such as 5.00; got {text!r:.40}")
    return found


def _key(out: Path, given: Path | None, live: Live | None, *, make: bool) -> bytes:
    """The owner's key: the one named, the policy's, or one made beside the evidence."""
    from tierwise.workloads import make_key, read_key

    if given is not None:
        return read_key(given)
    if live is not None and live.key:
        return live.key
    held = out / "prove.key"
    if held.exists():
        return read_key(held)
    if not make:
        return b"only a plan"
    typer.echo(f"made {held}; keep it: it seals answers, and do not give it away", err=True)
    return make_key(held)


def _graded(grader: str | None, judge: str | None, labels: Path | None, seed: str) -> dict[str, Any]:
    """How answers are graded: grader, right answers, people's labels, and the digest of their file.

    Raises:
        CallerError: Options that contradict each other.
        LabelError: A file of labels that cannot be used.
    """
    from tierwise.prove import file_digest, people_of, right_answers

    if judge is not None and grader is not None:
        raise CallerError("expected --judge or --grader, got both; a judge is a grader")
    if judge is not None:
        model, colon, effort = judge.rpartition(":")
        grader = f'judge(model="{model if colon else judge}"{f",effort={effort}" if colon else ""})'
    judged = grader is not None and grader.startswith("judge")
    right = right_answers(labels) if labels is not None else None
    people = people_of(labels, seed) if labels is not None and right is None else None
    if people is not None and not judged:
        raise CallerError(
            "people's labels correct a judge's word: name the judge that they were drawn with (--judge)"
        )
    if right is not None and judged:
        raise CallerError("a judge compares with the logged answers; with right answers leave --judge out")
    digest = file_digest(labels) if labels is not None else ""
    return {"grader": grader, "right": right, "people": people, "labels": digest}


def _labels(told: list[Told], path: Path | None, seed: str, share: float) -> None:
    """Write what people are to label, where that was asked for."""
    if path is None:
        return
    from tierwise.prove import draw, save_rows

    pairs = [pair for one in told for pair in one.pairs]
    if not pairs:
        raise CallerError(
            "--draw-labels draws from judged answers, and none was judged; name a judge (--judge)"
        )
    if len({(one.rung, one.work.population.workload) for one in told if one.pairs}) > 1:
        raise ConfigurationError(
            "labels are drawn of one rung of one workload; name them (--workload, --rung)"
        )
    rows = draw(pairs, seed, share)
    save_rows(path, rows)
    typer.echo(f"wrote {len(rows)} comparisons to {path}; next: tierwise label {path}", err=True)


def _say(told: list[Told], out: Path, json: bool) -> None:
    from tierwise.cli._prove_text import result_json, result_text

    typer.echo(result_json(told) if json else result_text(told, out))
    if any(one.ended for one in told):
        raise typer.Exit(3)
