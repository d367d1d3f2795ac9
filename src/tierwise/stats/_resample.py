"""Intervals by drawing again from what was seen, and the agreement of two raters."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import msgspec

from tierwise.errors import OutOfBounds


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A number and what it may be."""

    estimate: float
    lower: float
    upper: float


def bootstrap(
    values: Any,
    *,
    clusters: Sequence[Hashable] | None = None,
    alpha: float = 0.05,
    draws: int = 2000,
    seed: int = 0,
    of: Callable[[Any], float] | None = None,
) -> Interval:
    """The percentile interval of a mean, or another number, whole clusters drawn again together.

    Efron (1979); whole clusters as in Davison & Hinkley (1997). Covers about 1 - alpha where there
    are many clusters (some tens at least), for one look. It is for showing; `MeanTest` is for deciding.

    Args:
        values: n numbers, or n rows of what belongs together (paired scores in columns).
        clusters: the cluster of each; each row its own by default.
        alpha: 1 - coverage, in (0, 1).
        draws: how many samples are drawn.
        seed: of the draws; equal seeds give equal intervals.
        of: from rows to the number; the mean by default.

    Raises:
        OutOfBounds: for no values, other lengths of clusters, or alpha outside (0, 1).
    """
    import numpy as np

    rows = np.asarray(values, dtype=np.float64)
    if not rows.ndim or not len(rows) or not 0.0 < alpha < 1.0 or draws < 1:
        raise OutOfBounds("expected at least one value and one draw, and alpha above 0 and below 1")
    members = _members(range(len(rows)) if clusters is None else clusters, len(rows))
    rng = np.random.Generator(np.random.PCG64(seed))
    if of is None:
        sums = np.array([rows[at].sum() for at in members])
        sizes = np.array([float(rows[at].size) for at in members])
        chosen = (rng.integers(len(members), size=len(members)) for _ in range(draws))
        found = np.array([sums[at].sum() / sizes[at].sum() for at in chosen])
        estimate = float(rows.mean())
    else:
        picks = (rng.integers(len(members), size=len(members)) for _ in range(draws))
        found = np.array([of(rows[np.concatenate([members[k] for k in at])]) for at in picks])
        estimate = float(of(rows))
    lower, upper = np.quantile(found, (alpha / 2, 1 - alpha / 2)).tolist()
    return Interval(estimate=estimate, lower=lower, upper=upper)


def kappa(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    *,
    alpha: float = 0.05,
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """Cohen's kappa (1960) of two raters who both rated every item: agreement beyond chance, at most 1.

    Chance is what the two would agree on by their own frequencies. 1 where both name one same label
    throughout. The interval is `bootstrap` over items.

    Raises:
        OutOfBounds: for no items, or lists of different length.
    """
    return _agreement(first, second, _kappa, alpha=alpha, draws=draws, seed=seed)


def krippendorff(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    *,
    alpha: float = 0.05,
    draws: int = 2000,
    seed: int = 0,
) -> Interval:
    """Krippendorff's alpha (2004) for labels and two raters: as kappa, with pooled frequencies.

    Small numbers of items are corrected for. None stands for a rating that is missing; such an item pairs
    with nothing and is left out. The interval is `bootstrap` over items.

    Raises:
        OutOfBounds: for no item that both rated, or lists of different length.
    """
    if len(first) != len(second):
        raise OutOfBounds(f"{len(first)} and {len(second)} ratings: expected both of every item")
    both = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    return _agreement(
        [a for a, _ in both], [b for _, b in both], _alpha_of, alpha=alpha, draws=draws, seed=seed
    )


def _agreement(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    of: Callable[[Any], float],
    *,
    alpha: float,
    draws: int,
    seed: int,
) -> Interval:
    import numpy as np

    if len(first) != len(second) or not first:
        raise OutOfBounds(
            f"{len(first)} and {len(second)} ratings: expected both of every item, and at least one"
        )
    codes: dict[Hashable, int] = {}
    rows = [
        [codes.setdefault(a, len(codes)), codes.setdefault(b, len(codes))]
        for a, b in zip(first, second, strict=True)
    ]
    return bootstrap(np.array(rows), alpha=alpha, draws=draws, seed=seed, of=of)


def _kappa(rows: Any) -> float:
    import numpy as np

    codes, n = rows.astype(np.int64), len(rows)
    size = int(codes.max()) + 1
    by_chance = (
        float(np.bincount(codes[:, 0], minlength=size) @ np.bincount(codes[:, 1], minlength=size)) / n**2
    )
    seen = float((codes[:, 0] == codes[:, 1]).mean())
    return 1.0 if by_chance == 1.0 else (seen - by_chance) / (1.0 - by_chance)


def _alpha_of(rows: Any) -> float:
    import numpy as np

    codes, n = rows.astype(np.int64), len(rows)
    counts = np.bincount(codes.ravel()).astype(np.float64)
    expected = 1.0 - float((counts * (counts - 1.0)).sum()) / (2 * n * (2 * n - 1))
    seen = float((codes[:, 0] != codes[:, 1]).mean())
    return 1.0 if expected == 0.0 else 1.0 - seen / expected


def _members(clusters: Sequence[Hashable], count: int) -> list[Any]:
    import numpy as np

    if len(clusters) != count:
        raise OutOfBounds(f"{len(clusters)} clusters of {count} values: expected one each")
    places: dict[Hashable, list[int]] = {}
    for place, cluster in enumerate(clusters):
        places.setdefault(cluster, []).append(place)
    return [np.array(at) for at in places.values()]
