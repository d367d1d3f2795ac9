"""Times between the calls of a workload, and what a longer life of their prefix would be worth."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

MINUTE: Final = 60_000_000
GAPS: Final = (10 * MINUTE, 30 * MINUTE, 60 * MINUTE, 720 * MINUTE, 1_440 * MINUTE)
"""Upper bounds of the classes that gaps are counted in, in microseconds; above the last is one more."""
LEAST_GAPS: Final = 20
"""Gaps from which something is concluded."""
LIVES: Final = {"in_memory": GAPS[0], "30m": GAPS[1], "12h": GAPS[3], "24h": GAPS[4]}
"""Microseconds for which a retention keeps a prefix after its last use, at most (24h) or at least (30m, 12h).
Source: OpenAI's prompt-caching guide."""


def gap_class(gap: int) -> int:
    """The class of a gap in microseconds, 0 to 5."""
    return bisect_left(GAPS, gap)


def within(gaps: Sequence[int], life: int) -> int:
    """Of counted gaps, those that are no longer than a life, which is one of `GAPS`."""
    return sum(gaps[: gap_class(life) + 1])


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """What input costs, USD a token."""

    plain: Decimal
    read: Decimal
    written: Decimal
    """For the usual life."""
    written_long: Decimal
    """For 12 hours."""


def cost_kept(gaps: Sequence[int], life: int, written: Decimal, read: Decimal) -> Decimal:
    """USD a token of the prefix and call: read where the gap before it is within its life, else written."""
    total, warm = sum(gaps), within(gaps, life)
    return (warm * read + (total - warm) * written) / total


def breaks_even(gaps: Sequence[int], life: int, rates: Rates) -> bool:
    """Whether writing a prefix for a fee and reading it again costs less than sending it plain.

    OpenAI's guide: N calls of one prefix pay w + (N - 1) r against N; N is what the gaps lead one to expect.
    """
    return cost_kept(gaps, life, rates.written, rates.read) < rates.plain
