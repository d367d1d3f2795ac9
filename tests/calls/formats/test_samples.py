"""Every third-party sample is read with the right count, tokens and fields."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from tierwise.calls import Call, Message
from tierwise.calls._format import Sample
from tierwise.catalog import Tokens

TWO_CALLS = Tokens(uncached=84, cached=1152, output=2)
"""What both calls of every file that a library wrote used: 1,236 input, 1,152 of it cached."""
OBJECTS = {
    "litellm/spend_logs_payload.json": ("litellm", [(10, 0, 20)]),
    "litellm/standard_logging_payload.json": ("litellm", [(10, 0, 20)]),
    "langfuse/langgraph-python-2025-08-22.trace.json": ("langfuse", [(60, 0, 15), (108, 0, 51)]),
    "langfuse/openai-agents-2025-09-30.trace.json": ("langfuse", [(85, 0, 29), (55, 0, 15)]),
    "langfuse/vercel-aisdk-2025-11-17.trace.json": ("langfuse", [(62, 0, 85)]),
    "openllmetry/otlp_spans.json": ("otlp", [(84, 1152, 2), (84, 1152, 2)]),
    "openinference-phoenix/otlp_spans.json": ("otlp", [(84, 1152, 2), (84, 1152, 2)]),
}


@pytest.mark.parametrize("path", OBJECTS)
def test_a_sample_has_the_right_calls_and_tokens(path, sample, read):
    name, expected = OBJECTS[path]
    calls = read(name, sample(path))
    assert all(isinstance(call, Call) for call in calls)
    assert [(c.tokens.uncached, c.tokens.cached, c.tokens.output_total) for c in calls] == expected
    assert {c.status for c in calls} == {"ok"}


@pytest.mark.parametrize("path", OBJECTS)
def test_a_sample_is_recognised_by_its_own_format_alone(path, sample, format_of):
    seen = Sample(name="x.json", shape="objects", objects=(json.loads(sample(path)),))
    formats = ("litellm", "langfuse", "otlp", "langsmith", "helicone", "llm_sqlite")
    assert [name for name in formats if format_of(name).matches(seen)] == [OBJECTS[path][0]]


def test_litellm_samples_carry_cost_time_and_session(sample, read):
    (row,) = read("litellm", sample("litellm/spend_logs_payload.json"))
    (payload,) = read("litellm", sample("litellm/standard_logging_payload.json"))
    assert row.logged_cost == payload.logged_cost == Decimal("0.00022500000000000002")
    assert row.at == payload.at == 1_737_710_446_847_371
    assert row.session == "1234567890"
    assert row.request is None
    assert payload.request.messages == (Message(role="user", content="Hello, world!"),)
    assert payload.response.text == "hi"
    assert (row.model_asked, row.endpoint) == ("gpt-4o", "chat")


def test_the_langgraph_trace_keeps_tools_scores_and_parents(sample, read):
    first, second = read("langfuse", sample("langfuse/langgraph-python-2025-08-22.trace.json"))
    assert b"Web-Search" in first.request.tools
    assert first.response.tool_calls == ("Web-Search",)
    assert [m.role for m in second.request.messages] == ["user", "user", "assistant", "tool"]
    assert second.request.messages[-1].text.startswith('[{"url"')
    assert first.scores == {"hallucination": 0.1, "toxicity": 0.0}
    assert (first.parent, second.parent) == ("98d3e02591797c04", "3b239b11cbb2ac0b")
    assert first.logged_cost == Decimal("0.000075")


def test_the_agents_trace_is_of_the_responses_endpoint(sample, read):
    answer, tool = read("langfuse", sample("langfuse/openai-agents-2025-09-30.trace.json"))
    assert answer.endpoint == tool.endpoint == "responses"
    assert answer.id.startswith("resp_")
    assert (answer.lane, answer.lane_basis) == ("standard", "served")
    assert answer.request.messages[0] == Message(role="developer", content="You are a helpful agent.")
    assert b"get_weather" in tool.request.tools
    assert tool.response.tool_calls == ("get_weather",)


def test_the_vercel_trace_counts_the_request_and_not_the_step_around_it(sample, read):
    (call,) = read("langfuse", sample("langfuse/vercel-aisdk-2025-11-17.trace.json"))
    assert call.name == "ai.generateText.doGenerate"
    assert (call.model_asked, call.model_served) == ("gpt-5", "gpt-5-2025-08-07")
    assert (call.lane, call.lane_basis) == ("standard", "served")
    assert call.response.tool_calls == ("getWeather",)


@pytest.mark.parametrize("path", ["openllmetry/otlp_spans.json", "openinference-phoenix/otlp_spans.json"])
def test_both_dialects_of_spans_tell_the_same_two_calls(path, sample, read):
    chat, responses = read("otlp", sample(path))
    assert chat.tokens == responses.tokens == TWO_CALLS
    assert (chat.id, responses.id) == ("chatcmpl-abc123", "resp_abc123")
    assert (chat.endpoint, responses.endpoint) == ("chat", "responses")
    assert chat.model_asked == responses.model_asked == "gpt-4.1-mini"
    assert chat.model_served == responses.model_served == "gpt-4.1-mini-2025-04-14"
    assert chat.project == "support-triage"
    assert chat.request.max_output_tokens == 5
    assert [m.text[:8] for m in chat.request.messages] == ["Classify", "I was ch"]
    assert [m.text[:8] for m in responses.request.messages] == ["Classify", "I was ch"]
    assert chat.response.text == responses.response.text == "billing"
    assert (chat.lane, chat.lane_basis) == ("standard", "served")
    assert 1_795_568_740_000_000 < chat.at < 1_795_568_743_000_000


def test_the_llm_database_has_two_calls(sample, read_sql):
    first, second = read_sql(sample("simonw-llm/logs_0.36.sql"))
    assert first.tokens == second.tokens == TWO_CALLS
    assert first.id != second.id
    assert (first.model_asked, first.model_served) == ("gpt-4.1-mini-local", "gpt-4.1-mini-2025-04-14")
    assert [m.text for m in first.request.messages] == [
        "Classify the ticket",
        "I was charged twice for order 1004.",
    ]
    assert first.response.text == "billing"
    assert (first.latency, first.lane_basis) == (108_000, "served")
    assert first.session == "01m883sdj02t3x7nq5frmwmb9f"
