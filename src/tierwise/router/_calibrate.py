"""From a ridge score to the chance that the bar is held, with a lower end that holds for all rungs at once."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from math import sqrt
from statistics import NormalDist

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BLOCKS = 8
"""Blocks of equal weight that held-out scores are cut into before they are made monotone."""
ALPHA = 0.1
"""Chance that any of the lower ends of a scorer, over all rungs and blocks, is too high."""


class Curve(msgspec.Struct, frozen=True):
    """A step function from scores to chances, rising. One entry a block, lowest scores first."""

    edges: tuple[float, ...]
    """Upper ends of all blocks but the last."""
    chance: tuple[float, ...]
    low: tuple[float, ...]
    """Lower ends of the chances, one-sided."""

    def at(self, score: float) -> tuple[float, float]:
        """The chance for a score, and its lower end."""
        block = bisect_left(self.edges, score)
        return self.chance[block], self.low[block]

    def chances(self, scores: Floats) -> Floats:
        """The chance for each score."""
        return np.asarray(self.chance)[np.searchsorted(np.asarray(self.edges), scores)]


def rising_means(values: Floats, weights: Floats) -> Floats:
    """The nearest rising sequence in weighted squares, by pooling adjacent violators (Ayer et al., 1955).

    `stats.isotonic` is the same for calls that weigh alike; these have propensities.
    """
    pools: list[list[float]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        pools.append([value, weight, 1])
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            right, left = pools.pop(), pools.pop()
            both = left[1] + right[1]
            mean = (left[0] * left[1] + right[0] * right[1]) / both
            pools.append([mean, both, left[2] + right[2]])
    return np.concatenate([np.full(int(size), mean) for mean, _, size in pools])


def wilson_low(mean: float, count: float, alpha: float) -> float:
    """Lower end of a share by Wilson's score interval (1927), one-sided at `alpha`.

    `stats.wilson` counts whole calls; weighted ones have an effective number.
    """
    z = NormalDist().inv_cdf(1 - alpha)
    middle = mean + z * z / (2 * count)
    spread = z * sqrt(max(mean * (1 - mean), 0) / count + z * z / (4 * count * count))
    return max((middle - spread) / (1 + z * z / count), 0.0)


def calibrate(scores: Floats, held: Floats, weights: Floats, *, rungs: int) -> Curve:
    """The curve of one rung among `rungs`, from held-out scores and whether the bar was held (0 to 1).

    The lower ends use the effective number of calls, (sum w)**2 / sum w**2, and an alpha divided by
    all blocks of all rungs (Bonferroni), so that they hold together.
    """
    order = np.argsort(scores, kind="stable")
    blocks = [block for block in np.array_split(order, BLOCKS) if block.size]
    weight = np.array([weights[block].sum() for block in blocks])
    mean = np.array([weights[block] @ held[block] for block in blocks]) / weight
    rising = rising_means(mean, weight)
    low = []
    for at, block in enumerate(blocks):
        count = weight[at] ** 2 / float((weights[block] ** 2).sum())
        low.append(wilson_low(float(rising[at]), count, ALPHA / (BLOCKS * rungs)))
    edges = [float(scores[left[-1]] + scores[right[0]]) / 2 for left, right in pairwise(blocks)]
    lifted = np.maximum.accumulate(np.array(low))
    return Curve(tuple(edges), tuple(rising.tolist()), tuple(np.minimum(lifted, rising).tolist()))
