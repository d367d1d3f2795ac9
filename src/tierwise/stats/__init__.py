"""Statistics: tests valid whenever they are looked at, exact intervals, certificates of risk.

In: numbers, and what was fixed before they were seen. Out: verdicts and bounds that are the same
for the same input, bit by bit. What each method claims, and what it does not: docs/statistics.md.
"""

from __future__ import annotations

from tierwise.stats._mean import MeanTest, MeanTests
from tierwise.stats._path import Packed, Record, pack, unpack
from tierwise.stats._several import e_bh, fixed_sequence
from tierwise.stats._units import Unit, by_cluster, rectified, rectified_bounds

__all__ = [
    "MeanTest",
    "MeanTests",
    "Packed",
    "Record",
    "Unit",
    "by_cluster",
    "e_bh",
    "fixed_sequence",
    "pack",
    "rectified",
    "rectified_bounds",
    "unpack",
]
