"""What varies in the tool definitions and the schema of a workload's calls."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from itertools import pairwise
from typing import Any

import numpy as np

from tierwise.audit._result import NOT_KEPT, Broken, Kept, Toolset
from tierwise.audit._table import CallTable
from tierwise.caching import first_difference

SHOWN = 3
"""Tools shown of an order."""


def tool_digests(calls: CallTable) -> Any:
    """By index of a toolset: a number, equal for the same tools in the same order, whatever their text."""
    return _numbered(tuple(toolset.digests) if toolset else () for toolset in calls.tables["toolset"])


def tool_sets(calls: CallTable) -> Any:
    """By index of a toolset: a number, equal for the same tools in any order."""
    return _numbered(tuple(sorted(toolset.digests)) if toolset else () for toolset in calls.tables["toolset"])


def _numbered(values: Iterable[Hashable]) -> Any:
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int64)


def _toolsets(calls: CallTable, rows: Any) -> list[Toolset]:
    return [calls.words("toolset", i) for i in np.unique(calls["toolset"][rows]).tolist() if i]


def by_order(calls: CallTable, rows: Any) -> Broken | None:
    """The same tools in another order."""
    # By digests: records of one order, with names and without, are not two orders.
    by_set: dict[tuple[int, ...], dict[tuple[int, ...], Toolset]] = {}
    for toolset in _toolsets(calls, rows):
        by_set.setdefault(tuple(sorted(toolset.digests)), {}).setdefault(toolset.digests, toolset)
    variants = list(max(by_set.values(), key=len, default={}).values())
    if len(variants) < 2:
        return None
    a, b = variants[0], variants[1]
    at = _first(a.digests, b.digests)
    shown = tuple(", ".join(each.names[at : at + SHOWN])[:60] for each in (a, b))
    return Broken(
        kind="tool order",
        where=f"tools, position {at + 1} of {len(a.names)}",
        example=(shown[0], shown[1]),
        excerpt=(_marked(a, at), _marked(b, at)),
        tokens=sum(a.tokens[:at]),
    )


def _marked(toolset: Toolset, at: int) -> str:
    before, here, after = (
        toolset.names[max(0, at - 1) : at],
        toolset.names[at],
        toolset.names[at + 1 : at + 3],
    )
    return ", ".join((*before, f"[[{here}]]", *after))[:200]


def _first(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def by_definitions(calls: CallTable, rows: Any, texts: list[Kept]) -> Broken | None:
    """The same tools in the same order, and yet another text of them or of the schema."""
    toolset, block = tool_digests(calls)[calls["toolset"][rows]], calls["block0"][rows]
    order = np.lexsort((block, toolset))
    toolset, block = toolset[order], block[order]
    if not ((toolset[1:] == toolset[:-1]) & (block[1:] != block[:-1])).any():
        return None
    return _with_text(texts) or _by_tokens(calls, rows)


def _with_text(texts: list[Kept]) -> Broken | None:
    """By the text of tools and schema, where the log has it: tools first, for they stand first."""
    kept = [each for each in texts if each.text is not None]
    found = []
    for one, other in pairwise(kept):
        same_tools = one.tools_digest == other.tools_digest
        if one.schema_digest != other.schema_digest and same_tools:
            found.append(_texts_part("schema", one.schema, other.schema, one.tools_tokens, one.schema_tokens))
        elif one.toolset == other.toolset and not same_tools:
            found.append(_texts_part("tool text", one.tools, other.tools, 0, one.tools_tokens))
    return min(found, key=lambda broken: broken.tokens, default=None)


def _texts_part(kind: str, one: bytes, other: bytes, before: int, tokens: int) -> Broken:
    a, b = one.decode("utf-8", "replace"), other.decode("utf-8", "replace")
    place = "schema" if kind == "schema" else "tools"
    difference = first_difference(a, b)
    if difference is None:
        return Broken(kind=kind, where=f"{place}, behind what is kept", example=NOT_KEPT, tokens=before)
    whole = max(difference.length, 1)
    return Broken(
        kind=kind,
        where=f"{place}, character {difference.position + 1}",
        example=difference.example,
        excerpt=difference.excerpt,
        tokens=before + tokens * difference.position // whole,
    )


def _by_tokens(calls: CallTable, rows: Any) -> Broken:
    """By what is known without text: sizes, and whether there are tools or a schema at all."""
    toolsets = _toolsets(calls, rows)
    skeletons = [calls.words("skeleton", i) for i in np.unique(calls["skeleton"][rows]).tolist() if i]
    sizes = {skeleton.schema_tokens for skeleton in skeletons}
    before = int(calls["block_tokens0"][rows].min())
    of_tools: dict[tuple[int, ...], Toolset] = {}
    for toolset in toolsets:
        other = of_tools.setdefault(toolset.digests, toolset)
        if other.tokens != toolset.tokens:
            at = _first(other.tokens, toolset.tokens)
            where, tokens = f"tools, position {at + 1} of {len(toolset.names)}", sum(toolset.tokens[:at])
            return Broken(kind="tool text", where=where, example=NOT_KEPT, tokens=tokens)
    if len(sizes) > 1 or not toolsets:
        tools = min((sum(toolset.tokens) for toolset in toolsets), default=0)
        return Broken(kind="schema", where="schema", example=NOT_KEPT, tokens=min(tools, before))
    if sizes == {0}:
        return Broken(kind="tool text", where="tools", example=NOT_KEPT, tokens=0)
    return Broken(kind="tools or schema", where="tools or schema", example=NOT_KEPT, tokens=0)
