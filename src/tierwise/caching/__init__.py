"""The prompt cache: what it could have served, and what keeps it from serving more.

In: prefix digests with their tokens and times; texts of one workload, or their outlines. Out:
tokens that an earlier call had left warm, and the first difference that breaks a prefix.
"""

from __future__ import annotations

from tierwise.caching._breakers import Difference, Kind, first_difference
from tierwise.caching._outline import (
    TEXT_LENGTH,
    TEXTS_PER_BASE,
    Parting,
    Smallest,
    first_parting,
    outline,
    shared_share,
)
from tierwise.caching._replay import A_MINUTE, MINIMUM_PREFIX, STEP, machines, readable
from tierwise.caching._windows import LONG_SINCE, SHORT_WINDOW, chooses, read_of, window_of

__all__ = [
    "A_MINUTE",
    "LONG_SINCE",
    "MINIMUM_PREFIX",
    "SHORT_WINDOW",
    "STEP",
    "TEXTS_PER_BASE",
    "TEXT_LENGTH",
    "Difference",
    "Kind",
    "Parting",
    "Smallest",
    "chooses",
    "first_difference",
    "first_parting",
    "machines",
    "outline",
    "read_of",
    "readable",
    "shared_share",
    "window_of",
]
