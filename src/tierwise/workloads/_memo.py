"""A bounded memo: what was worked out for texts met before."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memo(Generic[K, V]):
    """A mapping that keeps what was used lately, within bounds on entries and on weight.

    Two generations: what is used moves to the young one; when that is full it becomes the old
    one, and the old one goes. A hit costs a lookup and no bookkeeping.
    """

    __slots__ = ("_entries", "_old", "_weighed", "_weight", "_young")

    def __init__(self, *, entries: int, weight: int) -> None:
        self._entries = max(1, entries // 2)
        self._weight = weight // 2
        self._weighed = 0
        self._young: dict[K, tuple[V, int]] = {}
        self._old: dict[K, tuple[V, int]] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: K) -> V | None:
        """The value kept for `key`, None where there is none."""
        found = self._young.get(key)
        if found is None:
            found = self._old.pop(key, None)
            if found is None:
                return None
            self._put(key, found)
        return found[0]

    def get_all(self, keys: Sequence[K]) -> list[V | None]:
        """`get` of every key, cheaper than one by one."""
        young = self._young.get
        return [found[0] if (found := young(key)) is not None else self.get(key) for key in keys]

    def put(self, key: K, value: V, weight: int = 1) -> V:
        """Keep `value`, which weighs `weight` (bytes of text), and return it."""
        if weight <= self._weight // 4:
            self._put(key, (value, weight))
        return value

    def _put(self, key: K, found: tuple[V, int]) -> None:
        if len(self._young) >= self._entries or self._weighed + found[1] > self._weight:
            self._old, self._young, self._weighed = self._young, {}, 0
        self._young[key] = found
        self._weighed += found[1]
