"""What the sequential test bets: fixed fractions of its capital, all at once, in a mixture.

Cover's universal portfolio (1991) over the bets of Waudby-Smith & Ramdas (2024, section 4): the
capital of fraction c after observations x_i of weight w_i, if the mean is m, is

    K_c(m) = prod_i (1 + c * w_i * (x_i - m) / (m - low)),   0 <= c < 1,

which stays positive since x_i >= low, has expectation at most 1 whenever the weighted mean is at
most m, and falls as m grows. So does the mixture sum_c weight_c * K_c, whatever the weights:
they decide how soon a true difference is seen, never whether an error is allowed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

FRACTIONS = tuple(round(0.97 * 2.0 ** (-k / 3) * 2**20) / 2**20 for k in range(24))
"""From nearly all of the capital down to half a percent of it, a factor of 1.26 apart: a bet that
is off by 12 % grows 1.5 % slower than the best one."""

SPREAD = 0.173
"""Standard deviation that the weights expect unless told, as a part of the range: paired binary
scores of which 12 % differ."""

_WIDTH = 0.6
"""Of the weights, in natural logarithms of the fraction: wide enough for a variance four times off."""

LARGE = 2.0**200
"""Capital is scaled down by this power of two, exactly, before it overflows."""


def weights(*, low: float, aim: float, spread: float) -> tuple[float, ...]:
    """How the first unit of capital is split over `FRACTIONS`; the parts are multiples of 2**-20.

    The centre is the bet that grows fastest if the mean is `aim` and the standard deviation
    `spread` (Waudby-Smith & Ramdas 2024, section B.2: about mean / second moment); tails are
    heavy (Student's t, three degrees), so that other means and variances cost a factor, not the
    test. Rounded, so that the last bit of a machine's logarithm changes nothing.
    """
    centre = min(max(-low * aim / (spread * spread), FRACTIONS[-1]), FRACTIONS[0])
    raw = [(1.0 + (math.log(c / centre) / _WIDTH) ** 2 / 3.0) ** -2 for c in FRACTIONS]
    whole = math.fsum(raw)
    parts = [max(1, math.floor(part / whole * 2**20)) for part in raw]
    parts[parts.index(max(parts))] += 2**20 - sum(parts)
    return tuple(part / 2**20 for part in parts)


def grow(capital: list[Any], gain: Any) -> Any:
    """Carries every bet through one observation, in place; the new total.

    `capital` holds a number a fraction, or an array a fraction with one entry a run; `gain` is
    weight * (x - mean) / (mean - low), at least -1. Only products and sums in a fixed order, so
    one run and many have the same bits.
    """
    total: Any = 0.0
    for k, fraction in enumerate(FRACTIONS):
        capital[k] = capital[k] * (1.0 + fraction * gain)
        total = total + capital[k]
    return total


def log_capital(gains: Any, counts: Any, loads: Any, split: Sequence[float]) -> float:
    """Logarithm of the mixture's capital after all observations, in any order.

    Args:
        gains: distinct values of (x - low) / (mean - low), at least 0.
        counts: how often each came.
        loads: the weight of each in [0, 1].
        split: the first unit of capital over `FRACTIONS`.
    """
    import numpy as np

    stakes = np.multiply.outer(np.array(FRACTIONS), loads * (gains - 1.0))
    logs: list[float] = (np.log(np.array(split)) + np.log1p(stakes) @ counts).tolist()
    top = max(logs)
    return top + math.log(math.fsum(math.exp(one - top) for one in logs))
