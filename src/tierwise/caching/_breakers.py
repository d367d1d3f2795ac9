"""What makes two prompts of one workload differ, and what kind of thing it is."""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

Kind = Literal["timestamp", "date", "id", "email", "number", "name", "text"]

EXAMPLE_LENGTH: Final = 60
AROUND: Final = 24
"""Characters of an excerpt on both sides of what differs."""
ALIKE: Final = 12
"""Characters after which two texts go on alike."""
_LOOKED_AT: Final = 160
"""Characters around a difference that are looked at; bounds the work on hostile text."""

_KINDS: Final[tuple[tuple[Kind, str], ...]] = (
    (
        "timestamp",
        r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?\S{0,9}|\b\d{1,2}:\d{2}(:\d{2})?\b|\b1[5-9]\d{8}(\d{3})?\b",
    ),
    ("date", r"\b\d{4}[-/.]\d{1,2}[-/.]\d{1,2}\b|\b\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}\b"),
    ("email", r"[\w.+-]{1,60}@[\w.-]{1,60}"),
    (
        "id",
        r"\b[0-9a-fA-F]{8}-[0-9a-fA-F-]{13,28}\b|\b(?=[\w-]{0,40}\d)(?=[\w-]{0,40}[A-Za-z])[\w-]{6,60}",
    ),
    ("number", r"\d[\d.,]{0,30}"),
    ("name", r"[^\W\d_a-z][\w'-]{1,30}( [^\W\d_a-z][\w'-]{1,30}){0,3}"),
)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """The first place where two texts part."""

    kind: Kind
    position: int
    """Characters that both share before it."""
    length: int
    """Characters of the shorter text."""
    example: tuple[str, str]
    """What stands there in each, at most 60 characters."""
    excerpt: tuple[str, str]
    """The same with up to 24 characters on both sides, what differs between '[[' and ']]'."""


def first_difference(a: str, b: str) -> Difference | None:
    """Where and by what two texts first differ; None when they are equal.

    The kind is what covers the differing place in both texts: a timestamp, a date, an id, an
    email address, a number, a capitalised name, else text.
    """
    if a == b:
        return None
    position = _shared(a, b)
    kind, (from_a, in_a), (from_b, in_b) = _what(a, b, position)
    return Difference(
        kind=kind,
        position=position,
        length=min(len(a), len(b)),
        example=(in_a[:EXAMPLE_LENGTH], in_b[:EXAMPLE_LENGTH]),
        excerpt=(_excerpt(a, from_a, in_a), _excerpt(b, from_b, in_b)),
    )


def _shared(a: str, b: str) -> int:
    """Length of the common start, by halving: slices compare at memory speed."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _excerpt(text: str, start: int, inside: str) -> str:
    end = start + len(inside[:EXAMPLE_LENGTH])
    before, after = text[max(0, start - AROUND) : start], text[end : end + AROUND]
    return f"{before}[[{text[start:end]}]]{after}"


Found = tuple[int, str]
"""Where something begins in a text, and what it is."""


def _what(a: str, b: str, position: int) -> tuple[Kind, Found, Found]:
    for kind, pattern in _KINDS:
        found = re.compile(pattern)
        in_a, in_b = _covering(found, a, position), _covering(found, b, position)
        if in_a is not None and in_b is not None and in_a[1] != in_b[1]:
            return kind, in_a, in_b
    from_here, others = _until_alike(a, b, position)
    return "text", (position, from_here), (position, others)


def _covering(pattern: re.Pattern[str], text: str, position: int) -> Found | None:
    """The match that covers `position` (or ends just before it), if any."""
    start = max(0, position - _LOOKED_AT // 2)
    for match in pattern.finditer(text[start : position + _LOOKED_AT]):
        if start + match.start() <= position <= start + match.end():
            return start + match.start(), match.group()
    return None


def _until_alike(a: str, b: str, position: int) -> tuple[str, str]:
    """What differs, up to where both go on alike within 60 characters, else to the end of their lines."""
    for both in range(1, 2 * EXAMPLE_LENGTH):
        for i in range(max(0, both - EXAMPLE_LENGTH), min(both, EXAMPLE_LENGTH) + 1):
            end_a, end_b = position + i, position + both - i
            on = a[end_a : end_a + ALIKE]
            if len(on) == ALIKE and on == b[end_b : end_b + ALIKE]:
                return a[position:end_a], b[position:end_b]
    return _line(a, position), _line(b, position)


def _line(text: str, position: int) -> str:
    end = text.find("\n", position)
    return text[position : end if end >= 0 else None][:EXAMPLE_LENGTH]
