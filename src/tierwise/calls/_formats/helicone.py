"""Helicone: exported requests with their responses, as JSON, JSONL or CSV. Best effort.

Fields: the HeliconeRequest schema of its API (`/v1/request/query-clickhouse`) and the columns
of its export tool. Answers from Helicone's own cache never reached OpenAI: they are left out
and counted as "answered from a gateway's cache".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tierwise.calls._endpoints import endpoint_of, endpoint_of_request
from tierwise.calls._format import BadRecord, Format, Sample
from tierwise.calls._formats._exports import (
    assembled,
    chat_body,
    chat_usage,
    each,
    error_name,
    model_name,
    require_openai,
)
from tierwise.calls._formats._messages import answer_body, chat_messages
from tierwise.calls._types import FROM_CACHE, Call, Place, Record
from tierwise.calls._values import count, first, labels, mapping, moment, money, object_from, text
from tierwise.calls._words import Endpoint

_NO_REFERENCE = "00000000-0000-0000-0000-000000000000"
_OURS = ("request_created_at", "response_created_at")
_BESIDE = ("request_body", "request_id", "response_id", "request_properties", "helicone_user")
_SESSION = "Helicone-Session-Id"


def _matches(sample: Sample) -> bool:
    return any(_is_ours(item) for item in sample.objects) or _is_row(dict.fromkeys(sample.columns))


def _is_ours(item: Mapping[str, Any]) -> bool:
    rows = item.get("data")
    if isinstance(rows, list):
        return bool(rows) and isinstance(rows[0], Mapping) and _is_row(rows[0])
    return _is_row(item)


def _is_row(item: Mapping[str, Any]) -> bool:
    return any(key in item for key in _OURS) and any(key in item for key in _BESIDE)


def read(raw: bytes, place: Place) -> Iterable[Record]:
    """The call of one request, or the calls of a page of them.

    One bad request of several becomes a Skipped; alone, it raises BadRecord.
    """
    item = object_from(raw)
    rows = item.get("data")
    if isinstance(rows, list):
        return each(rows, lambda row: (read_row(mapping(row), place),), place)
    return (read_row(item, place),)


def read_row(row: Mapping[str, Any], place: Place) -> Call:
    """The call of one exported request: a JSON object or a CSV row."""
    if not _is_row(row):
        raise BadRecord("not a Helicone request", "expected request_created_at and a request")
    sent = mapping(row.get("request_body"))
    response = answer_body(mapping(row.get("response_body")) or None)
    model = model_name(first(row, "request_model", "model_override") or sent.get("model") or row.get("model"))
    served = model_name(first(row, "response_model", "model") or (response or {}).get("model"))
    require_openai(row.get("provider"), served or model)
    if _cached(row):
        raise BadRecord(FROM_CACHE, "Helicone's own cache; it never reached OpenAI")
    usage = _usage(row)
    if model is None and served is None and not sent and usage is None:
        raise BadRecord("no model and no usage", "a request that tells neither")
    properties = mapping(first(row, "request_properties", "properties"))
    return assembled(
        place,
        endpoint=_endpoint(row, sent),
        request=_request(sent, model),
        response=response,
        usage=usage,
        model_asked=model or served,
        model_served=served,
        failed=_failed(row),
        id=text((response or {}).get("id")) or text(first(row, "request_id", "response_id")),
        at=moment(first(row, "request_created_at", "response_created_at")),
        latency=_latency(first(row, "delay_ms", "latency")),
        user=text(first(row, "request_user_id", "user_id")),
        session=text(properties.get(_SESSION)),
        trace=text(properties.get("Helicone-Trace-Id")),
        name=text(properties.get("Helicone-Session-Name")) or text(properties.get("Helicone-Session-Path")),
        metadata={k: v for k, v in labels(properties).items() if not k.startswith("Helicone-")},
        scores=_scores(row),
        logged_cost=money(first(row, "cost", "cost_usd", "costUSD")),
    )


def _cached(row: Mapping[str, Any]) -> bool:
    reference = text(row.get("cache_reference_id"))
    return (reference not in (None, _NO_REFERENCE)) or str(row.get("cached")).lower() == "true"


def _endpoint(row: Mapping[str, Any], sent: Mapping[str, Any]) -> Endpoint:
    path = text(first(row, "request_path", "target_url"))
    told = endpoint_of(path) if path else "other"
    return told if told != "other" else endpoint_of_request(sent)


def _request(sent: Mapping[str, Any], model: str | None) -> Mapping[str, Any] | None:
    if "messages" not in sent:
        return {**sent, "model": model} if any(key in sent for key in ("input", "prompt")) else None
    messages, _ = chat_messages(sent["messages"])
    return chat_body(model=model, messages=messages, parameters=sent)


def _usage(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Usage of the answer where it is exported, else Helicone's columns.

    Its prompt_tokens are OpenAI's, cached ones inside; where the total shows that they were
    taken out, they are put back.
    """
    whole = mapping(mapping(row.get("response_body")).get("usage"))
    if first(whole, "prompt_tokens", "input_tokens") is not None:
        return whole
    given = [
        count(row.get(name), name.replace("_", " "))
        for name in ("prompt_tokens", "completion_tokens", "prompt_cache_read_tokens", "total_tokens")
    ]
    prompt, completion, cached, total = given
    if not prompt and not completion:
        return None
    if cached and (cached > prompt or total == prompt + completion + cached):
        prompt += cached
    return chat_usage(
        input=prompt,
        output=completion,
        cached=cached,
        written=row.get("prompt_cache_write_tokens"),
        reasoning=row.get("reasoning_tokens"),
        audio_input=row.get("prompt_audio_tokens"),
        audio_output=row.get("completion_audio_tokens"),
    )


def _latency(value: Any) -> int | None:
    try:
        return int(float(value) * 1_000) if value not in (None, "") and 0 <= float(value) < 1e10 else None
    except (TypeError, ValueError):
        return None


def _failed(row: Mapping[str, Any]) -> str | None:
    status = text(first(row, "response_status", "status"))
    if status is None or not status[:1].isdigit() or 0 < int(float(status)) < 400:
        return None
    body = mapping(row.get("response_body"))
    return error_name(body) if body.get("error") else str(int(float(status)))


def _scores(row: Mapping[str, Any]) -> dict[str, float]:
    """Scores by name, and the thumb of the user: 1 for up, 0 for down."""
    scores: dict[str, float] = {}
    for name, value in mapping(row.get("scores")).items():
        found = mapping(value).get("value", value)
        if isinstance(found, int | float):
            scores[str(name)] = float(found)
    thumb = str(first(row, "feedback_rating", "helicone-score-feedback")).lower()
    if thumb in ("true", "false"):
        scores["feedback"] = float(thumb == "true")
    return scores


FORMAT = Format(
    name="helicone",
    title="Helicone requests",
    best_effort=True,
    matches=_matches,
    read=read,
    read_row=lambda row, place: (read_row(row, place),),
    wrappers=("data",),
)
