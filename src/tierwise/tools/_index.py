"""Search over tool definitions without a model call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from tierwise.tools._bm25 import FieldedBm25
from tierwise.tools._described import Described, fields
from tierwise.tools._words import terms

WEIGHTS: Final = (3.0, 1.0, 0.7, 0.4, 1.0, 0.5)
"""Of the fields, in the order of `FIELDS`."""
OLDER: Final = 0.5
"""What each older text of a conversation counts against the one after it."""
TERMS: Final = 256
"""Different words that are read of all queries together, newest first."""


class ToolIndex:
    """The definitions of one request, built once, searched often; never changed."""

    def __init__(self, tools: Sequence[Described]) -> None:
        self._size = len(tools)
        self._bm25 = FieldedBm25([fields(tool) for tool in tools], WEIGHTS)

    def __len__(self) -> int:
        return self._size

    def search(self, queries: Sequence[str], k: int) -> tuple[int, ...]:
        """Positions of the k tools that fit best, best first, equals in the order given.

        Args:
            queries: texts of the newest turn and of the conversation, newest first; each counts
                half of the one before it.
            k: how many; more than there are gives all.
        """
        weighted: dict[str, float] = {}
        for age, query in enumerate(queries):
            for term in terms(query):
                if term not in weighted and len(weighted) < TERMS:
                    weighted[term] = OLDER**age
        scores = self._bm25.scores(weighted.items())
        return tuple(np.argsort(-scores, kind="stable")[: max(k, 0)].tolist())
