"""Money that bought nothing: identical calls, failed and abandoned calls, loops."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np

from tierwise.audit._columns import mixed
from tierwise.audit._layout import EMPTY_ANSWER, REFUSAL, STATUSES
from tierwise.audit._table import CallTable
from tierwise.catalog import KINDS as KINDS_OF_TOKENS

NONE: Final = 0
IDENTICAL: Final = 1
FAILED: Final = 2
ABANDONED: Final = 3
LOOP: Final = 4
KINDS: Final = ("", "identical", "failed", "abandoned", "loop")

WINDOW: Final = 24 * 3600 * 1_000_000
"""Microseconds within which an identical call could have been answered from the first one."""
LOOP_LENGTH: Final = 4
"""The same answer this often in a row inside one session is a loop; the first two may stay."""


class Waste(msgspec.Struct, frozen=True, kw_only=True):
    """What was wasted, call by call, and how often calls were tried again."""

    kind: Any
    """A code of KINDS per call, 0 where the call was of use."""
    retried: Any
    """True for an identical call right after a failed one: the retry, not the waste."""


def find(calls: CallTable) -> Waste:
    """Mark calls whose cost bought nothing. Calls must be in time order.

    An identical call asks the same of the same model for the same project, key and user
    within a day of one that was answered: answers never cross those borders.
    """
    status = calls["status"]
    kind = np.zeros(len(calls), dtype=np.uint8)
    error, abandoned = STATUSES.index("error"), STATUSES.index("abandoned")
    billed = sum(calls[name].astype(np.int64) for name in KINDS_OF_TOKENS) > 0
    empty = (status == STATUSES.index("incomplete")) & ((calls["flags"] & EMPTY_ANSWER) != 0)
    failed = (status == error) | empty
    kind[_looping(calls)] = LOOP
    again, retried = _identical(calls, failed | (status == abandoned))
    kind[again & (kind == NONE)] = IDENTICAL
    kind[failed] = FAILED
    kind[status == abandoned] = ABANDONED
    kind[~billed] = NONE
    return Waste(kind=kind, retried=retried)


def _identical(calls: CallTable, bad: Any) -> tuple[Any, Any]:
    """(repeats of an answered call, retries of a failed one)."""
    n = len(calls)
    again, retried = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    rows = np.flatnonzero((calls["request"] != 0) & (calls["at"] >= 0))
    if len(rows) < 2:
        return again, retried
    same_border = ("request", "asked", "effort", "project", "api_key", "user")
    who = mixed(calls[name][rows] for name in same_border)
    order = np.argsort(who, kind="stable")
    who, rows = who[order], rows[order]
    same = (who[1:] == who[:-1]) & (calls["at"][rows[1:]] - calls["at"][rows[:-1]] <= WINDOW)
    later, earlier = rows[1:][same], rows[:-1][same]
    failed_before = bad[earlier]
    again[later[~failed_before]] = True
    retried[later[failed_before]] = True
    refused = (calls["flags"] & REFUSAL) != 0
    again &= ~refused
    return again, retried


def _looping(calls: CallTable) -> Any:
    """Calls of a session from the third of a run of four or more equal answers on."""
    n = len(calls)
    looping = np.zeros(n, dtype=bool)
    session = np.where(calls["session"] != 0, calls["session"], calls["trace"])
    rows = np.flatnonzero((session != 0) & (calls["answer"] != 0) & (calls["used"] != 0))
    if len(rows) < LOOP_LENGTH:
        return looping
    rows = rows[np.argsort(session[rows], kind="stable")]
    same = (session[rows[1:]] == session[rows[:-1]]) & (
        calls["answer"][rows[1:]] == calls["answer"][rows[:-1]]
    )
    starts = np.flatnonzero(np.concatenate(([True], ~same)))
    lengths = np.diff(np.append(starts, len(rows)))
    position = np.arange(len(rows)) - np.repeat(starts, lengths)
    in_loop = (np.repeat(lengths, lengths) >= LOOP_LENGTH) & (position >= 2)
    looping[rows[in_loop]] = True
    return looping
