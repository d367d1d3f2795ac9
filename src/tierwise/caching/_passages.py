"""Long passages that differ between two prompts, with what both share behind them: retrieved documents."""

from __future__ import annotations

from typing import Final

from tierwise.caching._outline import BREAK, Sketch, words_of

LEAST: Final = 160
"""Characters that a differing passage must have in both texts: more than a value that was put in."""
RUN: Final = 8
"""Words in a row that both texts must have again behind it: what is shared there is no chance."""


def passages(a: bytes, b: bytes) -> bool:
    """Whether two outlines first part by long passages that differ, and share words again behind them."""
    mine, others = _spoken(a), _spoken(b)
    start = 0
    for one, other in zip(mine, others, strict=False):
        if one.digest != other.digest:
            break
        start += 1
    mine, others = mine[start:], others[start:]
    in_mine, in_others = _passage(mine, others), _passage(others, mine)
    return in_mine is not None and in_others is not None and min(in_mine, in_others) >= LEAST


def _spoken(packed: bytes) -> list[Sketch]:
    return [word for word in words_of(packed) if word.digest != BREAK]


def _passage(words: list[Sketch], others: list[Sketch]) -> int | None:
    """Characters up to the first run of words that the others have too; None where there is none."""
    runs = {tuple(word.digest for word in others[i : i + RUN]) for i in range(len(others) - RUN + 1)}
    length = 0
    for i in range(len(words) - RUN + 1):
        if tuple(word.digest for word in words[i : i + RUN]) in runs:
            return length
        length += words[i].length
    return None
