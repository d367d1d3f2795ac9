"""Many texts as one matrix: hashed columns in compressed rows beside dense ones, and ridge regression."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from tierwise.router._features import GROUPS, SEEN_BITS, SHAPES, WEIGHTS, Counted

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

WAVES = 128
"""Random Fourier features of the shape (Rahimi and Recht, "Random features for large-scale kernel
machines", 2007): a kernel of counts of form that a linear model can hold."""
LINEAR_WEIGHT, WAVES_WEIGHT = 0.05, 0.15
"""Squared length of the dense parts, beside 1 for words and characters together."""
SEED = 20_240_618
"""Draws the waves; any number does."""


class Space(msgspec.Struct, frozen=True, eq=False):
    """What training sets about features, beside the weights."""

    bits: int
    idf: Singles
    """`len(GROUPS) * 2**bits` inverse document frequencies; 0 where no text of training has the bucket."""
    center: Singles
    scale: Singles
    """Mean and deviation of each of the `SHAPES` counts."""
    waves: Singles
    """`SHAPES + 1` rows of `WAVES`: frequencies, then phases."""
    seen: NDArray[np.bool_]
    """`2**SEEN_BITS`: a word with this hash occurs in training."""

    def sparse(self, text: Counted) -> tuple[NDArray[np.int64], Floats]:
        """Columns and values of the hashed part."""
        columns, values = [], []
        for at, (buckets, counts) in enumerate(text.groups):
            place = buckets + (at << self.bits)
            scaled = counts * self.idf[place]
            length = float(np.sqrt(scaled @ scaled))
            columns.append(place)
            values.append(scaled * (WEIGHTS[at] / length) if length else scaled)
        return np.concatenate(columns), np.concatenate(values)

    def dense(self, shapes: Floats) -> Floats:
        """Shapes, one a row, as standardised columns followed by waves."""
        plain = np.clip((shapes - self.center) / self.scale, -4, 4)
        waves = np.cos(plain @ self.waves[:-1] + self.waves[-1]) * np.sqrt(2 * WAVES_WEIGHT / WAVES)
        return np.concatenate([plain * np.sqrt(LINEAR_WEIGHT / SHAPES), waves], axis=-1)

    def support(self, text: Counted) -> float:
        """Share of the text's words that training has seen; 0 for a text without words."""
        return float(self.seen[text.seen].mean()) if text.seen.size else 0.0


def space_of(texts: Sequence[Counted], bits: int) -> Space:
    """Learned from texts without their outcomes; idf = ln((1 + n) / (1 + df)) + 1."""
    frequency = np.zeros(len(GROUPS) << bits)
    seen = np.zeros(1 << SEEN_BITS, dtype=bool)
    for text in texts:
        seen[text.seen] = True
        for at, (buckets, _) in enumerate(text.groups):
            frequency[buckets + (at << bits)] += 1
    idf = np.where(frequency > 0, np.log((1 + len(texts)) / (1 + frequency)) + 1, 0)
    shapes = np.stack([text.shape for text in texts])
    draw = np.random.default_rng(SEED)
    # Frequencies whose kernel is exp(-|x - y|^2 / (2 SHAPES)).
    waves = np.vstack(
        [draw.normal(size=(SHAPES, WAVES)) / np.sqrt(SHAPES), draw.uniform(0, 2 * np.pi, size=(1, WAVES))]
    )
    return Space(
        bits,
        idf.astype(np.float32),
        shapes.mean(0).astype(np.float32),
        (shapes.std(0) + 1e-6).astype(np.float32),
        waves.astype(np.float32),
        seen,
    )


class Matrix(msgspec.Struct, frozen=True, eq=False):
    """Rows of features: hashed entries in order of rows, and a dense block."""

    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    values: Singles
    dense: Singles
    wide: int
    """Hashed columns in all."""

    def widened(self, more: Floats) -> Matrix:
        """With more dense columns."""
        wider = np.hstack([self.dense, more]).astype(np.float32)
        return Matrix(self.rows, self.columns, self.values, wider, self.wide)

    def times(self, weights: Floats) -> Floats:
        """The product with a weight for each hashed, then each dense column."""
        terms = self.values * weights[self.columns]
        sums = np.bincount(self.rows, weights=terms, minlength=len(self.dense))
        return np.asarray(sums + self.dense @ weights[self.wide :])

    def back(self, errors: Floats) -> Floats:
        """The product of the transpose with a value for each row."""
        terms = self.values * errors[self.rows]
        sums = np.bincount(self.columns, weights=terms, minlength=self.wide)
        return np.concatenate([sums, errors @ self.dense])


def matrix(space: Space, texts: Sequence[Counted]) -> Matrix:
    """The features of texts, a row each."""
    parts = [space.sparse(text) for text in texts]
    rows = np.repeat(np.arange(len(parts)), [len(columns) for columns, _ in parts])
    return Matrix(
        rows.astype(np.int32),
        np.concatenate([columns for columns, _ in parts]).astype(np.int32),
        np.concatenate([values for _, values in parts]).astype(np.float32),
        space.dense(np.stack([text.shape for text in texts])).astype(np.float32),
        len(GROUPS) << space.bits,
    )


def ridge(
    features: Matrix, wanted: Floats, weights: Floats, penalty: float, *, most: int = 60
) -> tuple[Floats, float]:
    """Weights and intercept least in sum(weight * error**2) + penalty * |w|**2, by conjugate gradients.

    `weights` are positive, one a row, 0 for a row left out; the intercept, the weighted mean, is not penalised.
    """
    mean = float(weights @ wanted / weights.sum())
    right = features.back(weights * (wanted - mean))

    def product(at: Floats) -> Floats:
        return features.back(weights * features.times(at)) + penalty * at

    return _conjugate(product, right, most), mean


def _conjugate(product: Callable[[Floats], Floats], right: Floats, most: int) -> Floats:
    """Solves product(x) = right to a thousandth (Hestenes and Stiefel, 1952)."""
    found = np.zeros_like(right)
    left, step = right.copy(), right.copy()
    size = first = float(left @ left)
    for _ in range(most):
        if size <= first * 1e-6:
            break
        moved = product(step)
        length = size / float(step @ moved)
        found += length * step
        left -= length * moved
        size, before = float(left @ left), size
        step = left + (size / before) * step
    return found
