"""The tests of one rung: what is fixed of them beforehand, and what each cluster adds. Pure.

A rung holds where three tests hold at the same level, overall, on the newest quarter and on hard failures:
the claim is all three, so none needs a correction (intersection-union; Berger 1982, 'Multiparameter
hypothesis testing and acceptance sampling').
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from tierwise.prove._hypothesis import Hypothesis
from tierwise.stats import MeanTest, Record, rectified_bounds

HARD_MOST: Final = 0.05
"""Points by which the rate of hard failures may be above the baseline's."""
STEADY: Final = 0.8
"""Share of cases in which a baseline must agree with itself for answers to be held against it."""
SLICE_LOSS: Final = 0.1
"""Points that a slice may lose beyond the margin before it stops a verdict that holds."""
_SPREAD: Final = 0.35
"""Of paired binary scores of which 12 % differ."""
MISSING_MOST: Final = 0.05
"""Share of calls that may stay without a score for a verdict that holds."""


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """How sure one workload's tests must be, among all that were planned together.

    The workload that is the k-th to hold needs capital of at least planned / (alpha * k) in each of its
    tests. With that, all that hold are what e-BH selects at alpha (`stats.e_bh`: the k-th largest capital
    is at least planned / (alpha * k)), for any dependence between them; down the rungs of a workload the
    sequence is fixed, so the first that does not hold is the only one that could be said wrongly.
    """

    planned: int
    held_before: int
    alpha: float

    @property
    def each(self) -> float:
        """The level of each test."""
        return self.alpha * (self.held_before + 1) / self.planned


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One call, graded."""

    rung: float
    """The score of the rung's answer; with labels of people, the judge's score corrected by them."""
    baseline: float
    """That of the baseline's; where it was asked on a share of calls, its augmented value."""
    hard: int
    """1 where the rung failed hard and the baseline did not, -1 the other way round, else 0."""
    again: float | None = None
    """How the baseline's fresh answer agrees with its logged one, where it was asked."""


class Design(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds and level of the tests, fixed by the hypothesis."""

    rho: float
    delta: float
    low: float
    high: float
    level: float
    aim: float
    """Mean of D where both rungs are as good: the truth that should be seen soonest."""
    spread: float
    """Standard deviation of D that the bets expect."""
    cluster: int
    steady: bool
    """Whether the baseline's agreement with itself is tested."""

    def d(self, item: Item) -> float:
        """D of a call: above 0 on average holds the bar."""
        return item.rung - self.rho * item.baseline + self.delta


def guess_bounds(repeats: float) -> tuple[float, float]:
    """What an augmented score of the baseline lies in, its guess kept between `STEADY` and 1."""
    if repeats >= 1:
        return 0.0, 1.0
    return rectified_bounds(0.0, 1.0, probability=repeats, guess_low=STEADY, guess_high=1.0)


def design(hypothesis: Hypothesis, level: Level, labelled: float = 1.0) -> Design:
    """The tests of a hypothesis.

    points: D = s(rung) - s(baseline) + margin. share: D = s(rung) - (1 - margin) * s(baseline).
    A judge's score v gives s(rung) = v and s(baseline) = 1 - v.

    Args:
        hypothesis: Margin, measure, reference.
        level: How sure.
        labelled: The probability with which people labelled a call, for a judge corrected by them.
    """
    margin = float(hypothesis.margin)
    rho, delta = (1.0, margin) if hypothesis.measure == "points" else (1.0 - margin, 0.0)
    if hypothesis.reference in {"judge", "judge and people"}:
        bottom, top = rectified_bounds(0.0, 1.0, probability=labelled)
        low, high = (1 + rho) * bottom - rho + delta, (1 + rho) * top - rho + delta
    else:
        repeats = hypothesis.repeats if hypothesis.reference == "logged answers" else 1.0
        bottom, top = guess_bounds(repeats)
        low, high = -rho * top + delta, 1.0 - rho * bottom + delta
    return Design(
        rho=rho,
        delta=delta,
        low=low,
        high=high,
        level=level.each,
        aim=margin,
        spread=_SPREAD if labelled >= 1 else 2 * _SPREAD,
        cluster=hypothesis.cluster,
        steady=hypothesis.reference == "logged answers",
    )


def tests_of(plan: Design) -> dict[str, MeanTest]:
    """Fresh tests, by name."""
    found = {
        name: MeanTest(plan.low, plan.high, alpha=plan.level, aim=plan.aim, spread=plan.spread)
        for name in ("overall", "newest")
    }
    found["hard"] = MeanTest(HARD_MOST - 1.0, HARD_MOST + 1.0, alpha=plan.level)
    if plan.steady:
        found["steady"] = MeanTest(-STEADY, 1.0 - STEADY, alpha=plan.level, aim=(1 - STEADY) / 2)
    return found


def same_design(record: Record, test: MeanTest) -> bool:
    """Whether a recorded test is of the design of a fresh one."""
    fixed = (record.low, record.high, record.alpha, record.aim, record.spread)
    return fixed == (test.low, test.high, test.alpha, test.aim, test.spread)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster of the overall test, for what is said beside the verdict."""

    rung: float
    baseline: float
    weight: float


class Bench:
    """The tests of one rung as they go on.

    Args:
        plan: Their design.
    """

    def __init__(self, plan: Design) -> None:
        self.design = plan
        self.tests = tests_of(plan)
        self.rows: list[Row] = []
        """Clusters of the overall test, in their order."""
        self.guess = Guess()

    def wants(self, newest: bool) -> bool:
        """Whether a cluster is still of use: any, until overall and hard failures hold; then the newest alone."""
        return self._open or (newest and not self.tests["newest"].holds)

    @property
    def _open(self) -> bool:
        return not (self.tests["overall"].holds and self.tests["hard"].holds)

    def add(self, items: Sequence[Item], newest: bool) -> None:
        """A cluster's calls, in its turn; those that could not be graded are not among them."""
        if not items:
            return
        weight = len(items) / self.design.cluster
        d = sum(map(self.design.d, items)) / len(items)
        if self._open:
            rung = sum(item.rung for item in items) / len(items)
            baseline = sum(item.baseline for item in items) / len(items)
            self.rows.append(Row(rung=rung, baseline=baseline, weight=weight))
        self._feed("overall", d, weight)
        self._feed("hard", HARD_MOST - sum(item.hard for item in items) / len(items), weight)
        if newest:
            self._feed("newest", d, weight)
        again = [item.again for item in items if item.again is not None]
        self.guess.add(again)
        if "steady" in self.tests and again:
            mean = sum(again) / len(again)
            self.tests["steady"].add(mean - STEADY, len(again) / self.design.cluster)

    def _feed(self, name: str, x: float, weight: float) -> None:
        """A test that holds is at its end: e-BH takes the capital at which it stopped."""
        if not self.tests[name].holds:
            self.tests[name].add(x, weight)

    @property
    def holds(self) -> bool:
        """Whether all three hold."""
        return all(self.tests[name].holds for name in ("overall", "newest", "hard"))

    @property
    def falls(self) -> bool:
        """Whether more calls can no longer help."""
        return any(test.falls for test in self.tests.values())

    def futile(self, clusters: int, newest: int) -> bool:
        """Whether the clusters that are left have next to no chance to make it hold."""
        if self._open and self.tests["overall"].futile(clusters):
            return True
        return not self.tests["newest"].holds and self.tests["newest"].futile(newest)


class Guess:
    """How the baseline agrees with itself so far: what the next augmented value starts from."""

    def __init__(self) -> None:
        self._sum, self._count = 0.95 * 4, 4.0

    def add(self, scores: Sequence[float]) -> None:
        """Scores of earlier clusters alone, so that each guess is fixed before its value is seen."""
        self._sum += sum(scores)
        self._count += len(scores)

    @property
    def value(self) -> float:
        """Between `STEADY` and 1, in steps of a hundredth, so that observations repeat and their record is short."""
        return min(max(round(self._sum / self._count, 2), STEADY), 1.0)
