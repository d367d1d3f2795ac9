"""The record of a proof, from which its verdict can be worked out again without asking anybody."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Literal

import msgspec

from tierwise.errors import ConfigurationError, OutOfBounds
from tierwise.policy import Evidence, Rung, evidence_digest
from tierwise.prove._bench import (
    MISSING_MOST,
    STEADY,
    Design,
    Level,
    design,
    same_design,
    tests_of,
)
from tierwise.prove._hypothesis import Hypothesis
from tierwise.prove._population import FEWEST_REPLAYABLE
from tierwise.prove._slices import Slice
from tierwise.stats import MeanTest, Record

Verdict = Literal[
    "holds (gold)", "holds (human-corrected)", "holds per step", "agrees", "falls short", "undecided"
]
HOLDING: frozenset[str] = frozenset({"holds (gold)", "holds (human-corrected)", "holds per step", "agrees"})
"""Verdicts after which the next rung down is tried."""


class Interval(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An estimate between two bounds, each of which fails with the chance that the bar allows."""

    estimate: float
    lower: float
    upper: float


class Counted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The population in numbers."""

    calls: int
    """Replayable."""
    first: dt.date | None
    last: dt.date | None
    unreplayable: dict[str, int]
    aside: dict[str, int]
    share: float
    """That can be replayed, 0 to 1."""
    per_step: bool


class Spend(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """USD."""

    proof: Decimal
    """What the workload's proof has cost so far, earlier runs and higher rungs included."""
    unknown: Decimal
    """The part of it that stands for calls whose cost is not known."""
    rung: Decimal
    """What the rung's answers to the calls of the overall test cost."""
    baseline: Decimal
    """What the logged answers to the same calls cost, as billed."""


class Proof(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that a verdict rests on, without text."""

    hypothesis: Hypothesis
    opened_before: int
    """Hypotheses about this workload that were opened before this one."""
    place: int
    """Of the rung in the hypothesis's order, from 0."""
    level: Level
    labelled: float = 1.0
    """Probability with which people labelled a call; 1 where nobody did."""
    population: Counted
    tests: dict[str, Record]
    """'overall', 'newest', 'hard', and 'steady' where answers are held against logged ones."""
    points: Interval
    """Mean of s(rung) - s(baseline)."""
    share: Interval
    """Mean of s(rung) over that of s(baseline)."""
    saved: Interval
    """Share of the baseline's cost that the rung saves on the same calls; drawn again from the calls (bootstrap)."""
    hard: tuple[int, int]
    """Hard failures of the rung and of the baseline."""
    slices: tuple[Slice, ...]
    missing: dict[str, int]
    """Calls without a score, by reason."""
    refused: dict[str, int]
    """Calls that the rung may not take, by reason: they are not of the claim's population."""
    tested: int
    """Calls of the overall test, of which points, share, lengths and money are; slices are of all that were graded."""
    tried: int
    """Calls that were graded or missing."""
    stopped: str
    """Why no more calls were asked."""
    snapshots: dict[str, str]
    """Dated models that answered: 'rung', 'baseline', 'judge'."""
    spend: Spend
    tierwise: str
    """Version."""
    prices: str
    """Digest of the catalog."""


def verdict_of(proof: Proof) -> tuple[Verdict, str]:
    """The verdict that the recorded tests come to, and why, in a sentence.

    Raises:
        OutOfBounds: The record contradicts itself.
    """
    tests = {name: MeanTest.replay(record) for name, record in proof.tests.items()}
    if (short := _falls(proof, tests)) is not None:
        return short
    if (why := _open(proof, tests)) is not None:
        return "undecided", why
    if proof.hypothesis.reference == "judge":
        return "agrees", "by a judge's word alone, which carries no rule; labels of people would"
    if proof.population.per_step:
        return "holds per step", "its calls are steps of an agent, compared one by one"
    if proof.hypothesis.reference == "judge and people":
        return "holds (human-corrected)", "a judge's word, corrected by people"
    return "holds (gold)", f"held against {proof.hypothesis.reference}"


def _open(proof: Proof, tests: dict[str, MeanTest]) -> str | None:
    """Why nothing can be said yet; None where all that is asked holds."""
    if not all(tests[name].holds for name in ("overall", "newest", "hard")):
        return proof.stopped
    if (steady := tests.get("steady")) is not None and not steady.estimate >= 0:
        return _unsteady(steady)
    if any(not name for name in proof.snapshots.values()):
        return "what serves the rung changed meanwhile"
    missing = sum(proof.missing.values())
    if missing > MISSING_MOST * proof.tried:
        return f"{missing} of {proof.tried} calls have no score: {_most(proof.missing)}"
    if proof.population.share < FEWEST_REPLAYABLE:
        return (
            f"only {proof.population.share:.0%} of the calls can be asked again, "
            f"{FEWEST_REPLAYABLE:.0%} are needed: {_most(proof.population.unreplayable)}"
        )
    return None


def _falls(proof: Proof, tests: dict[str, MeanTest]) -> tuple[Verdict, str] | None:
    steady = tests.get("steady")
    if steady is not None and steady.falls:
        return "undecided", _unsteady(steady)
    if tests["overall"].falls:
        return "falls short", "the mean is below the bar"
    if tests["newest"].falls:
        return "falls short", "the newest quarter of the calls is below the bar"
    if tests["hard"].falls:
        return "falls short", f"{proof.hard[0]} hard failures, the baseline had {proof.hard[1]}"
    blocks = [one for one in proof.slices if one.blocks]
    if blocks and tests["overall"].holds:
        worst = blocks[0]
        return "falls short", (
            f"the mean hides a broken part: {worst.name} loses {worst.loss * 100:.0f} points on {worst.calls} calls"
        )
    return None


def _unsteady(steady: MeanTest) -> str:
    agrees = f"{steady.estimate + STEADY:.0%}"
    bounds = f"{steady.lower + STEADY:.0%} to {steady.upper + STEADY:.0%}"
    return (
        f"the baseline agrees with itself in {agrees} of cases ({bounds}), {STEADY:.0%} are needed to hold answers "
        "against logged ones; name a judge (--judge) or right answers (--labels)"
    )


def _most(counts: dict[str, int]) -> str:
    return max(counts, key=lambda reason: counts[reason], default="")


def lower_bound(proof: Proof) -> Decimal:
    """The lower bound on the mean of D that evidence states: that of the overall test."""
    test = MeanTest.replay(proof.tests["overall"])
    found = Decimal(str(math.floor(test.lower * 1e6))).scaleb(-6)
    # A test holds at the very observation at which its bound passes 0; rounding down may lose that.
    return max(found, Decimal("0.000001")) if test.holds else found


def level_problem(proof: Proof) -> str | None:
    """Why the recorded tests are not those of the recorded hypothesis; None where they are."""
    level, hypothesis = proof.level, proof.hypothesis
    if not math.isclose(level.alpha, 1.0 - float(hypothesis.confidence), abs_tol=1e-12):
        return f"its level {level.alpha} is not that of confidence {hypothesis.confidence}"
    if not 0 <= level.held_before < level.planned == hypothesis.planned:
        return f"its level is of {level.planned} workloads, the hypothesis planned {hypothesis.planned}"
    if not 0 <= proof.place < len(hypothesis.rungs):
        return "its rung is not in the hypothesis's order"
    plan: Design = design(hypothesis, level, proof.labelled)
    fresh = tests_of(plan)
    if fresh.keys() != proof.tests.keys():
        return f"it has the tests {', '.join(proof.tests)}, expected {', '.join(fresh)}"
    wrong = [name for name, test in fresh.items() if not same_design(proof.tests[name], test)]
    return f"the test '{wrong[0]}' is not the one that the hypothesis fixes" if wrong else None


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """An evidence file, worked out again."""

    evidence: Evidence
    proof: Proof
    verdict: Verdict
    reason: str


def read_evidence(data: bytes, name: str) -> Evidence:
    """The evidence of a file whose digest fits.

    Raises:
        ConfigurationError: None, or one that was changed.
    """
    try:
        evidence = msgspec.json.decode(data, type=Evidence)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(
            f"{name}: expected evidence of a proof, found something else: {error}"
        ) from None
    if evidence.digest != evidence_digest(evidence):
        raise ConfigurationError(
            f"{name}: changed after its proof: its digest does not match; prove it again"
        )
    return evidence


def verify(data: bytes, name: str) -> Verified:
    """An evidence file's verdict worked out again from the path of its tests, offline.

    Raises:
        ConfigurationError: It was changed, has no path, or does not come to what it says.
    """
    evidence = read_evidence(data, name)
    if isinstance(evidence.proof, msgspec.UnsetType):
        raise ConfigurationError(
            f"{name}: has no path of its test; `tierwise prove` writes evidence with one"
        )
    try:
        proof = msgspec.convert(evidence.proof, Proof)
        problem = level_problem(proof)
        verdict, reason = verdict_of(proof)
        bound = lower_bound(proof)
    except (msgspec.ValidationError, OutOfBounds, KeyError) as error:
        raise ConfigurationError(f"{name}: its path does not hold: {error}") from None
    said = _said(evidence, proof, verdict, bound)
    if problem or said:
        raise ConfigurationError(f"{name}: {problem or said}")
    return Verified(evidence=evidence, proof=proof, verdict=verdict, reason=reason)


def _said(evidence: Evidence, proof: Proof, verdict: Verdict, bound: Decimal) -> str | None:
    """What the file states that its path does not come to; None where all fits."""
    hypothesis = proof.hypothesis
    pairs: tuple[tuple[str, object, object], ...] = (
        ("verdict", evidence.verdict, verdict),
        ("lower bound", evidence.lower_bound, bound),
        ("workload", evidence.workload, hypothesis.workload),
        ("baseline", evidence.baseline, hypothesis.baseline),
        ("rung", evidence.rung, hypothesis.rungs[proof.place]),
        ("margin", (evidence.margin, evidence.measure), (hypothesis.margin, hypothesis.measure)),
        ("confidence", evidence.confidence, hypothesis.confidence),
        ("snapshot", evidence.snapshot, proof.snapshots.get("rung", "")),
    )
    for what, says, comes in pairs:
        if says != comes:
            return f"its {what} says {_word(says)}, its path comes to {_word(comes)}"
    return None


def _word(value: object) -> str:
    return str(value) if isinstance(value, str | Decimal | Rung) else " ".join(map(str, value))  # type: ignore[call-overload] # the margin's pair
