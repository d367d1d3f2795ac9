"""Several hypotheses at once: in a fixed sequence, and by e-values."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

from tierwise.errors import OutOfBounds


def fixed_sequence(p_values: Sequence[float], *, level: float, starts: Sequence[int] = (0,)) -> list[int]:
    """Which hypotheses are rejected when each is tested only after the ones before it were.

    No correction is needed for their number: the chance of any false rejection is at most `level`
    (Maurer, Hothorn & Lehmacher 1995; Angelopoulos et al. 2021, "Learn then test").

    Args:
        p_values: in the order fixed beforehand. For tests valid at any time, 1 / max(1, highest e).
        level: chance of any false rejection, in (0, 1).
        starts: where sequences begin, fixed beforehand; each walks up to the next one's end with an
            equal part of the level, so that one bad start does not end it all.

    Returns:
        Places in `p_values`, ascending.

    Raises:
        OutOfBounds: for a level outside (0, 1), no start, or one that is no place.
    """
    _level(level)
    if (
        not starts
        or len(set(starts)) != len(starts)
        or not all(0 <= s < max(len(p_values), 1) for s in starts)
    ):
        raise OutOfBounds(
            f"starts {list(starts)} of {len(p_values)} hypotheses: name different places among them"
        )
    rejected: set[int] = set()
    for start in starts:
        for place in range(start, len(p_values)):
            if p_values[place] > level / len(starts):
                break
            rejected.add(place)
    return sorted(rejected)


def e_bh(log_es: Sequence[float], *, level: float) -> list[int]:
    """Which of many hypotheses are rejected with a false discovery rate of at most `level`.

    The e-BH procedure (Wang & Ramdas 2022, "False discovery rate control with e-values", J. R. Stat.
    Soc. B 84(3)): the k largest, for the largest k whose k-th e-value is at least
    count / (level * k). Valid under any dependence. All that were planned count, also those that
    were never begun (log e = 0); each e-value is the capital when its test stopped, not its highest.

    Returns:
        Places in `log_es`, ascending.

    Raises:
        OutOfBounds: for a level outside (0, 1).
    """
    _level(level)
    order = sorted(range(len(log_es)), key=lambda place: (-log_es[place], place))
    enough = 0
    for k, place in enumerate(order, 1):
        if log_es[place] >= log(len(log_es) / (level * k)):
            enough = k
    return sorted(order[:enough])


def _level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise OutOfBounds(f"level {level} is a chance of error, above 0 and below 1")
