"""Spans by OpenTelemetry: each call on its caller's own trace, with what was decided and what it cost.

Names are those of OpenTelemetry's conventions for generative AI and for OpenAI
(opentelemetry.io/docs/specs/semconv/gen-ai), and `tierwise.*` for what they have no name for. No
text of prompts or answers and no key is in a span. The packages are an extra, loaded when this
file is.
"""

from __future__ import annotations

import os
from typing import Final
from urllib.parse import urlsplit

from tierwise import __version__
from tierwise.calls import Headers
from tierwise.errors import MissingExtra
from tierwise.gateway._words import LONGEST, Words
from tierwise.online import Admitted

try:
    from opentelemetry.context import Context
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, SpanKind, StatusCode, set_span_in_context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ModuleNotFoundError as _missing:
    raise MissingExtra(f"traces need {_missing.name}: pip install 'tierwise[otel]'") from None

Value = str | bool | int
_OPERATIONS: Final = {"chat": "chat", "responses": "chat", "embeddings": "embeddings"}
_APIS: Final = {"chat": "chat_completions", "responses": "responses"}
_CARRIED: Final = frozenset({"traceparent", "tracestate"})
_AZURE: Final = (".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com")


def exporting() -> TracerProvider:
    """A provider that sends spans by OTLP over HTTP, as the environment's OTEL_* variables say.

    Raises:
        MissingExtra: The exporter is not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        raise MissingExtra(f"traces need {error.name}: pip install 'tierwise[otel]'") from None
    named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    provider = TracerProvider(resource=Resource.create({} if named else {"service.name": "tierwise"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


class Spans:
    """Begins and ends the spans of calls.

    Args:
        provider: Where spans go.
        upstream: The address that calls are sent to.
    """

    def __init__(self, provider: TracerProvider, upstream: str) -> None:
        self._tracer = provider.get_tracer("tierwise", __version__)
        self._form = TraceContextTextMapPropagator()
        place = urlsplit(upstream)
        host = place.hostname or ""
        self._always: dict[str, Value] = {
            "gen_ai.provider.name": "azure.ai.openai" if host.endswith(_AZURE) else "openai",
            "server.address": host,
            "server.port": place.port or (80 if place.scheme == "http" else 443),
        }

    def begin(self, call: Admitted, at: int) -> tuple[Span, Headers]:
        """The span of a call, child of the caller's, and the call's headers with the span's id in them.

        Args:
            call: The call, as it was read.
            at: When it came, nanoseconds since the epoch.
        """
        model = call.request.model if call.request is not None else None
        operation = _OPERATIONS.get(call.endpoint, "text_completion")
        first: dict[str, Value] = {"gen_ai.operation.name": operation, **self._always}
        if call.endpoint in _APIS:
            first["openai.api.type"] = _APIS[call.endpoint]
        if model:
            first["gen_ai.request.model"] = model[:LONGEST]
        span = self._tracer.start_span(
            _name(operation, model),
            # From an empty context: no span of this process's own is a parent.
            context=self._form.extract(_carrier(call.sent), Context()),
            kind=SpanKind.CLIENT,
            attributes=first,
            start_time=at,
        )
        onward: dict[str, str] = {}
        self._form.inject(onward, set_span_in_context(span, Context()))
        rest = tuple((name, value) for name, value in call.sent if name.lower() not in _CARRIED)
        return span, (*rest, *onward.items())


def end(span: Span, said: Words) -> None:
    """End a span with what became of its call."""
    if span.is_recording():
        span.set_attributes(_attributes(said))
        if said.moved and said.rung is not None:
            span.update_name(_name(_OPERATIONS.get(said.endpoint, "text_completion"), said.rung.model))
        if said.failed:
            span.set_status(StatusCode.ERROR, said.error or said.status)
    span.end()


def end_refused(span: Span, status: int, fault: str | None) -> None:
    """End the span of a call that the gateway answered by itself, or that broke in it.

    Args:
        span: Ended here if it was not before.
        status: HTTP status of the answer.
        fault: Name of the exception, where there was one.
    """
    if span.is_recording():
        why = fault or str(status)
        if status >= 400:
            span.set_attribute("error.type", why)
            span.set_status(StatusCode.ERROR, why)
        span.end()


def _attributes(said: Words) -> dict[str, Value]:
    """What is known at the end; nothing that is not known is said."""
    tokens, rung = said.tokens, said.rung
    found: dict[str, Value | None] = {
        # The rung that was decided is what was asked of upstream.
        "gen_ai.request.model": rung.model if rung is not None and said.moved else None,
        "gen_ai.response.id": said.response,
        "gen_ai.response.model": said.model,
        "openai.response.service_tier": _tier(said.lane) if said.model is not None else None,
        "error.type": (said.error or said.status) if said.failed else None,
        "tierwise.decision": said.decision,
        "tierwise.asked": said.asked,
        "tierwise.rung": str(rung) if rung is not None else None,
        "tierwise.lane": said.lane,
        "tierwise.rule": said.rule,
        "tierwise.stage": said.stage,
        "tierwise.moved": said.moved,
        "tierwise.unproven": said.unproven,
        "tierwise.workload": said.workload,
        "tierwise.policy": said.policy,
        "tierwise.project": said.project,
        "tierwise.key": said.key,
        "tierwise.cost.expected": f"{said.expected:f}" if said.expected is not None else None,
        "tierwise.cost": f"{said.cost:f}" if said.cost is not None else None,
    }
    if tokens is not None:
        found["gen_ai.usage.input_tokens"] = tokens.input_total
        found["gen_ai.usage.output_tokens"] = tokens.output_total
        found["gen_ai.usage.cache_read.input_tokens"] = tokens.cached + tokens.audio_cached
        found["gen_ai.usage.reasoning.output_tokens"] = tokens.reasoning
    return {name: value for name, value in found.items() if value is not None}


def _tier(lane: str) -> str:
    """As OpenAI names a lane."""
    return "default" if lane == "standard" else lane


def _name(operation: str, model: str | None) -> str:
    return f"{operation} {model[:LONGEST]}" if model else operation


def _carrier(headers: Headers) -> dict[str, str]:
    """What the caller's headers say of its trace; several of a name are one list, as HTTP has it."""
    found: dict[str, str] = {}
    for name, value in headers:
        low = name.lower()
        if low in _CARRIED:
            found[low] = f"{found[low]},{value}" if low in found else value
    return found
