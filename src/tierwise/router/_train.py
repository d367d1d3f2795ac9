"""From outcomes to a scorer: one weighted ridge a rung, calibrated on calls held out of it.

Each call's weight is the inverse of the chance with which its rung was chosen (Horvitz and
Thompson, 1952), cut at `MOST_WEIGHT`, so that a log in which hard calls went to dear rungs does
not make the cheap rungs look better than they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import msgspec
import numpy as np
from numpy.typing import NDArray

from tierwise.errors import CallerError
from tierwise.policy import About
from tierwise.router._artefact import decode, encode
from tierwise.router._calibrate import Curve, calibrate
from tierwise.router._features import BITS, SEEN_BITS, Counted, counted
from tierwise.router._matrix import Matrix, matrix, ridge, space_of
from tierwise.router._model import Scorer
from tierwise.router._text import Text

LEAST_CALLS = 200
"""Labelled calls below which a rung is refused."""
FOLDS = 5
PENALTY = 10.0
MOST_WEIGHT = 20.0
FLOOR_SHARE = 0.02
"""Held-out texts of training that the novelty floor would have turned away."""

Floats = NDArray[np.float64]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one rung did on one request."""

    request: str
    """Digest or other name of the request: outcomes that share it are never split between folds."""
    text: Text
    rung: str
    score: float
    """0 to 1."""
    propensity: float = 1.0
    """Chance with which this rung was taken for this call, above 0."""
    cost: float = 0.0
    """US dollars, for evaluation."""


class Trained(msgspec.Struct, frozen=True):
    """A scorer, and what was refused."""

    scorer: Scorer
    refused: tuple[tuple[str, int], ...]
    """Rungs with too few labelled calls, and how many they had."""


def train(
    outcomes: Sequence[Outcome],
    rungs: Sequence[str],
    *,
    bar: float = 0.5,
    bits: int = BITS,
    kind: str = "rungs",
    proven: bool = False,
    data: Sequence[str] = (),
) -> Trained:
    """Trains on outcomes of the rungs named, cheapest first; others are left out.

    Raises CallerError for a score, propensity or bar out of bounds, and where no rung has
    `LEAST_CALLS` outcomes.
    """
    _check(outcomes, bar)
    calls = {rung: sum(o.rung == rung for o in outcomes) for rung in rungs}
    kept = tuple(rung for rung in rungs if calls[rung] >= LEAST_CALLS)
    refused = tuple((rung, calls[rung]) for rung in rungs if rung not in kept)
    if not kept:
        told = ", ".join(f"{rung} {count}" for rung, count in refused)
        raise CallerError(
            f"expected {LEAST_CALLS} labelled calls of a rung, got {told or 'no rung'}: label more"
        )
    texts, places = _texts(outcomes, bits)
    space = space_of(texts, bits)
    features = matrix(space, texts)
    folds = folds_of([o.request for o in _firsts(outcomes, places)])
    weights, curves = [], []
    for rung in kept:
        mine = [at for at, o in enumerate(outcomes) if o.rung == rung]
        held = np.array([float(outcomes[at].score >= bar) for at in mine])
        chance = np.array([min(1 / outcomes[at].propensity, MOST_WEIGHT) for at in mine])
        rows = np.array([places[at] for at in mine])
        line, curve = _rung(features, rows, held, chance, folds, len(kept))
        weights.append(line)
        curves.append(curve)
    about = About(
        kind="difficulty" if kind == "difficulty" else "rungs",
        rungs=kept,
        proven=proven,
        bar=bar,
        calls=tuple(calls[rung] for rung in kept),
        floor=_floor(texts, folds),
        data=tuple(data),
    )
    exact = Scorer(about, space, np.stack(weights).astype(np.float32), tuple(curves))
    # As it will be read from its file, so that what is evaluated is what will be used.
    return Trained(decode(encode(exact)), refused)


def _check(outcomes: Sequence[Outcome], bar: float) -> None:
    if not 0 < bar <= 1:
        raise CallerError(f"expected a bar above 0 and up to 1, got {bar}")
    for at, outcome in enumerate(outcomes):
        if not 0 <= outcome.score <= 1:
            raise CallerError(f"outcome {at}: expected a score from 0 to 1, got {outcome.score}")
        if not 0 < outcome.propensity <= 1:
            raise CallerError(
                f"outcome {at}: expected a propensity above 0 and up to 1, got {outcome.propensity}"
            )


def _texts(outcomes: Sequence[Outcome], bits: int) -> tuple[list[Counted], list[int]]:
    """Features of each different request, and for each outcome its place among them."""
    known: dict[tuple[str, Text], int] = {}
    places = [known.setdefault((o.request, o.text), len(known)) for o in outcomes]
    return [counted(text, bits) for _, text in known], places


def _firsts(outcomes: Sequence[Outcome], places: Sequence[int]) -> list[Outcome]:
    found: dict[int, Outcome] = {}
    for outcome, place in zip(outcomes, places, strict=True):
        found.setdefault(place, outcome)
    return list(found.values())


def folds_of(requests: Sequence[str], folds: int = FOLDS) -> NDArray[np.int64]:
    """A fold for each request, the same for the same name, whatever else is trained on."""
    digests = [blake2b(r.encode("utf-8", "surrogatepass"), digest_size=8).digest() for r in requests]
    return np.array([int.from_bytes(digest, "little") % folds for digest in digests], dtype=np.int64)


def _rung(
    features: Matrix,
    rows: NDArray[np.int64],
    held: Floats,
    chance: Floats,
    folds: NDArray[np.int64],
    rungs: int,
) -> tuple[Floats, Curve]:
    """Weights of one rung on all its calls, and its curve from scores of folds held out."""
    size = len(features.dense)
    total: Floats = np.bincount(rows, weights=chance, minlength=size).astype(np.float64)
    mean = np.bincount(rows, weights=chance * held, minlength=size) / np.maximum(total, 1e-12)
    total = total / total[total > 0].mean()
    apart = np.zeros(size)
    for fold in range(FOLDS):
        weights = np.where(folds == fold, 0.0, total)
        if weights.any():
            line, base = ridge(features, mean, weights, PENALTY)
            apart[folds == fold] = (features.times(line) + base)[folds == fold]
    line, base = ridge(features, mean, total, PENALTY)
    used = total > 0
    return np.append(line, base), calibrate(apart[used], mean[used], total[used], rungs=rungs)


def _floor(texts: Sequence[Counted], folds: NDArray[np.int64]) -> float:
    """The support that all but a few texts reach when the words of other folds alone are known."""
    reached = []
    for fold in range(FOLDS):
        seen = np.zeros(1 << SEEN_BITS, dtype=bool)
        for text, own in zip(texts, folds, strict=True):
            if own != fold:
                seen[text.seen] = True
        reached += [
            float(seen[text.seen].mean()) if text.seen.size else 0.0
            for text, own in zip(texts, folds, strict=True)
            if own == fold
        ]
    return float(np.quantile(reached, FLOOR_SHARE))
