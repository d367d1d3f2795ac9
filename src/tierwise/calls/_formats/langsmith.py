"""LangSmith: exported runs, one object each, by the documented run data format. Best effort.

Fields: https://docs.langchain.com/langsmith/run-data-format, and what `langsmith` 0.15 writes
(usage in `outputs.usage_metadata`, where flex and priority calls count their cached and
reasoning tokens under the lane's name). Only runs of type llm and embedding are calls.
LangSmith's `session_id` is its project; the conversation stands in `extra.metadata`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tierwise.calls._format import BadRecord, Format, Sample
from tierwise.calls._formats._exports import (
    assembled,
    chat_body,
    chat_usage,
    each,
    error_name,
    model_name,
    require_openai,
    span_of_time,
)
from tierwise.calls._formats._messages import answer_body, chat_messages, tool_definitions
from tierwise.calls._types import Call, Place, Record
from tierwise.calls._values import embedded, first, labels, mapping, money, object_from, text
from tierwise.calls._words import Endpoint

_CALLS = ("llm", "embedding")
_THREAD = ("session_id", "thread_id", "conversation_id")
_NOISE = (
    "ls_",
    "langgraph_",
    "checkpoint_ns",
    "LANGSMITH_",
    "LANGCHAIN_",
    "revision_id",
    "user_id",
    *_THREAD,
)
_NOT_PARAMETERS = ("messages", "input", "_type", "model", "model_name", "tools", "functions")
_LANES = ("flex", "priority")


def _matches(sample: Sample) -> bool:
    return any(_is_ours(item) for item in sample.objects) or _is_run(dict.fromkeys(sample.columns))


def _is_ours(item: Mapping[str, Any]) -> bool:
    runs = first(item, "runs", "data")
    if isinstance(runs, list):
        return bool(runs) and isinstance(runs[0], Mapping) and _is_run(runs[0])
    return _is_run(item)


def _is_run(item: Mapping[str, Any]) -> bool:
    return "run_type" in item and ("start_time" in item or "dotted_order" in item or "inputs" in item)


def read(raw: bytes, place: Place) -> Iterable[Record]:
    """The calls of one run, with the runs under it, or of a page of runs.

    One bad run of several becomes a Skipped; alone, it raises BadRecord.
    """
    item = object_from(raw)
    runs = first(item, "runs", "data")
    listed = list(_flat(runs if isinstance(runs, list) else [item]))
    if not isinstance(runs, list) and "run_type" not in item:
        raise BadRecord("not a run", "expected a run_type")
    if len(listed) == 1:
        return read_row(listed[0], place)
    return each(listed, lambda run: read_row(run, place), place)


def _flat(runs: list[Any], depth: int = 0) -> Iterable[Mapping[str, Any]]:
    for run in runs:
        if isinstance(run, Mapping):
            yield run
            below = run.get("child_runs")
            if isinstance(below, list) and depth < 50:
                yield from _flat(below, depth + 1)


def read_row(run: Mapping[str, Any], place: Place) -> Iterable[Record]:
    """The call of one run; none when it is a chain, a tool or a retriever."""
    return (_call(run, place),) if run.get("run_type") in _CALLS else ()


def _call(run: Mapping[str, Any], place: Place) -> Call:
    extra = mapping(run.get("extra"))
    details = mapping(extra.get("metadata"))
    sent = mapping(extra.get("invocation_params"))
    inputs, outputs = mapping(run.get("inputs")), mapping(run.get("outputs"))
    model = model_name(
        first(sent, "model", "model_name") or first(details, "ls_model_name") or inputs.get("model")
    )
    require_openai(details.get("ls_provider"), model)
    response = answer_body(outputs)
    usage, lane = _usage(run, outputs)
    failed = run.get("error") or run.get("status") == "error"
    if model is None and usage is None and response is None:
        raise BadRecord("no model and no usage", "a run that tells neither")
    at, latency = span_of_time(run.get("start_time"), run.get("end_time"))
    return assembled(
        place,
        endpoint=_endpoint(run, inputs, response),
        request=_request(inputs, sent, model),
        response=response,
        usage=usage,
        model_asked=model,
        model_served=_served(outputs, details) or model,
        served_tier=_tier(outputs) or lane,
        asked_tier=text(sent.get("service_tier")),
        failed=error_name(run.get("error")) if failed else None,
        id=text((response or {}).get("id")) or text(run.get("id")),
        at=at,
        latency=latency,
        project=text(first(run, "session_name", "project_name", "session_id")),
        user=text(first(details, "user_id", "user")),
        session=text(first(details, *_THREAD)),
        trace=text(run.get("trace_id")),
        span=text(run.get("id")),
        parent=text(run.get("parent_run_id")),
        name=text(run.get("name")),
        tags=_tags(run.get("tags")),
        metadata={k: v for k, v in labels(details).items() if not k.startswith(_NOISE)},
        scores=_scores(run.get("feedback_stats")),
        logged_cost=money(run.get("total_cost")),
    )


def _endpoint(
    run: Mapping[str, Any], inputs: Mapping[str, Any], response: Mapping[str, Any] | None
) -> Endpoint:
    if run.get("run_type") == "embedding":
        return "embeddings"
    native = (response or {}).get("object") == "response" or "output" in (response or {})
    return "responses" if native or ("input" in inputs and "messages" not in inputs) else "chat"


def _request(
    inputs: Mapping[str, Any], sent: Mapping[str, Any], model: str | None
) -> Mapping[str, Any] | None:
    messages, found = chat_messages(inputs)
    parameters = {key: value for key, value in {**inputs, **sent}.items() if key not in _NOT_PARAMETERS}
    system = text(inputs.get("instructions"))
    if system and messages:
        messages = [{"role": "developer", "content": system}, *messages]
    tools = tool_definitions(found, inputs.get("tools"), sent.get("tools"), sent.get("functions"))
    return chat_body(model=model, messages=messages, tools=tools, parameters=parameters)


def _message(outputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The message of LangChain's LLMResult (`generations[0][0].message`), {} where there is none."""
    found: Any = outputs.get("generations")
    for _ in range(2):
        found = found[0] if isinstance(found, list) and found else found
    message = mapping(mapping(found).get("message"))
    return mapping(message.get("kwargs")) or message


def _usage(run: Mapping[str, Any], outputs: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str | None]:
    """Usage in wire form, and the lane that its names tell of."""
    whole = mapping(outputs.get("usage")) or mapping(mapping(outputs.get("llm_output")).get("token_usage"))
    if first(whole, "prompt_tokens", "input_tokens") is not None:
        return whole, None
    told = mapping(outputs.get("usage_metadata")) or mapping(_message(outputs).get("usage_metadata"))
    into, out = mapping(told.get("input_token_details")), mapping(told.get("output_token_details"))
    if not told:
        told = {"input_tokens": run.get("prompt_tokens"), "output_tokens": run.get("completion_tokens")}
        into, out = mapping(run.get("prompt_token_details")), mapping(run.get("completion_token_details"))
    lane = next((lane for lane in _LANES if lane in into or lane in out), None)
    usage = chat_usage(
        input=told.get("input_tokens"),
        output=told.get("output_tokens"),
        cached=_part(into, "cache_read"),
        written=_part(into, "cache_creation"),
        reasoning=_part(out, "reasoning"),
        audio_input=_part(into, "audio"),
        audio_output=_part(out, "audio"),
    )
    return usage, lane


def _part(parts: Mapping[str, Any], name: str) -> Any:
    return first(parts, name, *(f"{lane}_{name}" for lane in _LANES))


def _tier(outputs: Mapping[str, Any]) -> str | None:
    told = mapping(_message(outputs).get("response_metadata"))
    return text(outputs.get("service_tier")) or text(told.get("service_tier"))


def _served(outputs: Mapping[str, Any], details: Mapping[str, Any]) -> str | None:
    told = mapping(_message(outputs).get("response_metadata"))
    chosen = mapping(outputs.get("llm_output"))
    return model_name(
        first(told, "model_name", "model") or chosen.get("model_name") or details.get("model_name")
    )


def _tags(value: Any) -> tuple[str, ...]:
    tags = embedded(value)
    listed = tags if isinstance(tags, list) else []
    # LangChain tags every step of a chain with its number.
    return tuple(
        tag for tag in listed if isinstance(tag, str) and not tag.startswith(("seq:step", "graph:step"))
    )


def _scores(value: Any) -> dict[str, float]:
    """Mean of each kind of feedback, from `feedback_stats`: {name: {"n": ..., "avg": ...}}."""
    means = {str(name): mapping(stats).get("avg") for name, stats in mapping(value).items()}
    return {name: float(mean) for name, mean in means.items() if isinstance(mean, int | float)}


FORMAT = Format(
    name="langsmith",
    title="LangSmith runs",
    best_effort=True,
    matches=_matches,
    read=read,
    read_row=read_row,
    wrappers=("runs", "data"),
)
