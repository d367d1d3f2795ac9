"""OpenAI's usage objects, made disjoint: the quick way and the general one agree."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.calls._format import BadRecord
from tierwise.calls._usage import Usage, tokens_of, usage_tokens
from tierwise.catalog import Tokens, disjoint_tokens
from tierwise.errors import ImpossibleUsage

counts = st.integers(-2, 50)


@given(counts, counts, counts, counts)
def test_the_quick_way_answers_and_refuses_as_disjoint_tokens_does(asked, given_out, cached, reasoning):
    usage = {
        "input_tokens": asked,
        "output_tokens": given_out,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens_details": {"reasoning_tokens": reasoning},
    }
    try:
        right = disjoint_tokens(input=asked, output=given_out, cached=cached, reasoning=reasoning)
    except ImpossibleUsage:
        with pytest.raises(BadRecord, match="impossible usage"):
            tokens_of(msgspec.json.decode(json.dumps(usage), type=Usage))
        with pytest.raises(BadRecord, match="impossible usage"):
            usage_tokens(usage)
    else:
        assert tokens_of(msgspec.json.decode(json.dumps(usage), type=Usage)) == right == usage_tokens(usage)


@pytest.mark.parametrize(
    ("usage", "right"),
    [
        (
            {
                "input_tokens": 1000,
                "output_tokens": 10,
                "input_tokens_details": {
                    "cached_tokens": 300,
                    "cache_write_tokens": 500,
                    "cache_write_tokens_details": {"ttl_30m_tokens": 400, "ttl_12h_tokens": 100},
                },
            },
            Tokens(uncached=200, cached=300, written=400, written_12h=100, output=10),
        ),
        (
            {
                "input_tokens": 1000,
                "input_tokens_details": {"cache_write_tokens_details": {"ttl_30m_tokens": 4, "ttl_12h_tokens": 1}},
            },
            Tokens(uncached=995, written=4, written_12h=1),
        ),
        (
            {"prompt_tokens": 10_000, "prompt_tokens_details": {"cache_write_tokens": 10_000}},
            Tokens(written=10_000),
        ),
        (
            {
                "prompt_tokens": 15,
                "completion_tokens": 47,
                "completion_tokens_details": {"audio_tokens": 34},
            },
            Tokens(uncached=15, output=13, audio_output=34),
        ),
        (
            {"prompt_tokens": 100, "prompt_tokens_details": {"audio_tokens": 60, "cached_tokens": 80}},
            Tokens(cached=40, audio_input=20, audio_cached=40),
        ),
        ({"prompt_tokens": 8, "total_tokens": 8}, Tokens(uncached=8)),
        ({"prompt_tokens": "8", "completion_tokens": 2.0}, Tokens(uncached=8, output=2)),
        ({}, None),
        ({"total_tokens": 5}, None),
        (None, None),
    ],
    ids=["written", "written by lifetime only", "all written", "audio out", "audio cached", "embedding",
         "as text", "empty", "only a total", "none"],
)  # fmt: skip
def test_overlapping_counts_are_taken_apart(usage, right):
    assert usage_tokens(usage) == right
