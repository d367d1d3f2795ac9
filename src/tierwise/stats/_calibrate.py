"""Scores as chances: isotonic and logistic calibration, how far off they are, and intervals by resampling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
_STEPS: Final = 50
_CLOSE: Final = 1e-10


def isotonic(
    scores: ArrayLike, outcomes: ArrayLike, weights: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """The rising step function of scores that is nearest to the outcomes: knots, and values at them.

    Pool adjacent violators (Ayer et al., Annals of Mathematical Statistics 26, 1955). Between knots
    take `np.interp`, which is constant beyond the ends.

    Args:
        scores: n finite numbers.
        outcomes: n numbers, such as 0 and 1.
        weights: n numbers above 0; 1 each without them.

    Raises:
        ValueError: Nothing, or not as many of each.
    """
    x, y = np.asarray(scores, dtype=np.float64), np.asarray(outcomes, dtype=np.float64)
    w = np.ones_like(y) if weights is None else np.asarray(weights, dtype=np.float64)
    if not len(x) or not x.shape == y.shape == w.shape:
        raise ValueError(
            f"expected as many outcomes and weights as scores, got {x.shape}, {y.shape}, {w.shape}"
        )
    knots, place = np.unique(x, return_inverse=True)
    mass = np.bincount(place, weights=w)
    mean = np.bincount(place, weights=w * y) / mass
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(mean, mass, strict=True):
        block = (float(value), float(weight), 1)
        while blocks and blocks[-1][0] >= block[0]:
            before = blocks.pop()
            both = before[1] + block[1]
            block = ((before[0] * before[1] + block[0] * block[1]) / both, both, before[2] + block[2])
        blocks.append(block)
    return knots, np.repeat([b[0] for b in blocks], [b[2] for b in blocks])


def platt(scores: ArrayLike, outcomes: ArrayLike) -> tuple[float, float]:
    """Slope and intercept of the logistic curve through 0-1 outcomes, with Platt's smoothed targets.

    Source: Platt, "Probabilistic outputs for support vector machines", 1999; by Newton's method as Lin,
    Lin and Weng, Machine Learning 68, 2007. The chance is 1 / (1 + exp(-(slope * score + intercept))).
    """
    x, y = np.asarray(scores, dtype=np.float64), np.asarray(outcomes, dtype=np.float64)
    right = float(y.sum())
    target = np.where(y > 0.5, (right + 1) / (right + 2), 1 / (len(y) - right + 2))
    design = np.column_stack([x, np.ones_like(x)])
    found = np.array([0.0, np.log((right + 1) / (len(y) - right + 1))])
    before = np.inf
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(design @ found, -500, 500)))
        slope = design.T @ (chance - target)
        curve = (design * (chance * (1 - chance))[:, None]).T @ design + 1e-12 * np.eye(2)
        step = np.linalg.solve(curve, slope)
        size = float(np.abs(step).max())
        found = found - step * min(1.0, 10 / max(size, 1e-300))
        if size < _CLOSE or size > 100 * before:
            break
        before = size
    return float(found[0]), float(found[1])


def calibration_error(chances: ArrayLike, outcomes: ArrayLike, bins: int = 15) -> float:
    """Expected calibration error: mean distance of stated chance and frequency over bins of like many calls.

    Equal-mass bins, weighted by their calls (Nguyen and O'Connor, EMNLP 2015). Biased upwards where bins
    are small.
    """
    p, y = np.asarray(chances, dtype=np.float64), np.asarray(outcomes, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    parts = np.array_split(order, min(bins, max(1, len(p))))
    off = (abs(float(p[one].mean() - y[one].mean())) * len(one) for one in parts if len(one))
    return sum(off) / max(1, len(p))


def bootstrap(
    statistic: Callable[[NDArray[np.int64]], float],
    clusters: Sequence[int] | NDArray[np.int64],
    *,
    seed: int,
    times: int = 1_000,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """The percentile interval of a statistic when whole clusters are drawn anew.

    Paired comparisons are made by a statistic that is itself a difference. Source: Efron and Tibshirani,
    "An Introduction to the Bootstrap", 1993, chapters 8 and 13.

    Args:
        statistic: Of the positions drawn, which may come twice.
        clusters: The cluster of each position.
        seed: Of the draws: the same seed, the same interval.
        times: How often.
        confidence: Of the interval.
    """
    groups = np.asarray(clusters)
    names, place = np.unique(groups, return_inverse=True)
    members = np.split(np.argsort(place, kind="stable"), np.cumsum(np.bincount(place))[:-1])
    draw = np.random.Generator(np.random.PCG64(seed))
    found = []
    for _ in range(times):
        chosen = draw.integers(0, len(names), len(names))
        found.append(statistic(np.concatenate([members[at] for at in chosen])))
    tail = (1 - confidence) / 2
    low, high = np.quantile(found, [tail, 1 - tail])
    return float(low), float(high)
