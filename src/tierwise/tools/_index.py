"""Search over tool definitions without a model call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from tierwise.tools._bm25 import FieldedBm25
from tierwise.tools._described import Described, fields
from tierwise.tools._queries import FORMS, HELPERS, clauses, implied
from tierwise.tools._vectors import vectors
from tierwise.tools._words import terms

FIELD_WEIGHTS: Final = (3.0, 1.0, 0.7, 0.4, 1.0, 0.5)
"""Of the fields in BM25, in the order of `FIELDS`."""
OLDER: Final = 0.5
"""What each older text of a conversation counts against the one after it."""
TEXTS: Final = 8
"""Texts of a conversation that are read, newest first."""
OWN: Final = 10
"""First places, which belong to what the query says."""
STEP_TOOLS: Final = 3
"""Tools that are kept for one step."""
DOES: Final = 0.5
"""Fit from which a tool counts as doing a step, halfway between nothing shared and all."""
TERMS: Final = 256
"""Different words of one text that are read."""

Scores = NDArray[np.float64]


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """What each sign of a fit counts; every sign lies between 0 and 1, its best tool at 1."""

    words: float = 2.0
    """BM25 of the whole text."""
    sense: float = 0.5
    """Nearness of the whole text's vector."""
    clause_words: float = 0.5
    """BM25 of the clause that fits best."""
    clause_sense: float = 1.0
    """Nearness of the clause that fits best."""
    group: float = 0.5
    """Mean score of the two best tools of the same server."""
    steps: int = 3
    """Behind the first `OWN` places every so manieth goes to a step that no word names; 0: none."""


class ToolIndex:
    """The definitions of one request, built once, searched often; never changed."""

    def __init__(self, tools: Sequence[Described], *, weights: Weights | None = None) -> None:
        self._size = len(tools)
        self._weights = weights or Weights()
        cut = [fields(tool) for tool in tools]
        self._bm25 = FieldedBm25(cut, FIELD_WEIGHTS)
        self._sense = vectors().unit([[*c[4], *c[0], *c[1]] for c in cut]).T
        self._groups = _Groups([tool.group for tool in tools])
        self._steps = {step: self._step(step) for _, steps in FORMS for step in steps}
        self._helpers = [self._step(step) for step in HELPERS]

    def __len__(self) -> int:
        return self._size

    def search(self, queries: Sequence[str], k: int) -> tuple[int, ...]:
        """Positions of the k tools that fit best, best first, equals in the order given.

        Args:
            queries: texts of the newest turn and of the conversation, newest first; each counts
                half of the one before it, and at most `TEXTS` are read.
            k: how many; more than there are gives all.
        """
        if not self._size or k <= 0:
            return ()
        total = np.zeros(self._size)
        for age, query in enumerate(queries[:TEXTS]):
            total += OLDER**age * self._text(query, newest=not age)
        total += self._weights.group * self._groups.best_two(total)
        return _mixed(_ranked(total), self._aside(queries), self._weights.steps, k)

    def _aside(self, queries: Sequence[str]) -> Iterator[int]:
        """Tools for steps that no word names, likeliest first; one may come twice."""
        asked = dict.fromkeys(implied(queries[0])) if queries else ()
        first = [self._steps[step] for step in asked]
        for tools, rank in (
            (first, 0),
            (first, 1),
            (self._helpers, 0),
            (first, 2),
            (self._helpers, 1),
            (self._helpers, 2),
        ):
            yield from (found[rank] for found in tools if len(found) > rank)

    def _text(self, query: str, *, newest: bool) -> Scores:
        """Scores for one text; by clauses too for the newest, which says what comes next."""
        stems = list(dict.fromkeys(terms(query)))[:TERMS]
        weights = self._weights
        total = weights.words * self._words(stems)
        if not newest:
            return total + (weights.sense + weights.clause_sense) * self._near([stems])
        pieces = [piece[:TERMS] for piece in clauses(query)]
        total = total + weights.sense * self._near([stems])
        total = total + weights.clause_words * _best((self._words(p) for p in pieces), self._size)
        return total + weights.clause_sense * self._near(pieces)

    def _step(self, step: str) -> tuple[int, ...]:
        """The tools that do a step, best first; none where no tool does it."""
        stems = list(dict.fromkeys(terms(step)))
        words = self._bm25.scores((stem, 1.0) for stem in stems) / self._bm25.full(stems)
        near = (vectors().unit([stems]) @ self._sense)[0].astype(np.float64)
        fit = np.clip(words, 0, 1) / 2 + np.clip(near, 0, 1) / 2
        return tuple(at for at in _ranked(fit)[:STEP_TOOLS] if fit[at] >= DOES)

    def _words(self, stems: Sequence[str]) -> Scores:
        return _to_one(self._bm25.scores((stem, 1.0) for stem in dict.fromkeys(stems)))

    def _near(self, pieces: Sequence[Sequence[str]]) -> Scores:
        """Nearness to the nearest of some texts, given as stems."""
        if not pieces:
            return np.zeros(self._size)
        near = (vectors().unit(pieces) @ self._sense).max(axis=0)
        return _to_one(near.astype(np.float64))


class _Groups:
    """Which tools are of one server; a tool without a server is one alone."""

    def __init__(self, names: Sequence[str]) -> None:
        known: dict[object, int] = {}
        self._of = np.array(
            [known.setdefault(name or at, len(known)) for at, name in enumerate(names)], dtype=np.intp
        )
        counts = np.bincount(self._of, minlength=len(known))
        self._starts = np.cumsum(counts) - counts
        self._second = self._starts + np.minimum(1, counts - 1)

    def best_two(self, scores: Scores) -> Scores:
        """For each tool the mean of the two best scores of its group, or its own where it is alone."""
        ranked = scores[np.lexsort((-scores, self._of))]
        return np.asarray(((ranked[self._starts] + ranked[self._second]) / 2)[self._of])


def _to_one(scores: Scores) -> Scores:
    """Scores between 0 and 1, the best at 1 unless none is above 0."""
    best = scores.max(initial=0.0)
    return np.maximum(scores, 0.0) / best if best > 0 else np.zeros(len(scores))


def _best(found: Iterable[Scores], size: int) -> Scores:
    """The best of several scores, tool by tool."""
    best = np.zeros(size)
    for scores in found:
        np.maximum(best, scores, out=best)
    return best


def _ranked(scores: Scores) -> list[int]:
    """Positions by score, best first, equals in order.

    Rounded, so that the last bit of a sum on another machine decides nothing.
    """
    return np.argsort(-np.round(scores, 6), kind="stable").tolist()  # type: ignore[no-any-return]


def _mixed(own: Sequence[int], aside: Iterator[int], each: int, k: int) -> tuple[int, ...]:
    """The first k of a ranking with tools from aside put in; fewer are the start of more."""
    found: dict[int, None] = {}
    ranking = iter(own)
    while len(found) < min(k, len(own)):
        mine = len(found) >= OWN and each > 0 and len(found) % each == each - 1
        at = next((a for a in aside if a not in found), None) if mine else None
        found[at if at is not None else next(a for a in ranking if a not in found)] = None
    return tuple(found)
