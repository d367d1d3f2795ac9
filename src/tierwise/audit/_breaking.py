"""What keeps a workload's prompts from sharing a prefix, shown with the differing text."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import msgspec
import numpy as np

from tierwise.audit._result import Kept
from tierwise.audit._table import CallTable
from tierwise.audit._workloads import Workloads
from tierwise.caching import first_difference, first_parting, outline, shared_share

MOST_PAIRS: Final = 6
"""Pairs of texts compared in one workload."""


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """One workload whose instructions or tool order vary from call to call."""

    kind: str
    where: str
    example: tuple[str, str]
    calls: int
    share: float
    """Share of the instructions that is the same in all calls, 0 to 1."""
    text: str | None = None
    """The start of one of the two texts; None where the log has none, or where the difference is elsewhere."""
    position: int = 0
    """Characters of it before the difference."""


class Breaking(msgspec.Struct, frozen=True, kw_only=True):
    """All of them, and what mending them would let calls share."""

    broken: dict[int, Broken]
    """By workload number."""
    static: Any
    """Per call: tokens that every call of the workload would share; 0 where nothing is broken."""
    shared: Any
    """Per call: unsigned 64-bit value, equal for calls that would share them."""


def breaking(calls: CallTable, workloads: Workloads) -> Breaking:
    """Find workloads whose prefix varies, and by what."""
    n = len(calls)
    static = np.zeros(n, dtype=np.int64)
    shared = (workloads.of.astype(np.uint64) + np.uint64(1)) * np.uint64(0xD6E8FEB86659FD93)
    broken: dict[int, Broken] = {}
    texts = _texts(calls, workloads)
    counts = np.bincount(workloads.of, minlength=len(workloads))
    for number, varying in enumerate(_variants(calls, workloads).tolist()):
        if varying < 2:
            continue
        found = _by_text(texts.get(number, []), int(counts[number])) or _by_tools(calls, workloads, number)
        if found is not None:
            broken[number] = found
    if broken:
        share = np.zeros(len(workloads))
        for number, found in broken.items():
            share[number] = found.share
        of_call = share[workloads.of]
        before = calls["block_tokens0"].astype(np.int64)
        whole = (before + calls["instructions"] * of_call).astype(np.int64)
        static = np.where((of_call > 0) & (calls["block1"] != 0), whole, 0)
    return Breaking(broken=broken, static=static, shared=shared)


def _variants(calls: CallTable, workloads: Workloads) -> Any:
    """Distinct starts (tools and instructions) per workload."""
    rows = np.flatnonzero(calls["block1"] != 0)
    order = np.lexsort((calls["block1"][rows], workloads.of[rows]))
    number, digest = workloads.of[rows[order]], calls["block1"][rows[order]]
    fresh = np.ones(len(rows), dtype=bool)
    fresh[1:] = (number[1:] != number[:-1]) | (digest[1:] != digest[:-1])
    return np.bincount(number[fresh], minlength=len(workloads))


def _texts(calls: CallTable, workloads: Workloads) -> dict[int, list[Kept]]:
    """Kept instruction texts by workload number, in the order of their digests."""
    skeletons = len(calls.tables["skeleton"])
    of_skeleton: dict[int, list[int]] = {}
    for pair in np.unique(workloads.of * skeletons + calls["skeleton"]).tolist():
        number, skeleton = divmod(pair, skeletons)
        of_skeleton.setdefault(skeleton, []).append(number)
    texts: dict[int, list[Kept]] = {}
    for kept in calls.texts.values():
        for _, found in sorted(kept.items()):
            for number in of_skeleton.get(found.skeleton, ()) if found.text or found.outline else ():
                texts.setdefault(number, []).append(found)
    return texts


class _Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Where two texts of a workload part, and how much they share."""

    kind: str
    position: int
    length: int
    example: tuple[str, str]
    share: float
    text: str | None = None


def _by_text(texts: list[Kept], calls: int) -> Broken | None:
    """The earliest difference among a few pairs of instructions, and what they share."""
    pairs = pairwise(texts[: MOST_PAIRS + 1])
    found = [pair for pair in (_pair(a, b) for a, b in pairs) if pair is not None]
    if not found:
        return None
    first = min(found, key=lambda pair: pair.position)
    return Broken(
        kind=first.kind,
        where=f"instructions, character {first.position + 1} of {first.length}",
        example=first.example,
        calls=calls,
        share=sum(pair.share for pair in found) / len(found),
        text=first.text,
        position=first.position,
    )


def _pair(a: Kept, b: Kept) -> _Pair | None:
    """Two texts compared: shown by their text where it is at hand, shared by their outlines always."""
    share = shared_share(_outline(a), _outline(b))
    if a.text is not None and b.text is not None:
        difference = first_difference(a.text, b.text)
        if difference is None:
            return None
        return _Pair(
            kind=difference.kind,
            position=difference.position,
            length=difference.length,
            example=difference.example,
            share=share,
            text=a.text,
        )
    parting = first_parting(_outline(a), _outline(b))
    if parting is None:
        return None
    return _Pair(
        kind=parting.kind,
        position=parting.position,
        length=parting.length,
        example=("(not recorded)", "(not recorded)"),
        share=share,
    )


def _outline(kept: Kept) -> bytes:
    return kept.outline if kept.text is None else outline(kept.text)


def _by_tools(calls: CallTable, workloads: Workloads, number: int) -> Broken | None:
    """The same tools in another order."""
    rows = workloads.of == number
    orders = [calls.words("toolset", i) for i in np.unique(calls["toolset"][rows]).tolist() if i]
    # By digests: records of one order, with names and without, are not two orders.
    by_set: dict[frozenset[int], dict[tuple[int, ...], tuple[str, ...]]] = {}
    for toolset in orders:
        by_set.setdefault(frozenset(toolset.digests), {}).setdefault(toolset.digests, toolset.names)
    variants = list(max(by_set.values(), key=len, default={}).values())
    if len(variants) < 2:
        return None
    a, b = variants[0], variants[1]
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), 0)
    return Broken(
        kind="tool order",
        where=f"tools, position {at + 1} of {len(a)}",
        example=(", ".join(a[at : at + 3])[:60], ", ".join(b[at : at + 3])[:60]),
        calls=int(rows.sum()),
        share=1.0,
    )
