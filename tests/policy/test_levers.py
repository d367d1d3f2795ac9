"""The arithmetic of the levers: the same for one call and for a million, and nothing is lost."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tierwise.policy import Use, at_effort, moved, rewritten, scaled, warmed, without_tools

COUNTS = st.integers(0, 2**31 - 1)
PERMILLE = st.integers(0, 5000)
USES = st.builds(Use, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)


def every_lever(use: Use, dropped: int, readable: int, output: int, reasoning: int, kept: int) -> list[Use]:
    after_tools = without_tools(use, dropped)
    after_cache = warmed(after_tools, readable)
    after_tier = moved(after_cache, output=output, reasoning=reasoning, kept_warm=kept)
    charged = [rewritten(after_tier, charges) for charges in (0, 1)]
    return [after_tools, after_cache, after_tier, *charged, at_effort(after_tier, kept)]


@given(USES, COUNTS, COUNTS, PERMILLE, PERMILLE, st.integers(0, 1000))
def test_arrays_and_single_calls_agree(
    use: Use, dropped: int, readable: int, output: int, reasoning: int, kept: int
) -> None:
    single = every_lever(use, dropped, readable, output, reasoning, kept)
    columns = Use(*(np.array([count], dtype=np.int64) for count in use))
    many = every_lever(
        columns, *(np.array([x], dtype=np.int64) for x in (dropped, readable, output, reasoning, kept))
    )  # type: ignore[arg-type]
    assert [[int(c[0]) for c in stage] for stage in many] == [list(stage) for stage in single]


@given(USES, COUNTS, COUNTS, PERMILLE, PERMILLE, st.integers(0, 1000))
def test_no_count_falls_below_zero(
    use: Use, dropped: int, readable: int, output: int, reasoning: int, kept: int
) -> None:
    for stage in every_lever(use, dropped, readable, output, reasoning, kept):
        assert min(stage) >= 0


@given(USES, COUNTS)
def test_warming_moves_input_and_creates_none(use: Use, readable: int) -> None:
    after = warmed(use, readable)
    assert after.uncached + after.cached + after.written == use.uncached + use.cached + use.written
    # The fee for writing is what a read spares first.
    assert after.written == 0 or after.uncached == use.uncached
    assert after.cached >= use.cached


@given(USES, COUNTS)
def test_dropping_tools_takes_exactly_their_tokens_as_far_as_there_are_any(use: Use, dropped: int) -> None:
    before = use.uncached + use.cached + use.written
    after = without_tools(use, dropped)
    assert after.uncached + after.cached + after.written == before - min(before, dropped)


@given(USES, st.integers(0, 1000))
def test_a_switch_loses_warmth_not_input(use: Use, kept: int) -> None:
    after = moved(use, output=1000, reasoning=1000, kept_warm=kept)
    assert after.uncached + after.cached == use.uncached + use.cached
    assert after.cached == scaled(use.cached, kept)


@given(USES)
def test_writing_moves_input_and_creates_none(use: Use) -> None:
    for charges in (0, 1):
        after = rewritten(use, charges)
        assert after.uncached + after.written == use.uncached + use.written
        assert after.cached == use.cached
    assert rewritten(use, 0).written == 0
    whole = use.uncached + use.written + use.cached
    assert rewritten(use, 1).uncached == (use.uncached + use.written if whole < 1024 else 0)
