"""LiteLLM: rows of LiteLLM_SpendLogs, and StandardLoggingPayload objects of its loggers.

Facts of the shapes: `metadata`, `messages`, `response`, `request_tags` and
`proxy_server_request` of a row are JSON inside strings; `cache_hit` is "None", "True" or
"False" as text, or a boolean; cached tokens stand only in `metadata.usage_object` (rows) or in
`response.usage`; the cost is `spend` (rows) or `response_cost` (payloads).

A hit in LiteLLM's own cache never reached OpenAI and cost nothing: it is left out and counted
as "answered from a gateway's cache", so that spend and call counts stay those of OpenAI.
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
from tierwise.calls._formats._messages import answer_body, chat_messages
from tierwise.calls._types import FROM_CACHE, Call, Place, Record
from tierwise.calls._values import embedded, first, labels, mapping, money, object_from, text
from tierwise.calls._words import Endpoint

_ENDPOINTS: tuple[tuple[str, Endpoint], ...] = (
    ("text_completion", "completions"),
    ("embedding", "embeddings"),
    ("responses", "responses"),
    ("completion", "chat"),
)
_PAGES = ("data", "logs")
"""What its API wraps rows in."""
_REDACTED = "redacted-by-litellm"


def _matches(sample: Sample) -> bool:
    return any(_is_ours(item) for item in sample.objects) or _is_row(dict.fromkeys(sample.columns))


def _is_ours(item: Mapping[str, Any]) -> bool:
    rows = first(item, *_PAGES)
    inside = isinstance(rows, list) and bool(rows) and isinstance(rows[0], Mapping) and _is_row(rows[0])
    return inside or _is_row(item)


def _is_row(item: Mapping[str, Any]) -> bool:
    known = "call_type" in item and ("startTime" in item or "start_time" in item)
    return known and any(key in item for key in ("cache_hit", "custom_llm_provider", "model_group", "spend"))


def read(raw: bytes, place: Place) -> Iterable[Record]:
    """The call of one row or payload, or the calls of a page of rows.

    One bad row of a page becomes a Skipped; alone, it raises BadRecord.

    Raises:
        BadRecord: no call of OpenAI's, answered from LiteLLM's cache, or damaged.
    """
    item = object_from(raw)
    rows = None if "call_type" in item else first(item, *_PAGES)
    if isinstance(rows, list):
        return each(rows, lambda row: (read_row(mapping(row), place),), place)
    return (read_row(item, place),)


def read_row(row: Mapping[str, Any], place: Place) -> Call:
    """The call of one row given as a mapping: a JSON object, or a CSV row of the table."""
    if "call_type" not in row:
        raise BadRecord("not a LiteLLM record", "expected a call_type")
    require_openai(row.get("custom_llm_provider"), row.get("model"))
    if str(row.get("cache_hit")).lower() == "true":
        raise BadRecord(FROM_CACHE, "LiteLLM's own cache; it never reached OpenAI")
    metadata = mapping(row.get("metadata"))
    endpoint = _endpoint(row)
    response = answer_body(row.get("response"))
    failed = _failed(row, metadata)
    usage = _usage(row, metadata, failed=failed)
    at, latency = span_of_time(*(first(row, f"{k}Time", f"{k}_time") for k in ("start", "end")))
    asked = model_name(first(mapping(row.get("hidden_params")), "litellm_model_name") or row.get("model"))
    if not asked and not response:
        raise BadRecord("no model", "expected a model or a response that names one")
    return assembled(
        place,
        endpoint=endpoint,
        request=_request(row, asked),
        response=response,
        usage=usage,
        model_asked=asked,
        model_served=asked,
        # LiteLLM logs the cost of a whole batch as one row when it fetches the results.
        served_tier="batch" if "batch" in str(row["call_type"]) else None,
        failed=failed,
        id=_id(row, response),
        at=at,
        latency=latency,
        project=text(first(metadata, "user_api_key_team_alias", "user_api_key_team_id"))
        or text(row.get("team_id")),
        key=_key(row, metadata),
        user=text(row.get("end_user")) or text(row.get("user")) or text(metadata.get("user_api_key_user_id")),
        session=text(row.get("session_id")),
        trace=text(row.get("trace_id")),
        tags=_tags(row.get("request_tags")),
        metadata=labels(metadata.get("requester_metadata")) | labels(metadata.get("spend_logs_metadata")),
        logged_cost=money(first(row, "spend", "response_cost")),
    )


def _endpoint(row: Mapping[str, Any]) -> Endpoint:
    kind = str(row["call_type"])
    return next((endpoint for name, endpoint in _ENDPOINTS if name in kind), "other")


def _id(row: Mapping[str, Any], response: Mapping[str, Any] | None) -> str | None:
    return text((response or {}).get("id")) or text(first(row, "request_id", "id"))


def _failed(row: Mapping[str, Any], metadata: Mapping[str, Any]) -> str | None:
    """The error of a failed call, None for one that succeeded."""
    if "failure" not in (row.get("status"), metadata.get("status")):
        return None
    told = mapping(first(row, "error_information") or metadata.get("error_information"))
    code = text(told.get("error_code")) or text(told.get("error_class"))
    return code or error_name(first(row, "error_str", "exception"))


def _usage(
    row: Mapping[str, Any], metadata: Mapping[str, Any], *, failed: str | None
) -> Mapping[str, Any] | None:
    """Usage as OpenAI gave it, else the row's own columns, which do not know cached tokens."""
    whole = mapping(metadata.get("usage_object"))
    if first(whole, "prompt_tokens", "input_tokens", "completion_tokens", "output_tokens") is not None:
        return whole
    usage = chat_usage(input=row.get("prompt_tokens"), output=row.get("completion_tokens"))
    counted = usage and (usage["prompt_tokens"] or usage["completion_tokens"])
    # LiteLLM writes 0 where a stream gave no usage; 0 tokens are a fact only of a failed call.
    return usage if counted or failed else None


def _request(row: Mapping[str, Any], model: str | None) -> Mapping[str, Any] | None:
    sent = mapping(row.get("proxy_server_request"))
    sent = mapping(sent.get("body")) or sent
    if any(sent.get(key) for key in ("messages", "input", "prompt")):
        return None if _REDACTED in str(sent.get("messages"))[:2_000] else {**sent, "model": model}
    messages, tools = chat_messages(row.get("messages"))
    if any(message.get("content") == _REDACTED for message in messages):
        return None
    return chat_body(
        model=model, messages=messages, tools=tools, parameters=mapping(row.get("model_parameters"))
    )


def _key(row: Mapping[str, Any], metadata: Mapping[str, Any]) -> str | None:
    key = text(first(metadata, "user_api_key_alias", "user_api_key_hash")) or text(row.get("api_key"))
    # Old versions logged keys in clear; such a value is not taken over.
    return None if key is None or key.startswith("sk-") else key


def _tags(value: Any) -> tuple[str, ...]:
    tags = embedded(value)
    listed = tags if isinstance(tags, list) else []
    # LiteLLM adds the caller's user agent as tags of its own: they name no workload.
    return tuple(tag for tag in listed if isinstance(tag, str) and not tag.startswith("User-Agent:"))


FORMAT = Format(
    name="litellm",
    title="LiteLLM spend logs and logging payloads",
    matches=_matches,
    read=read,
    read_row=lambda row, place: (read_row(row, place),),
    wrappers=_PAGES,
)
