"""Counts of successes: exact intervals and tails, the normal quantile, how many pairs a fixed test needs."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

_TINY: Final = 1e-300
_CLOSE: Final = 1e-15
_MOST: Final = 10_000


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b): chance that a Beta(a, b) is at most x.

    By its continued fraction (NIST Digital Library of Mathematical Functions, 8.17.22) and Lentz's method.

    Raises:
        ValueError: a or b is not above 0, or x is outside 0 to 1.
    """
    if not (a > 0 and b > 0 and 0 <= x <= 1):
        raise ValueError(f"expected a, b > 0 and x from 0 to 1, got {a}, {b}, {x}")
    if x in (0.0, 1.0):
        return x
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_cdf(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    return front * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > _TINY else _TINY)
    found = d
    for m in range(1, _MOST):
        for part in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1 + part * d, 1 + part / c
            d = 1 / (d if abs(d) > _TINY else _TINY)
            c = c if abs(c) > _TINY else _TINY
            found *= d * c
        if abs(d * c - 1) < _CLOSE:
            break
    return found


def binomial_at_most(k: int, n: int, p: float) -> float:
    """Chance of at most k successes in n tries of chance p."""
    if k < 0:
        return 0.0
    return 1.0 if k >= n else beta_cdf(1 - p, n - k, k + 1)


def clopper_pearson(k: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact two-sided interval for a chance, from k successes in n tries.

    Source: Clopper and Pearson, Biometrika 26(4), 1934. Wider than need be, never too narrow.

    Raises:
        ValueError: k is outside 0 to n, n is 0, or the confidence outside 0 to 1.
    """
    if not 0 <= k <= n or n < 1 or not 0 < confidence < 1:
        raise ValueError(f"expected 0 <= k <= n, n > 0 and a confidence, got {k}, {n}, {confidence}")
    tail = (1 - confidence) / 2
    lower = 0.0 if k == 0 else _solve(lambda p: beta_cdf(p, k, n - k + 1), tail)
    upper = 1.0 if k == n else _solve(lambda p: beta_cdf(p, k + 1, n - k), 1 - tail)
    return lower, upper


def upper_bound(k: int, n: int, confidence: float) -> float:
    """The exact one-sided upper bound for a chance; 1 where nothing was tried."""
    return 1.0 if n in (0, k) else _solve(lambda p: beta_cdf(p, k + 1, n - k), confidence)


def _solve(rising: Callable[[float], float], target: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < target else (low, middle)
    return (low + high) / 2


def wilson(k: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval (JASA 22, 1927): near the stated confidence on average, not always."""
    if n == 0:
        return 0.0, 1.0
    z = normal_quantile((1 + confidence) / 2)
    share, square = k / n, z * z / n
    middle = (share + square / 2) / (1 + square)
    half = z / (1 + square) * math.sqrt(share * (1 - share) / n + square / (4 * n))
    # Rounding must not leave the share itself outside.
    return max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share))


def normal_quantile(p: float) -> float:
    """The value below which a standard normal falls with chance p, to 1e-12.

    Raises:
        ValueError: p is not between 0 and 1.
    """
    if not 0 < p < 1:
        raise ValueError(f"expected a chance between 0 and 1, got {p}")
    if p > 0.5:
        return -normal_quantile(1 - p)
    low, high = -40.0, 0.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if math.erfc(-middle / math.sqrt(2)) / 2 < p else (low, middle)
    return (low + high) / 2


@lru_cache(maxsize=64)
def pairs_needed(discordance: float, margin: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """Pairs that a fixed-size exact test needs to show that a candidate is at most `margin` worse.

    Pairs are right or wrong on each side and differ with chance `discordance`, both ways alike. The
    test counts, among n pairs, candidate-only minus baseline-only; it refuses 'worse by `margin`' where
    that difference is above the (1 - alpha) quantile of its exact distribution there. What is found is
    the least n from which on the power stays.

    Raises:
        ValueError: The margin is not below the discordance, so that the boundary has no such pairs.
    """
    if not 0 < margin <= discordance < 1:
        raise ValueError(f"expected 0 < margin <= discordance < 1, got {margin} and {discordance}")
    spread = normal_quantile(1 - alpha) + normal_quantile(power)
    n = max(10, int(spread * spread * discordance / margin**2 * 0.7))
    good = 0
    while good < 10:
        good = good + 1 if _power(n, discordance, margin, alpha) >= power else 0
        n += 1
    return n - 10


def _power(n: int, discordance: float, margin: float, alpha: float) -> float:
    null = _difference(n, (discordance - margin) / 2, (discordance + margin) / 2)
    truth = _difference(n, discordance / 2, discordance / 2)
    above = np.cumsum(null[::-1])[::-1]
    # The least difference whose tail under the boundary is at most alpha.
    first = int(np.argmax(above <= alpha)) if bool(np.any(above <= alpha)) else len(above)
    return float(np.sum(truth[first:]))


def _difference(n: int, plus: float, minus: float) -> NDArray[np.float64]:
    """Chances of candidate-only minus baseline-only, from -n to n, over n pairs: a power of a polynomial."""
    size = 1 << (2 * n + 1).bit_length()
    one = np.zeros(size)
    one[0], one[1], one[-1] = 1 - plus - minus, plus, minus
    found = np.fft.ifft(np.fft.fft(one) ** n).real
    chances: NDArray[np.float64] = np.clip(np.concatenate([found[-n:], found[: n + 1]]), 0, 1)
    return chances
