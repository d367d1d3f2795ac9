"""JSON in an answer: parsed strictly, with fractions as Decimals, or not at all."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final

NO_JSON: Final = object()
"""Stands for text that is no JSON; null is a value."""
DEEPEST: Final = 100
LONGEST: Final = 4_000_000
_FENCE: Final = re.compile(r"\A```[A-Za-z0-9]{0,10}[ \t]*\n(.*)\n```\Z", re.DOTALL)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def json_in(text: str) -> Any:
    """The value that a text is, a Markdown fence around it aside; NO_JSON where it is no JSON.

    NaN and Infinity are no JSON, nor is what nests deeper than `DEEPEST` or is longer than `LONGEST`.
    """
    bare = text.strip().lstrip("\ufeff")
    if len(bare) > LONGEST:
        return NO_JSON
    fenced = _FENCE.fullmatch(bare)
    try:
        value = json.loads(fenced[1] if fenced else bare, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, ArithmeticError, RecursionError):
        return NO_JSON
    return value if not _deeper(value, DEEPEST) else NO_JSON


def _deeper(value: Any, left: int) -> bool:
    """Whether containers nest deeper than `left`."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return left == 0 or any(_deeper(item, left - 1) for item in inner)


def is_number(value: Any) -> bool:
    """Whether a parsed value is a JSON number."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def kind_of(value: Any) -> str:
    """The JSON type of a parsed value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if is_number(value):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"
