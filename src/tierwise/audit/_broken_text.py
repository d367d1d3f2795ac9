"""The first difference between the instructions of a workload's calls."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import msgspec

from tierwise.audit._result import NOT_KEPT, Broken, Kept
from tierwise.caching import first_difference, first_parting, outline, passages, shared_share

MOST_PAIRS: Final = 6
"""Pairs of texts compared in one workload."""


class _Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Where two texts of a workload part, and how much they share."""

    kind: str
    position: int
    length: int
    example: tuple[str, str]
    excerpt: tuple[str, str] | None
    share: float
    text: str | None


def by_text(texts: list[Kept], before: int, tokens: int) -> Broken | None:
    """The earliest difference among a few pairs of instructions, and what they share.

    Args:
        texts: Instructions of one workload, in the order of their digests.
        before: Tokens of tools and schema in front of them.
        tokens: Tokens of the instructions, on average.
    """
    spoken = [kept for kept in texts if kept.text or kept.outline]
    found = [pair for pair in map(_pair, *_pairs(spoken)) if pair is not None]
    if not found:
        return None
    first = min(found, key=lambda pair: pair.position)
    return Broken(
        kind=first.kind,
        where=f"instructions, character {first.position + 1} of {first.length}",
        example=first.example,
        excerpt=first.excerpt,
        tokens=before + (tokens * first.position // first.length if first.length else 0),
        share=sum(pair.share for pair in found) / len(found),
        text=first.text,
        position=first.position,
    )


def _pairs(texts: list[Kept]) -> tuple[list[Kept], list[Kept]]:
    pairs = list(pairwise(texts[: MOST_PAIRS + 1]))
    return [a for a, _ in pairs], [b for _, b in pairs]


def _pair(a: Kept, b: Kept) -> _Pair | None:
    """Two texts compared: shown by their text where it is at hand, shared by their outlines always."""
    first, second = _outline(a), _outline(b)
    if a.text is not None and b.text is not None:
        difference = first_difference(a.text, b.text)
        if difference is None:
            return None
        kind, position, length = str(difference.kind), difference.position, difference.length
        example, excerpt = difference.example, difference.excerpt
    else:
        parting = first_parting(first, second)
        if parting is None:
            return None
        kind, position, length = parting.kind, parting.position, parting.length
        example, excerpt = NOT_KEPT, None
    return _Pair(
        kind="retrieval" if passages(first, second) else kind,
        position=position,
        length=length,
        example=example,
        excerpt=excerpt,
        share=shared_share(first, second),
        text=a.text if b.text is not None else None,
    )


def _outline(kept: Kept) -> bytes:
    return kept.outline if kept.text is None else outline(kept.text)
