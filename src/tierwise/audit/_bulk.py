"""What arrived in bulk, and so could have waited: the lane lever's evidence."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from tierwise.audit._layout import BACKGROUND, HAS_REQUEST, STREAM
from tierwise.audit._table import CallTable
from tierwise.catalog import LANES

BIN: Final = 10 * 60 * 1_000_000
"""Microseconds in a bin of arrivals: ten minutes."""
LEAST_IN_BIN: Final = 30
TIMES_THE_MEAN: Final = 8
"""A bin is a burst when it holds this many times the workload's mean over the whole period."""
LEAST_BINS: Final = 3 * 6
"""Below three hours of log there is no quiet time to compare with."""


def could_wait(calls: CallTable, workload: Any, alone: Any) -> Any:
    """True for calls that arrived in a burst of their workload and that nobody was seen waiting for.

    Streamed calls, later turns of a conversation, steps of a trace and calls with a
    dependent are waited for. `alone` is True where a call is no step of a trace or session.
    """
    at = calls["at"]
    waits = np.zeros(len(at), dtype=bool)
    known = at >= 0
    if not known.any():
        return waits
    first = at[known].min()
    bins = int((at[known].max() - first) // BIN) + 1
    if bins < LEAST_BINS:
        return waits
    flags = calls["flags"]
    free = known & alone & (workload >= 0) & (flags & (STREAM | BACKGROUND) == 0) & (flags & HAS_REQUEST != 0)
    free &= (calls["turn"] == 0) & (calls["lane"] == LANES.index("standard"))
    chosen = np.flatnonzero(free)
    if not len(chosen):
        return waits
    slot = workload[chosen].astype(np.int64) * bins + (at[chosen] - first) // BIN
    unique, inverse, in_bin = np.unique(slot, return_inverse=True, return_counts=True)
    of_workload = unique // bins
    mean = np.bincount(of_workload, weights=in_bin) / bins
    burst = (in_bin >= LEAST_IN_BIN) & (in_bin >= TIMES_THE_MEAN * mean[of_workload])
    waits[chosen] = burst[inverse]
    return waits
