from __future__ import annotations

import csv
import io
from decimal import Decimal

import pytest

from tierwise.calls import Message, Skipped
from tierwise.calls._format import BadRecord
from tierwise.calls._formats._exports import is_openai
from tierwise.catalog import Tokens

PROVIDERS = [
    "openai", "OpenAI", "azure", "az.ai.openai", "openai.responses", "text-completion-openai", "azure_openai",
    "openai_like", "custom_openai", "openai-compatible", "anthropic", "aws.bedrock", "azure.ai.inference",
    "openrouter", "gcp.vertex_ai",
]  # fmt: skip


def test_a_row_gives_what_its_nested_json_holds(fixture, read):
    (call,) = read("litellm", fixture("litellm_row"))
    assert call.tokens == Tokens(uncached=220, cached=1280, output=16, reasoning=24)
    assert call.model_asked == "gpt-5.4-mini"
    assert (call.lane, call.lane_basis) == ("flex", "asked")
    assert (call.key, call.project, call.user) == ("support-prod", "Support", "customer-7")
    assert call.tags == ("triage",)
    assert call.metadata == {"feature": "triage"}
    assert call.request.messages == (
        Message(role="system", content="Sort the ticket."),
        Message(role="user", content="Where is my order?"),
    )
    assert (call.request.effort, call.latency) == ("low", 1_500_000)
    assert call.logged_cost == Decimal("0.0021")
    assert (call.place.file, call.place.line) == (3, 7)


def test_a_payload_gives_request_response_and_served_tier(fixture, read):
    (call,) = read("litellm", fixture("litellm_payload"))
    assert call.tokens == Tokens(uncached=300, output=20)
    assert (call.lane, call.lane_basis) == ("standard", "served")
    assert call.model_served == "gpt-5.4-2026-03-05"
    assert b'"lookup"' in call.request.tools
    assert call.request.max_output_tokens == 200
    assert call.response.text == "Dear customer"
    assert (call.key, call.trace, call.status) == ("f00d", "trace-9", "ok")


def test_a_row_from_a_csv_export_reads_the_same(fixture, read, format_of):
    row = fixture("litellm_row")
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=row)
    writer.writeheader()
    writer.writerow(row)
    (read_back,) = csv.DictReader(io.StringIO(out.getvalue()))
    (from_json,) = read("litellm", row)
    (from_csv,) = format_of("litellm").read_row(read_back, from_json.place)
    assert from_csv == from_json


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"cache_hit": "True"}, "answered from a gateway's cache", id="own cache, text"),
        pytest.param({"cache_hit": True}, "answered from a gateway's cache", id="own cache, boolean"),
        pytest.param({"custom_llm_provider": "anthropic"}, "not an OpenAI call", id="anthropic"),
        pytest.param({"custom_llm_provider": "openrouter"}, "not an OpenAI call", id="openrouter"),
        pytest.param({"custom_llm_provider": "openai_like"}, "not an OpenAI call", id="openai-like server"),
        pytest.param({"custom_llm_provider": "", "model": "groq/llama-4"}, "not an OpenAI call", id="prefix"),
        pytest.param({"startTime": "0001-01-01 00:00:00"}, "impossible date", id="year 1"),
        pytest.param({"spend": "much"}, "impossible amount", id="cost in words"),
        pytest.param({"metadata": "{}", "prompt_tokens": -5}, "impossible usage", id="negative"),
        pytest.param({"metadata": "{}", "prompt_tokens": "many"}, "impossible usage", id="words"),
        pytest.param({"metadata": "{}", "prompt_tokens": [1]}, "impossible usage", id="list"),
    ],
)
def test_a_row_that_is_no_call_says_why(change, reason, fixture, read):
    with pytest.raises(BadRecord) as bad:
        read("litellm", fixture("litellm_row") | change)
    assert bad.value.reason == reason


@pytest.mark.parametrize("provider", ["openai", "azure", "text-completion-openai", "", None])
def test_openai_and_azure_are_openai_calls(provider, fixture, read):
    assert read("litellm", fixture("litellm_row") | {"custom_llm_provider": provider})


def test_providers_tell_openai_from_what_only_speaks_like_it():
    assert [name for name in PROVIDERS if is_openai(name, "gpt-5.4")] == PROVIDERS[:7]


def test_without_a_provider_the_model_tells():
    ours = ["gpt-5.4", "ft:gpt-5.4-mini:acme::1", "openai/gpt-5.4", "azure/my-deployment", "o4-mini", None]
    others = ["claude-opus-4-5", "anthropic/claude-opus-4-5", "openrouter/openai/gpt-5.4", "gemini-3-pro"]
    assert [name for name in ours + others if is_openai(None, name)] == ours


def test_a_failed_call_has_its_error_and_no_tokens_billed(fixture, read):
    row = fixture("litellm_row") | {"status": "failure", "prompt_tokens": 0, "completion_tokens": 0}
    row["metadata"] = '{"error_information": {"error_code": "429", "error_class": "RateLimitError"}}'
    (call,) = read("litellm", row)
    assert (call.status, call.error, call.tokens) == ("error", "429", Tokens())


def test_zero_tokens_of_a_call_that_went_well_are_unknown_tokens(fixture, read):
    row = fixture("litellm_row") | {"metadata": "{}", "prompt_tokens": 0, "completion_tokens": 0}
    (call,) = read("litellm", row)
    assert call.tokens is None


def test_redacted_messages_are_no_request(fixture, read):
    payload = fixture("litellm_payload")
    payload["messages"] = [{"role": "user", "content": "redacted-by-litellm"}]
    (call,) = read("litellm", payload)
    assert call.request is None


def test_a_key_in_clear_is_not_taken_over(fixture, read):
    row = fixture("litellm_row") | {"metadata": "{}", "api_key": "sk-not-a-real-key"}
    (call,) = read("litellm", row)
    assert call.key is None


def test_call_types_name_the_endpoint(fixture, read):
    kinds = ("aembedding", "aresponses", "atext_completion", "completion", "aimage_generation")
    found = [read("litellm", fixture("litellm_row") | {"call_type": kind})[0].endpoint for kind in kinds]
    assert found == ["embeddings", "responses", "completions", "chat", "other"]


def test_a_fetched_batch_is_of_the_batch_lane(fixture, read):
    (call,) = read("litellm", fixture("litellm_row") | {"call_type": "aretrieve_batch"})
    assert (call.lane, call.lane_basis) == ("batch", "served")


def test_a_page_of_the_api_keeps_its_good_rows(fixture, read):
    row = fixture("litellm_row")
    good, bad = read("litellm", {"data": [row, row | {"custom_llm_provider": "bedrock"}], "total": 2})
    assert good.id == "chatcmpl-row-1"
    assert isinstance(bad, Skipped)
    assert bad.reason == "not an OpenAI call"
