"""Tokens estimated from the length of a text, where encoding it would cost too much.

Measured on o200k_base: English prose and JSON lie near 4.2 bytes a token, and what UTF-8
needs beyond one byte a character tells the script, so the density follows from two lengths.
"""

from __future__ import annotations

_DENSITY = (
    # bytes per character up to, bytes per token
    (1.0, 4.4),
    (1.03, 4.1),
    (1.12, 3.9),
    (1.4, 4.4),
    (2.1, 6.0),
    (2.6, 5.0),
    (9.0, 4.2),
)
"""Latin plain, Latin with accents, mixed, Cyrillic or Arabic, mixed CJK, CJK and Indic."""


def estimate_tokens(chars: int, size: int) -> int:
    """Tokens of a text of `chars` characters that takes `size` bytes in UTF-8; at least 0."""
    if size <= 0:
        return 0
    if size == chars:
        return int(size / 4.4) + 1
    ratio = size / chars if chars else 1.0
    for limit, density in _DENSITY:
        if ratio <= limit:
            return int(size / density) + 1
    return int(size / 4.2) + 1


def estimate_text(text: str) -> int:
    """Tokens of `text`, estimated."""
    if text.isascii():
        return estimate_tokens(len(text), len(text))
    return estimate_tokens(len(text), len(text.encode("utf-8", "surrogatepass")))
