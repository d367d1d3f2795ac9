"""Text to words: the same cutting for definitions and for queries.

Names are cut where programmers join them (`getUserInfo`, `get_user_info`, `get-user-info` are three
words each), text of scripts without spaces into pairs of characters.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

LONGEST: Final = 20_000
"""Characters of one text that are read; what a tool does stands in its first lines."""

_SPACELESS: Final = r"\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
"""Letters of scripts that put no spaces between words: Thai, Japanese, Chinese."""
_CUT: Final = re.compile(rf"[0-9]+|[{_SPACELESS}]+|[^\W\d_{_SPACELESS}]+")
_RUN: Final = re.compile(rf"[{_SPACELESS}]")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_STOP: Final = frozenset(
    re.findall(
        r"\w+",
        "a an and any are as at be been but by can could do does for from had has have how i if in into is it "
        "its me my no not of on or our please so some such than that the their them then there these they this "
        "those to want was we were what when where which while who why will with would you your",
    )
)
_SUFFIXES: Final = (
    ("ational", "ate"),
    ("ization", "ize"),
    ("fulness", "ful"),
    ("ations", "ate"),
    ("ation", "ate"),
    ("ments", ""),
    ("ment", ""),
    ("ities", "ity"),
    ("ies", "y"),
    ("sses", "ss"),
    ("ings", ""),
    ("ing", ""),
    ("ions", ""),
    ("ion", ""),
    ("ers", ""),
    ("er", ""),
    ("ors", ""),
    ("or", ""),
    ("ed", ""),
    ("ly", ""),
    ("es", ""),
    ("s", ""),
)
"""Endings that say nothing of what a word means, longest first; what stays must have a stem."""
_STEM: Final = 3
"""Letters that must be left of a word."""
_WORD: Final = 40
"""Letters of the longest word that has an ending."""


def words(text: str) -> list[str]:
    """Lower-case words of a text in order, uncut by endings: what an embedding takes."""
    found: list[str] = []
    for word in _CUT.findall(_CAMEL.sub(" ", text[:LONGEST]).lower()):
        if len(word) < 2 or not _RUN.match(word):
            found.append(word)
        else:
            found.extend(word[at : at + 2] for at in range(len(word) - 1))
    return found


def terms(text: str) -> list[str]:
    """Stems of a text's words in order, words without a meaning of their own left out: what BM25 takes."""
    return [stem(word) for word in words(text) if word not in _STOP]


def stem(word: str) -> str:
    """A word without its ending, English only: 'searches', 'searching' and 'search' are one.

    A light stemmer after Porter (1980): one ending, the longest that fits, then a silent e and a
    doubled consonant; it joins a few words that it should not, which costs a search little.
    """
    # What is no word is not kept either: the memory of stems stays small whatever is sent.
    return _stem(word) if word.isascii() and _STEM < len(word) <= _WORD else word


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    for ending, instead in _SUFFIXES:
        if word.endswith(ending) and len(word) - len(ending) >= _STEM:
            if ending == "s" and word.endswith(("ss", "us", "is")):
                break
            word = word[: -len(ending)] + instead
            break
    if len(word) > _STEM and word.endswith("e"):
        word = word[:-1]
    if len(word) > _STEM and word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]
    return word
