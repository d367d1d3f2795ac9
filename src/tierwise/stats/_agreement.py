"""How far two raters agree beyond chance."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Agreement of two raters on the same things: 1 all, 0 as by chance; None where chance alone agrees always.

    Source: Cohen, Educational and Psychological Measurement 20(1), 1960.

    Raises:
        ValueError: Nothing rated, or not by both.
    """
    if not first or len(first) != len(second):
        raise ValueError(f"expected the same things rated by both, got {len(first)} and {len(second)}")
    n = len(first)
    agreed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    words = set(first) | set(second)
    chance = sum(list(first).count(word) * list(second).count(word) for word in words) / n**2
    return None if chance == 1 else (agreed - chance) / (1 - chance)


def kappa_interval(
    first: Sequence[Hashable], second: Sequence[Hashable], *, seed: int, confidence: float = 0.95
) -> tuple[float, float]:
    """The percentile bootstrap interval of `cohen_kappa`; draws in which chance alone agrees count as 1."""
    draw = np.random.Generator(np.random.PCG64(seed))
    found = []
    for _ in range(1_000):
        at = draw.integers(0, len(first), len(first))
        kappa = cohen_kappa([first[i] for i in at], [second[i] for i in at])
        found.append(1.0 if kappa is None else kappa)
    tail = (1 - confidence) / 2
    low, high = np.quantile(found, [tail, 1 - tail])
    return float(low), float(high)
