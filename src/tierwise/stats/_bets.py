"""What the sequential test bets: several parts of its capital, each a multiple of what seems best.

Test martingales by betting (Waudby-Smith & Ramdas 2024, the capital process). The capital of a
stake c_i, chosen before observation x_i of weight w_i is seen, is, if the mean is m,

    K(m) = prod_i (1 + c_i * w_i * (x_i - m) / (m - low)),   0 <= c_i < 1,

which stays positive since x_i >= low, is expected not to grow whenever the mean given the past is at
most m, and falls as m grows. So does a mixture of several, whatever their weights. How the stakes
are chosen decides how soon a true difference is seen, never whether an error is allowed.

Learned on the way: a mixture over fixed stakes (Cover's universal portfolio) has to learn variance and
mean at once from the capital alone, which costs about half a nat of the three that a verdict takes.
But the mean that matters is known beforehand (`aim`: a true difference of 0), and the variance shows
in every observation. So the stake that suits `aim` and the variance seen so far is predicted, and the
mixture is over a few multiples of it.
"""

from __future__ import annotations

import math
from typing import Any

from tierwise.errors import OutOfBounds

MULTIPLES = tuple(round(1.6 * 2.0 ** (-k / 2.5) * 2**20) / 2**20 for k in range(14))
"""Of the predicted stake, from 1.6 down to 0.04, a factor of 1.3 apart: the growth of capital is flat
at its top, a stake 15 % off costs 2 % of it. The small ones are for means near 0 and long series."""

LARGEST = 0.97
"""Of the capital that may be staked: one observation at `low` leaves 3 % of it."""

SPREAD = 0.15
"""Standard deviation expected unless told, as a part of the range: paired binary scores of which 9 % differ."""

_CENTRE = 0.85
_WIDTH = 0.3
"""Of the split, in natural logarithms of the multiple. Somewhat under the stake that grows fastest: half as
fast at half the stake, but three times less variable, so that fewer runs take very long."""

_PRIOR = 30.0
"""Observations that the expected spread counts for."""

LARGE = 2.0**200
"""Capital is scaled down by this power of two, exactly, before it overflows."""


def split(stakes: tuple[float, ...], *, centre: float, width: float) -> tuple[float, ...]:
    """The first unit of capital over stakes, around a centre: a width in natural logarithms of the stake.

    Heavy tails (Student's t, three degrees): what was not foreseen costs a factor, not the test. In
    multiples of 2**-20, so that a machine's last bit changes nothing.
    """
    raw = [(1.0 + (math.log(c / centre) / width) ** 2 / 3.0) ** -2 for c in stakes]
    whole = math.fsum(raw)
    parts = [max(1, math.floor(part / whole * 2**20)) for part in raw]
    parts[parts.index(max(parts))] += 2**20 - sum(parts)
    return tuple(part / 2**20 for part in parts)


SPLIT = split(MULTIPLES, centre=_CENTRE, width=_WIDTH)


class Stakes:
    """Predicts the best stake from what was seen: sums and products in a fixed order, of numbers or arrays.

    The stake on a mean `aim` whose deviations x - aim are as likely up as down solves
    E[log((1 + l aim)^2 - l^2 (x - aim)^2)] = max; to fourth order l * v2 + l^3 * v4 = aim, with the second
    and fourth moments of the deviation. The moments are those seen, with the expected spread counted as
    some observations more.
    """

    def __init__(self, *, low: float, aim: float, spread: float, runs: int | None = None) -> None:
        self._low, self._aim = low, aim
        self._second: Any = _PRIOR * spread * spread
        self._fourth: Any = _PRIOR * spread * spread * min(aim - low, 4.0 * spread) ** 2 / 2.0
        self._count: Any = _PRIOR
        self._prior = self._second, self._fourth
        if runs is not None:
            import numpy as np

            self._second, self._fourth = np.full(runs, self._second), np.full(runs, self._fourth)

    def predicted(self) -> Any:
        """The stake, a part of the capital, that seems to suit the next observation; above 0."""
        return self._best(self._second / self._count, self._fourth / self._count)

    def later(self, more: int) -> float:
        """The stake that would seem to suit after so many more observations, if they are as those seen."""
        seen = self._count - _PRIOR
        if seen <= 0:
            return float(self.predicted())
        scale, count = (seen + more) / seen, self._count + more
        second = self._prior[0] + (self._second - self._prior[0]) * scale
        fourth = self._prior[1] + (self._fourth - self._prior[1]) * scale
        return float(self._best(second / count, fourth / count))

    def _best(self, second: Any, fourth: Any) -> Any:
        # Newton's method from above on a rising convex function: it descends, and never crosses.
        best = self._aim / second
        for _ in range(_STEPS):
            square = best * best
            best = (2.0 * best * square * fourth + self._aim) / (second + 3.0 * square * fourth)
        return best * -self._low

    def see(self, x: Any, weight: Any) -> None:
        """One observation, after its stake was predicted."""
        deviation = weight * (x - self._aim)
        square = deviation * deviation
        self._second = self._second + square
        self._fourth = self._fourth + square * square
        # Counted by weight, both moments stand beside the mean over items that `aim` is.
        self._count = self._count + weight


_STEPS = 8


def grow(capital: list[Any], stakes: list[Any], gain: Any) -> Any:
    """Carries every bet through one observation, in place; the new total.

    `capital` and `stakes` hold a number a bet, or an array a bet with one entry a run; `gain` is
    weight * (x - mean) / (mean - low), at least -1. One run and many have the same bits.
    """
    total: Any = 0.0
    for k, stake in enumerate(stakes):
        capital[k] = capital[k] * (1.0 + stake * gain)
        total = total + capital[k]
    return total


def multiples(predicted: float) -> list[float]:
    """The stake of every bet."""
    return [min(c * predicted, LARGEST) for c in MULTIPLES]


_BLOCK = 32


def log_capital(gains: Any, predicted: Any) -> float:
    """Logarithm of the mixture's capital after all observations.

    Args:
        gains: of each observation, weight * (x - mean) / (mean - low).
        predicted: the stake predicted for each.
    """
    import numpy as np

    blocks = -(-len(gains) // _BLOCK)
    gains = np.pad(gains, (0, blocks * _BLOCK - len(gains)))
    predicted = np.pad(predicted, (0, len(gains) - len(predicted)))
    factors = np.multiply.outer(np.array(MULTIPLES), predicted)
    factors = 1.0 + np.minimum(factors, LARGEST, out=factors) * gains
    # Products of a few factors, each within [0.03, 2**20], spare most of the logarithms.
    products = factors.reshape(len(MULTIPLES), blocks, _BLOCK).prod(axis=2)
    logs: list[float] = (np.log(np.array(SPLIT)) + np.log(products).sum(axis=1)).tolist()
    top = max(logs)
    return top + math.log(math.fsum(math.exp(one - top) for one in logs))


def design(
    low: float, high: float, aim: float | None, spread: float | None, *, middle: float
) -> tuple[float, float]:
    """Aim and spread as given, or their defaults: `middle` and 0.15 of the range.

    Raises:
        OutOfBounds: for bounds that do not hold 0 between them, or a design of no size.
    """
    if not (math.isfinite(low) and math.isfinite(high) and low < 0.0 < high):
        raise OutOfBounds(f"bounds {low} and {high}: the test is against 0, which must lie between them")
    aim = middle if aim is None else float(aim)
    spread = SPREAD * (high - low) if spread is None else float(spread)
    if not (0.0 < aim < math.inf and 0.0 < spread < math.inf):
        raise OutOfBounds(f"aim {aim} and spread {spread} must be above 0")
    return aim, spread
