"""Small numpy helpers that several reduces share."""

from __future__ import annotations

from typing import Any

import numpy as np

DENSE = 4_000_000
"""Range of values up to which a table of all of them is faster than sorting."""
MIX = np.uint64(0x9E3779B97F4A7C15)
"""2**64 over the golden ratio: spreads small numbers over all bits."""


def numbered(values: Any, bound: int) -> tuple[Any, Any]:
    """Distinct values in ascending order, and each value's place among them.

    Args:
        values: n integers from 0 to bound - 1.
        bound: above every value; up to `DENSE` no sort is needed.
    """
    if bound > DENSE:
        return np.unique(values, return_inverse=True)
    seen = np.zeros(bound, dtype=bool)
    seen[values] = True
    place = np.cumsum(seen) - 1
    return np.flatnonzero(seen), place[values]


def mixed(columns: Any) -> Any:
    """One unsigned 64-bit value per row of several columns: equal rows give equal values."""
    result: Any = None
    for column in columns:
        whole = column if column.dtype == np.uint64 else column.astype(np.int64).view(np.uint64)
        result = whole * MIX if result is None else (result ^ whole) * MIX
        result ^= result >> np.uint64(29)
    return result
