"""The recorded exchanges and sample files that lie beside a checkout; skipped where they do not."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from tierwise.calls import Bucket, Call, CostLine, parse_request, plan, read, request_from
from tierwise.catalog import Tokens

SHARED = Path(__file__).parents[2] / "../shared/data"


@pytest.fixture
def shared():
    if not SHARED.is_dir():
        pytest.skip("shared data is absent")
    return SHARED


@pytest.fixture
def exchanges(shared):
    with gzip.open(shared / "wire/openai_exchanges.jsonl.gz") as file:
        return [json.loads(line) for line in file]


@pytest.fixture
def recorded(shared, everything):
    return everything(shared / "wire/openai_exchanges.jsonl.gz")


def usage_in(exchange: dict) -> dict | None:
    """Usage as it stands in a recording, found without our reader."""
    response = exchange["response"]
    if isinstance(response, dict):
        return response.get("usage")
    found = None
    for line in response.splitlines():
        if line.startswith("data: {"):
            event = json.loads(line[6:])
            found = event.get("usage") or (event.get("response") or {}).get("usage") or found
    return found


def test_every_exchange_is_one_call(recorded, exchanges):
    assert len(exchanges) == 320
    assert [type(record) for record in recorded] == [Call] * 320
    assert Counter(call.endpoint for call in recorded) == {
        "responses": 179, "chat": 126, "embeddings": 2, "other": 13,
    }  # fmt: skip
    assert sum(call.status == "error" for call in recorded) == 7


def test_every_usage_is_read_and_adds_up(recorded, exchanges):
    whole = cached = 0
    for call, exchange in zip(recorded, exchanges, strict=True):
        usage = usage_in(exchange)
        if usage is None:
            assert call.tokens in (None, Tokens())
            continue
        into = usage.get("input_tokens", usage.get("prompt_tokens"))
        out = usage.get("output_tokens", usage.get("completion_tokens", 0))
        assert (call.tokens.input_total, call.tokens.output_total) == (into, out)
        if isinstance(exchange["response"], dict):
            whole += 1
            cached += call.tokens.cached > 0
    assert (whole, cached) == (257, 10)


def test_steps_of_a_recording_are_one_session(recorded, exchanges):
    assert [call.session for call in recorded] == [exchange["recording"] for exchange in exchanges]
    assert all(call.latency for call, e in zip(recorded, exchanges, strict=True)
               if "openai-processing-ms" in e["headers"])  # fmt: skip


def test_every_message_of_a_request_is_kept(recorded, exchanges):
    for call, exchange in zip(recorded, exchanges, strict=True):
        if call.endpoint not in ("chat", "responses") or not isinstance(exchange["request"], dict):
            continue
        body = exchange["request"]
        given = body.get("messages", body.get("input"))
        expected = (1 if isinstance(given, str) else len(given)) + bool(body.get("instructions"))
        assert len(call.request.messages) == expected
        assert bool(call.request.tools) == bool(body.get("tools"))


def test_the_lenient_way_reads_real_requests_the_same(exchanges):
    for exchange in exchanges:
        if isinstance(exchange["request"], dict):
            typed = parse_request(exchange["url"], json.dumps(exchange["request"]).encode())
            lenient = request_from(exchange["url"], exchange["request"])
            assert [m.text for m in typed.messages] == [m.text for m in lenient.messages]
            for name in ("endpoint", "model", "effort", "extras", "tool_choice", "stream", "logprobs", "n"):
                assert getattr(typed, name) == getattr(lenient, name)


def test_the_batch_sample_is_two_half_calls(shared, everything):
    calls = everything(shared / "logs/openai-batch/nightly_support_qa_batch.jsonl")

    assert [(call.join, call.model_asked, call.lane) for call in calls] == [
        ("qa-T-001", "gpt-5.4-nano", "batch"), ("qa-T-002", "gpt-5.4-nano", "batch"),
    ]  # fmt: skip
    assert {
        (call.request.effort, call.request.verbosity, call.request.max_output_tokens) for call in calls
    } == {("low", "low", 160)}


def test_the_usage_and_cost_samples_are_read(shared, everything):
    buckets = everything(shared / "logs/openai-usage-costs/usage_completions_page.json")
    costs = everything(shared / "logs/openai-usage-costs/costs_page.json")

    assert [type(record) for record in buckets + costs] == [Bucket, Bucket, CostLine, CostLine]
    assert buckets[0].tokens == Tokens(uncached=141_201, output=9756)
    assert buckets[1].tokens == Tokens(
        uncached=700, cached=4000, audio_input=300, output=800, audio_output=200
    )
    assert (buckets[1].requests, buckets[1].lane, buckets[1].project) == (5, "standard", "proj_abc")
    assert [cost.amount for cost in costs] == [Decimal("0.06"), Decimal("2.25")]
    assert costs[1].line_item == "Web search tool calls"


def test_every_sample_is_recognised(shared):
    found = plan([shared / "logs"])

    assert {found.files[s.place.file].rpartition("/")[2] for s in found.skipped} == {
        "README.md",
        "logs_0.36.sql",
    }
    assert len(found.units) == 10
    assert not [r for unit in found.units for r in read(unit) if not isinstance(r, Call | Bucket | CostLine)]
