"""A request with fewer tool definitions: every entry that stays keeps its bytes and its place."""

from __future__ import annotations

from typing import Final

import msgspec

_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_OF_TOOLS: Final = ("tools", "tool_choice", "parallel_tool_calls")
"""Fields that are refused where no tools are sent."""


class _Named(msgspec.Struct):
    name: str | None = None


class _Function(msgspec.Struct):
    type: str | None = None
    name: str | None = None
    function: _Named | None = None


_FUNCTION: Final = msgspec.json.Decoder(_Function)


def without(body: bytes, names: frozenset[str]) -> bytes:
    """The body without the functions of these names, in either endpoint's form; its tools are an array."""
    fields = _FIELDS.decode(body)
    left = [entry for entry in _LIST.decode(fields["tools"]) if _name(entry) not in names]
    if left:
        fields["tools"] = msgspec.Raw(msgspec.json.encode(left))
    else:
        for name in _OF_TOOLS:
            fields.pop(name, None)
    return msgspec.json.encode(fields)


def _name(entry: msgspec.Raw) -> str | None:
    """The name of a function; None for any other entry, which is never left out."""
    try:
        found = _FUNCTION.decode(entry)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if found.type != "function":
        return None
    return found.function.name if found.function is not None else found.name
