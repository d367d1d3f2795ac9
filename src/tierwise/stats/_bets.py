"""Whether the mean of bounded observations is above 0, by betting against it: valid whenever it is looked at.

A gambler starts with 1 and stakes a part of what he has on each observation X being above 0; if the mean is
0 or less, what he owns is a nonnegative supermartingale, so that the chance to ever own 1/alpha is at most
alpha (Ville 1939). How he bets is free as long as it looks only at the past. Source: Waudby-Smith and
Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86(1), 2024, section 4.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

SHARE: Final = 0.8
"""Part of the bet that would be best for the mean that is hoped for: less is lost where luck is bad, at
little more observations on average."""
MOST: Final = 0.65
"""Part of what he owns that the gambler stakes at most; the worst observation leaves him the rest."""
PRIOR: Final = 10.0
"""Observations that the first guess of the spread counts for."""
SPREAD: Final = 0.02
"""The first guess: variance as a part of the squared range. Pairs of right and wrong that differ in one
of twelve cases have it."""
STEADY: Final = 0.1
"""Part of the first stake that is laid on fixed bets, so that a mean other than hoped for is found too."""
FIXED: Final = 8
"""How many fixed bets share it, evenly spaced."""
LARGEST: Final = 0.9
"""The largest fixed bet, as the part of what is staked on it that the worst observation takes."""


class Bets:
    """Gamblers against 'the mean is at most `null`', any number at once.

    All arguments are numbers or arrays of one shape, one entry a gambler.

    Args:
        low: Least value of an observation, below 0 and `null`.
        high: Largest value, above 0 and `null`.
        aim: The mean above 0 under which few observations should be needed, up to `high`.
        null: The mean that is bet against. The stakes are those against 0, as far as `null` allows, so
            that wealth never grows with `null`.

    Raises:
        ValueError: The bounds do not enclose `null` and 0, or an aim is not above 0.
    """

    def __init__(self, low: ArrayLike, high: ArrayLike, aim: ArrayLike, null: ArrayLike = 0.0) -> None:
        given = (np.asarray(one, dtype=np.float64) for one in (low, high, aim, null))
        lows, highs, self._aim, self._null = np.broadcast_arrays(*given)
        if not (np.all(lows < np.minimum(self._null, 0)) and np.all(highs > np.maximum(self._null, 0))):
            raise ValueError(f"expected low < 0 < high around the mean {null!r}, got {low!r} and {high!r}")
        if not np.all((self._aim > 0) & (self._aim <= highs)):
            raise ValueError(f"expected an aim above 0 and up to {high!r}, got {aim!r}")
        room = self._null - lows
        self._most = np.minimum(MOST / room, MOST / -lows)
        parts = np.linspace(0, LARGEST, FIXED + 1)[1:]
        # As against 0, capped where `null` allows less: what keeps wealth from growing with `null`.
        self._fixed = np.minimum(parts / -lows[..., None], LARGEST / room[..., None])
        self._prior = PRIOR * SPREAD * (highs - lows) ** 2
        shape = lows.shape
        self._count, self._sum, self._square = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self._aimed, self._steady = np.zeros(shape), np.zeros((*shape, FIXED))

    def see(self, values: ArrayLike, sizes: ArrayLike = 1.0) -> None:
        """Take one observation each.

        Args:
            values: One value a gambler, within the bounds.
            sizes: Parts of an observation, 0 to 1: 0 leaves a gambler as he was. A known size of at
                most 1 times an observation of mean at most `null` keeps the bet fair.
        """
        x, size = np.asarray(values, dtype=np.float64), np.asarray(sizes, dtype=np.float64)
        gain = (x - self._null) * size
        aim, count = self._aim, self._count
        spread = self._prior + self._square - 2 * aim * self._sum + count * aim * aim
        bet = SHARE * aim / (spread / (PRIOR + count) + aim * aim)
        bet = np.minimum(bet, self._most)
        self._aimed = self._aimed + np.log1p(bet * gain)
        self._steady = self._steady + np.log1p(self._fixed * gain[..., None])
        self._count = count + size
        self._sum = self._sum + x * size
        self._square = self._square + x * x * size

    @property
    def log_wealth(self) -> Floats:
        """Natural logarithm of what each owns."""
        steady = np.logaddexp.reduce(self._steady, axis=-1) + math.log(STEADY / FIXED)
        return np.asarray(np.logaddexp(self._aimed + math.log(1 - STEADY), steady))


class MeanTest:
    """Is the mean above 0, or below? Looked at whenever one likes, each side wrong with chance alpha at most.

    `holds` once the lower bound on the mean was above 0 at 1 - alpha at any time, `fails` once the upper
    bound was below 0. Both bounds are of the mean of all observations so far.

    Args:
        low: Least value of an observation, below 0.
        high: Largest value, above 0.
        alpha: Chance of a wrong word, above 0 and below 1.
        aim: The mean above 0 that one hopes for; the test needs fewest observations there.

    Raises:
        ValueError: Bounds, alpha or aim do not fit.
    """

    def __init__(self, low: float, high: float, alpha: float, aim: float) -> None:
        if not 0 < alpha < 1:
            raise ValueError(f"expected an alpha between 0 and 1, got {alpha}")
        self.low, self.high, self.alpha, self.aim = low, high, alpha, aim
        # Up, and down: the same question of the observations turned round.
        self._bets = Bets([low, -high], [high, -low], [min(aim, high), min(aim, -low)])
        self._needed = math.log(1 / alpha)
        self.values: list[float] = []
        self.sizes: list[float] = []
        self.log_e = 0.0
        """Natural logarithm of the wealth against 'the mean is at most 0' now."""
        self.log_e_most = 0.0
        """The largest logarithm of the wealth against 'at most 0' so far: its exponential is 1 over an
        always-valid p-value."""
        self.holds = False
        self.fails = False

    def see(self, value: float, size: float = 1.0) -> None:
        """Take the next observation.

        Args:
            value: Within the bounds.
            size: Weight of a cluster of which `value` is the mean, 0 to 1; clusters are what is
                independent, and the size must not depend on the values.

        Raises:
            ValueError: The value is outside the bounds or no number, or the size outside 0 to 1.
        """
        if not self.low <= value <= self.high:
            raise ValueError(f"expected a value from {self.low} to {self.high}, got {value}")
        if not 0 <= size <= 1:
            raise ValueError(f"expected a size from 0 to 1, got {size}")
        self.values.append(value)
        self.sizes.append(size)
        self._bets.see([value, -value], size)
        up, down = self._bets.log_wealth
        self.log_e = float(up)
        self.log_e_most = max(self.log_e_most, self.log_e)
        self.holds = self.holds or bool(up >= self._needed)
        self.fails = self.fails or bool(down >= self._needed)

    def see_all(self, values: Iterable[float]) -> None:
        """Take observations one after the other."""
        for value in values:
            self.see(value)

    @property
    def count(self) -> int:
        """Observations so far."""
        return len(self.values)

    @property
    def mean(self) -> float:
        """Their weighted mean; 0 before the first."""
        total = math.fsum(self.sizes)
        both = zip(self.values, self.sizes, strict=True)
        return math.fsum(v * s for v, s in both) / total if total else 0.0

    def bounds(self) -> tuple[float, float]:
        """Lower and upper bound on the mean, each at 1 - alpha, whenever one looks.

        The bound of a moment is what is returned, by halving over the means that are bet against, to
        a ten-thousandth of the range. Wealth falls with the mean that is bet against, so that what is
        refused below the bound is all refused.
        """
        lower = self._bound(self.low, self.high, self.values)
        upper = -self._bound(-self.high, -self.low, [-v for v in self.values])
        return lower, upper

    def _bound(self, low: float, high: float, values: Sequence[float]) -> float:
        refused, left = low, high
        step = (high - low) / 10_000
        while values and left - refused > step:
            # Sixteen means at once: one pass over the observations narrows seventeenfold.
            tried = np.linspace(refused, left, 18)[1:-1]
            bets = Bets(low, high, min(self.aim, high), tried)
            for value, size in zip(values, self.sizes, strict=True):
                bets.see(value, size)
            last = int(np.sum(bets.log_wealth >= self._needed))
            ends = (refused, *tried, left)
            refused, left = float(ends[last]), float(ends[last + 1])
        return refused
