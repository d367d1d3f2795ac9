"""The tools array of a live request, taken apart once: which entries are plain functions, and what each weighs.

Both wire forms are read: Chat Completions nests a function under `function`, Responses does not. What is
no function of its own (hosted tools, MCP servers, namespaces, custom tools, a name that comes twice, an
entry that cannot be read) is never touched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

import msgspec

from tierwise.catalog import count_tokens
from tierwise.tools._shown import HEAD, shown

_BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError, UnicodeEncodeError, RecursionError)
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
COUNTED: Final = 40_000
"""Characters of one definition up to which its tokens are counted; of a longer one a third are tokens."""


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a tools array."""

    raw: bytes
    """As sent."""
    name: str = ""
    """'' where it has none."""
    description: str = ""
    kind: str = ""
    """Its `type`; '' where that cannot be told."""
    plain: bool = False
    """Whether it is a function of its own with a name that no other entry has."""
    inner: Mapping[str, Any] = {}
    """Name, description and parameters of a plain function."""


class Offered:
    """A tools array.

    Args:
        raw: As sent; whatever is no array has no entries.
    """

    def __init__(self, raw: bytes) -> None:
        entries = [_read(entry) for entry in _entries(raw)]
        seen = Counter(entry.name for entry in entries)
        self.entries: tuple[Definition, ...] = tuple(
            msgspec.structs.replace(entry, plain=False) if entry.plain and seen[entry.name] > 1 else entry
            for entry in entries
        )
        """In the order sent."""
        self._tokens: dict[int, int] = {}

    @cached_property
    def places(self) -> dict[str, int]:
        """Plain functions by name."""
        return {entry.name: at for at, entry in enumerate(self.entries) if entry.plain}

    def tokens(self, at: int) -> int:
        """Input tokens of a plain function as the model sees it (`shown`)."""
        found = self._tokens.get(at)
        if found is None:
            text = shown(self.entries[at].inner)
            found = count_tokens(text) if len(text) <= COUNTED else len(text) // 3
            self._tokens[at] = found
        return found

    def weight(self, left_out: int) -> int:
        """Tokens around the definitions that go with the last of them, where so many are left out."""
        return HEAD if left_out == len(self.entries) else 0


def _entries(raw: bytes) -> list[bytes]:
    if not raw:
        return []
    try:
        return [bytes(entry) for entry in _LIST.decode(raw)]
    except _BROKEN:
        return []


def _read(raw: bytes) -> Definition:
    try:
        found = msgspec.json.decode(raw)
    except _BROKEN:
        return Definition(raw=raw)
    if not isinstance(found, dict):
        return Definition(raw=raw)
    kind = found.get("type")
    nested = found.get("function") if kind == "function" else found.get("custom")
    inner = nested if isinstance(nested, dict) else found
    name, about, parameters = inner.get("name"), inner.get("description"), inner.get("parameters")
    called = name if isinstance(name, str) else ""
    sound = parameters is None or isinstance(parameters, dict)
    asked = "defer_loading" in found or "defer_loading" in inner
    return Definition(
        raw=raw,
        name=called,
        description=about if isinstance(about, str) else "",
        kind=kind if isinstance(kind, str) else "",
        plain=kind == "function" and bool(called) and sound and not asked,
        inner={"name": name, "description": about, "parameters": parameters} if kind == "function" else {},
    )
