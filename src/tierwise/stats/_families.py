"""Several hypotheses: down a ladder in a fixed sequence, and across many with e-values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence


def fixed_sequence(holds: Iterable[bool]) -> int:
    """How many hypotheses, from the first on, are shown: until the first that is not.

    Tested in an order fixed beforehand, each at the full alpha, the chance of any wrong word is at most
    alpha. Source: Maurer, Hothorn and Lehmacher 1995; Westfall and Krishen, JSPI 99(1), 2001.
    """
    count = 0
    for one in holds:
        if not one:
            break
        count += 1
    return count


def e_benjamini_hochberg(log_e: Sequence[float], alpha: float) -> tuple[int, ...]:
    """Positions of the hypotheses that are shown, with a false discovery rate of at most alpha.

    Of m planned hypotheses those with the k largest e-values are shown, for the largest k whose k-th
    largest is at least m / (k alpha), however the e-values depend on each other. Hypotheses that were
    planned and not tested have the e-value 1. Source: Wang and Ramdas, "False discovery rate control
    with e-values", JRSS B 84(3), 2022.

    Args:
        log_e: Natural logarithms of the e-values of all that were planned, each at a time of its own
            choice (stopped).
        alpha: Between 0 and 1.
    """
    order = sorted(range(len(log_e)), key=lambda at: -log_e[at])
    shown = 0
    for k, at in enumerate(order, start=1):
        if log_e[at] >= math.log(len(log_e) / (k * alpha)):
            shown = k
    return tuple(sorted(order[:shown]))
