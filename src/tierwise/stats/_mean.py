"""A test that a bounded mean is above 0, valid whenever it is looked at, and bounds for the mean."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from tierwise.errors import OutOfBounds
from tierwise.stats import _bets, _path
from tierwise.stats._side import Side, logarithm

_SLACK = 1e-9
"""Of the range: what adding floats may put an observation outside its bounds."""


class MeanTest:
    """Is the mean above 0? One observation after another, as many looks as one likes.

    The observations come in an order fixed beforehand and lie in [low, high], low < 0 < high; given
    those before it, each has expectation at most 0 if the claim is wrong. Nothing else is assumed:
    no variance, no shape, no number of observations. With the capital E of a mixture of bets
    against 'the mean is at most 0' (Waudby-Smith & Ramdas 2024, "Estimating means of bounded random
    variables by betting", J. R. Stat. Soc. B 86(1)), Ville's inequality gives
    P(E ever reaches 1/alpha) <= alpha. A bet is made before its observation is seen, from those before
    it, so the order is part of the record.

    An observation may stand for a cluster: `x` the mean of its items and `weight` its size over the
    largest size allowed, in [0, 1]. The claim is then about the mean over items, sum of weight * x
    over sum of weights, and the clusters are the independent units.

    Args:
        low: the least an observation can be, below 0.
        high: the most, above 0.
        alpha: chance of error of each of `holds`, `falls`, `lower`, `upper`, in (0, 1). The interval
            from `lower` to `upper` covers with 1 - 2 alpha.
        aim: the mean that should be seen soonest, above 0; by default the middle of the range (for
            paired differences plus a margin that is a true difference of 0), or 1/40 of the range
            where the middle is not above 0. Costs or saves observations, never validity; to be
            fixed before the first observation, as is `spread`.
        spread: standard deviation expected, in the unit of x; by default 0.15 of the range.

    Raises:
        OutOfBounds: for arguments or observations that are not as said, or not finite.
    """

    def __init__(
        self,
        low: float,
        high: float,
        *,
        alpha: float = 0.05,
        aim: float | None = None,
        spread: float | None = None,
    ) -> None:
        self.low, self.high, self.alpha = float(low), float(high), _chance(alpha)
        self.aim, self.spread = _design(self.low, self.high, aim, spread)
        self._xs: list[float] = []
        self._weights: list[float] = []
        self._rise = Side(self.low, self.alpha, self.aim, self.spread)
        self._fall = Side(-self.high, self.alpha, self.aim, self.spread)

    def add(self, x: float, weight: float = 1.0) -> None:
        """One observation, in its turn."""
        slack = _SLACK * (self.high - self.low)
        if not (self.low - slack <= x <= self.high + slack and 0.0 <= weight <= 1.0):
            raise OutOfBounds(
                f"observation {x} with weight {weight}: expected one within [{self.low}, {self.high}] and a weight "
                "within [0, 1]; name the true bounds when the test begins"
            )
        x = min(max(x, self.low), self.high)
        self._xs.append(x)
        self._weights.append(weight)
        self._rise.add(x, weight)
        self._fall.add(-x, weight)

    def extend(self, xs: Iterable[float], weights: Iterable[float] | None = None) -> None:
        """Observations in their order; the same as adding one at a time, bit by bit."""
        if weights is None:
            for x in xs:
                self.add(float(x))
            return
        for x, weight in zip(xs, weights, strict=True):
            self.add(float(x), float(weight))

    @property
    def count(self) -> int:
        """Observations so far."""
        return len(self._xs)

    @property
    def log_e(self) -> float:
        """Natural logarithm of the capital now: the evidence that the mean is above 0."""
        return self._rise.log_capital

    @property
    def held_at(self) -> int | None:
        """The observation, from 1, at which `holds` came true; None if it has not."""
        return self._rise.reached_at

    @property
    def fell_at(self) -> int | None:
        """The observation, from 1, at which `falls` came true; None if it has not."""
        return self._fall.reached_at

    @property
    def holds(self) -> bool:
        """Whether the capital has ever reached 1/alpha: once true, always true."""
        return self.held_at is not None

    @property
    def falls(self) -> bool:
        """Whether the same test turned round has ever said 'the mean is below 0' at alpha."""
        return self.fell_at is not None

    @property
    def estimate(self) -> float:
        """Weighted mean so far; not a number before the first weight."""
        weight = math.fsum(self._weights)
        whole = math.fsum(x * w for x, w in zip(self._xs, self._weights, strict=True))
        return whole / weight if weight else math.nan

    @property
    def lower(self) -> float:
        """Every mean below it is refuted at alpha by the observations up to now.

        The bounds are a confidence sequence (Waudby-Smith & Ramdas 2024): with 1 - alpha
        the mean is never below `lower`, however often one looks. They are those of this moment, not
        intersected over the past, so that they do not depend on when somebody looked; after
        `holds` the lower bound may therefore return below 0.
        """
        return self._rise.bound(self._xs, self._weights, self.high)

    @property
    def upper(self) -> float:
        """Every mean above it is refuted at alpha by the observations up to now."""
        return -self._fall.bound([-x for x in self._xs], self._weights, -self.low)

    def futile(self, remaining: int, *, chance: float = 0.05) -> bool:
        """Whether `remaining` more observations have less than `chance` to make it hold.

        A rule of thumb that may only stop, never say that something holds: the logarithm of each
        bet's capital is taken for a Brownian motion whose drift is the one seen plus one standard
        error, and the chance to reach the threshold is that of its running maximum. False before
        20 observations, and once it holds.
        """
        if self.holds or self.count < 20:
            return False
        if remaining <= 0:
            return True
        return self._rise.chance(self._xs, self._weights, remaining) < chance

    def record(self) -> _path.Record:
        """All that is needed to make the test again: bounds, design, observations, verdict."""
        return _path.Record(
            low=self.low,
            high=self.high,
            alpha=self.alpha,
            aim=self.aim,
            spread=self.spread,
            observations=_path.pack(list(zip(self._xs, self._weights, strict=True))),
            held_at=self.held_at,
            fell_at=self.fell_at,
        )

    @classmethod
    def replay(cls, record: _path.Record) -> MeanTest:
        """The test made again from what was recorded.

        Raises:
            OutOfBounds: if it does not come to the recorded verdict, or the record cannot be one.
        """
        test = cls(record.low, record.high, alpha=record.alpha, aim=record.aim, spread=record.spread)
        for x, weight in _path.unpack(record.observations):
            test.add(x, weight)
        if (test.held_at, test.fell_at) != (record.held_at, record.fell_at):
            raise OutOfBounds(
                f"the observations recorded hold at {test.held_at} and fall at {test.fell_at}, the record says "
                f"{record.held_at} and {record.fell_at}: it was changed, or written by another version"
            )
        return test


class MeanTests:
    """Many runs of `MeanTest` side by side, for simulation: the same arithmetic on arrays.

    Args:
        runs: how many.
        low: as for `MeanTest`, and so on.
        high: most an observation can be.
        alpha: chance of error.
        aim: the mean that should be seen soonest.
        spread: standard deviation expected.
    """

    def __init__(
        self,
        runs: int,
        low: float,
        high: float,
        *,
        alpha: float = 0.05,
        aim: float | None = None,
        spread: float | None = None,
    ) -> None:
        import numpy as np

        self.low, self.high, self.alpha = float(low), float(high), _chance(alpha)
        self.aim, self.spread = _design(self.low, self.high, aim, spread)
        self.count = 0
        self.held_at = np.zeros(runs, dtype=np.int64)
        """The observation at which each run came to hold; 0 where it has not."""
        self._stakes = _bets.Stakes(low=self.low, aim=self.aim, spread=self.spread, runs=runs)
        self._capital: list[Any] = [np.full(runs, part) for part in _bets.SPLIT]
        self._total, self._shift = np.ones(runs), np.zeros(runs, dtype=np.int64)

    def add(self, xs: Any, weights: Any = 1.0) -> None:
        """The next observation of every run: an array of `runs` numbers within the bounds."""
        import numpy as np

        self.count += 1
        predicted = self._stakes.predicted()
        stakes = [np.minimum(c * predicted, _bets.LARGEST) for c in _bets.MULTIPLES]
        total = _bets.grow(self._capital, stakes, weights * xs / -self.low)
        self._stakes.see(xs, weights)
        self.held_at[(self.held_at == 0) & (total * self.alpha >= 1.0)] = self.count
        if (total > _bets.LARGE).any():
            scale = np.where(total > _bets.LARGE, 1.0 / _bets.LARGE, 1.0)
            self._capital = [part * scale for part in self._capital]
            self._shift += total > _bets.LARGE
            total = total * scale
        self._total = total

    @property
    def log_e(self) -> list[float]:
        """Natural logarithm of each run's capital."""
        pairs = zip(self._total.tolist(), self._shift.tolist(), strict=True)
        return [logarithm(total, shift) for total, shift in pairs]


def _chance(alpha: float) -> float:
    if not 0.0 < alpha < 1.0:
        raise OutOfBounds(f"alpha {alpha} is a chance of error, above 0 and below 1")
    return float(alpha)


def _design(low: float, high: float, aim: float | None, spread: float | None) -> tuple[float, float]:
    middle = (low + high) / 2.0
    return _bets.design(low, high, aim, spread, middle=middle if middle > 0.0 else (high - low) / 40.0)
