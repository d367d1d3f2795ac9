"""Every call once: halves of a Batch call joined, records of the same call counted together."""

from __future__ import annotations

from typing import Any

import numpy as np

from tierwise.audit._columns import mixed
from tierwise.audit._layout import BLOCKS, HAS_REQUEST, HAS_TOKENS, OPENINGS
from tierwise.audit._table import CallTable

_OF_THE_REQUEST = (
    "request",
    "asked",
    "toolset",
    "needs",
    "skeleton",
    "estimate",
    "newest",
    "max_output",
    "instructions",
    "turn",
    "effort",
    "role",
    "task",
    "depth",
    *(f"opening{i}" for i in range(OPENINGS)),
    *(f"block{i}" for i in range(BLOCKS)),
    *(f"block_tokens{i}" for i in range(BLOCKS)),
)
"""Columns that the request half knows and the response half does not."""


def join_halves(calls: CallTable) -> None:
    """Give each Batch answer its request; requests without an answer stay as they are."""
    joined = np.flatnonzero(calls["join"] != 0)
    if not len(joined):
        return
    has_request = (calls["flags"][joined] & HAS_REQUEST) != 0
    requests, answers = joined[has_request], joined[~has_request]
    order = np.argsort(calls["join"][requests], kind="stable")
    requests = requests[order]
    keys = calls["join"][requests]
    slot = np.searchsorted(keys, calls["join"][answers])
    slot = np.minimum(slot, max(len(keys) - 1, 0))
    matched = keys[slot] == calls["join"][answers] if len(keys) else np.zeros(len(answers), dtype=bool)
    source, target = requests[slot[matched]], answers[matched]
    for name in _OF_THE_REQUEST:
        calls.columns[name] = _writable(calls[name])
        calls[name][target] = calls[name][source]
    calls.columns["flags"] = _writable(calls["flags"])
    calls["flags"][target] |= calls["flags"][source]
    kept = np.ones(len(calls), dtype=bool)
    kept[source] = False
    calls.keep(kept)


def drop_duplicates(calls: CallTable) -> int:
    """Count each call once; returns how many records were left out.

    Records with the same id are one call: the one that knows most stays, the first of
    equals. Records without an id are one call when request, time, model and tokens agree.
    """
    identity = calls["id"].copy()
    nameless = (identity == 0) & (calls["request"] != 0) & (calls["at"] >= 0)
    agree = ("request", "at", "served", "uncached", "cached", "output", "reasoning")
    identity[nameless] = mixed(calls[name][nameless] for name in agree) | np.uint64(1)
    known = np.flatnonzero(identity != 0)
    flags = calls["flags"][known]
    knows = ((flags & HAS_TOKENS) != 0) * 2 + ((flags & HAS_REQUEST) != 0)
    order = np.lexsort((known, -knows.astype(np.int8), identity[known]))
    rows = known[order]
    again = np.zeros(len(rows), dtype=bool)
    again[1:] = identity[rows[1:]] == identity[rows[:-1]]
    if not again.any():
        return 0
    kept = np.ones(len(calls), dtype=bool)
    kept[rows[again]] = False
    calls.keep(kept)
    return int(again.sum())


def in_time_order(calls: CallTable) -> None:
    """Sort by time; calls without a time come first, in the order of the log."""
    at = calls["at"]
    if len(at) and (np.diff(at) < 0).any():
        calls.keep(np.argsort(at, kind="stable"))


def _writable(column: Any) -> Any:
    return column if column.flags.writeable else column.copy()
