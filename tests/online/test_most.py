"""How much calls write at most: never below the 99th percentile, close above it, bounded, by place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.catalog import Catalog
from tierwise.online import Memory
from tierwise.online._most import ENOUGH, HALF, Most
from tierwise.policy import Learned, Uses


@given(st.lists(st.integers(0, 200_000), min_size=ENOUGH, max_size=400))
def test_the_estimate_is_at_the_99th_percentile_or_up_to_two_percent_above(outputs: list[int]) -> None:
    most = Most()
    for output in outputs:
        most.add(output)
    exact = sorted(outputs)[-(-len(outputs) * 99 // 100) - 1]
    assert most.tokens is not None
    assert exact <= most.tokens <= exact * 1.02 + 1


def test_before_enough_calls_nothing_is_said() -> None:
    most = Most()
    for _ in range(ENOUGH - 1):
        most.add(10)
    assert most.tokens is None


def test_what_is_kept_is_bounded_and_old_lengths_fade() -> None:
    most = Most()
    for number in range(3 * HALF):
        most.add(number * 997 % 1_000_000)
    assert len(most.steps) <= 700
    for _ in range(20 * HALF):
        most.add(50)
    assert most.tokens is not None
    assert 50 <= most.tokens <= 52


def test_a_rung_falls_back_to_the_workloads_others_then_to_what_was_learned_then_to_nothing() -> None:
    learned = Learned(
        uses={7: {"gpt-5.5 medium": Uses(400, 100, 60)}, 8: {"gpt-5.5 medium": Uses(5, 100, 0)}}
    )
    memory = Memory(Catalog.open(), learned)
    assert memory.most_output(7, "gpt-5.5-2026-04-23", "medium") == 800, "five times the learned mean"
    assert memory.most_output(8, "gpt-5.5", "medium") is None, "five calls teach nothing"
    assert memory.most_output(9, "gpt-5.5", "medium") is None
    assert memory.most_output(7, "no-such-model", None) is None
    for _ in range(ENOUGH):
        memory.seen(7, "gpt-5.4-nano", "none", 300)
    assert memory.most_output(7, "gpt-5.5", "medium") == pytest.approx(300, rel=0.02)
    for _ in range(ENOUGH):
        memory.seen(7, "gpt-5.5", "medium", 2_000)
    assert memory.most_output(7, "gpt-5.5", "medium") == pytest.approx(2_000, rel=0.02)
    assert memory.most_output(7, "gpt-5.4-nano", "none") == pytest.approx(300, rel=0.02)
