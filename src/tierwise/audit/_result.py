"""What the map gives to the merge: rows as bytes, tables of words, counts; all of it pickles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import Any

import msgspec

from tierwise.calls import Bucket, CostLine, Skipped


class Kept(msgspec.Struct, frozen=True):
    """What stands before the messages of one template, kept to find what breaks a prefix."""

    skeleton: int
    """Index in the table of skeletons."""
    text: str | None
    """The start of the instructions; None where only an outline was recorded."""
    outline: bytes = b""
    toolset: tuple[int, ...] = ()
    """Digests of the tools' names, in their order."""
    tools: bytes = b""
    """The start of the tool definitions as sent."""
    tools_digest: int = 0
    tools_tokens: int = 0
    schema: bytes = b""
    """The start of the schema as sent."""
    schema_digest: int = 0
    schema_tokens: int = 0


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """One difference that keeps the calls of a workload from sharing a prefix."""

    kind: str
    where: str
    example: tuple[str, str]
    excerpt: tuple[str, str] | None = None
    tokens: int
    """Of the prompt before it, estimated."""
    share: float = 1.0
    """Share of the instructions that is the same in all calls, 0 to 1."""
    text: str | None = None
    """The start of one of two instructions; None where the log has none, or where the difference is elsewhere."""
    position: int = 0
    """Characters of it before the difference."""


NOT_KEPT = ("(not recorded)", "(not recorded)")
"""Stands for an example where the log has no text, or not so much of it was kept."""


class Skeleton(msgspec.Struct, frozen=True):
    """What the rows of one masked template share."""

    base: int
    segments: tuple[int, ...]
    head: str
    tools: tuple[int, ...]
    tools_tokens: int
    schema_tokens: int
    task: str
    depth: str
    signals: tuple[str, ...]


class Toolset(msgspec.Struct, frozen=True):
    """The tool definitions of a call in the order sent."""

    names: tuple[str, ...]
    digests: tuple[int, ...]
    tokens: tuple[int, ...]


class Table(dict[Hashable, int]):
    """Values in the order first met, each with its index; 0 is 'none'."""

    def __init__(self) -> None:
        super().__init__()
        self[None] = 0

    def __missing__(self, value: Hashable) -> int:
        index = self[value] = len(self)
        return index


class Result(msgspec.Struct, kw_only=True):
    """What one unit of a log came to. Pickles; `merge` of the table joins any number of them."""

    unit: int
    rows: bytes
    tables: dict[str, list[Any]]
    records: int
    skipped: Counter[str]
    examples: list[Skipped]
    buckets: list[Bucket]
    costs: list[CostLine]
    texts: dict[int, dict[int, Kept]]
    """Base to template digest to its instructions."""
    key_ids: frozenset[str] = frozenset()
    """Of the keys that digests of templates were taken under."""
