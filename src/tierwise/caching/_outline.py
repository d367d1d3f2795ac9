"""What a text looks like, word by word, without its words: enough to say what two prompts share."""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

import msgspec

_WORD: Final = re.compile(r"\n|[^\S\n]*\S+|[^\S\n]+")
"""A line break; a word with the blanks before it; blanks at the end of a line."""
BREAK: Final = 0
"""The digest that stands for a line break; no word has it."""
_ENTRY: Final = struct.Struct("<IHB")
"""Digest, characters, kind."""
_KINDS: Final = ("text", "name", "number", "id", "date", "timestamp", "email")
_OF_WORD: Final = (
    ("timestamp", re.compile(r"\d{4}-\d{2}-\d{2}[T ]\S*|\d{1,2}:\d{2}(:\d{2})?\S{0,3}|1[5-9]\d{8}(\d{3})?")),
    ("date", re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}")),
    ("email", re.compile(r"[\w.+-]{1,60}@[\w.-]{1,60}")),
    ("number", re.compile(r"\d[\d.,]{0,30}%?")),
    ("id", re.compile(r"(?=[\w-]{0,60}\d)(?=[\w-]{0,60}[A-Za-z])[\w-]{6,60}")),
    ("name", re.compile(r"[^\W\d_a-z][\w'-]{1,30}")),
)
_EDGES: Final = ".,;:!?()[]{}<>\"'`*"
LONGEST: Final = 65_535


class Sketch(msgspec.Struct, frozen=True, gc=False):
    """One word of an outline."""

    digest: int
    length: int
    """Characters, the blanks before it included."""
    kind: int


def outline(text: str, key: bytes = b"") -> bytes:
    """The outline of a text: 7 bytes a word. Outlines of one key can be compared; no word stands in it."""
    keyed = blake2b(b"%d\x1f%b" % (len(key), key), digest_size=4)
    packed = bytearray()
    for found in _WORD.finditer(text):
        word = found.group()
        if word == "\n":
            packed += _ENTRY.pack(BREAK, 1, 0)
            continue
        state = keyed.copy()
        state.update(word.encode("utf-8", "surrogatepass"))
        digest = int.from_bytes(state.digest(), "little") or 1
        packed += _ENTRY.pack(digest, min(len(word), LONGEST), _kind(word))
    return bytes(packed)


def _kind(word: str) -> int:
    bare = word.strip().strip(_EDGES)
    for name, pattern in _OF_WORD:
        if pattern.fullmatch(bare):
            return _KINDS.index(name)
    return 0


class Parting(msgspec.Struct, frozen=True, kw_only=True):
    """Where two outlines part."""

    kind: str
    """What differs there: 'timestamp', 'date', 'id', 'email', 'number', 'name' or 'text'."""
    position: int
    """Characters of the words that both share before it."""
    length: int
    """Characters of the shorter text."""


def first_parting(a: bytes, b: bytes) -> Parting | None:
    """The first word that differs between two outlines; None where they are equal."""
    if a == b:
        return None
    words, others = list(words_of(a)), list(words_of(b))
    length = min(_length(words), _length(others))
    position = 0
    for word, other in zip(words, others, strict=False):
        if word.digest != other.digest:
            same = word.kind == other.kind
            return Parting(kind=_KINDS[word.kind] if same else "text", position=position, length=length)
        position += word.length
    return Parting(kind="text", position=position, length=length)


def shared_share(a: bytes, b: bytes) -> float:
    """Share of two texts that is the same in both once their variables stand at the end, 0 to 1.

    By their outlines: lines that both have count whole; of a pair of lines that differ, the words that they begin
    and end with.
    """
    longest = max(_length(words_of(a)), _length(words_of(b)))
    if not longest:
        return 1.0
    in_b = Counter(_lines(b))
    same, left = 0, []
    for line in _lines(a):
        if in_b[line] > 0:
            in_b[line] -= 1
            same += _length(line) + 1
        else:
            left.append(line)
    other = [line for line, count in in_b.items() for _ in range(count)]
    for line, its_pair in zip(left, other, strict=False):
        start = _common(line, its_pair)
        rest = min(len(line), len(its_pair)) - start
        end = min(_common(line[::-1], its_pair[::-1]), rest)
        same += _length(line[:start]) + (_length(line[-end:]) if end else 0)
    return min(1.0, same / longest)


def words_of(packed: bytes) -> Iterator[Sketch]:
    """The words of an outline; a torn one ends at its last whole word."""
    whole = len(packed) // _ENTRY.size * _ENTRY.size
    return (Sketch(*entry) for entry in _ENTRY.iter_unpack(packed[:whole]))


def _lines(packed: bytes) -> list[tuple[Sketch, ...]]:
    lines: list[tuple[Sketch, ...]] = []
    line: list[Sketch] = []
    for word in words_of(packed):
        if word.digest == BREAK:
            lines.append(tuple(line))
            line = []
        else:
            line.append(word)
    return [*lines, tuple(line)]


def _length(words: Iterator[Sketch] | list[Sketch] | tuple[Sketch, ...]) -> int:
    return sum(word.length for word in words)


def _common(a: tuple[Sketch, ...], b: tuple[Sketch, ...]) -> int:
    """Words at the start that are the same."""
    count = 0
    for word, other in zip(a, b, strict=False):
        if word.digest != other.digest:
            break
        count += 1
    return count


TEXT_LENGTH: Final = 6_000
"""Characters of instructions that are kept to find what breaks their prefix."""
TEXTS_PER_BASE: Final = 48
"""Instruction texts kept per base group."""
BASES_WITH_TEXTS: Final = 400


class Smallest:
    """Says which instruction texts to keep: those with the smallest digests of their base group.

    The same ones are left however a log is cut, and whoever wrote it down.
    """

    def __init__(self) -> None:
        self._of_base: dict[int, set[int]] = {}

    def takes(self, base: int, digest: int) -> tuple[bool, int | None]:
        """Whether to keep a text not met before, and the digest of the one that gives way to it."""
        kept = self._of_base.get(base)
        if kept is None:
            if len(self._of_base) >= BASES_WITH_TEXTS:
                return False, None
            kept = self._of_base[base] = set()
        if digest in kept:
            return False, None
        leaving = None
        if len(kept) >= TEXTS_PER_BASE:
            leaving = max(kept)
            if digest > leaving:
                return False, None
            kept.remove(leaving)
        kept.add(digest)
        return True, leaving
