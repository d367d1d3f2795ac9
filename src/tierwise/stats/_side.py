"""One side of a test: the capital that bets on a mean above 0, and the means it refutes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

from tierwise.stats import _bets

_GRID = 2**20
"""Bounds lie on a grid of the range over this, rounded outward, so that they do not show last bits."""


class Side:
    """The capital of bets on a mean above 0; the other side is fed observations with their sign turned."""

    def __init__(self, low: float, alpha: float, aim: float, spread: float) -> None:
        self._low, self._alpha = low, alpha
        self._stakes = _bets.Stakes(low=low, aim=aim, spread=spread)
        self._capital: list[Any] = list(_bets.SPLIT)
        self._total, self._shift = 1.0, 0
        self._predicted: list[float] = []
        self.reached_at: int | None = None
        """The observation, from 1, at which the capital first was 1/alpha."""

    def add(self, x: float, weight: float) -> None:
        """One observation, within its bounds."""
        predicted = self._stakes.predicted()
        self._predicted.append(predicted)
        self._total = _bets.grow(self._capital, _bets.multiples(predicted), weight * x / -self._low)
        self._stakes.see(x, weight)
        if self.reached_at is None and self._total * self._alpha >= 1.0:
            self.reached_at = len(self._predicted)
        if self._total > _bets.LARGE:
            self._capital = [part / _bets.LARGE for part in self._capital]
            self._total /= _bets.LARGE
            self._shift += 1

    @property
    def log_capital(self) -> float:
        """Natural logarithm of the capital."""
        return logarithm(self._total, self._shift)

    def bound(self, xs: Sequence[float], weights: Sequence[float], high: float) -> float:
        """The least mean that the same stakes leave standing, on the grid, rounded down; `low` at first.

        The stakes are those made against 0; against another mean they are as valid, and the capital falls
        as that mean rises, so the refuted means are those near `low`.
        """
        import numpy as np

        if not self._predicted:
            return self._low
        x, load, predicted = np.array(xs) - self._low, np.array(weights), np.array(self._predicted)
        goal, step = math.log(1.0 / self._alpha), (high - self._low) / _GRID

        def refuted(place: int) -> bool:
            return _bets.log_capital(load * (x / (place * step) - 1.0), predicted) >= goal

        bottom, top = 0, _GRID
        while top - bottom > 1:
            middle = (bottom + top) // 2
            bottom, top = (middle, top) if refuted(middle) else (bottom, middle)
        return self._low + bottom * step

    def chance(self, xs: Sequence[float], weights: Sequence[float], remaining: int) -> float:
        """About how likely `remaining` more observations carry the best of the bets to 1/alpha.

        The larger of two guesses: stakes as they are now, and as they would be at the end, since they
        grow as the spread that was expected gives way to a smaller one.
        """
        stakes = (self._stakes.predicted(), self._stakes.later(remaining))
        return max(self._chance(xs, weights, remaining, float(stake)) for stake in stakes)

    def _chance(self, xs: Sequence[float], weights: Sequence[float], remaining: int, stake: float) -> float:
        import numpy as np

        gains = np.array(weights) * np.array(xs) / -self._low
        past = np.array(self._predicted)
        n, goal, normal, best = len(xs), math.log(1.0 / self._alpha), NormalDist(), 0.0
        for c, part in zip(_bets.MULTIPLES, _bets.SPLIT, strict=True):
            got = float(np.log1p(np.minimum(c * past, _bets.LARGEST) * gains).sum())
            steps = np.log1p(min(c * stake, _bets.LARGEST) * gains)
            deviation = float(steps.std()) + 1e-12
            short = max(goal - math.log(part) - got, 0.0)
            drift = float(steps.mean()) + deviation / math.sqrt(n)
            scale = deviation * math.sqrt(remaining)
            first = normal.cdf((drift * remaining - short) / scale)
            second = normal.cdf((-drift * remaining - short) / scale)
            # The exponential alone may overflow where its partner is 0.
            reflected = math.exp(min(2.0 * drift * short / deviation**2, 700.0)) * second if second else 0.0
            best = max(best, first + reflected)
        return best


def logarithm(total: float, shift: int) -> float:
    """Natural logarithm of a capital that was scaled down `shift` times."""
    return math.log(total) + shift * math.log(_bets.LARGE) if total > 0.0 else -math.inf
