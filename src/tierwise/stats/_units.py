"""From what was measured to observations: items in clusters, and values known for a sample alone."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import msgspec

from tierwise.errors import OutOfBounds


class Unit(msgspec.Struct, frozen=True):
    """One observation of a test: `MeanTest.add(unit.x, unit.weight)`."""

    x: float
    weight: float


def by_cluster(values: Iterable[float], clusters: Iterable[Hashable], *, cap: int) -> list[Unit]:
    """One observation a cluster: the mean of its items, weighted by its size over `cap`.

    Clusters, not items, are the independent units: items of a session say much the same, and counted
    one by one they would feign evidence. The claim stays one about the mean over items, E[sum] over
    E[size].

    Args:
        values: what was measured, an item each.
        clusters: the cluster of each, in the same order; clusters come in order of first appearance.
        cap: most items that a cluster may have, fixed before they were seen. A smaller cap bets more
            on a cluster; where larger clusters exist, draw `cap` of their items at random.

    Raises:
        OutOfBounds: for a cluster of more items than `cap`.
    """
    sums: dict[Hashable, tuple[float, int]] = {}
    for value, cluster in zip(values, clusters, strict=True):
        whole, size = sums.get(cluster, (0.0, 0))
        sums[cluster] = (whole + value, size + 1)
    largest = max((size for _, size in sums.values()), default=0)
    if cap < 1 or largest > cap:
        raise OutOfBounds(f"a cluster of {largest} items, with a cap of {cap}: draw at most {cap} of each")
    return [Unit(whole / size, size / cap) for whole, size in sums.values()]


def rectified(guesses: Sequence[float], values: Sequence[float | None], *, probability: float) -> list[float]:
    """Observations with the mean of `values`, of which only a random sample is known.

    guess + (value - guess) / probability where the value is known, the guess alone elsewhere: the
    augmented inverse-probability estimator (Robins, Rotnitzky & Zhao 1994). With a judge's scores as
    guesses and human labels as values it is prediction-powered inference (Angelopoulos et al. 2023;
    with labels chosen at random as they come, Zrnic & Candes 2024, "Active statistical inference"),
    and fed to `MeanTest` it is valid whenever looked at (Csillag, Struchiner & Goedert
    2025, "Prediction-powered e-values"). The mean is right however wrong the guesses are: better
    guesses only make it surer.

    Args:
        guesses: fixed before it was drawn which values are known; from earlier observations,
            or a judge.
        values: None where not known.
        probability: with which each value was drawn, independently, fixed beforehand; (0, 1].

    Raises:
        OutOfBounds: for a probability outside (0, 1].
    """
    _probable(probability)
    return [
        guess if value is None else rectify(guess, value, True, probability=probability)
        for guess, value in zip(guesses, values, strict=True)
    ]


def rectify(guess: Any, value: Any, known: Any, *, probability: float) -> Any:
    """One observation of `rectified`, of numbers or of arrays; where not known, `value` is any number."""
    return guess + known * ((value - guess) / probability)


def rectified_bounds(
    low: float,
    high: float,
    *,
    probability: float,
    guess_low: float | None = None,
    guess_high: float | None = None,
) -> tuple[float, float]:
    """What `rectified` observations lie in, for `MeanTest`.

    Args:
        low: least a value can be.
        high: most a value can be.
        probability: least with which values are drawn.
        guess_low: least a guess can be, `low` by default; guesses kept to a narrower range narrow
            the bounds, which lets the test bet more.
        guess_high: most a guess can be.

    Raises:
        OutOfBounds: for a probability outside (0, 1] or bounds in the wrong order.
    """
    _probable(probability)
    first = low if guess_low is None else guess_low
    last = high if guess_high is None else guess_high
    if not (low <= high and first <= last):
        raise OutOfBounds(f"bounds {low} to {high} and guesses {first} to {last}: lower ones come first")
    # guess + (value - guess) / p falls as the guess rises, since p <= 1.
    return (
        min(first, last + (low - last) / probability),
        max(last, first + (high - first) / probability),
    )


def _probable(probability: float) -> None:
    if not 0.0 < probability <= 1.0:
        raise OutOfBounds(f"probability {probability} of being drawn must be above 0 and at most 1")
