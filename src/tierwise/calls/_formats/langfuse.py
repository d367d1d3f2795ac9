"""Langfuse: exported traces with their observations, and flat lists of observations.

Shapes: `{"trace": {...}, "observations": [...]}`; a trace object holding `observations`; pages
`{"data": [...]}`; single observations, one a line, in camelCase (API, UI export) or snake_case
(blob storage export). Only observations of type GENERATION and EMBEDDING are calls. An
observation that stands in both places of a trace file counts once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tierwise.calls._format import BadRecord, Format, Sample
from tierwise.calls._formats._exports import (
    assembled,
    chat_body,
    each,
    error_name,
    model_name,
    require_openai,
    span_of_time,
)
from tierwise.calls._formats._langfuse_usage import lane_named, usage_of
from tierwise.calls._formats._messages import answer_body, chat_messages, tool_definitions
from tierwise.calls._formats._traces import Node, callers
from tierwise.calls._types import Call, Place, Record
from tierwise.calls._values import embedded, first, labels, mapping, moment, money, object_from, text
from tierwise.calls._words import Endpoint

_CALLS = ("GENERATION", "EMBEDDING")
_TYPES = frozenset(
    (*_CALLS, "SPAN", "EVENT", "AGENT", "TOOL", "CHAIN", "RETRIEVER", "EVALUATOR", "GUARDRAIL")
)
_VERCEL_INNER = (".doGenerate", ".doStream", ".doEmbed")
_ECHOED = (
    "instructions", "tools", "tool_choice", "text", "reasoning", "temperature", "top_p",
    "max_output_tokens", "previous_response_id", "prompt_cache_key", "background", "store",
)  # fmt: skip
"""Parameters of a request that a Responses object repeats."""
_PARAMETERS = (
    "temperature", "top_p", "max_tokens", "max_completion_tokens", "max_output_tokens", "n",
    "reasoning_effort", "response_format", "service_tier", "stop", "seed", "stream", "verbosity",
)  # fmt: skip
_NOISE = ("ls_", "langgraph_", "checkpoint_ns")
"""Beginnings of metadata keys that LangChain sets to something new for every step."""

Observation = Mapping[str, Any]


def _matches(sample: Sample) -> bool:
    columns = dict.fromkeys(sample.columns)
    flat = "type" in columns and ("traceId" in columns or "trace_id" in columns)
    return any(_is_ours(item) for item in sample.objects) or (flat and _usage_named(columns))


def _is_ours(item: Mapping[str, Any]) -> bool:
    observations = item.get("observations", item.get("data"))
    if isinstance(observations, list):
        if isinstance(item.get("trace"), Mapping) or ("observations" in item and "timestamp" in item):
            return True
        return bool(observations) and isinstance(observations[0], Mapping) and _is_ours(observations[0])
    return text(item.get("type")) in _TYPES and ("traceId" in item or "trace_id" in item)


def _usage_named(item: Mapping[str, Any]) -> bool:
    return any(
        key in item for key in ("usageDetails", "usage_details", "usage", "inputUsage", "promptTokens")
    )


def read(raw: bytes, place: Place) -> Iterable[Record]:
    """The calls of one trace, page or observation.

    One bad observation of several becomes a Skipped; alone, it raises BadRecord.
    """
    item = object_from(raw)
    listed = first(item, "observations", "data")
    if isinstance(listed, list) or isinstance(item.get("trace"), Mapping):
        return _read_trace(item, place)
    return read_row(item, place)


def read_row(row: Observation, place: Place) -> Iterable[Record]:
    """The call of one observation; none when it is not a generation."""
    if text(row.get("type")) is None:
        raise BadRecord("not an observation", "expected a type such as GENERATION")
    if text(row["type"]) not in _CALLS or _wraps(row):
        return ()
    return (_call(row, {}, _get(row, "parentObservationId"), place),)


def _read_trace(item: Mapping[str, Any], place: Place) -> list[Record]:
    trace = mapping(item.get("trace")) or ({} if "data" in item else item)
    observations = _merged(trace.get("observations"), first(item, "observations", "data"))
    if not observations:
        raise BadRecord("a trace without its observations", "export the observations with the trace")
    parents = callers(_node(key, observation) for key, observation in observations.items())
    return each(parents, lambda key: (_call(observations[key], trace, parents[key], place),), place)


def _merged(*lists: Any) -> dict[str, dict[str, Any]]:
    """Observations by id; where both lists have one, what the other left empty is filled in."""
    merged: dict[str, dict[str, Any]] = {}
    for number, listed in enumerate(lists):
        for index, item in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(item, Mapping):
                key = text(item.get("id")) or f"{number}:{index}"
                known = {name: value for name, value in item.items() if value is not None}
                merged[key] = merged.get(key, {}) | known
    return merged


def _get(row: Observation, name: str) -> Any:
    """A field by its camelCase name, or the same in snake_case."""
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    return first(row, name, snake)


def _node(key: str, row: Observation) -> Node:
    return Node(
        id=key,
        parent=text(_get(row, "parentObservationId")),
        call=row.get("type") in _CALLS and not _wraps(row),
        reply=_reply(answer_body(row.get("output")), _attributes(row)),
        tool=row.get("type") == "TOOL",
        start=_time(_get(row, "startTime")),
        end=_time(_get(row, "endTime")),
    )


def _time(value: Any) -> int:
    try:
        return moment(value) or 0
    except BadRecord:
        return 0


def _wraps(row: Observation) -> bool:
    """Whether it is a step of the Vercel AI SDK around the request that the SDK logs apart."""
    step = text(_attributes(row).get("ai.operationId")) or text(row.get("name")) or ""
    return step.startswith("ai.") and not step.endswith(_VERCEL_INNER)


def _attributes(row: Observation) -> Mapping[str, Any]:
    """Span attributes, which Langfuse keeps in metadata for what came in as OpenTelemetry."""
    return mapping(mapping(row.get("metadata")).get("attributes"))


def _call(row: Observation, trace: Mapping[str, Any], parent: Any, place: Place) -> Call:
    attributes = _attributes(row)
    details = mapping(row.get("metadata"))
    model = model_name(first(row, "model", "providedModelName", "provided_model_name"))
    provider = first(attributes, "gen_ai.provider.name", "gen_ai.system", "ai.model.provider", "llm.system")
    require_openai(first(details, "ls_provider") or provider, model)
    response = answer_body(row.get("output"))
    usage = usage_of(row, attributes)
    failed = text(row.get("level")) == "ERROR"
    if model is None and usage is None and response is None:
        raise BadRecord("no model and no usage", "a generation that tells neither")
    at, latency = span_of_time(_get(row, "startTime"), _get(row, "endTime"))
    return assembled(
        place,
        endpoint=_endpoint(row, response, attributes),
        request=_request(row, response, attributes, model),
        response=response,
        usage=usage,
        model_asked=model,
        model_served=model_name(attributes.get("gen_ai.response.model")) or model,
        served_tier=_served_tier(attributes, details) or lane_named(row),
        failed=error_name(_get(row, "statusMessage")) if failed else None,
        id=_reply(response, attributes) or text(row.get("id")),
        at=at,
        latency=latency,
        project=text(_get(row, "projectId")) or text(trace.get("projectId")),
        user=text(_get(row, "userId")) or text(_get(trace, "userId")),
        session=text(_get(row, "sessionId")) or text(_get(trace, "sessionId")),
        trace=text(_get(row, "traceId")) or text(trace.get("id")),
        span=text(row.get("id")),
        parent=text(parent),
        name=text(row.get("name")),
        tags=_tags(row, trace),
        metadata=_metadata(row),
        scores=_scores(row, trace),
        logged_cost=_cost(row),
    )


def _reply(response: Mapping[str, Any] | None, attributes: Mapping[str, Any]) -> str | None:
    """The id that OpenAI gave the answer."""
    return text((response or {}).get("id")) or text(attributes.get("gen_ai.response.id"))


def _endpoint(
    row: Observation, response: Mapping[str, Any] | None, attributes: Mapping[str, Any]
) -> Endpoint:
    if row.get("type") == "EMBEDDING":
        return "embeddings"
    native = (response or {}).get("object") == "response"
    return "responses" if native or attributes.get("ai.model.provider") == "openai.responses" else "chat"


def _request(
    row: Observation, response: Mapping[str, Any] | None, attributes: Mapping[str, Any], model: str | None
) -> Mapping[str, Any] | None:
    given = embedded(row.get("input"))
    sent = mapping(_get(row, "modelParameters"))
    parameters = {key: sent[key] for key in _PARAMETERS if key in sent}
    if (response or {}).get("object") == "response":
        echoed = {key: response[key] for key in _ECHOED if response and response.get(key) is not None}
        return {"model": model, "input": given, **echoed} if given or echoed.get("instructions") else None
    messages, tools = chat_messages(given)
    offered = tool_definitions(
        tools,
        mapping(given).get("tools"),
        _get(row, "toolDefinitions"),
        mapping(row.get("metadata")).get("tools"),
        attributes.get("ai.prompt.tools"),
    )
    return chat_body(model=model, messages=messages, tools=offered, parameters=parameters)


def _served_tier(attributes: Mapping[str, Any], details: Mapping[str, Any]) -> str | None:
    vercel = mapping(mapping(attributes.get("ai.response.providerMetadata")).get("openai"))
    found = first(attributes, "openai.response.service_tier", "gen_ai.openai.response.service_tier")
    return text(vercel.get("serviceTier")) or text(found) or text(details.get("service_tier"))


def _tags(row: Observation, trace: Mapping[str, Any]) -> tuple[str, ...]:
    tags = embedded(first(trace, "tags") or _get(row, "traceTags") or row.get("tags"))
    return tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()


def _metadata(row: Observation) -> dict[str, str]:
    kept = {
        key: value
        for key, value in labels(row.get("metadata")).items()
        if not key.startswith(_NOISE) or key == "langgraph_node"
    }
    for key, name in (("environment", "environment"), ("promptName", "prompt_name")):
        value = text(_get(row, key))
        if value and value != "default":
            kept[name] = value
    return kept


def _scores(row: Observation, trace: Mapping[str, Any]) -> dict[str, float]:
    """Numeric scores of the observation, and those of its whole trace, which its calls share."""
    scores: dict[str, float] = {}
    for listed, everyone in ((trace.get("scores"), True), (row.get("scores"), False)):
        for score in listed if isinstance(listed, list) else ():
            about = text(_get(mapping(score), "observationId"))
            value, name = mapping(score).get("value"), text(mapping(score).get("name"))
            mine = about == text(row.get("id")) or (about is None and everyone) or not everyone
            if mine and name and isinstance(value, int | float):
                scores[name] = float(value)
    return scores


def _cost(row: Observation) -> Any:
    cost = first(mapping(_get(row, "costDetails")), "total")
    cost = cost if cost is not None else first(row, "totalCost", "calculatedTotalCost", "total_cost")
    # Langfuse writes 0 for models it has no price of.
    return money(cost) or None


FORMAT = Format(
    name="langfuse",
    title="Langfuse traces and observations",
    matches=_matches,
    read=read,
    read_row=read_row,
    wrappers=("observations", "data"),
)
