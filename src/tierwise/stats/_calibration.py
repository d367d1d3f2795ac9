"""From scores to chances: curves fitted to outcomes, and how far chances are from what happened."""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import Any

import msgspec

from tierwise.errors import OutOfBounds


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """A chance that never falls as the score rises: constant from each edge to the next."""

    edges: tuple[float, ...]
    """Least score of each step, ascending; lower scores belong to the first step."""
    chances: tuple[float, ...]

    def __call__(self, score: float) -> float:
        """The chance at a score, within [0, 1]."""
        return self.chances[max(bisect_right(self.edges, score) - 1, 0)]


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """A logistic curve: chance = 1 / (1 + exp(-(offset + rise * g(score) - fall * h(score))))."""

    offset: float
    rise: float
    fall: float
    """0 for Platt's curve, where g is the score itself; else g = ln score, h = ln(1 - score)."""
    of_logs: bool

    def __call__(self, score: float) -> float:
        """The chance at a score, within [0, 1]."""
        if self.of_logs:
            score = min(max(score, _EDGE), 1.0 - _EDGE)
            at = self.offset + self.rise * math.log(score) - self.fall * math.log1p(-score)
        else:
            at = self.offset + self.rise * score
        return 1.0 / (1.0 + math.exp(-at)) if at >= 0 else math.exp(max(at, -700.0)) / (1.0 + math.exp(at))


_EDGE = 1e-6


def isotonic(scores: Any, outcomes: Any) -> Steps:
    """The rising steps nearest to the outcomes in least squares.

    Pool adjacent violators (Ayer et al. 1955). Equal scores share a step. Follows any rising shape, and
    overfits below some hundreds of items; judge it on others.

    Args:
        scores: n finite numbers.
        outcomes: n numbers in [0, 1].

    Raises:
        OutOfBounds: for no items, or ones outside those bounds.
    """
    import numpy as np

    score, outcome = _items(scores, outcomes)
    edges, place = np.unique(score, return_inverse=True)
    sums, sizes = np.bincount(place, outcome).tolist(), np.bincount(place).tolist()
    blocks: list[list[float]] = []
    for edge, whole, size in zip(edges.tolist(), sums, sizes, strict=True):
        blocks.append([edge, whole, size])
        while len(blocks) > 1 and blocks[-2][1] * blocks[-1][2] >= blocks[-1][1] * blocks[-2][2]:
            _, more, count = blocks.pop()
            blocks[-1][1] += more
            blocks[-1][2] += count
    return Steps(edges=tuple(b[0] for b in blocks), chances=tuple(min(b[1] / b[2], 1.0) for b in blocks))


def platt(scores: Any, outcomes: Any) -> Curve:
    """A logistic curve of the score, fitted by likelihood with Platt's smoothed targets.

    Platt (1999), "Probabilistic outputs for support vector machines": targets (n+ + 1) / (n+ + 2) and
    1 / (n- + 2) keep the curve finite where scores separate the outcomes. For scores of any range.

    Args:
        scores: n finite numbers.
        outcomes: n numbers, each 0 or 1.

    Raises:
        OutOfBounds: for no items, or outcomes other than 0 and 1.
    """
    import numpy as np

    score, outcome = _items(scores, outcomes)
    centre, scale = float(score.mean()), float(score.std()) or 1.0
    columns = np.stack([np.ones(len(score)), (score - centre) / scale], axis=1)
    offset, rise = _logistic(columns, _targets(outcome))
    return Curve(offset=offset - rise * centre / scale, rise=rise / scale, fall=0.0, of_logs=False)


def beta_curve(scores: Any, outcomes: Any) -> Curve:
    """The beta calibration curve, for scores in [0, 1] that are chances already, only wrong ones.

    Kull, Silva Filho & Flach (2017), "Beta calibration": logistic in ln s and -ln(1 - s); the
    identity is among its shapes. A term that would make the chance fall as the score rises is left out, as
    there. Platt's smoothed targets keep it finite.

    Args:
        scores: n numbers in [0, 1].
        outcomes: n numbers, each 0 or 1.

    Raises:
        OutOfBounds: for no items, scores or outcomes outside those.
    """
    import numpy as np

    score, outcome = _items(scores, outcomes)
    if not bool(((score >= 0.0) & (score <= 1.0)).all()):
        raise OutOfBounds("beta calibration is for scores within [0, 1]; others fit Platt's curve")
    score = np.clip(score, _EDGE, 1.0 - _EDGE)
    one, targets = np.ones(len(score)), _targets(outcome)
    logs = {"rise": np.log(score), "fall": -np.log1p(-score)}
    while logs:
        offset, *slopes = _logistic(np.stack([one, *logs.values()], axis=1), targets)
        found = dict(zip(logs, slopes, strict=True))
        worst = min(found, key=lambda name: found[name])
        if found[worst] >= 0.0:
            return Curve(
                offset=offset, rise=found.get("rise", 0.0), fall=found.get("fall", 0.0), of_logs=True
            )
        del logs[worst]
    (offset,) = _logistic(one[:, None], targets)
    return Curve(offset=offset, rise=0.0, fall=0.0, of_logs=True)


def expected_calibration_error(chances: Any, outcomes: Any, *, bins: int = 15) -> float:
    """Mean distance of chance and frequency over bins, weighted by their items; in [0, 1].

    Naeini, Cooper & Hauskrecht (2015); Guo et al. (2017, equation 3). The bins hold equally many items, in
    order of chance, equal chances together in one bin: bins of equal width would leave most items
    in one. Above 0 by chance alone, about sqrt(bins / n) / 2 at most: compare like with like.

    Args:
        chances: n numbers in [0, 1].
        outcomes: n numbers in [0, 1].
        bins: at most so many.

    Raises:
        OutOfBounds: for no items or bins, or numbers outside those bounds.
    """
    import numpy as np

    chance, outcome = _items(chances, outcomes)
    if bins < 1 or not bool(((chance >= 0.0) & (chance <= 1.0)).all()):
        raise OutOfBounds("expected chances within [0, 1] and at least one bin")
    _, place = np.unique(chance, return_inverse=True)
    ranks = np.argsort(np.argsort(chance, kind="stable"), kind="stable")
    lowest = np.full(int(place.max()) + 1, len(chance), dtype=np.int64)
    np.minimum.at(lowest, place, ranks)
    at = lowest[place] * bins // len(chance)
    return float(np.abs(np.bincount(at, chance - outcome)).sum() / len(chance))


def _items(scores: Any, outcomes: Any) -> tuple[Any, Any]:
    import numpy as np

    score, outcome = np.asarray(scores, dtype=np.float64), np.asarray(outcomes, dtype=np.float64)
    if score.ndim != 1 or score.shape != outcome.shape or not len(score):
        raise OutOfBounds(
            f"scores {score.shape} and outcomes {outcome.shape}: expected as many of each, at least one"
        )
    if not bool(np.isfinite(score).all() and ((outcome >= 0.0) & (outcome <= 1.0)).all()):
        raise OutOfBounds("expected finite scores and outcomes within [0, 1]")
    return score, outcome


def _targets(outcome: Any) -> Any:
    import numpy as np

    if not bool(((outcome == 0.0) | (outcome == 1.0)).all()):
        raise OutOfBounds("expected outcomes of 0 and 1; shares fit the isotonic steps")
    good = float(outcome.sum())
    bad = len(outcome) - good
    return np.where(outcome == 1.0, (good + 1.0) / (good + 2.0), 1.0 / (bad + 2.0))


def _logistic(columns: Any, targets: Any) -> list[float]:
    """Most likely coefficients, by Newton's method with halved steps and a ridge too small to see."""
    import numpy as np

    ridge = 1e-9 * np.eye(columns.shape[1]) * len(targets)

    def loss(at: Any) -> float:
        linear = columns @ at
        return float((np.logaddexp(0.0, linear) - targets * linear).sum() + at @ ridge @ at / 2)

    place = np.zeros(columns.shape[1])
    for _ in range(100):
        chance = 1.0 / (1.0 + np.exp(-np.clip(columns @ place, -500, 500)))
        slope = columns.T @ (chance - targets) + ridge @ place
        bend = (columns * (chance * (1 - chance))[:, None]).T @ columns + ridge
        step, size = np.linalg.solve(bend, slope), 1.0
        while loss(place - size * step) > loss(place) and size > 1e-6:
            size /= 2
        place = place - size * step
        if float(np.abs(size * step).max()) < 1e-10:
            break
    found: list[float] = place.tolist()
    return found
