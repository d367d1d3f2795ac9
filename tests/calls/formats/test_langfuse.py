from __future__ import annotations

from decimal import Decimal

import pytest

from tierwise.calls import Call, Message, Place, Skipped
from tierwise.calls._format import BadRecord, Sample
from tierwise.calls._formats._langfuse_usage import usage_of
from tierwise.calls._usage import usage_tokens
from tierwise.catalog import Tokens


@pytest.fixture
def records(fixture, read):
    return {getattr(r, "span", None) or "skipped": r for r in read("langfuse", fixture("langfuse_trace"))}


def test_only_generations_are_calls_and_each_counts_once(records):
    assert sorted(records) == ["gen-1", "gen-2", "gen-4", "skipped"]
    assert isinstance(records["skipped"], Skipped)
    assert records["skipped"].reason == "not an OpenAI call"


def test_a_generation_carries_the_trace_around_it(records):
    call = records["gen-1"]
    assert call.tokens == Tokens(uncached=200, cached=1024, output=30, reasoning=12)
    assert (call.session, call.user, call.trace, call.tags) == ("session-3", "user-3", "trace-1", ("web",))
    assert call.scores == {"helpful": 1.0, "exact": 0.5}
    assert records["gen-2"].scores == {"helpful": 1.0}
    assert call.metadata == {"langgraph_node": "planner"}
    assert call.request.messages == (
        Message(role="system", content="Plan the answer."),
        Message(role="user", content="Compare both offers."),
    )
    assert call.request.tools == b'[{"type":"function","function":{"name":"search"}}]'
    assert call.request.temperature == 0.3
    assert call.response.tool_calls == ("search",)
    assert call.logged_cost == Decimal("0.0031")


def test_a_call_inside_a_tool_has_the_call_that_asked_for_it_as_parent(records):
    assert records["gen-1"].parent == "agent-1"
    assert records["gen-2"].parent == "gen-1"


def test_a_failed_generation_has_the_code_and_not_the_message(records):
    call = records["gen-4"]
    assert (call.status, call.error, call.tokens) == ("error", "rate_limit_exceeded", None)
    assert call.request.messages == (Message(role="user", content="Hello"),)


USAGES = {
    "disjoint, as Langfuse's own handlers write": (
        {"input": 84, "input_cache_read": 1152, "output": 2, "total": 1238},
        Tokens(uncached=84, cached=1152, output=2),
    ),
    "OpenAI's overlapping counts with OpenAI's total": (
        {"input": 1236, "input_cached_tokens": 1152, "output": 2, "total": 1238},
        Tokens(uncached=84, cached=1152, output=2),
    ),
    "input disjoint, output overlapping": (
        {"input": 84, "input_cached_tokens": 1152, "output": 10, "output_reasoning_tokens": 8, "total": 1246},
        Tokens(uncached=84, cached=1152, output=2, reasoning=8),
    ),
    "OpenAI's usage object": (
        {"prompt_tokens": 1236, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1152}},
        Tokens(uncached=84, cached=1152, output=2),
    ),
    "no total: disjoint, as documented": (
        {"input": 84, "cache_read_input_tokens": 1152, "output": 2},
        Tokens(uncached=84, cached=1152, output=2),
    ),
    "audio and written": (
        {
            "input": 10,
            "input_audio": 5,
            "input_cache_creation": 7,
            "output": 3,
            "output_audio": 4,
            "total": 29,
        },
        Tokens(uncached=10, audio_input=5, written=7, output=3, audio_output=4),
    ),
}


@pytest.mark.parametrize("case", USAGES)
def test_input_is_told_apart_from_its_parts_by_the_total(case):
    details, expected = USAGES[case]
    assert usage_tokens(usage_of({"usageDetails": details}, {})) == expected


def test_cached_tokens_of_the_vercel_sdk_are_read_from_the_attributes():
    usage = usage_of({"usageDetails": {"input": 1236, "output": 2}}, {"ai.usage.cachedInputTokens": "1152"})
    assert usage_tokens(usage) == Tokens(uncached=84, cached=1152, output=2)


def test_counts_named_by_a_service_tier_give_the_lane(fixture, read):
    details = {
        "input": 1236,
        "input_priority_cache_read": 1152,
        "input_priority": 84,
        "output": 2,
        "total": 1238,
    }
    row = fixture("langfuse_trace")["observations"][1] | {"usageDetails": details}
    (call,) = read("langfuse", row)
    assert call.tokens == Tokens(uncached=84, cached=1152, output=2)
    assert (call.lane, call.lane_basis) == ("priority", "served")


def test_observations_one_a_line_read_in_either_spelling(fixture, read):
    row = fixture("langfuse_trace")["observations"][1]
    (camel,) = read("langfuse", row)
    snake = {
        "".join(f"_{c.lower()}" if c.isupper() else c for c in key): value
        for key, value in row.items()
        if key != "model"
    } | {"provided_model_name": "gpt-5.4"}
    (again,) = read("langfuse", snake)
    assert again == camel
    assert camel.parent == "agent-1"


def test_spans_on_a_line_of_their_own_give_no_record(fixture, read):
    assert read("langfuse", fixture("langfuse_trace")["observations"][0]) == []


def test_a_page_of_observations_and_a_trace_object_are_read(fixture, read):
    trace = fixture("langfuse_trace")
    page = read("langfuse", {"data": trace["observations"], "meta": {"page": 1}})
    whole = read("langfuse", trace["trace"] | {"observations": trace["observations"]})
    assert [type(r) for r in page] == [type(r) for r in whole] == [Call, Call, Skipped, Call]
    assert whole[0].session == "session-3"


def test_a_generation_around_another_is_not_counted(fixture, read):
    row = fixture("langfuse_trace")["observations"][1]
    inner = row | {"id": "inner", "parentObservationId": "gen-1"}
    calls = read("langfuse", {"trace": {"id": "trace-1"}, "observations": [row, inner]})
    assert [(c.span, c.parent) for c in calls] == [("inner", "gen-1")]


def test_two_generations_with_answers_of_their_own_both_count(fixture, read):
    row = fixture("langfuse_trace")["observations"][1]
    first = row | {"output": {"id": "chatcmpl-a", "choices": []}}
    inner = row | {
        "id": "inner",
        "parentObservationId": "gen-1",
        "output": {"id": "chatcmpl-b", "choices": []},
    }
    calls = read("langfuse", {"trace": {"id": "trace-1"}, "observations": [first, inner]})
    assert [c.id for c in calls] == ["chatcmpl-a", "chatcmpl-b"]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"trace": {"id": "t"}}, "a trace without its observations"),
        ({"id": "t", "observations": []}, "a trace without its observations"),
        ({"id": "o"}, "not an observation"),
        ({"type": "GENERATION", "traceId": "t"}, "no model and no usage"),
        ({"type": "GENERATION", "model": "gpt-5.4", "usageDetails": {"input": -1}}, "impossible usage"),
        ({"type": "GENERATION", "model": "gpt-5.4", "startTime": "soon"}, "impossible date"),
        ({"type": "GENERATION", "model": "gemini-3-pro", "usageDetails": {"input": 1}}, "not an OpenAI call"),
    ],
)
def test_a_record_that_cannot_be_read_says_why(item, reason, read):
    with pytest.raises(BadRecord) as bad:
        read("langfuse", item)
    assert bad.value.reason == reason


def test_one_bad_generation_does_not_take_the_trace_with_it(fixture, read):
    trace = fixture("langfuse_trace")
    trace["observations"][1]["usageDetails"]["input"] = "NaN"
    records = read("langfuse", trace)
    assert [r.reason for r in records if isinstance(r, Skipped)] == ["impossible usage", "not an OpenAI call"]
    assert {r.place for r in records} == {Place(file=3, line=7)}


def test_other_json_is_not_taken_for_langfuse(format_of):
    others = ({"type": "GENERATION"}, {"data": []}, {"observations": 3}, {"trace": "x"}, {})
    matches = format_of("langfuse").matches
    assert not any(matches(Sample(name="", shape="objects", objects=(item,))) for item in others)
