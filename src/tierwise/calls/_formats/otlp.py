"""OpenTelemetry spans as OTLP JSON, with the dialects of OpenLLMetry and OpenInference.

Shapes: a whole export (`{"resourceSpans": [...]}`), one such object a line (the file exporter
of the collector), one element of it, single OTLP spans, spans as the Python SDK's console
exporter prints them, and span tables of Arize Phoenix (`context.span_id`, `attributes.*`).
Spans that are no call to a model give no record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tierwise.calls._format import BadRecord, Format, Sample
from tierwise.calls._formats._attributes import (
    PROVIDER,
    REQUEST_MODEL,
    RESPONSE_ID,
    RESPONSE_MODEL,
    SERVED_TIER,
    SESSION,
    USER,
    Attributes,
    endpoint_kind,
    is_tool,
    parameters_of,
    plain,
    usage_of,
)
from tierwise.calls._formats._exports import (
    assembled,
    chat_body,
    each,
    error_name,
    model_name,
    require_openai,
    span_of_time,
)
from tierwise.calls._formats._span_text import answer_of, messages_of, native_request
from tierwise.calls._formats._traces import Node, callers
from tierwise.calls._types import Call, Place, Record
from tierwise.calls._values import embedded, first, labels, mapping, moment, money, object_from, text
from tierwise.calls._words import Endpoint

_RESOURCE_SPANS = ("resourceSpans", "resource_spans")
_SCOPE_SPANS = ("scopeSpans", "scope_spans", "instrumentationLibrarySpans")


class _Span(NamedTuple):
    span: Mapping[str, Any]
    attributes: Attributes
    resource: Attributes
    id: str
    trace: str | None
    parent: str | None
    kind: str | None
    """The endpoint of a call to a model; None for any other span."""


def _matches(sample: Sample) -> bool:
    columns = dict.fromkeys(sample.columns)
    return any(_is_ours(item) for item in sample.objects) or (
        "context.span_id" in columns and "context.trace_id" in columns
    )


def _is_ours(item: Mapping[str, Any]) -> bool:
    if any(isinstance(item.get(key), list) for key in (*_RESOURCE_SPANS, *_SCOPE_SPANS)):
        return True
    named = any(key in item for key in ("spanId", "span_id", "context.span_id"))
    context = item.get("context")
    if isinstance(context, Mapping):
        named = "span_id" in context
    return named and ("attributes" in item or any(key.startswith("attributes.") for key in item))


def read(raw: bytes, place: Place) -> Iterable[Record]:
    """The calls among the spans of one object.

    One bad span of several becomes a Skipped; alone, it raises BadRecord.
    """
    item = object_from(raw)
    if not _is_ours(item):
        raise BadRecord("not a span", "expected resourceSpans, or a span with spanId and attributes")
    spans = [_opened(span, resource) for span, resource in _spans(item)]
    # Span ids are only unique inside their trace, and a span without one is still its own.
    named = {_key(span.trace, span.id or f"#{number}"): span for number, span in enumerate(spans)}
    parents = callers(_node(key, span) for key, span in named.items())

    def one(key: str) -> tuple[Call]:
        return (_call(named[key], (parents[key] or "").partition("|")[2] or None, place),)

    return one(*parents) if len(spans) == len(parents) == 1 else each(parents, one, place)


def read_row(row: Mapping[str, Any], place: Place) -> Iterable[Record]:
    """The call of one row of a span table; none when the span is no call."""
    span = _opened(row, {})
    return (_call(span, span.parent, place),) if span.kind is not None else ()


def _spans(item: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Attributes]]:
    """Every span of an export, part of one, or span on its own, with its resource's attributes."""
    resources = first(item, *_RESOURCE_SPANS)
    for group in resources if isinstance(resources, list) else (item,):
        scopes = first(mapping(group), *_SCOPE_SPANS)
        resource = plain(mapping(mapping(group).get("resource")).get("attributes"))
        if scopes is None and resources is None:
            yield item, resource
        for scope in scopes if isinstance(scopes, list) else ():
            spans = mapping(scope).get("spans")
            for span in spans if isinstance(spans, list) else ():
                if isinstance(span, Mapping):
                    yield span, resource


def _opened(span: Mapping[str, Any], resource: Attributes) -> _Span:
    context = mapping(span.get("context"))
    given = span.get("attributes")
    if given is None:
        given = {
            key.removeprefix("attributes."): value
            for key, value in span.items()
            if key.startswith("attributes.") and value not in (None, "")
        }
    attributes = plain(embedded(given))
    name = first(span, "spanId", "span_id", "context.span_id") or context.get("span_id")
    trace = first(span, "traceId", "trace_id", "context.trace_id") or context.get("trace_id")
    return _Span(
        span=span,
        attributes=attributes,
        resource=resource,
        id=text(name) or "",
        trace=text(trace),
        parent=text(first(span, "parentSpanId", "parent_span_id", "parent_id")),
        kind=endpoint_kind(attributes),
    )


def _key(trace: str | None, span: str) -> str:
    return f"{trace or ''}|{span}"


def _node(key: str, opened: _Span) -> Node:
    return Node(
        id=key,
        parent=_key(opened.trace, opened.parent) if opened.parent else None,
        call=opened.kind is not None,
        reply=_reply(opened.attributes, None),
        tool=is_tool(opened.attributes),
        start=_time(_start(opened.span)),
        end=_time(_end(opened.span)),
    )


def _start(span: Mapping[str, Any]) -> Any:
    return first(span, "startTimeUnixNano", "start_time_unix_nano", "start_time", "startTime")


def _end(span: Mapping[str, Any]) -> Any:
    return first(span, "endTimeUnixNano", "end_time_unix_nano", "end_time", "endTime")


def _time(value: Any) -> int:
    try:
        return moment(value) or 0
    except BadRecord:
        return 0


def _call(opened: _Span, parent: str | None, place: Place) -> Call:
    span, attributes = opened.span, opened.attributes
    model = model_name(first(attributes, *REQUEST_MODEL))
    served = model_name(first(attributes, *RESPONSE_MODEL))
    require_openai(first(attributes, *PROVIDER), served or model)
    answer = answer_of(attributes, span.get("events"))
    sent = native_request(attributes)
    endpoint = _endpoint(opened, sent, answer)
    if sent is None:
        messages, tools = messages_of(attributes, span.get("events"))
        sent = chat_body(model=model, messages=messages, tools=tools, parameters=parameters_of(attributes))
    at, latency = span_of_time(_start(span), _end(span))
    return assembled(
        place,
        endpoint=endpoint,
        request=sent,
        response=answer,
        usage=usage_of(attributes),
        model_asked=text((sent or {}).get("model")) or model,
        model_served=served,
        served_tier=text(first(attributes, *SERVED_TIER)) or _vercel_tier(attributes),
        asked_tier=text(parameters_of(attributes).get("service_tier")),
        failed=_failed(span, attributes),
        id=_reply(attributes, answer) or _own_id(opened),
        at=at,
        latency=latency,
        project=_project(opened.resource),
        user=text(first(attributes, *USER)),
        session=text(first(attributes, *SESSION)),
        trace=opened.trace,
        span=opened.id or None,
        parent=parent,
        name=text(span.get("name")),
        tags=_tags(attributes),
        metadata=_metadata(opened),
        logged_cost=money(first(attributes, "llm.cost.total", "gen_ai.usage.cost")),
    )


def _reply(attributes: Attributes, answer: Mapping[str, Any] | None) -> str | None:
    """The id that OpenAI gave the answer."""
    answer = mapping(attributes.get("output.value")) if answer is None else answer
    return text(answer.get("id")) or text(first(attributes, *RESPONSE_ID))


def _own_id(opened: _Span) -> str | None:
    return f"{opened.trace}/{opened.id}" if opened.trace and opened.id else opened.id or None


def _endpoint(opened: _Span, sent: Mapping[str, Any] | None, answer: Mapping[str, Any] | None) -> Endpoint:
    if opened.kind == "embeddings":
        return "embeddings"
    marks = (
        (answer or {}).get("object") == "response",
        sent is not None and "input" in sent and "messages" not in sent,
        str(first(opened.attributes, *RESPONSE_ID)).startswith("resp_"),
        opened.attributes.get("openai.api.type") == "responses",
        opened.attributes.get("ai.model.provider") == "openai.responses",
    )
    return "responses" if any(marks) else "completions" if opened.kind == "completions" else "chat"


def _vercel_tier(attributes: Attributes) -> str | None:
    told = mapping(mapping(attributes.get("ai.response.providerMetadata")).get("openai"))
    return text(told.get("serviceTier"))


def _failed(span: Mapping[str, Any], attributes: Attributes) -> str | None:
    status = mapping(span.get("status"))
    code = first(status, "code", "status_code") or span.get("status_code")
    if code not in (2, "2", "STATUS_CODE_ERROR", "ERROR") and "error.type" not in attributes:
        return None
    return text(attributes.get("error.type")) or error_name(first(status, "message", "description"))


def _project(resource: Attributes) -> str | None:
    service = text(resource.get("service.name"))
    return None if service is None or service.startswith("unknown_service") else service


def _tags(attributes: Attributes) -> tuple[str, ...]:
    tags = embedded(attributes.get("tag.tags"))
    return tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()


def _metadata(opened: _Span) -> dict[str, str]:
    """Labels that the application gave: association properties, metadata, agent, environment."""
    found = labels(opened.attributes.get("metadata"))
    for key, value in opened.attributes.items():
        for prefix in ("metadata.", "traceloop.association.properties.", "ai.telemetry.metadata."):
            if key.startswith(prefix) and not key.endswith((".session_id", ".user_id")):
                found |= labels({key.removeprefix(prefix): value})
    for key, names in (
        ("agent", ("gen_ai.agent.name", "agent.name")),
        ("workflow", ("traceloop.workflow.name",)),
        ("environment", ("deployment.environment.name", "deployment.environment")),
    ):
        value = text(first(opened.attributes, *names) or first(opened.resource, *names))
        if value:
            found[key] = value
    return found


FORMAT = Format(
    name="otlp",
    title="OpenTelemetry GenAI spans (OTLP JSON), OpenLLMetry, OpenInference",
    matches=_matches,
    read=read,
    read_row=read_row,
    wrappers=_RESOURCE_SPANS,
)
