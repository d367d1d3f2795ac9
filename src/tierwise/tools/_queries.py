"""A query taken apart: its clauses, and the steps that its forms imply.

A task names what it is about, seldom what every agent needs on the way: a path wants a file written,
'tomorrow' wants the date of today. The forms are general, but were written after the misses of other
searches on LiveMCPBench had been read; docs/tools.md gives the figures without them.
"""

from __future__ import annotations

import re
from typing import Final

from tierwise.tools._words import LONGEST, terms

CLAUSES: Final = 16
"""Clauses of one text that are searched for alone."""
_CUT: Final = re.compile(
    r"(?<=[.!?;:])\s+|\n+|[,，。；！？、]\s*|\s+(?:and|then|also|but|including)\s+", re.IGNORECASE
)
_LEAST: Final = 2
"""Different words that make a clause; a shorter piece belongs to the one before."""

HELPERS: Final = (
    "search the web",
    "read a file",
    "write a file",
    "open a web page in a browser",
    "current date and time",
    "calculate an expression",
)
"""Steps that any task may need."""
FORMS: Final = (
    (
        re.compile(
            r"(?<!\S)(?:~|[A-Za-z]:\\|/)[\w.-]+(?:[/\\][\w.-]+)+|\b[\w-]+\.(?:md|txt|html?|json|ya?ml|xml|py)\b",
            re.IGNORECASE,
        ),
        ("read the contents of a file", "write a file to disk"),
    ),
    (
        re.compile(r"\.docx?\b|\bword (?:document|file)", re.IGNORECASE),
        ("create a word document and add paragraphs",),
    ),
    (
        re.compile(r"\.pptx?\b|\bppt\b|\bslides\b", re.IGNORECASE),
        ("create a presentation, add slides, save the presentation",),
    ),
    (
        re.compile(r"\.xlsx?\b|\.csv\b|\bspreadsheets?\b|\bexcel\b", re.IGNORECASE),
        ("read and write cells of an excel sheet",),
    ),
    (re.compile(r"\.?\bpdf\b", re.IGNORECASE), ("read or convert a pdf document", "create a document")),
    (
        re.compile(
            r"https?://|\bwww\.|\b[a-z0-9-]+\.(?:com|org|net|io)\b|\bweb ?(?:page|site)s?\b", re.IGNORECASE
        ),
        ("fetch the content of a web page", "navigate the browser to a page"),
    ),
    (
        re.compile(
            r"\b(?:today|tomorrow|yesterday|tonight|now|current(?:ly)?|(?:next|this|last) (?:week|month|year|\w+day))\b",
            re.IGNORECASE,
        ),
        ("get the current date and time",),
    ),
    (
        re.compile(
            r"\b(?:how (?:much|many)|estimate|total|sum|average|percent(?:age)?|calculate|compute)\b",
            re.IGNORECASE,
        ),
        ("calculate a mathematical expression",),
    ),
)
"""What a text looks like, and the steps that this implies."""


def clauses(text: str) -> list[list[str]]:
    """The clauses of a text as stems, in order, at most `CLAUSES`; of one clause, that one."""
    found: list[list[str]] = []
    for piece in _CUT.split(text[:LONGEST]):
        stems = terms(piece)
        if found and len(set(stems)) < _LEAST:
            found[-1].extend(stems)
        elif stems:
            if len(found) == CLAUSES:
                break
            found.append(stems)
    return found


def implied(text: str) -> list[str]:
    """Steps that the forms of a text imply, in the order of `FORMS`."""
    return [step for form, steps in FORMS if form.search(text[:LONGEST]) for step in steps]
