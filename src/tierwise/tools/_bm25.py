"""BM25 over the fields of tool definitions: which words of a query a tool is about."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

K1: Final = 1.2
"""How soon a repeated word stops to count more (Robertson and Zaragoza 2009 name 1.2 to 2)."""
B: Final = 0.6
"""How far a long field counts less for each of its words."""


class FieldedBm25:
    """Scores by BM25F (Robertson, Zaragoza, Taylor 2004).

    Counts of a word are summed over fields, each with its weight and length norm, before they saturate.
    """

    def __init__(self, documents: Sequence[Sequence[Sequence[str]]], weights: Sequence[float]) -> None:
        self._size = len(documents)
        lengths = np.array([[len(f) for f in d] for d in documents], dtype=np.float64).reshape(
            self._size, len(weights)
        )
        mean = np.maximum(lengths.mean(axis=0), 1.0) if self._size else np.ones(len(weights))
        norms = np.asarray(weights) / (1 - B + B * lengths / mean)
        found: dict[str, dict[int, float]] = {}
        for at, document in enumerate(documents):
            for field, norm in zip(document, norms[at].tolist(), strict=True):
                for term, count in Counter(field).items():
                    row = found.setdefault(term, {})
                    row[at] = row.get(at, 0.0) + count * norm
        self._postings = {term: self._posting(row) for term, row in found.items()}

    def _posting(self, row: dict[int, float]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        counts = np.fromiter(row.values(), dtype=np.float64, count=len(row))
        rare = self._rare(len(row))
        return np.fromiter(row, dtype=np.intp, count=len(row)), rare * counts * (K1 + 1) / (counts + K1)

    def _rare(self, holders: int) -> float:
        return math.log(1 + (self._size - holders + 0.5) / (holders + 0.5))

    def scores(self, terms: Iterable[tuple[str, float]]) -> NDArray[np.float64]:
        """Scores of all documents, in their order, for terms with the weight of each."""
        total = np.zeros(self._size)
        for term, weight in terms:
            posting = self._postings.get(term)
            if posting is not None:
                total[posting[0]] += weight * posting[1]
        return total

    def full(self, terms: Iterable[str]) -> float:
        """About what a document scores that has each of these terms in its name; 0 of no terms."""
        holders = (self._postings[term][0].size if term in self._postings else 0 for term in terms)
        return sum(self._rare(count) for count in holders) * (K1 + 1) * 3 / (3 + K1)
