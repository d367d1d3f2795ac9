"""Tool definitions and output schema, parsed once per distinct text.

What cannot be parsed still has a digest and tokens; it never raises.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import msgspec

from tierwise.calls import Request
from tierwise.catalog import count_tokens
from tierwise.workloads._estimate import estimate_text
from tierwise.workloads._mask import mask
from tierwise.workloads._memo import Memo
from tierwise.workloads._segments import Digester
from tierwise.workloads._signals import ToolText
from tierwise.workloads._types import ToolFact

DEEPEST = 24
"""Levels of a schema that count for its skeleton."""
EXACT = 200_000
"""Bytes up to which tokens are counted; beyond it they are estimated."""

_OWN_TOOLS = frozenset({"function", "custom"})
_CONTENT_KEYS = frozenset(
    {"description", "title", "enum", "const", "examples", "example", "default", "pattern"}
)


class Tool(msgspec.Struct, frozen=True):
    """One tool of an array."""

    text: ToolText
    fact: ToolFact
    need: str


class Entry(msgspec.Struct, frozen=True):
    """One entry of a tools array, read once however the array is ordered."""

    tools: tuple[Tool, ...]
    """One, or those inside a namespace; none where the entry is no definition."""
    tokens: int
    digest: int


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """What a tools array says."""

    texts: tuple[ToolText, ...] = ()
    """By name, whatever the order sent."""
    facts: tuple[ToolFact, ...] = ()
    """In the order sent."""
    tokens: int = 0
    """Of the entries as compact JSON, and of the array around them."""
    needs: frozenset[str] = frozenset()
    names: int = 0
    """Digest of the set of names, whatever their order; 0 for none."""
    content: int = 0
    """Digest of the definitions, whatever their order; 0 for none."""


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """What an output schema says."""

    tokens: int = 0
    needs: frozenset[str] = frozenset()
    digest: int = 0
    """Of names and types, without descriptions and enum values; 0 for none."""


def tool_digest_by(digester: Digester, name: str) -> int:
    """The digest of a tool by its name (`ToolFact.digest`)."""
    return digester.text("t:" + name)


def tool_digest(name: str, key: bytes = b"") -> int:
    """As above, under a key."""
    return tool_digest_by(Digester(key), name)


class Definitions:
    """Reads tools and schemas; remembers them by their bytes."""

    def __init__(self, digester: Digester) -> None:
        self._digester = digester
        self._tools: Memo[bytes, Tools] = Memo(entries=1_024, weight=64_000_000)
        self._entries: Memo[bytes, Entry] = Memo(entries=8_192, weight=64_000_000)
        self._schemas: Memo[bytes, Schema] = Memo(entries=1_024, weight=16_000_000)

    def tools(self, raw: bytes) -> Tools:
        """Read a raw tools array."""
        if not raw:
            return _NO_TOOLS
        found = self._tools.get(raw)
        return found or self._tools.put(raw, self._read_tools(raw), 2 * len(raw))

    def schema(self, raw: bytes) -> Schema:
        """Read a raw `response_format` or `text.format`."""
        if not raw:
            return _NO_SCHEMA
        found = self._schemas.get(raw)
        return found or self._schemas.put(raw, self._read_schema(raw), 2 * len(raw))

    def _read_tools(self, raw: bytes) -> Tools:
        digester = self._digester
        known, read = self._entries.get, self._read_entry
        entries = [known(item) or read(item) for item in _items(raw)]
        tools = [tool for entry in entries for tool in entry.tools]
        if not entries:
            return Tools(tokens=_tokens(raw), content=digester.of(raw))
        texts = sorted({tool.text for tool in tools}, key=lambda text: (text.name, text.description))
        names = sorted({text.name for text in texts})
        content = sorted(entry.digest for entry in entries)
        return Tools(
            texts=tuple(texts),
            facts=tuple([tool.fact for tool in tools]),
            tokens=sum(entry.tokens for entry in entries) + 2,
            needs=frozenset([tool.need for tool in tools]),
            names=digester.text("\x1f".join(["tools", *names])),
            content=digester.of(struct.pack(f"<{len(content)}Q", *content)),
        )

    def _read_entry(self, raw: bytes) -> Entry:
        parsed = _parse(raw)
        tools = []
        for tool in _opened(parsed):
            text = _text(tool)
            fact = ToolFact(
                digest=tool_digest_by(self._digester, text.name), tokens=_tokens(msgspec.json.encode(tool))
            )
            tools.append(Tool(text=text, fact=fact, need=_need(tool)))
        entry = Entry(tools=tuple(tools), tokens=_tokens(_compact(raw)), digest=self._digester.of(raw))
        return self._entries.put(raw, entry, 2 * len(raw))

    def _read_schema(self, raw: bytes) -> Schema:
        parsed = _parse(raw)
        kind = parsed.get("type") if isinstance(parsed, dict) else None
        outline = msgspec.json.encode(_outline(parsed, DEEPEST), order="deterministic")
        return Schema(
            tokens=_tokens(_compact(raw)),
            needs=frozenset({"structured_output"}) if kind == "json_schema" else frozenset(),
            digest=self._digester.of(b"schema" + outline),
        )


_NO_TOOLS = Tools()
_NO_SCHEMA = Schema()


def tool_names(request: Request) -> tuple[str, ...]:
    """Names of the tools sent, in order, namespaces opened; hosted tools go by their type.

    The same order as `Template.tools`. Parses: meant for once per distinct tools array.
    """
    return tuple(_text(tool).name for raw in _items(request.tools) for tool in _opened(_parse(raw)))


def _parse(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _items(raw: bytes) -> list[bytes]:
    """The entries of the array, each as sent; none where it is not an array."""
    if not raw:
        return []
    try:
        return [bytes(item) for item in msgspec.json.decode(raw, type=list[msgspec.Raw])]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []


def _opened(entry: Any) -> Iterator[dict[str, Any]]:
    """The definitions of an entry: itself, or those inside a namespace."""
    if not isinstance(entry, dict):
        return
    inner = entry.get("tools") if entry.get("type") == "namespace" else None
    if isinstance(inner, list):
        yield from (each for each in inner if isinstance(each, dict))
    else:
        yield entry


def _text(tool: dict[str, Any]) -> ToolText:
    inner = tool.get("function")
    source = inner if isinstance(inner, dict) else tool
    name, description = source.get("name"), source.get("description")
    if not isinstance(name, str):
        name = tool.get("server_label") if tool.get("type") == "mcp" else tool.get("type")
    return ToolText(
        name=name if isinstance(name, str) else "",
        description=description if isinstance(description, str) else "",
    )


def _need(tool: dict[str, Any]) -> str:
    kind = tool.get("type")
    if not isinstance(kind, str) or kind in _OWN_TOOLS:
        return "tools"
    if kind == "tool_search":
        return "tool_search"
    return "computer_use" if kind.startswith("computer") else "hosted_tools"


def _outline(value: Any, depth: int) -> Any:
    """The schema without the words that do not shape it."""
    if depth <= 0:
        return None
    if isinstance(value, dict):
        # Under 'properties' every key is a name, 'title' and 'default' included.
        return {
            key: {name: _outline(inner, depth - 2) for name, inner in each.items()}
            if key == "properties" and isinstance(each, dict)
            else _outline(each, depth - 1)
            for key, each in value.items()
            if key not in _CONTENT_KEYS
        }
    if isinstance(value, list):
        return [_outline(each, depth - 1) for each in value]
    return mask(value) if isinstance(value, str) else value


def _compact(raw: bytes) -> bytes:
    try:
        return msgspec.json.format(raw, indent=-1)
    except (msgspec.DecodeError, RecursionError):
        return raw


def _tokens(raw: bytes) -> int:
    text = raw.decode("utf-8", "replace")
    return count_tokens(text) if len(raw) <= EXACT else estimate_text(text)
