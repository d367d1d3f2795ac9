"""Texts that are nearly the same, by MinHash over keyed shingles.

After A. Broder, 'On the resemblance and containment of documents' (1997); the bands after J. Leskovec,
A. Rajaraman and J. Ullman, 'Mining of Massive Datasets', section 3.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tierwise.prove._graders.texts import normalised

SHINGLE: Final = 8
"""Characters of a shingle, which suits scripts without spaces as well."""
SHORTEST: Final = 40
"""Characters below which a text is only ever the same as another, never near it."""
LONGEST: Final = 4_000
"""Characters that are looked at: the first of a text."""
COMMON: Final = 5
SAMPLE: Final = 500
"""Texts that the template is told from: the first."""
FEWEST: Final = 20
"""Texts from which a template is told at all."""
HASHES: Final = 128
BANDS: Final = 32
STANDING: Final = 8
ALIKE: Final = 0.8
"""Estimated share of shingles in common from which texts are nearly the same; its standard error is 0.035."""
_Words = NDArray[np.uint64]


class Shingles:
    """Signatures under one key: those of different keys cannot be compared."""

    def __init__(self, key: bytes) -> None:
        drawn = b"".join(
            blake2b(number.to_bytes(4, "little"), key=key[:64], person=b"shingles", digest_size=64).digest()
            for number in range((SHINGLE + 2 * HASHES) // 8 + 1)
        )
        words = np.frombuffer(drawn, dtype=np.uint64)
        self._places: _Words = words[:SHINGLE] | np.uint64(1)
        self._factors: _Words = words[SHINGLE : SHINGLE + HASHES, None] | np.uint64(1)
        self._shifts: _Words = words[SHINGLE + HASHES : SHINGLE + 2 * HASHES, None]

    def of(self, text: str) -> _Words | None:
        """A text's shingles, each once, in order; None for a text too short to be near another."""
        plain = normalised(text[:LONGEST])
        if len(plain) < SHORTEST:
            return None
        signs = np.frombuffer(plain.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
        windows = np.lib.stride_tricks.sliding_window_view(signs, SHINGLE)
        # Arithmetic on uint64 arrays is modulo 2^64.
        found: _Words = np.unique(_mixed((windows * self._places).sum(axis=1, dtype=np.uint64)))
        return found

    def signatures(self, texts: Sequence[str]) -> list[_Words | None]:
        """`HASHES` smallest hashes of each text's shingles; None where too few of them are its own.

        Shingles of more than one text in `COMMON` are the template that the texts share, and are left out.
        """
        sets = [self.of(text) for text in texts]
        common = _common([found for found in sets if found is not None][:SAMPLE])
        return [None if found is None else self._smallest(found, common) for found in sets]

    def _smallest(self, shingles: _Words, common: _Words) -> _Words | None:
        own = np.setdiff1d(shingles, common, assume_unique=True)
        if len(own) < min(SHORTEST - SHINGLE, len(shingles)):
            return None
        hashed = _mixed(own[None, :] * self._factors + self._shifts)
        found: _Words = hashed.min(axis=1)
        return found


def _common(sets: Sequence[_Words]) -> _Words:
    """Shingles of more than one in `COMMON` of the texts; none where the texts are few."""
    if len(sets) < FEWEST:
        return np.zeros(0, dtype=np.uint64)
    words, counts = np.unique(np.concatenate(sets), return_counts=True)
    found: _Words = words[counts * COMMON > len(sets)]
    return found


def _mixed(words: _Words) -> _Words:
    """Every bit in reach of every other: the finish of SplitMix64 (G. Steele et al., 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def near_pairs(signatures: Sequence[_Words | None]) -> list[tuple[int, int]]:
    """Pairs of texts that are nearly the same: each text with the ones before it that stand for their like.

    A text is held against those that stand for the buckets which the bands of its signature fall in, at most
    `STANDING` a bucket, so that the work grows with the number of texts and not with its square.
    """
    rows = HASHES // BANDS
    buckets: dict[tuple[int, bytes], list[int]] = {}
    found = []
    for place, signature in enumerate(signatures):
        if signature is None:
            continue
        mine = [
            buckets.setdefault((band, signature[band * rows : (band + 1) * rows].tobytes()), [])
            for band in range(BANDS)
        ]
        near = {
            other
            for other in sorted({other for bucket in mine for other in bucket})
            if _alike(signature, signatures[other])
        }
        found += [(other, place) for other in sorted(near)]
        for bucket in mine:
            if len(bucket) < STANDING and near.isdisjoint(bucket):
                bucket.append(place)
    return found


def _alike(one: _Words, other: _Words | None) -> bool:
    return other is not None and int(np.count_nonzero(one == other)) >= ALIKE * HASHES
