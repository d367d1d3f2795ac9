"""The prompt cache: what it could have served, and what keeps it from serving more.

In: prefix digests with their tokens and times; texts of one workload, or their outlines; rates and gaps of live
calls. Out: tokens that an earlier call had left warm, the first difference that breaks a prefix, cache keys.
"""

from __future__ import annotations

from tierwise.caching._breakers import Difference, Kind, first_difference
from tierwise.caching._gaps import (
    GAPS,
    LEAST_GAPS,
    LIVES,
    Rates,
    breaks_even,
    cost_kept,
    gap_class,
    within,
)
from tierwise.caching._keys import A_MINUTE, FULL, MOST_SHARDS, THIN, cache_key, shard_of, shards_for
from tierwise.caching._outline import (
    TEXT_LENGTH,
    TEXTS_PER_BASE,
    Parting,
    Smallest,
    first_parting,
    outline,
    shared_share,
)
from tierwise.caching._passages import passages
from tierwise.caching._replay import MINIMUM_PREFIX, STEP, machines, readable
from tierwise.caching._windows import LONG_SINCE, SHORT_WINDOW, chooses, read_of, window_of

__all__ = [
    "A_MINUTE",
    "FULL",
    "GAPS",
    "LEAST_GAPS",
    "LIVES",
    "LONG_SINCE",
    "MINIMUM_PREFIX",
    "MOST_SHARDS",
    "SHORT_WINDOW",
    "STEP",
    "TEXTS_PER_BASE",
    "TEXT_LENGTH",
    "THIN",
    "Difference",
    "Kind",
    "Parting",
    "Rates",
    "Smallest",
    "breaks_even",
    "cache_key",
    "chooses",
    "cost_kept",
    "first_difference",
    "first_parting",
    "gap_class",
    "machines",
    "outline",
    "passages",
    "read_of",
    "readable",
    "shard_of",
    "shards_for",
    "shared_share",
    "window_of",
    "within",
]
