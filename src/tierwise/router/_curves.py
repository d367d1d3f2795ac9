"""The figures of a router in the words of the papers that named them.

RouteLLM: Ong et al., arXiv 2406.18665, section 3.2 (PGR, APGR, CPT). RouterBench: Hu et al.,
arXiv 2403.12031, section 3 (non-decreasing hull, AIQ). FrugalGPT: Chen et al., arXiv 2305.05176, section 4
(the cost at which the best single model is matched).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEVELS = 10
"""Shares of strong calls that APGR is averaged over, as in the published code."""


def deferral(order: Floats, weak: Floats, strong: Floats, levels: int = LEVELS) -> tuple[Floats, Floats]:
    """Share of strong calls and mean quality at each threshold, from no strong call to all of them.

    `order` ranks requests: at a threshold, those at or above it go to the strong model. Thresholds
    are the quantiles of `order`; ties go together.
    """
    steps = np.unique(np.quantile(order, np.linspace(0, 1, levels + 1)))[::-1]
    picked = [order >= step for step in steps]
    share = [0.0, *(float(p.mean()) for p in picked)]
    quality = [float(weak.mean()), *(float(np.where(p, strong, weak).mean()) for p in picked)]
    return np.array(share), np.array(quality)


def gap(weak: Floats, strong: Floats) -> float:
    """What the strong model is better by, on average. APGR and CPT mean nothing where it is not positive."""
    return float(strong.mean() - weak.mean())


def recovered(order: Floats, weak: Floats, strong: Floats, levels: int = LEVELS) -> tuple[Floats, Floats]:
    """Share of strong calls, and PGR: the share of the gap between the models that is recovered there."""
    share, quality = deferral(order, weak, strong, levels)
    return share, (quality - weak.mean()) / gap(weak, strong)


def apgr(order: Floats, weak: Floats, strong: Floats) -> float:
    """The area below PGR over the share of strong calls, by trapezoids; 0.5 for a random order."""
    share, found = recovered(order, weak, strong)
    return float(np.trapezoid(found, share))


def cpt(order: Floats, weak: Floats, strong: Floats, percent: float) -> float:
    """The least share of strong calls, in percent, that recovers `percent` of the gap, between levels linear."""
    share, found = recovered(order, weak, strong)
    wanted = percent / 100
    for at in range(1, share.size):
        if found[at] >= wanted:
            left, right = found[at - 1], found[at]
            part = (wanted - left) / (right - left) if right > left else 1.0
            return float(100 * (share[at - 1] + part * (share[at] - share[at - 1])))
    return 100.0


def hull(costs: Sequence[float], qualities: Sequence[float]) -> list[tuple[float, float]]:
    """The non-decreasing convex hull of (cost, quality): what mixing the points at random can reach."""
    best: list[tuple[float, float]] = []
    for cost, quality in sorted(zip(costs, qualities, strict=True), key=lambda p: (p[0], -p[1])):
        if best and quality <= best[-1][1]:
            continue
        while len(best) > 1 and _right(best[-2], best[-1], (cost, quality)):
            best.pop()
        best.append((cost, quality))
    return best


def _right(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    """`b` lies on or below the line from `a` to `c`."""
    return (b[1] - a[1]) * (c[0] - a[0]) <= (c[1] - a[1]) * (b[0] - a[0])


def aiq(points: Sequence[tuple[float, float]], least: float, most: float) -> float:
    """Average improvement in quality: the mean height of a hull between two costs.

    Before the first point its quality is 0, after the last it stays.
    """
    if most <= least:
        return points[0][1]
    costs = np.linspace(least, most, 501)
    heights = np.interp(costs, [p[0] for p in points], [p[1] for p in points], left=0.0)
    return float(np.trapezoid(heights, costs) / (most - least))


def neutral_cost(points: Sequence[tuple[float, float]], quality: float) -> float | None:
    """The least cost on a hull that reaches `quality`; None where it never does."""
    for at, (cost, height) in enumerate(points):
        if height >= quality - 1e-12:
            if at == 0:
                return cost
            before = points[at - 1]
            part = (quality - before[1]) / (height - before[1])
            return before[0] + part * (cost - before[0])
    return None


def resampled(
    orders: Sequence[Floats], weak: Floats, strong: Floats, *, draws: int = 1000, seed: int = 0
) -> Floats:
    """APGR of each order in each of `draws` bootstrap samples of the requests; samples are shared, so rows pair."""
    draw = np.random.default_rng(seed)
    found = np.empty((draws, len(orders)))
    for row in range(draws):
        at = draw.integers(0, weak.size, weak.size)
        own = (weak[at], strong[at])
        found[row] = [apgr(order[at], *own) if gap(*own) > 0 else np.nan for order in orders]
    return found


def interval(values: Floats, level: float = 0.95) -> tuple[float, float]:
    """The middle `level` of bootstrap values."""
    low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
