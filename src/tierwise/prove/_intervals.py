"""What is said beside a verdict: the difference in points, and the share of the baseline's quality kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tierwise.prove._bench import Design, Row
from tierwise.prove._proof import Interval
from tierwise.stats import MeanTest, bootstrap

_STEPS: Final = 12
"""Halvings of the range of shares, 0.5 to 1.5: to 0.0003."""


def points(rows: Sequence[Row], plan: Design, alpha: float) -> Interval:
    """Mean of s(rung) - s(baseline) over the calls."""
    low = plan.low - plan.delta - (1.0 - plan.rho)
    test = MeanTest(low, plan.high - plan.delta, alpha=alpha, aim=0.05, spread=plan.spread)
    for row in rows:
        test.add(row.rung - row.baseline, row.weight)
    return Interval(
        estimate=round(test.estimate, 6) if rows else 0.0,
        lower=round(test.lower, 6),
        upper=round(test.upper, 6),
    )


def share(rows: Sequence[Row], plan: Design, alpha: float) -> Interval:
    """Mean of s(rung) over the mean of s(baseline), bounds by turning the test round, within 0.5 to 1.5."""
    weight = sum(row.weight * row.baseline for row in rows)
    estimate = sum(row.weight * row.rung for row in rows) / weight if weight > 0 else 1.0
    low, high = 0.5, 1.5
    bottom, top = 0.5, 1.5
    for _ in range(_STEPS):
        middle = (bottom + top) / 2
        bottom, top = (middle, top) if _test(rows, plan, middle, alpha).lower > 0 else (bottom, middle)
    low = bottom
    bottom, top = 0.5, 1.5
    for _ in range(_STEPS):
        middle = (bottom + top) / 2
        bottom, top = (bottom, middle) if _test(rows, plan, middle, alpha).upper < 0 else (middle, top)
    high = top
    return Interval(estimate=round(estimate, 4), lower=round(low, 4), upper=round(high, 4))


def _test(rows: Sequence[Row], plan: Design, rho: float, alpha: float) -> MeanTest:
    # D less the margin, at another rho: wide enough for either, since rho is at most 1.5.
    wide = max(abs(plan.low), abs(plan.high)) * 1.5 + 0.5
    test = MeanTest(-wide, wide, alpha=alpha, aim=0.05, spread=plan.spread)
    for row in rows:
        test.add(row.rung - rho * row.baseline, row.weight)
    return test


def saved(costs: Sequence[tuple[float, float]], alpha: float) -> Interval:
    """Share of the baseline's cost that the rung saves, of the cost on the baseline and on the rung of each call."""
    import numpy as np

    if not sum(before for before, _ in costs):
        return Interval(estimate=0.0, lower=0.0, upper=0.0)

    def of(rows: Any) -> float:
        before, after = np.asarray(rows).sum(axis=0).tolist()
        return 1.0 - after / before if before else 0.0

    found = bootstrap(costs, alpha=2 * alpha, draws=500, of=of)
    return Interval(
        estimate=round(found.estimate, 6), lower=round(found.lower, 6), upper=round(found.upper, 6)
    )
