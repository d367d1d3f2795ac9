from __future__ import annotations

import pytest

from tierwise.calls import Message, Skipped
from tierwise.calls._format import BadRecord, Sample
from tierwise.catalog import Tokens


@pytest.fixture
def records(fixture, read):
    return {getattr(r, "span", "skipped"): r for r in read("otlp", fixture("otlp"))}


def test_agents_tools_and_chains_are_no_calls(records):
    assert list(records) == ["call-1", "call-2", "call-3", "skipped"]
    assert isinstance(records["skipped"], Skipped)
    assert records["skipped"].reason == "not an OpenAI call"


def test_the_newest_names_are_read(records):
    call = records["call-1"]
    assert call.tokens == Tokens(uncached=976, cached=1024, output=20, reasoning=100)
    assert (call.id, call.session, call.project) == ("chatcmpl-otlp-1", "conversation-1", "assistant")
    assert (call.lane, call.lane_basis) == ("priority", "served")
    assert call.request.effort == "high"
    assert call.request.messages == (
        Message(role="system", content="Answer with sources."),
        Message(role="user", content="Who won?"),
    )
    assert call.request.tools == b'[{"type":"function","name":"search"}]'
    assert call.response.tool_calls == ("search",)
    assert call.metadata == {"environment": "prod"}
    assert (call.at, call.latency) == (1_795_000_000_100_000, 1_000_000)


def test_the_older_names_of_openllmetry_are_read(records):
    call = records["call-2"]
    assert call.tokens == Tokens(uncached=80, output=9)
    assert [(m.role, m.text) for m in call.request.messages] == [
        ("system", "Pick the best hit."),
        ("user", "1, 2, 3"),
    ]
    assert b'"parameters":{"type":"object"}' in call.request.tools
    assert (call.response.text, call.response.finish, call.session) == ("2", "stop", "conversation-1")
    assert call.id == "t1/call-2"


def test_openinference_names_are_read(records):
    call = records["call-3"]
    assert call.tokens == Tokens(uncached=60, cached=640, output=5)
    assert (call.status, call.error) == ("error", "RateLimitError")
    assert call.request.messages[0] == Message(role="user", content="Sum up.")
    assert call.request.messages[1].tool_calls[0].function.name == "search"
    assert (call.request.max_output_tokens, call.request.temperature) == (64, 0.0)
    assert b'"search"' in call.request.tools
    assert (call.user, call.tags, call.metadata) == (
        "user-5",
        ("beta",),
        {"plan": "pro", "environment": "prod"},
    )


def test_a_call_inside_a_tool_has_the_call_that_asked_for_it_as_parent(records):
    assert [records[name].parent for name in ("call-1", "call-2", "call-3")] == ["agent", "call-1", "agent"]


def test_a_file_a_part_of_it_and_single_spans_tell_the_same(fixture, read):
    whole = fixture("otlp")
    (resource,) = whole["resourceSpans"]
    spans = resource["scopeSpans"][0]["spans"]
    by_part = read("otlp", resource)
    by_span = [record for span in spans[:-1] for record in read("otlp", span)]
    assert read("otlp", whole) == by_part
    assert [call.tokens for call in by_span] == [call.tokens for call in by_part[:-1]]
    assert by_span[1].parent == "tool"


def test_a_span_of_the_console_exporter_is_read(read):
    (call,) = read(
        "otlp",
        {
            "name": "chat gpt-5.4",
            "context": {"trace_id": "0xaa", "span_id": "0xbb", "trace_state": "[]"},
            "parent_id": "0xcc",
            "start_time": "2026-11-20T08:00:00.000000Z",
            "end_time": "2026-11-20T08:00:01.000000Z",
            "status": {"status_code": "ERROR"},
            "attributes": {
                "gen_ai.operation.name": "chat",
                "gen_ai.system": "openai",
                "gen_ai.request.model": "gpt-5.4",
                "gen_ai.usage.input_tokens": 12,
                "gen_ai.usage.output_tokens": 3,
                "error.type": "timeout",
            },
            "events": [
                {"name": "gen_ai.user.message", "attributes": {"content": "Hi"}},
                {"name": "gen_ai.choice", "attributes": {"message": '{"content": "Hello"}'}},
            ],
            "resource": {"attributes": {"service.name": "unknown_service"}},
        },
    )
    assert call.tokens == Tokens(uncached=12, output=3)
    assert (call.trace, call.span, call.parent) == ("0xaa", "0xbb", "0xcc")
    assert (call.status, call.error, call.project) == ("error", "timeout", None)
    assert call.request.messages == (Message(role="user", content="Hi"),)
    assert call.response.text == "Hello"


def test_a_row_of_a_phoenix_table_is_read(format_of, read):
    row = {
        "name": "ChatCompletion",
        "context.span_id": "s1",
        "context.trace_id": "t1",
        "parent_id": "p1",
        "start_time": "2026-11-20T08:00:00+00:00",
        "end_time": "2026-11-20T08:00:01+00:00",
        "status_code": "OK",
        "attributes.openinference.span.kind": "LLM",
        "attributes.llm.model_name": "gpt-5.4-mini",
        "attributes.llm.token_count.prompt": 40.0,
        "attributes.llm.token_count.completion": 4.0,
        "attributes.llm.input_messages": [{"message.role": "user", "message.content": "Hi"}],
    }
    (call,) = read("otlp", row)
    assert (call.tokens, call.span, call.parent) == (Tokens(uncached=40, output=4), "s1", "p1")
    assert call.request.messages == (Message(role="user", content="Hi"),)
    table = Sample(name="spans.csv", shape="csv", columns=tuple(row))
    assert format_of("otlp").matches(table)


def test_the_vercel_sdk_is_counted_by_its_inner_span(read):
    outer = {
        "spanId": "a",
        "traceId": "t",
        "attributes": {
            "ai.operationId": "ai.generateText",
            "ai.model.id": "gpt-5.4",
            "ai.usage.promptTokens": 9,
        },
    }
    inner = {
        "spanId": "b",
        "traceId": "t",
        "parentSpanId": "a",
        "attributes": {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.model.provider": "openai.responses",
            "gen_ai.request.model": "gpt-5.4",
            "gen_ai.usage.input_tokens": 9,
            "gen_ai.usage.output_tokens": 2,
            "ai.usage.cachedInputTokens": 4,
            "ai.prompt.messages": '[{"role": "user", "content": [{"type": "text", "text": "Weather?"}]}]',
            "ai.response.toolCalls": '[{"toolCallId": "c", "toolName": "weather", "input": "{}"}]',
            "ai.response.finishReason": "tool-calls",
        },
    }
    assert read("otlp", outer) == []
    (call,) = read("otlp", {"resourceSpans": [{"scopeSpans": [{"spans": [outer, inner]}]}]})
    assert call.tokens == Tokens(uncached=5, cached=4, output=2)
    assert (call.endpoint, call.parent) == ("responses", "a")
    assert (call.response.tool_calls, call.response.finish) == (("weather",), "tool_calls")
    assert call.request.messages[0].text == "Weather?"


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("gen_ai.usage.input_tokens", {"intValue": "-3"}, "impossible usage"),
        ("gen_ai.usage.input_tokens", {"stringValue": "some"}, "impossible usage"),
        ("gen_ai.usage.input_tokens", {"doubleValue": 1.5}, "impossible usage"),
        ("gen_ai.usage.input_tokens", {"intValue": "99999999999"}, "impossible usage"),
        ("gen_ai.usage.cache_read.input_tokens", {"intValue": "5000"}, "impossible usage"),
        ("gen_ai.provider.name", {"stringValue": "aws.bedrock"}, "not an OpenAI call"),
    ],
)
def test_a_damaged_span_says_why(key, value, reason, fixture, read):
    span = fixture("otlp")["resourceSpans"][0]["scopeSpans"][0]["spans"][1]
    span["attributes"] = [a for a in span["attributes"] if a["key"] != key] + [{"key": key, "value": value}]
    with pytest.raises(BadRecord) as bad:
        read("otlp", span)
    assert bad.value.reason == reason


def test_a_span_of_the_year_1_is_refused_by_its_date(fixture, read):
    span = fixture("otlp")["resourceSpans"][0]["scopeSpans"][0]["spans"][1] | {"startTimeUnixNano": "12"}
    with pytest.raises(BadRecord) as bad:
        read("otlp", span)
    assert bad.value.reason == "impossible date"


def test_spans_of_different_traces_may_share_an_id(fixture, read):
    (resource,) = fixture("otlp")["resourceSpans"]
    span = resource["scopeSpans"][0]["spans"][1]
    resource["scopeSpans"][0]["spans"] = [span, span | {"traceId": "t2"}]
    assert [call.trace for call in read("otlp", resource)] == ["t1", "t2"]
