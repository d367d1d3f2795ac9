"""What the prompt cache could have served, on small hand-made logs."""

from __future__ import annotations

import numpy as np
import pytest

from tierwise.caching import readable

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
