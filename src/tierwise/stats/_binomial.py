"""Exact binomial numbers: tails, intervals of a share, and the size of a fixed paired test."""

from __future__ import annotations

import math
from statistics import NormalDist

from tierwise.errors import OutOfBounds

_TINY = 1e-300


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), for x in [0, 1] and a, b > 0.

    Its continued fraction (DLMF 8.17.22) by Lentz's method, on the side where it converges fast;
    right to about 1e-13.

    Raises:
        OutOfBounds: for other arguments.
    """
    if not (0.0 <= x <= 1.0 and 0.0 < a < math.inf and 0.0 < b < math.inf):
        raise OutOfBounds(f"beta_cdf of {x}, {a}, {b}: expected x within [0, 1] and a, b above 0")
    if x in (0.0, 1.0):
        return x
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x <= (a + 1.0) / (a + b + 2.0):
        return min(1.0, front * _fraction(x, a, b) / a)
    return max(0.0, 1.0 - front * _fraction(1.0 - x, b, a) / b)


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 / _away(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, 20_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d, c = 1.0 / _away(1.0 + even * d), _away(1.0 + even / c)
        value *= c * d
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = 1.0 / _away(1.0 + odd * d), _away(1.0 + odd / c)
        value *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return value


def _away(number: float) -> float:
    """The number, or a tiny one in place of 0, which would be divided by."""
    return number if abs(number) > _TINY else _TINY


def binomial_tail(successes: int, trials: int, share: float) -> float:
    """P(at most `successes` of `trials`) where each succeeds with chance `share`: exact.

    Raises:
        OutOfBounds: for a share outside [0, 1] or successes outside [0, trials].
    """
    _counts(successes, trials)
    if not 0.0 <= share <= 1.0:
        raise OutOfBounds(f"share {share} must be within [0, 1]")
    if successes == trials:
        return 1.0
    return beta_cdf(1.0 - share, trials - successes, successes + 1)


def clopper_pearson(successes: int, trials: int, *, alpha: float = 0.05) -> tuple[float, float]:
    """The exact two-sided interval of a share, never covering less than 1 - alpha.

    Clopper & Pearson (1934): the shares under which neither tail is below alpha / 2. For a one-sided
    bound give twice its alpha. (0, 1) before the first trial.

    Raises:
        OutOfBounds: for successes outside [0, trials] or alpha outside (0, 1).
    """
    _counts(successes, trials)
    _alpha(alpha)
    lower = 0.0 if successes == 0 else _quantile(alpha / 2, successes, trials - successes + 1)
    upper = 1.0 if successes == trials else _quantile(1 - alpha / 2, successes + 1, trials - successes)
    return lower, upper


def _quantile(chance: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if beta_cdf(middle, a, b) < chance else (low, middle)
    return (low + high) / 2


def wilson(successes: int, trials: int, *, alpha: float = 0.05) -> tuple[float, float]:
    """Wilson's interval of a share (1927), the score test turned round: near 1 - alpha on average, not at least.

    (0, 1) before the first trial.

    Raises:
        OutOfBounds: for successes outside [0, trials] or alpha outside (0, 1).
    """
    _counts(successes, trials)
    _alpha(alpha)
    if not trials:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(1 - alpha / 2)
    share, square = successes / trials, z * z / trials
    centre = (share + square / 2) / (1 + square)
    half = z / (1 + square) * math.sqrt(share * (1 - share) / trials + square / (4 * trials))
    lower = 0.0 if successes == 0 else max(0.0, centre - half)
    return lower, 1.0 if successes == trials else min(1.0, centre + half)


def paired_size(
    discordance: float, margin: float, *, alpha: float = 0.05, power: float = 0.8, difference: float = 0.0
) -> int:
    """Pairs that the exact fixed-size test of non-inferiority needs: a yardstick for sequential ones.

    A pair is a win, a loss, or alike; win - loss has mean `difference` and the two kinds together
    the share `discordance`, known beforehand. The test says 'not worse by `margin` or more' when wins
    minus losses reach the least number whose chance, at a true difference of -margin, is at most alpha;
    both chances are exact, from the trinomial distribution. That the discordance is known, and that
    the first size is taken whose power is enough, makes the number small, and comparison with it strict.

    Args:
        discordance: in [margin, 1], so that the boundary can be.
        margin: above 0, in shares.
        alpha: chance of error.
        power: chance to say so at `difference`.
        difference: the truth that is hoped for; |difference| <= discordance.

    Raises:
        OutOfBounds: for arguments outside those bounds.
    """
    import numpy as np

    _alpha(alpha)
    if not (0.0 < margin <= discordance <= 1.0 and abs(difference) <= discordance and 0.0 < power < 1.0):
        raise OutOfBounds(
            f"discordance {discordance}, margin {margin}, difference {difference}, power {power}: expected "
            "0 < margin <= discordance <= 1 and a difference no larger than the discordance"
        )

    def pair(mean: float) -> list[float]:
        return [(discordance - mean) / 2, 1 - discordance, (discordance + mean) / 2]

    boundary, hoped = np.array([1.0]), np.array([1.0])
    for n in range(1, 1_000_000):
        boundary, hoped = np.convolve(boundary, pair(-margin)), np.convolve(hoped, pair(difference))
        enough = np.cumsum(boundary[::-1])[::-1] <= alpha
        if enough.any() and float(hoped[int(np.argmax(enough)) :].sum()) >= power:
            return n
    raise OutOfBounds(f"a margin of {margin} below the truth {difference} needs over a million pairs")


def _counts(successes: int, trials: int) -> None:
    if not 0 <= successes <= trials:
        raise OutOfBounds(f"{successes} of {trials}: expected a count within [0, trials]")


def _alpha(alpha: float) -> None:
    if not 0.0 < alpha < 1.0:
        raise OutOfBounds(f"alpha {alpha} is a chance of error, above 0 and below 1")
