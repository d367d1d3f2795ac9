"""The order of a list of tools: whether it is free, and the list in the order of its names."""

from __future__ import annotations

from typing import Any, Final

import msgspec

_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_FREE: Final = frozenset({"function", "custom"})
"""Kinds of tools whose place in the list says nothing; tool search and namespaces have a meaning by theirs."""
MOST: Final = 5_000


class _Named(msgspec.Struct):
    name: str | None = None


class _Tool(msgspec.Struct):
    type: str | None = None
    name: str | None = None
    function: _Named | None = None
    custom: _Named | None = None
    defer_loading: Any = None


_TOOL: Final = msgspec.json.Decoder(_Tool)


class Order(msgspec.Struct, frozen=True):
    """Of one list whose order is free."""

    digest: int
    """Equal for lists of the same names in the same order."""
    canonical: bool
    """Whether it is in the order of its names as sent."""


def order_of(tools: bytes) -> Order | None:
    """The order of a JSON array of tools; None where it is not free."""
    named = _named(tools)
    if named is None:
        return None
    names = tuple(name for name, _ in named)
    return Order(hash(names), names == tuple(sorted(names)))


def ordered(tools: bytes) -> bytes:
    """The list by kind and name, each definition byte for byte as it was; as it is where its order is not free."""
    named = _named(tools)
    if named is None:
        return tools
    return msgspec.json.encode([raw for _, raw in sorted(named, key=_by_name)])


def _by_name(one: tuple[tuple[str, str], msgspec.Raw]) -> tuple[str, str]:
    return one[0]


def _named(tools: bytes) -> list[tuple[tuple[str, str], msgspec.Raw]] | None:
    """Kind and name of each definition; None where one has none, two have the same, or the order may matter."""
    try:
        raws = _LIST.decode(tools)
        if len(raws) > MOST:
            return None
        read = [_TOOL.decode(raw) for raw in raws]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    names = []
    for tool in read:
        inner = tool.function or tool.custom
        name = tool.name or (inner.name if inner is not None else None)
        if tool.type not in _FREE or not name or tool.defer_loading is not None:
            return None
        names.append((tool.type or "", name))
    if len(set(names)) != len(names):
        return None
    return list(zip(names, raws, strict=True))
