"""One score of an answer: the chance, by its signals, that it is not worse than the baseline's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tierwise.cascade._signals import Seen
from tierwise.errors import OutOfBounds
from tierwise.policy import Scoring
from tierwise.stats import platt

FURTHEST: Final = 6.0
"""Beyond so many standard deviations a length is only far."""
RIDGE: Final = 1.0
"""Weight of the penalty on the squares of weights, in standard deviations of their signals."""


def score(scoring: Scoring, seen: Seen) -> float:
    """The chance, within [0, 1]; 0 for an answer of no use, and where a signal is missing that the score needs."""
    if seen.hard is not None:
        return 0.0
    values = _with_length(seen.values, scoring.centre, scoring.spread)
    at = scoring.offset
    for name, weight in scoring.weights.items():
        if name not in values:
            return 0.0
        at += weight * values[name]
    return 1.0 / (1.0 + math.exp(-at)) if at >= 0 else math.exp(max(at, -700.0)) / (1.0 + math.exp(at))


def fitted(
    first: Sequence[tuple[Seen, bool]],
    second: Sequence[tuple[Seen, bool]],
    names: Sequence[str] | None = None,
) -> Scoring:
    """A score fitted on answers of which it is known whether they hold up against the baseline's.

    Logistic in the signals, by penalised likelihood on `first`; then Platt's curve of that on `second`, which
    folds into the same form. Deterministic. Where `second` says that the score tells nothing, every answer
    has the share of good ones.

    Args:
        first: Answers, and whether each is not worse; those of no use are left out.
        second: Others, of other clusters.
        names: Signals that may be used; all that every answer has by default.

    Raises:
        OutOfBounds: for no answers of use in either.
    """
    ones, twos = _usable(first), _usable(second)
    if not ones or not twos:
        raise OutOfBounds("no answers to fit a score on: expected some in both parts that are of use")
    lengths = [seen.values["length"] for seen, _ in ones]
    centre = math.fsum(lengths) / len(lengths)
    spread = math.sqrt(math.fsum((x - centre) ** 2 for x in lengths) / len(lengths)) or 1.0
    rows = [_with_length(seen.values, centre, spread) for seen, _ in ones]
    shared = sorted(
        set.intersection(*(set(row) for row in rows)) & set(names if names is not None else rows[0])
    )
    offset, weights = _weights([[row[name] for name in shared] for row in rows], [good for _, good in ones])
    raw = Scoring(
        offset=offset, weights=dict(zip(shared, weights, strict=True)), centre=centre, spread=spread
    )
    found = [
        (_linear(raw, seen), good)
        for seen, good in twos
        if set(shared) <= set(_with_length(seen.values, 0, 1))
    ]
    if not found:
        raise OutOfBounds("no answers to calibrate a score on: theirs lack signals of those it was fitted on")
    curve = platt([at for at, _ in found], [float(good) for _, good in found])
    if curve.rise <= 0:
        goods = sum(good for _, good in found)
        return Scoring(
            offset=math.log((goods + 1) / (len(found) - goods + 1)), weights={}, centre=centre, spread=spread
        )
    return Scoring(
        offset=curve.offset + curve.rise * raw.offset,
        weights={name: curve.rise * weight for name, weight in raw.weights.items() if weight},
        centre=centre,
        spread=spread,
    )


def _usable(answers: Sequence[tuple[Seen, bool]]) -> list[tuple[Seen, bool]]:
    return [(seen, good) for seen, good in answers if seen.hard is None]


def _with_length(values: Mapping[str, float], centre: float, spread: float) -> dict[str, float]:
    """Signals with the length as its distance from the usual, signed and not."""
    found = dict(values)
    length = found.pop("length", None)
    if length is not None:
        over = min(max((length - centre) / spread, -FURTHEST), FURTHEST)
        found |= {"length.over": over, "length.far": abs(over)}
    return found


def _linear(scoring: Scoring, seen: Seen) -> float:
    values = _with_length(seen.values, scoring.centre, scoring.spread)
    return scoring.offset + sum(weight * values[name] for name, weight in scoring.weights.items())


def _weights(rows: Sequence[Sequence[float]], goods: Sequence[bool]) -> tuple[float, list[float]]:
    """Offset and a weight a column, by Newton's method on columns of mean 0 and deviation 1."""
    import numpy as np

    table = np.asarray(rows, dtype=np.float64).reshape(len(rows), -1)
    good = np.asarray(goods, dtype=np.float64)
    mean, deviation = table.mean(axis=0), table.std(axis=0)
    flat = deviation < 1e-9
    scaled = np.where(flat, 0.0, (table - mean) / np.where(flat, 1.0, deviation))
    columns = np.concatenate([np.ones((len(rows), 1)), scaled], axis=1)
    # Platt's targets keep it finite where the signals tell good from bad without a fault.
    count = good.sum()
    targets = np.where(good == 1.0, (count + 1) / (count + 2), 1 / (len(rows) - count + 2))
    penalty: Any = np.diag([1e-6, *([RIDGE] * scaled.shape[1])])
    at = np.zeros(columns.shape[1])
    for _ in range(60):
        chance = 1.0 / (1.0 + np.exp(-np.clip(columns @ at, -30, 30)))
        slope = columns.T @ (chance - targets) + penalty @ at
        bend = (columns * (chance * (1 - chance))[:, None]).T @ columns + penalty
        step = np.linalg.solve(bend, slope)
        at = at - step / max(1.0, float(np.abs(step).max()) / 4)
        if float(np.abs(step).max()) < 1e-10:
            break
    weights = np.where(flat, 0.0, at[1:] / np.where(flat, 1.0, deviation))
    return float(at[0] - weights @ mean), [float(weight) for weight in weights]
