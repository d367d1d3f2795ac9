"""What differs between one turn of a conversation and the next, so that its prefix is not found again."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np

from tierwise.audit._account import Account
from tierwise.audit._broken_tools import tool_sets
from tierwise.audit._cache_rules import Rules
from tierwise.audit._columns import mixed
from tierwise.audit._layout import RECORDED
from tierwise.audit._workloads import sessions

KINDS: Final = ("", "model", "effort", "verbosity", "cache key", "tools")
"""What differs from the turn before; the first that does names the call."""
MODEL, EFFORT, VERBOSITY, CACHE_KEY, TOOLS = range(1, 6)


class Turns(msgspec.Struct, frozen=True, kw_only=True):
    """Per call: what differs from the turn before, and what could have been read of it otherwise."""

    kind: Any
    """Index into `KINDS`, 0 for a true continuation and for calls that continue nothing."""
    previous: Any
    """Index of the turn before, -1 where `kind` is 0."""
    tokens: Any
    """Of the prompt before, which would be the start of this one; 0 where `kind` is 0."""

    @property
    def any(self) -> bool:
        """Whether anything differs between any turns."""
        return bool(self.kind.any())


def between_turns(account: Account, rules: Rules) -> Turns:
    """Compare each turn with the one before it, while that was still warm.

    A turn continues a call whose whole prompt is its own prompt up to the last response, byte for byte,
    so nothing but settings can differ. Where tools differ no prefix is the same; there a turn continues
    the call before it in its session that has the same instructions, one response less, and the same
    settings.
    """
    calls = account.calls
    n = len(calls)
    found = Turns(
        kind=np.zeros(n, dtype=np.uint8), previous=np.full(n, -1), tokens=np.zeros(n, dtype=np.int64)
    )
    rows = np.flatnonzero((calls["turn"] > 0) & (calls["block2"] != 0) & (calls["at"] >= 0))
    if len(rows):
        before = _continued(calls, rows)
        _by_settings(account, rules, found, rows[before >= 0], before[before >= 0])
        _by_tools(account, rules, found, rows[before < 0])
    return found


def _continued(calls: Any, rows: Any) -> Any:
    """For each of these calls the latest one before it whose whole prompt it begins with, else -1."""
    written = np.flatnonzero((calls["block3"] != 0) & (calls["at"] >= 0))
    digest = np.concatenate((calls["block3"][written], calls["block2"][rows]))
    row = np.concatenate((written, rows))
    return _latest(digest, row, len(written))


def _latest(key: Any, row: Any, written: int) -> Any:
    """For each entry from `written` on, the row of the latest earlier entry before `written` with its key."""
    # A reader stands before a writer of the same row: no call continues itself.
    order = np.lexsort((np.arange(len(row)) < written, row, key))
    is_writer = order < written
    last = np.maximum.accumulate(np.where(is_writer, np.arange(len(order)), -1))
    found = np.where(last >= 0, order[np.maximum(last, 0)], 0)
    same = (last >= 0) & (key[found] == key[order])
    result = np.full(len(row), -1, dtype=np.int64)
    result[order] = np.where(same & ~is_writer, row[found], -1)
    return result[written:]


def _by_settings(account: Account, rules: Rules, found: Turns, rows: Any, before: Any) -> None:
    calls = account.calls
    differs = rules.key[rows] != rules.key[before]
    differs &= calls["at"][rows] - calls["at"][before] <= rules.window[rows]
    rows, before = rows[differs], before[differs]
    if not len(rows):
        return
    with_verbosity = np.array(["verbosity" in (needs or ()) for needs in calls.tables["needs"]], dtype=bool)
    spoken = with_verbosity[calls["needs"]]
    # Without its text a call tells that a verbosity was sent, and not which.
    untold = ((calls["flags"][rows] | calls["flags"][before]) & RECORDED != 0) & (
        spoken[rows] | spoken[before]
    )
    verbosity = (calls["verbosity"][rows] != calls["verbosity"][before]) | untold
    found.kind[rows] = np.select(
        [
            rules.model[rows] != rules.model[before],
            rules.effort[rows] != rules.effort[before],
            verbosity,
        ],
        [MODEL, EFFORT, VERBOSITY],
        CACHE_KEY,
    )
    found.previous[rows] = before
    found.tokens[rows] = calls["block_tokens2"][rows]


def _by_tools(account: Account, rules: Rules, found: Turns, rows: Any) -> None:
    calls = account.calls
    session = sessions(calls)
    rows = rows[session[rows] != 0]
    if not len(rows):
        return
    instructions: dict[tuple[int, tuple[int, ...]], int] = {}
    alike = np.array(
        [
            instructions.setdefault((skeleton.base >> 32, skeleton.segments), len(instructions))
            if skeleton
            else -1
            for skeleton in calls.tables["skeleton"]
        ],
        dtype=np.int64,
    )[calls["skeleton"]]
    written = np.flatnonzero((session != 0) & (calls["block3"] != 0) & (calls["at"] >= 0))
    turn = calls["turn"].astype(np.int64)

    def key(of: Any, turns: Any) -> Any:
        return mixed((session[of], alike[of], calls["instructions"][of], rules.key[of], turns))

    keys = np.concatenate((key(written, turn[written]), key(rows, turn[rows] - 1)))
    before = _latest(keys, np.concatenate((written, rows)), len(written))
    rows, before = rows[before >= 0], before[before >= 0]
    sets = tool_sets(calls)[calls["toolset"]]
    differs = sets[rows] != sets[before]
    differs &= calls["at"][rows] - calls["at"][before] <= rules.window[rows]
    rows, before = rows[differs], before[differs]
    found.kind[rows], found.previous[rows] = TOOLS, before
    # Both lists in every call: what each call then carries besides is taken off what it could read.
    kept = calls["block_tokens3"][before].astype(np.int64) - _apart(calls, rows, before)
    found.tokens[rows] = np.maximum(kept, 0)


def _apart(calls: Any, rows: Any, before: Any) -> Any:
    """Tokens of the definitions that only one of two calls carries."""
    known: dict[tuple[int, int], int] = {}
    tokens = []
    for pair in zip(calls["toolset"][rows].tolist(), calls["toolset"][before].tolist(), strict=True):
        if pair not in known:
            one, other = (tools_of(calls, index) for index in pair)
            known[pair] = sum((one | other)[digest] for digest in one.keys() ^ other.keys())
        tokens.append(known[pair])
    return np.array(tokens, dtype=np.int64)


def tools_of(calls: Any, index: int) -> dict[int, int]:
    """Digest of each tool of a toolset to the tokens of its definition."""
    toolset = calls.words("toolset", index)
    return dict(zip(toolset.digests, toolset.tokens, strict=True)) if toolset else {}
