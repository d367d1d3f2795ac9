"""Overlapping counts become disjoint ones, or are refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.catalog import KINDS, MOST_TOKENS, Tokens, disjoint_tokens
from tierwise.errors import ImpossibleUsage

counts = st.integers(0, 10_000)


@st.composite
def usages(draw: st.DrawFn) -> dict[str, int]:
    """Usage as OpenAI reports it: every part within the whole that contains it."""
    audio_cached = draw(counts)
    text_cached, audio_uncached, rest = draw(counts), draw(counts), draw(counts)
    reasoning, audio_output, text = draw(counts), draw(counts), draw(counts)
    total = audio_cached + text_cached + audio_uncached + rest
    return {
        "input": total,
        "cached": audio_cached + text_cached,
        "audio_input": audio_cached + audio_uncached,
        "audio_cached": audio_cached,
        "written": draw(st.integers(0, total)),
        "written_12h": draw(st.integers(0, total)),
        "output": reasoning + audio_output + text,
        "reasoning": reasoning,
        "audio_output": audio_output,
    }


@given(usages())
def test_disjoint_counts_add_up_to_what_was_reported(usage: dict[str, int]) -> None:
    tokens = disjoint_tokens(**usage)
    assert tokens.input_total == usage["input"]
    assert tokens.output_total == usage["output"]
    assert tokens.cached + tokens.audio_cached == usage["cached"]
    assert tokens.audio_input + tokens.audio_cached == usage["audio_input"]
    assert all(getattr(tokens, kind) >= 0 for kind in KINDS)


@given(usages())
def test_prompt_less_cached_less_written_is_never_below_zero(usage: dict[str, int]) -> None:
    tokens = disjoint_tokens(**usage)
    assert tokens.uncached >= 0
    assert tokens.written <= usage["written"]
    assert tokens.written_12h <= usage["written_12h"]


@given(usages(), st.sampled_from(["input", "output", "cached", "written", "reasoning"]), st.integers(-9, -1))
def test_a_negative_count_is_refused_by_name(usage: dict[str, int], name: str, count: int) -> None:
    with pytest.raises(ImpossibleUsage, match=f"{name} is negative"):
        disjoint_tokens(**{**usage, name: count})


@pytest.mark.parametrize(
    ("usage", "named"),
    [
        ({"input": 10, "cached": 11}, r"cached \(11\) exceeds input \(10\)"),
        ({"input": 10, "written": 11}, r"written \(11\) exceeds input \(10\)"),
        ({"input": 10, "written_12h": 11}, r"written_12h \(11\) exceeds input \(10\)"),
        ({"input": 10, "audio_input": 11}, r"audio_input \(11\) exceeds input \(10\)"),
        (
            {"input": 10, "cached": 1, "audio_input": 5, "audio_cached": 2},
            r"audio_cached \(2\) exceeds cached",
        ),
        (
            {"input": 10, "cached": 5, "audio_input": 1, "audio_cached": 2},
            r"audio_cached \(2\) exceeds audio_input",
        ),
        (
            {"input": 10, "cached": 6, "audio_input": 6},
            r"cached \(6\) and audio_input \(6\) exceed input \(10\)",
        ),
        ({"input": 1, "output": 10, "reasoning": 11}, r"reasoning \(11\) exceeds output \(10\)"),
        ({"input": 1, "output": 10, "audio_output": 11}, r"audio_output \(11\) exceeds output \(10\)"),
        (
            {"input": 1, "output": 10, "reasoning": 6, "audio_output": 6},
            r"reasoning \(6\) and audio_output \(6\)",
        ),
        ({"input": MOST_TOKENS + 1}, "more than any call can hold"),
        ({"input": 1.5}, "input must be a whole number of tokens"),
        ({"input": True}, "input must be a whole number of tokens"),
        ({"input": float("nan")}, "input must be a whole number of tokens"),
        ({"input": "12"}, "input must be a whole number of tokens"),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_impossible_usage_is_refused_by_name(usage: dict[str, Any], named: str) -> None:
    with pytest.raises(ImpossibleUsage, match=named):
        disjoint_tokens(**usage)


def test_written_gives_way_to_cached() -> None:
    """A prompt read and then reported as written once more is billed once."""
    assert disjoint_tokens(input=100, cached=80, written=60) == Tokens(uncached=0, cached=80, written=20)
