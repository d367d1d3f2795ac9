"""A test that a bounded mean is above 0, valid whenever it is looked at, and bounds for the mean."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import NormalDist
from typing import Any

from tierwise.errors import OutOfBounds
from tierwise.stats import _bets, _path

_SLACK = 1e-9
"""Of the range: what adding floats may put an observation outside its bounds."""

_GRID = 2**24
"""Bounds lie on a grid of the range over this, rounded outward, so that they do not show last bits."""


class MeanTest:
    """Is the mean above 0? One observation after another, as many looks as one likes.

    The observations come in an order fixed beforehand and lie in [low, high], low < 0 < high; given
    those before it, each has expectation at most 0 if the claim is wrong. Nothing else is assumed:
    no variance, no shape, no number of observations. With the capital E of a mixture of bets
    against 'the mean is at most 0' (Waudby-Smith & Ramdas 2024, "Estimating means of bounded random
    variables by betting", J. R. Stat. Soc. B 86(1), section 4; the mixture is Cover's 1991), Ville's
    inequality gives P(E ever reaches 1/alpha) <= alpha. Bets never look at an observation before it
    is made, and are fixed fractions, so the capital after n observations does not depend on their
    order; whether it *ever* reached 1/alpha does, which is why the order is part of the record.

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
        spread: standard deviation expected, in the unit of x; by default 0.173 of the range.

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
        self.low, self.high, self.alpha = float(low), float(high), float(alpha)
        self.aim, self.spread = _design(self.low, self.high, self.alpha, aim, spread)
        self.count = 0
        """Observations so far."""
        self.held_at: int | None = None
        """The observation at which `holds` came true; None if it has not."""
        self.fell_at: int | None = None
        """The observation at which `falls` came true; None if it has not."""
        self._up, self._down = _splits(self.low, self.high, self.aim, self.spread)
        self._rising, self._falling = list(self._up), list(self._down)
        self._total, self._shift = 1.0, 0
        self._seen: Counter[tuple[float, float]] = Counter()
        self._order: list[tuple[float, float]] = []

    def add(self, x: float, weight: float = 1.0) -> None:
        """One observation, in its turn."""
        x, weight = _checked(x, weight, self.low, self.high)
        self.count += 1
        self._seen[x, weight] += 1
        self._order.append((x, weight))
        self._total = _bets.grow(self._rising, weight * x / -self.low)
        if self.held_at is None and self._shift == 0 and self._total * self.alpha >= 1.0:
            self.held_at = self.count
        if self._total > _bets.LARGE:
            self._rising = [part / _bets.LARGE for part in self._rising]
            self._total /= _bets.LARGE
            self._shift += 1
        if self.fell_at is None:
            against = _bets.grow(self._falling, weight * x / -self.high)
            if against * self.alpha >= 1.0:
                self.fell_at = self.count

    def extend(self, xs: Iterable[float], weights: Iterable[float] | None = None) -> None:
        """Observations in their order; the same as adding one at a time, bit by bit."""
        if weights is None:
            for x in xs:
                self.add(float(x))
            return
        for x, weight in zip(xs, weights, strict=True):
            self.add(float(x), float(weight))

    @property
    def log_e(self) -> float:
        """Natural logarithm of the capital now: the evidence that the mean is above 0."""
        return _logarithm(self._total, self._shift)

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
        weight = math.fsum(w * n for (_, w), n in self._seen.items())
        return math.fsum(w * x * n for (x, w), n in self._seen.items()) / weight if weight else math.nan

    @property
    def lower(self) -> float:
        """Every mean below it is refuted at alpha by the observations up to now.

        The bounds are a confidence sequence (Waudby-Smith & Ramdas 2024, theorem 1): with 1 - alpha
        the mean is never below `lower`, however often one looks. They are those of this moment, not
        intersected over the past, so that they do not depend on when somebody looked; after
        `holds` the lower bound may therefore return below 0.
        """
        return _bound(self._seen, self.low, self.high, self._up, self.alpha)

    @property
    def upper(self) -> float:
        """Every mean above it is refuted at alpha by the observations up to now."""
        turned = Counter({(-x, w): n for (x, w), n in self._seen.items()})
        return -_bound(turned, -self.high, -self.low, self._down, self.alpha)

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
        return max(self._chances(remaining)) < chance

    def _chances(self, remaining: int) -> Iterable[float]:
        goal = math.log(1.0 / self.alpha)
        n, normal = self.count, NormalDist()
        for part, c in zip(self._up, _bets.FRACTIONS, strict=True):
            steps = [(math.log1p(c * w * x / -self.low), k) for (x, w), k in self._seen.items()]
            drift = math.fsum(s * k for s, k in steps) / n
            deviation = math.sqrt(math.fsum(k * (s - drift) ** 2 for s, k in steps) / n) + 1e-12
            short = max(goal - math.log(part) - drift * n, 0.0)
            drift += deviation / math.sqrt(n)
            scale = deviation * math.sqrt(remaining)
            first = normal.cdf((drift * remaining - short) / scale)
            second = normal.cdf((-drift * remaining - short) / scale)
            # The exponential alone may overflow where its partner is 0.
            reflected = math.exp(min(2.0 * drift * short / deviation**2, 700.0)) * second if second else 0.0
            yield first + reflected

    def record(self) -> _path.Record:
        """All that is needed to make the test again: bounds, design, observations, verdict."""
        return _path.Record(
            low=self.low,
            high=self.high,
            alpha=self.alpha,
            aim=self.aim,
            spread=self.spread,
            observations=_path.pack(self._order),
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

        self.low, self.high, self.alpha = float(low), float(high), float(alpha)
        self.aim, self.spread = _design(self.low, self.high, self.alpha, aim, spread)
        self.count = 0
        self.held_at = np.zeros(runs, dtype=np.int64)
        """The observation at which each run came to hold; 0 where it has not."""
        up, _ = _splits(self.low, self.high, self.aim, self.spread)
        self._rising: list[Any] = [np.full(runs, part) for part in up]
        self._shift = np.zeros(runs, dtype=np.int64)

    def add(self, xs: Any, weights: Any = 1.0) -> None:
        """The next observation of every run: an array of `runs` numbers within the bounds."""
        import numpy as np

        self.count += 1
        total = _bets.grow(self._rising, weights * xs / -self.low)
        self.held_at[(self.held_at == 0) & (total * self.alpha >= 1.0)] = self.count
        if (total > _bets.LARGE).any():
            scale = np.where(total > _bets.LARGE, 1.0 / _bets.LARGE, 1.0)
            self._rising = [part * scale for part in self._rising]
            self._shift += total > _bets.LARGE

    @property
    def log_e(self) -> Any:
        """Natural logarithm of each run's capital."""
        whole: Any = 0.0
        for part in self._rising:
            whole = whole + part
        pairs = zip(whole.tolist(), self._shift.tolist(), strict=True)
        return [_logarithm(total, shift) for total, shift in pairs]


def _design(
    low: float, high: float, alpha: float, aim: float | None, spread: float | None
) -> tuple[float, float]:
    if not (math.isfinite(low) and math.isfinite(high) and low < 0.0 < high):
        raise OutOfBounds(f"bounds {low} and {high}: the test is against 0, which must lie between them")
    if not 0.0 < alpha < 1.0:
        raise OutOfBounds(f"alpha {alpha} is a chance of error, above 0 and below 1")
    middle = (low + high) / 2.0
    aim = (middle if middle > 0.0 else (high - low) / 40.0) if aim is None else float(aim)
    spread = _bets.SPREAD * (high - low) if spread is None else float(spread)
    if not (0.0 < aim < math.inf and 0.0 < spread < math.inf):
        raise OutOfBounds(f"aim {aim} and spread {spread} must be above 0")
    return aim, spread


def _splits(
    low: float, high: float, aim: float, spread: float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The bets on a mean above 0, and those on one below it."""
    return (
        _bets.weights(low=low, aim=aim, spread=spread),
        _bets.weights(low=-high, aim=aim, spread=spread),
    )


def _logarithm(total: float, shift: int) -> float:
    return math.log(total) + shift * math.log(_bets.LARGE) if total > 0.0 else -math.inf


def _checked(x: float, weight: float, low: float, high: float) -> tuple[float, float]:
    slack = _SLACK * (high - low)
    if not (low - slack <= x <= high + slack and 0.0 <= weight <= 1.0):
        raise OutOfBounds(
            f"observation {x} with weight {weight}: expected one within [{low}, {high}] and a weight "
            "within [0, 1]; name the true bounds when the test begins"
        )
    return min(max(x, low), high), weight


def _bound(
    seen: Counter[tuple[float, float]], low: float, high: float, split: Sequence[float], alpha: float
) -> float:
    """The least mean that the capital against it leaves standing, on the grid, rounded down."""
    import numpy as np

    if not seen:
        return low
    x, load = np.array(list(seen)).T
    counts = np.array(list(seen.values()), dtype=np.float64)
    goal, step = math.log(1.0 / alpha), (high - low) / _GRID

    def refuted(place: int) -> bool:
        return _bets.log_capital((x - low) / (place * step), counts, load, split) >= goal

    # Refuted means are those near `low`: the capital falls as the mean rises.
    bottom, top = 0, _GRID
    while top - bottom > 1:
        middle = (bottom + top) // 2
        bottom, top = (middle, top) if refuted(middle) else (bottom, middle)
    return low + bottom * step
