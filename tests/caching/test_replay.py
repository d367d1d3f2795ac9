"""What the prompt cache could have served, on small hand-made logs."""

from __future__ import annotations

import numpy as np
import pytest

from tierwise.caching import A_MINUTE, LONG_SINCE, machines, read_of, readable, window_of
from tierwise.catalog import Catalog

MINUTE = 60_000_000


def replay(calls: list[tuple[float, int, list[tuple[int, int]]]], window: float = 10) -> list[int]:
    """Calls as (minute, model, [(digest, tokens) of growing prefixes])."""
    levels = max(len(blocks) for _, _, blocks in calls)
    digests = np.zeros((levels, len(calls)), dtype=np.uint64)
    tokens = np.zeros((levels, len(calls)), dtype=np.uint32)
    for i, (_, _, blocks) in enumerate(calls):
        for level, (digest, count) in enumerate(blocks):
            digests[level, i], tokens[level, i] = digest, count
    found = readable(
        at=np.array([int(minute * MINUTE) for minute, _, _ in calls], dtype=np.int64),
        key=np.array([model for _, model, _ in calls], dtype=np.uint64),
        digests=digests,
        tokens=tokens,
        window=np.full(len(calls), int(window * MINUTE), dtype=np.int64),
    )
    return [int(x) for x in found]


CASES = [
    ("the first call finds nothing", [(0, 1, [(5, 2000)])], [0]),
    (
        "the second finds the shared prefix, in steps of 128",
        [(0, 1, [(5, 2000)]), (1, 1, [(5, 2000)])],
        [0, 1920],
    ),
    ("below 1,024 tokens nothing is cached", [(0, 1, [(5, 1023)]), (1, 1, [(5, 1023)])], [0, 0]),
    ("exactly 1,024 tokens are", [(0, 1, [(5, 1024)]), (1, 1, [(5, 1024)])], [0, 1024]),
    ("another model has another cache", [(0, 1, [(5, 2000)]), (1, 2, [(5, 2000)])], [0, 0]),
    ("an entry dies when nobody reads it in time", [(0, 1, [(5, 2000)]), (11, 1, [(5, 2000)])], [0, 0]),
    (
        "a read keeps it alive",
        [(0, 1, [(5, 2000)]), (9, 1, [(5, 2000)]), (18, 1, [(5, 2000)])],
        [0, 1920, 1920],
    ),
    (
        "the longest shared prefix wins",
        [(0, 1, [(5, 2000), (6, 4000)]), (1, 1, [(5, 2000), (6, 4000), (7, 5000)])],
        [0, 3968],
    ),
    (
        "the next turn finds the whole prompt of the one before",
        [(0, 1, [(5, 1100), (9, 3000)]), (1, 1, [(5, 1100), (9, 3000), (10, 3500)])],
        [0, 2944],
    ),
    ("an unknown time neither reads nor writes", [(-1, 1, [(5, 2000)]), (1, 1, [(5, 2000)])], [0, 0]),
    ("a call does not find itself", [(0, 1, [(5, 2000), (5, 2000)])], [0]),
]


@pytest.mark.parametrize(("calls", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_the_cache_serves(calls: list[tuple[float, int, list[tuple[int, int]]]], expected: list[int]) -> None:
    assert replay(calls) == expected


def reached(minutes: list[float], keys: list[int] | None = None) -> list[int]:
    """Machines that calls of one start of 300 tokens reach."""
    n = len(minutes)
    found = machines(
        at=np.array([int(m * MINUTE) for m in minutes], dtype=np.int64),
        key=np.array(keys or [1] * n, dtype=np.uint64),
        digests=np.full((2, n), 7, dtype=np.uint64),
        tokens=np.array([[100] * n, [300] * n], dtype=np.uint32),
    )
    return [int(x) for x in found]


def test_fifteen_calls_a_minute_stay_on_one_machine() -> None:
    assert set(reached([i / A_MINUTE for i in range(60)])) == {0}


def test_the_sixteenth_call_of_a_minute_reaches_another_machine() -> None:
    assert reached([i / 100 for i in range(35)]) == [0] * 15 + [1] * 15 + [2] * 5


def test_calls_of_other_cache_keys_do_not_count() -> None:
    assert set(reached([i / 100 for i in range(30)], [i % 2 for i in range(30)])) == {0}


def test_calls_without_a_time_overflow_nothing() -> None:
    assert set(reached([-1.0] * 40)) == {0}


@pytest.mark.parametrize(
    ("model", "zero", "minutes"),
    [
        ("gpt-5.5", False, 30),
        ("gpt-5.5", True, 30),  # takes 24h alone
        ("gpt-5.4", False, 30),
        ("gpt-5.4", True, 10),
        ("gpt-5.4-mini", False, 10),
        ("gpt-5.6-sol", False, 30),
    ],
)
def test_an_entry_lives_as_long_as_its_model_keeps_it(model: str, zero: bool, minutes: int) -> None:
    found = Catalog.open().resolve(model).model
    assert window_of(found, zero_retention=zero) == minutes * MINUTE


def test_24_hours_are_the_default_since_29_may_2026() -> None:
    assert np.datetime64(LONG_SINCE, "us").astype(str) == "2026-05-29T00:00:00.000000"


@pytest.mark.parametrize(
    ("model", "tokens", "read"),
    [
        ("gpt-5.4", 1300, 1280),
        ("gpt-5.6-sol", 1300, 1300),
        ("gpt-5.5", 2047, 0),
        ("gpt-5.5", 2048, 2048),
        ("gpt-5.5", 4095, 2048),
        ("gpt-5.5", 4096, 4096),
    ],
)
def test_a_read_is_whole_steps_or_exact_by_model(model: str, tokens: int, read: int) -> None:
    assert read_of(tokens, Catalog.open().resolve(model).model) == read
