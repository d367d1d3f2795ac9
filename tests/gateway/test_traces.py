"""Spans of calls: on the caller's trace, with what was decided, without text and keys."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from tierwise.audit import audit
from tierwise.simulator import Fault

PARENT = "00f067aa0ba902b7"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
GIVEN = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=a:1,other=2"}
SECRET = "the launch code is swordfish"
MESSAGES: list[Any] = [
    {"role": "system", "content": "Classify the ticket as one of: billing, shipping, other."},
    {"role": "user", "content": f"I was charged twice; {SECRET}."},
]


@pytest.fixture
def traced(start: Callable[..., Any]) -> Callable[..., Any]:
    """Start a gateway whose spans are kept in memory."""
    pytest.importorskip("opentelemetry.sdk", reason="the extra 'otel' is not installed")
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    def starting(**options: Any) -> Any:
        kept, provider = InMemorySpanExporter(), TracerProvider(sampler=options.pop("sampler", None))
        provider.add_span_processor(SimpleSpanProcessor(kept))
        bench = start(traces=provider, **options)

        def spans(count: int) -> list[Any]:
            end = time.monotonic() + 10
            while len(kept.get_finished_spans()) < count and time.monotonic() < end:
                time.sleep(0.01)
            assert len(kept.get_finished_spans()) == count
            return list(kept.get_finished_spans())

        bench.spans = spans
        return bench

    return starting


def sent(bench: Any, name: str) -> list[str | None]:
    """The values of a header of every request that upstream got."""
    return [dict(seen.headers).get(name) for seen in bench.simulator.received]


def test_a_call_is_a_child_of_its_callers_span_and_upstream_a_child_of_it(traced: Any) -> None:
    bench = traced()
    client = bench.client()
    reply = client.chat.completions.with_raw_response.create(
        model="gpt-5.5", messages=MESSAGES, extra_headers=GIVEN
    )
    (span,) = bench.spans(1)
    from opentelemetry.trace import SpanKind, StatusCode

    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == PARENT
    assert span.parent.is_remote
    assert span.kind == SpanKind.CLIENT
    assert span.name == "chat gpt-5.4-nano"
    assert span.status.status_code == StatusCode.UNSET
    assert sent(bench, "traceparent") == [f"00-{TRACE}-{span.context.span_id:016x}-01"]
    assert sent(bench, "tracestate") == [GIVEN["tracestate"]]
    told, found = dict(span.attributes), json.loads(reply.content)
    usage, header = found["usage"], reply.headers
    place = bench.simulator.base_url.split("/")[2].split(":")
    assert told == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "server.address": place[0],
        "server.port": int(place[1]),
        "openai.api.type": "chat_completions",
        "openai.response.service_tier": "default",
        "gen_ai.request.model": "gpt-5.4-nano",
        "gen_ai.response.model": found["model"],
        "gen_ai.response.id": found["id"],
        "gen_ai.usage.input_tokens": usage["prompt_tokens"],
        "gen_ai.usage.output_tokens": usage["completion_tokens"],
        "gen_ai.usage.cache_read.input_tokens": usage["prompt_tokens_details"]["cached_tokens"],
        "gen_ai.usage.reasoning.output_tokens": usage["completion_tokens_details"]["reasoning_tokens"],
        "tierwise.decision": header["x-tierwise-decision"],
        "tierwise.asked": "gpt-5.5",
        "tierwise.rung": header["x-tierwise-rung"],
        "tierwise.lane": header["x-tierwise-lane"],
        "tierwise.rule": "small work",
        "tierwise.stage": "on",
        "tierwise.moved": True,
        "tierwise.unproven": True,
        "tierwise.workload": told["tierwise.workload"],
        "tierwise.policy": bench.running.serving.pipeline.policy.digest,
        "tierwise.project": "default",
        "tierwise.key": "app",
        "tierwise.cost.expected": header["x-tierwise-expected-cost"],
        "tierwise.cost": header["x-tierwise-cost"],
    }
    assert len(told["tierwise.workload"]) == 16


def test_without_a_trace_of_the_caller_one_begins_here(traced: Any) -> None:
    bench = traced()
    client = bench.client()
    client.responses.create(model="gpt-5.5", input="Prove it.")
    client.responses.create(model="gpt-5.5", input="Hi", extra_headers={"traceparent": "nonsense"})
    spans = bench.spans(2)
    assert [span.parent for span in spans] == [None, None]
    ids = [f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}" for span in spans]
    assert [str(value)[:-3] for value in sent(bench, "traceparent")] == ids
    assert {span.attributes["openai.api.type"] for span in spans} == {"responses"}


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_the_span_of_a_stream_ends_with_the_stream(traced: Any, api: str) -> None:
    bench = traced(faults=[Fault(kind="slow_bytes", at=(1,), seconds=0.03)])
    client = bench.client()
    made: Any = (
        client.chat.completions.create(model="gpt-5.5", messages=MESSAGES, stream=True, extra_headers=GIVEN)
        if api == "chat"
        else client.responses.create(model="gpt-5.5", input="Hi", stream=True, extra_headers=GIVEN)
    )
    events = iter(made)
    next(events)
    began = time.time_ns()
    assert len(list(events)) > 3
    (span,) = bench.spans(1)
    assert f"{span.parent.span_id:016x}" == PARENT
    assert span.start_time < began < span.end_time
    assert span.attributes["gen_ai.usage.output_tokens"] > 0
    assert float(span.attributes["tierwise.cost"]) > 0


def test_a_stream_that_breaks_and_a_caller_who_leaves_are_errors(traced: Any) -> None:
    bench = traced(faults=[Fault(kind="cut", at=(1,), after=3)])
    client = bench.client()
    with pytest.raises(openai.APIError):
        list(client.responses.create(model="gpt-5.5", input="Hi", stream=True))
    (span,) = bench.spans(1)
    from opentelemetry.trace import StatusCode

    assert span.status.status_code == StatusCode.ERROR
    assert span.attributes["error.type"] == "abandoned"


def test_what_upstream_and_the_gateway_refuse_are_errors(traced: Any) -> None:
    bench = traced()
    from opentelemetry.trace import StatusCode

    with pytest.raises(openai.BadRequestError):
        bench.client().responses.create(model="gpt-nowhere", input=SECRET)
    poor = bench.client(bench.key("poor", budget={"day": "0.0000001"}))
    with pytest.raises(openai.RateLimitError):
        poor.responses.create(model="gpt-5.5", input=SECRET, max_output_tokens=2_000, extra_headers=GIVEN)
    upstream, budget = bench.spans(2)
    assert upstream.attributes["error.type"] == "model_not_found"
    assert upstream.status.status_code == StatusCode.ERROR
    assert budget.attributes["error.type"] == "429"
    assert budget.status.status_code == StatusCode.ERROR
    assert f"{budget.parent.span_id:016x}" == PARENT


def test_an_upstream_that_is_not_there_is_an_error(traced: Any) -> None:
    bench = traced(upstream="http://127.0.0.1:9/v1")
    with pytest.raises(openai.APIStatusError):
        bench.client().responses.create(model="gpt-5.5", input=SECRET)
    (span,) = bench.spans(1)
    assert span.attributes["error.type"] == "UpstreamUnreachable"
    assert not span.events


def test_no_text_and_no_key_is_in_a_span(traced: Any) -> None:
    bench = traced()
    key = bench.key()
    client = bench.client(key)
    client.chat.completions.create(model="gpt-5.5", messages=MESSAGES)
    client.responses.create(model="gpt-5.5", input=SECRET, metadata={"note": SECRET})
    with pytest.raises(openai.APIStatusError):
        client.responses.create(model="gpt-5.5", input=SECRET, temperature=9)
    said = "".join(span.to_json() for span in bench.spans(3))
    for word in ("swordfish", "charged", key, "sk-upstream", "tw-"):
        assert word not in said


def test_an_audit_of_the_spans_finds_the_same_money(traced: Any, tmp_path: Path) -> None:
    pytest.importorskip(
        "opentelemetry.exporter.otlp.proto.common", reason="the extra 'otel' is not installed"
    )
    from google.protobuf.json_format import MessageToJson
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

    bench = traced()
    client = bench.client()
    for number in range(3):
        client.responses.create(model="gpt-5.5", input=f"Prove {number}.")
    (tmp_path / "spans.json").write_text(MessageToJson(encode_spans(bench.spans(3))), "utf-8")
    found = audit([tmp_path / "spans.json"]).findings
    assert found.calls == 3
    assert found.spend.total == bench.settled(3).cost == bench.simulator.bill_total


def test_a_trace_that_its_caller_does_not_sample_is_not_sampled_here(traced: Any) -> None:
    bench = traced()
    bench.client().responses.create(
        model="gpt-5.5", input="Hi", extra_headers={"traceparent": f"00-{TRACE}-{PARENT}-00"}
    )
    bench.settled(1)
    bench.spans(0)
    (onward,) = sent(bench, "traceparent")
    assert onward is not None
    assert (onward[:36], onward[-2:]) == (f"00-{TRACE}-", "00")


def test_tracing_off_passes_traces_on_untouched(bench: Any) -> None:
    bench.client().responses.create(model="gpt-5.5", input="Hi", extra_headers=GIVEN)
    bench.client(bench.key("other")).responses.create(model="gpt-5.5", input="Hi")
    assert sent(bench, "traceparent") == [GIVEN["traceparent"], None]
    assert sent(bench, "tracestate") == [GIVEN["tracestate"], None]


def test_the_exporter_goes_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra 'otel' is not installed")
    from tierwise.gateway import traces_by_environment

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1/x")
    provider: Any = traces_by_environment()
    try:
        assert provider.resource.attributes["service.name"] == "tierwise"
    finally:
        provider.shutdown()
    monkeypatch.setenv("OTEL_SERVICE_NAME", "front")
    provider = traces_by_environment()
    provider.shutdown()
    assert provider.resource.attributes["service.name"] == "front"
