"""Chance without state: every draw is a hash of the seed and of what it is drawn for.

The same seed and the same words give the same draw in any order, process or thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TypeVar

T = TypeVar("T")
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Dice:
    """Draws under one seed. Immutable; share it freely."""

    def __init__(self, seed: int) -> None:
        self._seed = str(seed).encode()

    def bits(self, *words: object) -> int:
        """64 uniform bits for these words."""
        text = "\x1f".join(map(str, words))
        digest = blake2b(text.encode("utf-8", "replace"), digest_size=8, key=self._seed[:64])
        return int.from_bytes(digest.digest(), "big")

    def share(self, *words: object) -> float:
        """A number in [0, 1)."""
        return (self.bits(*words) >> 11) / (1 << 53)

    def between(self, low: int, high: int, *words: object) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + self.bits(*words) % (high - low + 1)

    def pick(self, things: Sequence[T], *words: object) -> T:
        """One of `things`, which must not be empty."""
        return things[self.bits(*words) % len(things)]

    def shuffled(self, things: Sequence[T], *words: object) -> list[T]:
        """All of `things` in another order."""
        order = sorted(range(len(things)), key=lambda i: self.bits(*words, i))
        return [things[i] for i in order]

    def hexadecimal(self, length: int, *words: object) -> str:
        """`length` hexadecimal digits."""
        text = "".join(f"{self.bits(*words, i):016x}" for i in range(-(-length // 16)))
        return text[:length]

    def letters(self, length: int, *words: object) -> str:
        """`length` letters and digits, as in OpenAI's ids."""
        bits = int(self.hexadecimal(-(-length * 3 // 2), *words), 16)
        found = []
        for _ in range(length):
            bits, at = divmod(bits, len(_ALPHABET))
            found.append(_ALPHABET[at])
        return "".join(found)


class Ids:
    """Ids in the form of OpenAI's, numbered in the order they are given."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._next = 0

    def _number(self) -> int:
        self._next += 1
        return self._next

    def response(self) -> str:
        """As `resp_` with 50 hexadecimal digits."""
        return f"resp_{self._dice.hexadecimal(50, 'id', self._number())}"

    def item(self, prefix: str, response: str) -> str:
        """An output item of a response; shares the response's first digits."""
        return f"{prefix}_{response[5:23]}{self._dice.hexadecimal(32, 'id', self._number())}"

    def chat(self) -> str:
        """As `chatcmpl-` with 29 letters."""
        return f"chatcmpl-{self._dice.letters(29, 'id', self._number())}"

    def call(self) -> str:
        """A tool call id."""
        return f"call_{self._dice.letters(24, 'id', self._number())}"

    def file(self) -> str:
        """A file id."""
        return f"file-{self._dice.letters(22, 'id', self._number())}"

    def plain(self, prefix: str, digits: int = 32) -> str:
        """Any other id: a prefix and hexadecimal digits."""
        return f"{prefix}_{self._dice.hexadecimal(digits, 'id', self._number())}"
