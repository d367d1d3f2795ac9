"""Texts that are the same, to the letter or but for how they are written."""

from __future__ import annotations

import unicodedata
from typing import Final

import msgspec

from tierwise.calls import Request, Response
from tierwise.prove._score import Reference, Score, text_of, yes_or_no

_INVISIBLE: Final = dict.fromkeys(
    map(ord, "\u200b\ufeff\u00ad\u2060\u200e\u200f\u202a\u202b\u202c\u202d\u202e")
)
"""Left out before comparing. The joiners U+200C and U+200D stay: they make other words in some scripts."""


def normalised(text: str, *, case: bool = False, punctuation: bool = False) -> str:
    """A text as its compatibility form (NFKC), runs of white space as one space, none at the ends.

    Args:
        text: Any text, lone surrogates included.
        case: Whether capital letters count; else case is folded.
        punctuation: Whether punctuation counts; else it is dropped, but for what stands inside a
            number ('3.5', '1,000') and a minus sign before one. Symbols ('+', '#', '€') always count.
    """
    found = unicodedata.normalize("NFKC", text).translate(_INVISIBLE)
    if not case:
        found = unicodedata.normalize("NFKC", found.casefold())
    if not punctuation:
        found = _without_punctuation(found)
    return " ".join(found.split())


def _without_punctuation(text: str) -> str:
    kept = []
    last = len(text) - 1
    for place, sign in enumerate(text):
        if not unicodedata.category(sign).startswith("P"):
            kept.append("-" if sign == "\u2212" else sign)
            continue
        before = text[place - 1] if place else " "
        after = text[place + 1] if place < last else " "
        if (before.isdigit() and after.isdigit()) or (
            sign == "-" and after.isdigit() and not before.isalnum()
        ):
            kept.append(sign)
        elif before.isalnum() and after.isalnum():
            kept.append(" ")  # 'well-known', 'yes/no': two words stay two
    return "".join(kept)


class Exact(msgspec.Struct, frozen=True, kw_only=True):
    """The same text, to the letter; white space at the ends aside."""

    @property
    def name(self) -> str:
        """`exact`."""
        return "exact"

    def grade(self, request: Request, candidate: Response, reference: Reference) -> Score:  # noqa: ARG002 - the protocol's
        """1 or 0."""
        return yes_or_no(candidate.text.strip() == text_of(reference).strip(), "another text")


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """The same text but for Unicode form, case, white space and punctuation."""

    case: bool = False
    """Whether case counts."""
    punctuation: bool = False
    """Whether punctuation counts."""

    @property
    def name(self) -> str:
        """`text(case=false,punctuation=false)`."""
        return f"text(case={str(self.case).lower()},punctuation={str(self.punctuation).lower()})"

    def grade(self, request: Request, candidate: Response, reference: Reference) -> Score:  # noqa: ARG002 - the protocol's
        """1 or 0."""
        one, other = (
            normalised(text, case=self.case, punctuation=self.punctuation)
            for text in (candidate.text, text_of(reference))
        )
        if one or other:
            return yes_or_no(one == other, "another text")
        # Nothing but punctuation and space on both sides.
        return yes_or_no(candidate.text.strip() == text_of(reference).strip(), "another text")
