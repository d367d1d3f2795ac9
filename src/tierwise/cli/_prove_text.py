"""Plans and results of proofs in words."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from tierwise.policy import Bar
from tierwise.prove import Planned, Progress, Proof, Told, Work, verdict_of, warning_of

if TYPE_CHECKING:
    from rich.status import Status

MOST = 12
"""Workloads that a plan shows."""
NEXT = {
    "holds (gold)": "switch it on: tierwise policy init --evidence {out}",
    "holds (human-corrected)": "switch it on: tierwise policy init --evidence {out}",
    "holds per step": "good for a canary: tierwise policy init --evidence {out}",
    "agrees": "a judge's word switches nothing on: draw labels (--draw-labels labels.csv), label them, prove again",
    "falls short": "leave it where it is, or try a rung above (--rung)",
    "undecided": "",
}
"""What to do after a verdict."""


def plan_text(planned: Sequence[Planned], most: Decimal, bar: Bar) -> str:
    """The plan: workloads, rungs, calls, money."""
    form = "points" if bar.measure == "points" else "of the baseline's quality"
    lines = [
        f"Bar: at most {bar.margin * 100:.1f} {'points' if form == 'points' else '% ' + form} lost, at {bar.confidence:.0%} confidence.",
        "",
        f"{'workload':18}{'rung':30}{'calls':>7}{'labels':>8}{'cost':>10}{'could save':>12}{'chance':>8}",
    ]
    for one in planned[:MOST]:
        lines.append(f"{one.label[:60]}  ({len(one.population.calls):,} calls on {one.population.baseline})")
        if one.problem is not None:
            lines.append(f"{one.workload:18}not tried: {one.problem}")
            continue
        for place, step in enumerate(one.steps):
            name = one.workload if place == 0 else ""
            chance = f"{one.chance:.0%}" if step is one.steps[-1] else ""
            labels = f"{one.labels:,}" if one.labels else "-"
            lines.append(
                f"{name:18}{str(step.rung)[:29]:30}{step.calls:>7,}{labels:>8}{_usd(step.cost):>10}"
                f"{_usd(step.saves):>12}{chance:>8}"
            )
        lines.append(f"{'':18}{one.grader}")
        if (warning := warning_of(one.population)) is not None:
            lines.append(f"{'':18}{warning}")
    if len(planned) > MOST:
        lines.append(f"and {len(planned) - MOST} more")
    cost = sum((one.cost for one in planned), Decimal(0))
    lines += [
        "",
        f"Expected to cost {_usd(cost)}; never more than ${most}. Chances and lengths are assumed (docs/prove.md).",
    ]
    return "\n".join(lines)


def _usd(amount: Decimal) -> str:
    return f"${amount:,.2f}" if abs(amount) >= Decimal("0.1") or not amount else f"${amount:.4f}"


def result_text(told: Sequence[Told], out: Path) -> str:
    """What came of it, a paragraph a rung."""
    lines: list[str] = []
    for one in told:
        lines += ["", f"{one.work.label[:60]}: {one.work.case.hypothesis.baseline} -> {one.rung}"]
        if one.evidence is None or isinstance(one.evidence.proof, msgspec.UnsetType):
            lines += [f"  undecided: {one.why}", f"  {one.sent} requests sent, {one.reused} answers reused"]
        else:
            lines += _rung_lines(one, msgspec.convert(one.evidence.proof, Proof), out)
        if one.ended:
            lines.append("  It can go on: the same command asks only what was not answered yet.")
    return "\n".join(lines).lstrip("\n")


def _rung_lines(one: Told, proof: Proof, out: Path) -> list[str]:
    verdict, reason = verdict_of(proof)
    points, share, spend = proof.points, proof.share, proof.spend
    lines = [
        f"  {verdict}: {reason}",
        (
            f"  quality {points.estimate * 100:+.1f} points ({points.lower * 100:+.1f} to {points.upper * 100:+.1f}), "
            f"{share.estimate:.1%} of the baseline's ({share.lower:.1%} to {share.upper:.1%})"
        ),
        f"  hard failures {proof.hard[0]}, the baseline's {proof.hard[1]}; {proof.hypothesis.grader}, {proof.hypothesis.reference}",
        (
            f"  {proof.tried} calls of {proof.population.calls:,}; {one.sent} requests sent, {one.reused} answers reused, "
            f"{_usd(spend.proof)} spent"
        ),
    ]
    if spend.baseline > 0:
        saved = proof.saved
        lines.append(
            f"  cost on the same calls {saved.estimate:.1%} less ({saved.lower:.1%} to {saved.upper:.1%}): "
            f"{_usd(spend.baseline)} to {_usd(spend.rung)}"
        )
    lines += [
        f"  slice {part.name} loses {part.loss * 100:.0f} points" for part in proof.slices if part.blocks
    ]
    if proof.refused:
        lines.append(f"  {sum(proof.refused.values())} calls stay as asked: {next(iter(proof.refused))}")
    if proof.missing:
        lines.append(f"  {sum(proof.missing.values())} calls without a score: {next(iter(proof.missing))}")
    if proof.opened_before:
        lines.append(
            f"  {proof.opened_before} other hypotheses about this workload were opened before (hypotheses.jsonl)"
        )
    if next_ := NEXT[verdict].format(out=out):
        lines.append(f"  next: {next_}")
    return lines


def result_json(told: Sequence[Told]) -> str:
    """The same as JSON."""
    rows: list[dict[str, Any]] = []
    for one in told:
        row: dict[str, Any] = {
            "workload": one.work.population.workload,
            "label": one.work.label,
            "baseline": one.work.case.hypothesis.baseline,
            "rung": one.rung,
            "verdict": one.evidence.verdict if one.evidence is not None else "undecided",
            "why": one.why,
            "sent": one.sent,
            "reused": one.reused,
            "can_go_on": one.ended,
        }
        if one.evidence is not None and not isinstance(one.evidence.proof, msgspec.UnsetType):
            proof = msgspec.convert(one.evidence.proof, Proof)
            row |= {
                "reason": verdict_of(proof)[1],
                "points": proof.points,
                "share": proof.share,
                "calls": one.evidence.calls,
                "spend": proof.spend,
                "saved": proof.saved,
                "slices": proof.slices,
                "lower_bound": one.evidence.lower_bound,
            }
        rows.append(row)
    return msgspec.json.format(msgspec.json.encode(rows), indent=2).decode()


class Shown:
    """How far it is, on a terminal; nothing where standard error is a file or a pipe."""

    def __init__(self) -> None:
        self._status: Status | None = None

    def __enter__(self) -> Self:
        """Begin to show."""
        from rich.console import Console

        console = Console(stderr=True)
        if console.is_terminal:
            self._status = console.status("asking")
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""
        if self._status is not None:
            self._status.stop()

    def progress(self, work: Work, progress: Progress) -> None:
        """Told after each cluster."""
        if self._status is not None:
            sure = min(2.718281828 ** min(progress.log_e, 50.0) * progress.level, 1.0)
            self._status.update(
                f"{work.label[:40]} on {progress.rung}: {progress.calls} calls, {sure:.0%} of the evidence needed"
            )
