"""Texts as vectors, by a table of words: what a tool is about where no word is shared.

The table was taught to give a text the vector that all-MiniLM-L6-v2 (Apache-2.0) gives it, which
docs/tools.md describes; a text costs a few look-ups and one sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from io import BytesIO

import msgspec
import numpy as np
from numpy.typing import NDArray


class Vectors(msgspec.Struct, frozen=True):
    """A row for each known stem, scaled by how much the word says."""

    places: dict[str, int]
    rows: NDArray[np.int8]
    scales: NDArray[np.float32]

    def unit(self, texts: Sequence[Sequence[str]]) -> NDArray[np.float32]:
        """Vectors of length one, a row for each text given as stems; nothing known gives zeros."""
        found = np.zeros((len(texts), self.rows.shape[1]), dtype=np.float32)
        for at, text in enumerate(texts):
            known = [self.places[stem] for stem in dict.fromkeys(text) if stem in self.places]
            if known:
                found[at] = self.scales[known] @ self.rows[known]
        length = np.linalg.norm(found, axis=1, keepdims=True)
        return np.asarray(found / np.maximum(length, 1e-9), dtype=np.float32)


@lru_cache(maxsize=1)
def vectors() -> Vectors:
    """The table that ships with the project, read once."""
    packed = files("tierwise.tools").joinpath("data", "words.npz").read_bytes()
    with np.load(BytesIO(packed), allow_pickle=False) as table:
        stems = table["stems"].tobytes().decode().split("\n")
        return Vectors({stem: at for at, stem in enumerate(stems)}, table["rows"], table["scales"])
