"""What keeps a workload's calls from sharing a prefix, and what each would share once it is mended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

import msgspec
import numpy as np

from tierwise.audit._broken_text import by_text
from tierwise.audit._broken_tools import by_definitions, by_order, tool_digests, tool_sets
from tierwise.audit._columns import mixed
from tierwise.audit._result import Broken, Kept
from tierwise.audit._table import CallTable
from tierwise.audit._workloads import Workloads

Stage = Literal["text", "definitions", "order", "turns"]
"""What is mended together; the last is found by `between_turns`."""


ONE: Final = np.uint64(1)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of breaker mended in the workloads that have it, with those of the steps before it."""

    stage: Stage
    rows: Any
    """Indices of the calls of those workloads, in time order."""
    shared: Any
    """For each of them an unsigned 64-bit value, equal for calls that then share their static tokens."""


class Breaking(msgspec.Struct, frozen=True, kw_only=True):
    """All that varies before a call's own part, and what mending it would let calls share."""

    broken: dict[int, dict[Stage, Broken]]
    """By workload number."""
    static: Any
    """Per call: tokens that every call of the workload would share; 0 where nothing is broken."""
    steps: tuple[Step, ...]
    """In the order they are mended: from the end of the prefix to its start."""


def breaking(calls: CallTable, workloads: Workloads) -> Breaking:
    """Find workloads whose prefix varies, and by what."""
    n = len(calls)
    broken: dict[int, dict[Stage, Broken]] = {}
    varying = np.flatnonzero(_variants(calls, workloads) >= 2).tolist()
    texts = _texts(calls, workloads) if varying else {}
    by_number = _rows_of(workloads.of, varying)
    for number in varying:
        found = dict(_found(calls, by_number[number], texts.get(number, [])))
        if found:
            broken[number] = found
    if not broken:
        return Breaking(broken=broken, static=np.zeros(n, dtype=np.int64), steps=())
    share = np.zeros(len(workloads))
    for number, stages in broken.items():
        share[number] = stages["text"].share if "text" in stages else 1.0
    of_call = share[workloads.of]
    before = calls["block_tokens0"].astype(np.int64)
    whole = (before + calls["instructions"] * of_call).astype(np.int64)
    static = np.where((of_call > 0) & (calls["block1"] != 0), whole, 0)
    return Breaking(broken=broken, static=static, steps=tuple(_steps(calls, workloads, broken, static)))


def _found(calls: CallTable, rows: Any, texts: list[Kept]) -> Iterator[tuple[Stage, Broken]]:
    """What varies in the calls of one workload, by stage."""
    before = int(calls["block_tokens0"][rows].mean())
    text = by_text(texts, before, int(calls["instructions"][rows].mean()))
    if text is not None:
        yield "text", text
    definitions = by_definitions(calls, rows, texts)
    if definitions is not None:
        yield "definitions", definitions
    order = by_order(calls, rows)
    if order is not None:
        yield "order", order


def _steps(
    calls: CallTable, workloads: Workloads, broken: dict[int, dict[Stage, Broken]], static: Any
) -> Iterator[Step]:
    """Each stage coarser than the one before it: one start of tools and schema, one list, one set of tools."""
    toolset = calls["toolset"]
    shared: dict[Stage, Any] = {
        "text": calls["block0"],
        "definitions": tool_digests(calls)[toolset],
        "order": tool_sets(calls)[toolset],
    }
    for stage, column in shared.items():
        has_it = np.zeros(len(workloads), dtype=bool)
        has_it[[number for number, found in broken.items() if stage in found]] = True
        rows = np.flatnonzero(has_it[workloads.of] & (static > 0))
        if len(rows):
            # Never 0, which stands for no prefix at all.
            yield Step(stage=stage, rows=rows, shared=mixed((workloads.of[rows] + 1, column[rows])) | ONE)


def _variants(calls: CallTable, workloads: Workloads) -> Any:
    """Distinct starts (tools and instructions) per workload."""
    rows = np.flatnonzero(calls["block1"] != 0)
    order = np.lexsort((calls["block1"][rows], workloads.of[rows]))
    number, digest = workloads.of[rows[order]], calls["block1"][rows[order]]
    fresh = np.ones(len(rows), dtype=bool)
    fresh[1:] = (number[1:] != number[:-1]) | (digest[1:] != digest[:-1])
    return np.bincount(number[fresh], minlength=len(workloads))


def _rows_of(of: Any, numbers: list[int]) -> dict[int, Any]:
    """The calls of each of some workloads, in time order."""
    if not numbers:
        return {}
    order = np.argsort(of, kind="stable")
    starts = np.searchsorted(of[order], numbers)
    ends = np.searchsorted(of[order], numbers, side="right")
    return {number: order[start:end] for number, start, end in zip(numbers, starts, ends, strict=True)}


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
            for number in of_skeleton.get(found.skeleton, ()):
                texts.setdefault(number, []).append(found)
    return texts
