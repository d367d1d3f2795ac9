"""What a search over tools is given of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class Described(msgspec.Struct, frozen=True):
    """One definition as a search sees it."""

    name: str
    description: str = ""
    schema: bytes = b""
    """Its parameters as JSON; b'' where it has none."""
    group: str = ""
    """The server or namespace it belongs to; '' where nothing says."""


class Searches(Protocol):
    """An index of tools."""

    def search(self, queries: Sequence[str], k: int) -> tuple[int, ...]:
        """Positions of the k best tools for the queries, best first."""
