"""Cache keys, shards and gaps: which calls meet on one machine, and what a longer life is worth."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.caching import (
    FULL,
    GAPS,
    LIVES,
    MOST_SHARDS,
    THIN,
    Rates,
    breaks_even,
    cache_key,
    cost_kept,
    gap_class,
    shard_of,
    shards_for,
    within,
)

SECRET = b"s" * 32
names = st.one_of(st.none(), st.text(max_size=20))


@given(st.lists(names, max_size=4), st.lists(names, max_size=4))
def test_callers_that_differ_never_share_a_key(one: list[str | None], other: list[str | None]) -> None:
    keys = [cache_key(SECRET, caller, 7, 0) for caller in (one, other)]
    assert (keys[0] == keys[1]) == (one == other)


def test_a_key_is_stable_has_no_text_and_is_the_owners_own() -> None:
    key = cache_key(SECRET, ("acme-project", "key-of-kim"), 7, 3)
    assert key == cache_key(SECRET, ("acme-project", "key-of-kim"), 7, 3)
    assert len(key) == 27
    assert "acme" not in key
    others = [
        cache_key(b"t" * 32, ("acme-project", "key-of-kim"), 7, 3),
        cache_key(SECRET, ("acme-project", "key-of-kim"), 8, 3),
        cache_key(SECRET, ("acme-project", "key-of-kim"), 7, 4),
        cache_key(SECRET, ("acme-project", "key-of-kim\ud800"), 7, 3),
    ]
    assert len({key, *others}) == 5


@given(st.integers(0, 12), st.integers(0, 10**6), st.integers(0, 10**6))
def test_shards_are_a_power_of_two_that_keeps_each_key_under_the_rate(
    power: int, rate: int, peak: int
) -> None:
    before = min(2**power, MOST_SHARDS)
    after = shards_for(before, rate, peak)
    assert after & (after - 1) == 0
    assert rate <= FULL * after or after == MOST_SHARDS
    assert after >= before // 2
    if after < before:
        # Hysteresis: at the rate that halved them they would not double again.
        assert max(rate, peak) < THIN * before < FULL * after


@given(st.text(), st.integers(0, 9))
def test_doubling_leaves_a_session_or_moves_it_to_the_new_half(session: str, power: int) -> None:
    count = 2**power
    assert shard_of(session, 2 * count) in {shard_of(session, count), shard_of(session, count) + count}


def test_sessions_spread_evenly() -> None:
    counts = [0] * 8
    for number in range(8_000):
        counts[shard_of(f"session {number}", 8)] += 1
    assert 850 < min(counts) <= max(counts) < 1_150


@pytest.mark.parametrize(("gap", "expected"), [(0, 0), (GAPS[0], 0), (GAPS[0] + 1, 1), (GAPS[4] + 1, 5)])
def test_a_gap_is_within_the_life_that_covers_it(gap: int, expected: int) -> None:
    assert gap_class(gap) == expected
    gaps = [0] * 6
    gaps[gap_class(gap)] = 1
    assert [within(gaps, life) for life in GAPS] == [int(gap <= life) for life in GAPS]


def test_a_breakpoint_pays_from_the_published_break_even_on() -> None:
    """W + (N - 1) r < N, with w = 1.25 and r = 0.1: from N = 1.28 on, which is 22 % of calls finding it warm."""
    rates = Rates(plain=Decimal(1), read=Decimal("0.1"), written=Decimal("1.25"), written_long=Decimal("2.5"))
    assert not breaks_even((21, 0, 0, 79, 0, 0), LIVES["30m"], rates)
    assert breaks_even((22, 0, 0, 78, 0, 0), LIVES["30m"], rates)
    assert cost_kept((0, 0, 100, 0, 0, 0), LIVES["12h"], Decimal("2.5"), Decimal("0.1")) == Decimal("0.1")
