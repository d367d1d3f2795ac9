"""The tools lever: definitions that a workload sends and that none of its answers used."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from tierwise.audit._layout import EMPTY_ANSWER
from tierwise.audit._table import CallTable
from tierwise.audit._without_text import stand_in
from tierwise.audit._workloads import Workloads, sessions
from tierwise.tools import Sent, Unused, unused


class Definitions(msgspec.Struct, frozen=True, kw_only=True):
    """What each workload could leave out."""

    unused: dict[int, tuple[Unused, ...]]
    """By workload number."""
    sent: dict[int, int]
    """Distinct definitions sent, by workload number."""
    dropped: Any
    """Tokens of unused definitions per call."""

    def digests(self) -> dict[int, frozenset[int]]:
        """Digests of the unused definitions by workload number."""
        return {number: frozenset(u.tool.digest for u in found) for number, found in self.unused.items()}


def definitions(calls: CallTable, workloads: Workloads) -> Definitions:
    """Unused definitions, from calls whose answer is in the log."""
    known = (calls["toolset"] != 0) & ((calls["answer"] != 0) | (calls["flags"] & EMPTY_ANSWER != 0))
    dropped = np.zeros(len(calls), dtype=np.int64)
    rows = np.flatnonzero(known)
    if not len(rows):
        return Definitions(unused={}, sent={}, dropped=dropped)
    names = _names(calls)
    sent = _sent(calls, workloads, rows, names)
    used = _used(calls, workloads, rows)
    found = {
        number: unused(tools, {names[digest] for digest in used.get(number, ()) if digest in names})
        for number, tools in sent.items()
    }
    result = Definitions(
        unused={number: tools for number, tools in found.items() if tools},
        sent={number: len(tools) for number, tools in sent.items()},
        dropped=dropped,
    )
    _fill(dropped, calls, workloads, result.digests())
    return result


def _sent(
    calls: CallTable, workloads: Workloads, rows: Any, names: dict[int, str]
) -> dict[int, dict[Sent, int]]:
    """Definitions of each workload, each with the sessions that carried it."""
    session = sessions(calls)[rows]
    own = np.where(session == 0, rows.astype(np.uint64) + np.uint64(1), session)
    toolsets = len(calls.tables["toolset"])
    pair = workloads.of[rows] * toolsets + _alike(calls)[calls["toolset"][rows]]
    order = np.lexsort((own, pair))
    pair, own = pair[order], own[order]
    fresh = np.ones(len(pair), dtype=bool)
    fresh[1:] = (pair[1:] != pair[:-1]) | (own[1:] != own[:-1])
    pairs, counts = np.unique(pair[fresh], return_counts=True)
    sent: dict[int, dict[Sent, int]] = {}
    for value, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        number, index = divmod(value, toolsets)
        toolset = calls.words("toolset", index)
        of_workload = sent.setdefault(number, {})
        for digest, tokens in zip(toolset.digests, toolset.tokens, strict=True):
            tool = Sent(digest, names[digest], tokens)
            of_workload[tool] = of_workload.get(tool, 0) + count
    return sent


def _names(calls: CallTable) -> dict[int, str]:
    """Digest of every definition to its name: where some records keep it and others do not, as kept."""
    names: dict[int, str] = {}
    for toolset in filter(None, calls.tables["toolset"]):
        for digest, name in zip(toolset.digests, toolset.names, strict=True):
            if names.get(digest, stand_in(digest)) == stand_in(digest):
                names[digest] = name
    return names


def _alike(calls: CallTable) -> Any:
    """Index of each toolset to that of the first with the same tools in the same order.

    They differ in whether names were kept, or in the text of a definition, which is still the same tool.
    """
    first: dict[Any, int] = {}
    toolsets = enumerate(calls.tables["toolset"])
    return np.array([first.setdefault(t.digests if t is not None else None, i) for i, t in toolsets])


def _used(calls: CallTable, workloads: Workloads, rows: Any) -> dict[int, set[int]]:
    """Digests of the tools that answers of each workload called."""
    used_sets = len(calls.tables["used"])
    pairs = np.unique(workloads.of[rows] * used_sets + calls["used"][rows])
    used: dict[int, set[int]] = {}
    for value in pairs.tolist():
        number, index = divmod(value, used_sets)
        used.setdefault(number, set()).update(calls.words("used", index) or ())
    return used


def _fill(dropped: Any, calls: CallTable, workloads: Workloads, digests: dict[int, frozenset[int]]) -> None:
    """Tokens of unused definitions in each call's own tool list."""
    toolsets = len(calls.tables["toolset"])
    pairs, inverse = np.unique(workloads.of * toolsets + calls["toolset"], return_inverse=True)
    tokens = np.zeros(len(pairs), dtype=np.int64)
    for i, value in enumerate(pairs.tolist()):
        number, index = divmod(value, toolsets)
        toolset = calls.words("toolset", index)
        if toolset is not None and number in digests:
            tokens[i] = sum(
                t for d, t in zip(toolset.digests, toolset.tokens, strict=True) if d in digests[number]
            )
    dropped[:] = tokens[inverse]
