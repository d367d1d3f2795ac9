"""Hashed n-grams of words and characters, and counts of a text's form, all in numpy.

Words and their pairs, and character 3- to 5-grams inside words, are hashed into buckets
(Weinberger et al., "Feature hashing for large scale multitask learning", 2009) by polynomials
over the bytes of UTF-8, so that no loop runs in Python. Counts are damped and scaled as in
Salton and Buckley, "Term-weighting approaches in automatic text retrieval", 1988: 1 + ln(count),
times the inverse document frequency, each group at length one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from tierwise.router._text import Text, ends

BITS = 16
"""Each group of n-grams has 2**BITS buckets."""
SEEN_BITS = 18
"""Buckets of the record of words that training has seen."""
GROUPS = ("words", "characters", "instructions", "signals")
WEIGHTS = (0.71, 0.71, 0.5, 0.3)
"""Length of each group's vector: the newest turn weighs most, then the instructions."""
SHAPES = 24
"""Counts of a text's form."""

_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 2**64)
_MIX = np.uint64(0xD6E8FEB86659FD93)
_OPTION = re.compile(r"^[ \t]*\(?[A-Ja-j][.)] ", re.MULTILINE)
_NEGATION = re.compile(r"\b(?:not|except|never|false)\b", re.IGNORECASE)

U64 = NDArray[np.uint64]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Counted(msgspec.Struct, frozen=True, eq=False):
    """A text's features before weights that training sets."""

    groups: tuple[tuple[Ints, Floats], ...]
    """For each of `GROUPS`: buckets, ascending and distinct, and 1 + ln(count)."""
    shape: Floats
    """`SHAPES` counts of form."""
    seen: Ints
    """Buckets of the words, of `2**SEEN_BITS`, repeated as they occur."""
    bits: int

    def words_alone(self) -> Counted:
        """Without characters, instructions, signals and form: what a plain TF-IDF sees."""
        none = (np.zeros(0, dtype=np.int64), np.zeros(0))
        groups = (self.groups[0], *(none for _ in self.groups[1:]))
        return Counted(groups, np.zeros(SHAPES), self.seen, self.bits)


@lru_cache(maxsize=1)
def _word_bytes() -> NDArray[np.bool_]:
    table = np.zeros(256, dtype=bool)
    table[128:] = True
    for char in b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_":
        table[char] = True
    return table


@lru_cache(maxsize=32)
def _powers(size: int, base: int) -> U64:
    """1, base, base**2, ... modulo 2**64, `size` of them."""
    steps = np.full(size, np.uint64(base), dtype=np.uint64)
    steps[0] = 1
    return np.multiply.accumulate(steps)


def _raw(text: str) -> NDArray[np.uint8]:
    """A space, the bytes of the text in lower case, a space; lone surrogates pass."""
    data = b" " + ends(text).lower().encode("utf-8", "surrogatepass") + b" "
    return np.frombuffer(data, dtype=np.uint8)


def _bounds(raw: NDArray[np.uint8]) -> tuple[Ints, Ints]:
    """Where words begin and end."""
    inside = _word_bytes()[raw]
    # Both ends are spaces, so that beginnings and ends take turns.
    change = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    return change[0::2], change[1::2]


def _mixed(values: U64, bits: int) -> Ints:
    """The upper bits of a product: buckets that use all of the value."""
    spread = values >> np.uint64(31)
    spread ^= values
    spread *= _MIX
    spread >>= np.uint64(64 - bits)
    return spread.view(np.int64)


def _hashes(raw: NDArray[np.uint8], starts: Ints, stops: Ints) -> U64:
    """A hash of each word: the difference of two prefix sums of a polynomial, moved to its start."""
    room = 1 << max(int(raw.size).bit_length(), 10)
    sums = np.zeros(raw.size + 1, dtype=np.uint64)
    np.cumsum((raw.astype(np.uint64) + np.uint64(1)) * _powers(room, _BASE)[: raw.size], out=sums[1:])
    return (sums[stops] - sums[starts]) * _powers(room, _INVERSE)[starts]


def _counted(buckets: Ints, bits: int) -> tuple[Ints, Floats]:
    if buckets.size << 4 < 1 << bits:
        # Sorting a few is quicker than counting into a whole table.
        found, counts = np.unique(buckets, return_counts=True)
    else:
        table = np.bincount(buckets, minlength=1 << bits)
        found = np.flatnonzero(table)
        counts = table[found]
    return found, 1.0 + np.log(counts)


def _grams(raw: NDArray[np.uint8], bits: int) -> Ints:
    """Buckets of the 3- to 5-grams that touch no more than the edges of a word."""
    word = _word_bytes()[raw]
    plain = np.where(word, raw, np.uint8(32)).astype(np.uint64) + np.uint64(1)
    base = np.uint64(_BASE)
    running, inner, found = plain[:-1] * base + plain[1:], word[1:-1], []
    for size in (3, 4, 5):
        if raw.size < size:
            break
        running = running[:-1] * base + plain[size - 1 :]
        if size > 3:
            inner = inner[:-1] & word[size - 2 : -1]
        found.append(running[inner] + np.uint64(size))
    return _mixed(np.concatenate(found), bits) if found else np.zeros(0, dtype=np.int64)


def _pairs(words: U64) -> U64:
    return words[:-1] * np.uint64(0xC2B2AE3D27D4EB4F) + words[1:]


def _options(text: str) -> tuple[float, float, float, float]:
    """A list of answers to choose from: how many, length before it, their mean length, share of digits."""
    marks = [m.start() for m in _OPTION.finditer(text)]
    if len(marks) < 2:
        return 0.0, float(len(text)), 0.0, 0.0
    rest = text[marks[0] :]
    return float(len(marks)), float(marks[0]), len(rest) / len(marks), _digits(rest) / len(rest)


def _digits(text: str) -> int:
    """Characters that are digits in any script."""
    if not text.isascii():
        return sum(map(str.isdigit, text))
    raw = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    return int(np.count_nonzero((raw >= ord("0")) & (raw <= ord("9"))))


def _shape(text: str, told: str, starts: Ints, stops: Ints, words: U64) -> Floats:
    """The form of a text: lengths as ln(1 + n), the rest as shares."""
    raw = np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8)
    of = np.bincount(raw, minlength=256)
    size, count = max(raw.size, 1), max(words.size, 1)
    lengths = stops - starts
    options, lead, each, numeric = _options(text)
    many = np.array(
        [
            raw.size,
            words.size,
            of[48:58].sum(),
            of[10],
            of[63],
            of[ord("_")],
            lead,
            each,
            options,
            len(told),
            lengths.max(initial=0),
        ],
        dtype=np.float64,
    )
    shares = np.array(
        [
            lengths.sum() / count / 5,
            of[48:58].sum() / size * 5,
            of[[ord(c) for c in "+-*/=^<>|\\"]].sum() / size * 10,
            of[65:91].sum() / size * 5,
            np.unique(words).size / count,
            of[44] / size * 20,
            of[46] / size * 20,
            min(of[[ord("%"), ord("$")]].sum(), 3),
            of[[34, 39]].sum() / size * 20,
            of[[ord(c) for c in "{};()[]"]].sum() / size * 10,
            numeric,
            of[128:].sum() / size,
            bool(_NEGATION.search(text)),
        ],
        dtype=np.float64,
    )
    return np.concatenate([np.log1p(many), shares])


def counted(text: Text, bits: int = BITS) -> Counted:
    """Features of a request's texts; linear in their length, which is bounded."""
    raw = _raw(text.newest)
    starts, stops = _bounds(raw)
    words = _hashes(raw, starts, stops)
    told = _raw(text.instructions)
    ruled = _hashes(told, *_bounds(told))
    signals = np.array([crc32(s.encode("utf-8", "surrogatepass")) for s in text.signals], dtype=np.uint64)
    groups = (
        _counted(_mixed(np.concatenate([words, _pairs(words)]), bits), bits),
        _counted(_grams(raw, bits), bits),
        _counted(_mixed(ruled, bits), bits),
        _counted(_mixed(signals, bits), bits),
    )
    shape = _shape(ends(text.newest), text.instructions, starts, stops, words)
    return Counted(groups, shape, _mixed(words, SEEN_BITS), bits)
