"""`tierwise policy`: write a first policy, check one, and say what a new one would change."""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tierwise.cli._versions import add_versions
from tierwise.errors import CallerError, ConfigurationError

if TYPE_CHECKING:
    from tierwise.audit import Findings, WorkloadRow
    from tierwise.catalog import Catalog, Model
    from tierwise.policy import Policy, Suggestion

SOON = 30
"""Days before its end that evidence is named."""
MOVES = ("tools", "cache", "tier", "effort", "lane")
"""Levers that a rule pulls."""

Prices = Annotated[
    Path | None, typer.Option(help="Your prices, discounts, aliases and ladders (TOML).", metavar="FILE")
]


def policy_app() -> typer.Typer:
    """The commands under `tierwise policy`."""
    app = typer.Typer(
        help="Write, check and compare policies (tierwise.toml).",
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.command()(init)
    app.command()(check)
    app.command()(diff)
    add_versions(app)
    return app


def init(
    audit: Annotated[
        Path | None,
        typer.Option("--from", help="Findings: the JSON of `tierwise audit --json`.", metavar="FILE"),
    ] = None,
    evidence: Annotated[
        Path | None,
        typer.Option(help="Evidence of `tierwise prove`: what holds goes on.", metavar="DIR"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write here; printed otherwise.", metavar="FILE")
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(help="Model of calls that ask for 'auto'; the one most is spent on otherwise."),
    ] = None,
    learned: Annotated[
        Path | None,
        typer.Option(help="What the audit learned; the one that it wrote otherwise.", metavar="FILE"),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(help="Your key; the one that the audit used otherwise.", metavar="FILE")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    prices: Prices = None,
) -> None:
    r"""Write a first policy: every move that an audit proposes, off; what evidence says holds, on.

    \b
    Examples:
      tierwise audit logs/ --json audit.json --learned learned.tierwise -q
      tierwise policy init --from audit.json -o tierwise.toml
      tierwise policy init --from audit.json --evidence evidence/ -o tierwise.toml
    """
    from tierwise.catalog import Catalog
    from tierwise.cli._proved import Proved
    from tierwise.policy import first_policy

    if audit is None and evidence is None:
        raise CallerError("expected --from AUDIT.json, --evidence DIR or both, got neither")
    found = _findings(audit) if audit is not None else None
    if found is not None and not found.per_call:
        raise CallerError(
            f"expected an audit of calls in {audit}, found one of totals only; audit a log with requests"
        )
    if output is not None and output.exists() and not force:
        raise CallerError(f"expected no file at {output}, found one; use --force to replace it")
    catalog = Catalog.open(prices)
    folder = output.parent if output is not None else Path()
    proved = Proved(evidence, folder, dt.datetime.now(dt.UTC).date()) if evidence is not None else None
    files = learned, key
    if found is not None and audit is not None:
        files = _beside(audit, learned, found.learned), _beside(audit, key, found.key)
        _same_key(found.key_id, *files)
    suggestions = [_suggestion(row) for row in found.workloads] if found is not None else []
    most_spent = _most_spent(found, catalog) if found is not None else ""
    text = first_policy(
        proved.over(suggestions) if proved is not None else suggestions,
        ladder=found.ladder if found is not None else "gpt-5.4",
        baseline=baseline or most_spent or (proved.baseline if proved is not None else ""),
        learned=_from(folder, files[0]),
        key=_from(folder, files[1]),
        bar=proved.bar if proved is not None else None,
    )
    if output is None:
        typer.echo(text, nl=False)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, "utf-8")
    typer.echo(f"wrote {output}", err=True)


def check(
    file: Annotated[Path, typer.Argument(help="The policy.", metavar="FILE")],
    prices: Prices = None,
) -> None:
    r"""Check a policy: a summary, or every problem with its line and exit code 1.

    \b
    Example:
      tierwise policy check tierwise.toml
    """
    from tierwise.catalog import Catalog
    from tierwise.policy import check_policy

    catalog = Catalog.open(prices)
    checked = check_policy(file, catalog)
    if checked.policy is None:
        for problem in checked.problems:
            typer.echo(str(problem), err=True)
        raise typer.Exit(1)
    for line in summary(checked.policy, catalog, dt.datetime.now(dt.UTC).date()):
        typer.echo(line)


def diff(
    old: Annotated[str, typer.Argument(help="The policy before; 'none' for no policy.", metavar="OLD")],
    new: Annotated[Path, typer.Argument(help="The policy after.", metavar="NEW")],
    logs: Annotated[list[str], typer.Argument(help="Logs, as for `tierwise audit`.", metavar="LOGS")],
    format: Annotated[str | None, typer.Option(help="Read as this format instead of finding out.")] = None,
    prices: Prices = None,
) -> None:
    r"""Say in Markdown what a new policy would change on logged calls.

    \b
    Example:
      tierwise policy diff old.toml tierwise.toml logs/
    """
    import msgspec

    from tierwise.catalog import Catalog
    from tierwise.cli._diff import compare
    from tierwise.cli._diff_text import markdown
    from tierwise.policy import check_policy, load_live

    if "-" in logs:
        raise CallerError("expected files or folders of logs, got standard input; it cannot be read twice")
    catalog = Catalog.open(prices)
    live = load_live(new, catalog)
    after = live.policy
    # What held when it was written may hold no longer, and must not keep its repair from being shown.
    checked = check_policy(old, catalog) if old != "none" else None
    before = checked.policy if checked is not None else None
    if checked is not None:
        live = msgspec.structs.replace(live, scorers={**checked.scorers, **live.scorers})
    broken = str(checked.problems[0]) if checked is not None and checked.problems else None
    found = compare(logs, before, live, catalog, format=format)
    typer.echo(markdown(found, before, after, broken=broken), nl=False)


# The parser keeps the lines of a paragraph that a backspace stands before.
for _command in (init, check, diff):
    _command.__doc__ = (_command.__doc__ or "").replace("\\b", "\b")


def summary(policy: Policy, catalog: Catalog, today: dt.date) -> list[str]:
    """A policy that holds, in a few lines."""
    from tierwise.cli._diff_text import goes_on_unproven

    stages = Counter(rule.stage for rule in policy.rules[:-1])
    counted = ", ".join(
        f"{stages[stage]} {stage}" for stage in ("on", "canary", "shadow", "off") if stages[stage]
    )
    bar = policy.bar
    lines = [
        f"{policy.name}: holds. Digest {policy.digest}",
        f"ladder {policy.ladder.name}: {', '.join(policy.ladder.models)}",
        f"baseline of model 'auto': {policy.baseline or 'none'}",
        f"bar: {bar.margin} {bar.measure} at confidence {bar.confidence}",
        f"limits: {_limits(policy)}",
        f"{len(policy.rules) - 1} rules{f': {counted}' if counted else ''}; default {policy.rules[-1].stage}",
    ]
    for rule in policy.rules:
        if goes_on_unproven(rule):
            lines.append(f"- {rule.name} goes on unproven, approved by {rule.approved_by}")
        lines += [
            f"- the evidence of {rule.name} ends on {evidence.expires.isoformat()}"
            for evidence in rule.evidence
            if (evidence.expires - today).days <= SOON
        ]
    lines += [
        f"- {model.name} ends on {model.shutdown.isoformat()}; its successor is {model.successor or 'not named'}"
        for model in _models(policy, catalog)
        if model.shutdown is not None
    ]
    return lines


def _models(policy: Policy, catalog: Catalog) -> list[Model]:
    """Models that the policy may send calls to, each once."""
    names = {rule.model for rule in policy.rules if rule.model is not None}
    names |= {policy.baseline.model} if policy.baseline is not None else set()
    found = {catalog.resolve(name).model.name for name in names}
    return [catalog.resolve(name).model for name in sorted(found)]


def _limits(policy: Policy) -> str:
    limits = policy.limits
    said = [", ".join(sorted(limits.models)) if limits.models is not None else "any model"]
    said += ["zero retention"] if limits.zero_retention else []
    said += [f"residency {limits.residency}"] if limits.residency else []
    return "; ".join(said)


def _findings(path: Path) -> Findings:
    import msgspec

    from tierwise.audit import Findings

    try:
        return msgspec.json.decode(path.read_bytes(), type=Findings)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(
            f"{path}: expected the JSON of `tierwise audit --json`, found something else: {error}"
        ) from None


def _beside(audit: Path, given: Path | None, named: str | None) -> Path | None:
    """The file given, else the one that the audit named."""
    return given or (audit.parent / named if named else None)


def _from(folder: Path, at: Path | None) -> str | None:
    """A file as the policy in `folder` names it."""
    return os.path.relpath(at, folder) if at is not None else None


def _same_key(key_id: str | None, learned: Path | None, key: Path | None) -> None:
    """Refuse files under another key than the audit's: no live call would meet a rule.

    Raises:
        CallerError: they are, or the key is missing.
        ConfigurationError: a file that does not read.
    """
    from tierwise.policy import load_learned
    from tierwise.workloads import key_id as id_of
    from tierwise.workloads import read_key

    given = id_of(read_key(key)) if key is not None else ""
    if key_id is not None and given != key_id:
        which = "another" if given and key_id else "none" if key_id else "one, though it used none"
        raise CallerError(
            f"expected the key that the audit's workloads are named under, got {which}; see --key"
        )
    if learned is not None and load_learned(learned).key_id != given:
        raise CallerError(f"expected {learned} to be learned under the same key as the audit; audit anew")


def _most_spent(found: Findings, catalog: Catalog) -> str:
    """The model that most is spent on, by the catalog's name; the ladder's last where none is known."""
    from tierwise.errors import CatalogError

    for row in sorted(found.models, key=lambda row: -row.counts.spend):
        try:
            model = catalog.resolve(row.model).model
        except CatalogError:
            continue
        if {"chat", "responses"} & model.endpoints:
            return model.name
    return catalog.ladder(found.ladder).models[-1]


def _suggestion(row: WorkloadRow) -> Suggestion:
    from tierwise.catalog import LANES
    from tierwise.policy import Suggestion

    levers: dict[Any, Any] = dict(row.levers)
    lane = next((lane for lane in LANES if lane == row.proposed_lane), None)
    return Suggestion(
        workload=row.id,
        label=row.label,
        task=row.task,
        depth=row.depth,
        calls=row.calls,
        spend=row.spend,
        saves=sum(levers[lever] for lever in MOVES if lever in levers),
        model=row.model,
        proposed=row.proposed,
        effort=row.proposed_effort,
        lane=lane,
        reasons=row.reasons,
    )
