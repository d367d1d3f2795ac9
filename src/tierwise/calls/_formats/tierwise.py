"""Our own plain format: one flat object a line (or CSV row), documented in docs/logs.md.

Token counts overlap as OpenAI's do: `input_tokens` holds the cached and written ones,
`output_tokens` the reasoning ones. With `messages` or `input` the line is a request body too.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, get_args

import msgspec

from tierwise.calls._assembly import call_of
from tierwise.calls._coerce import encoded
from tierwise.calls._context import Beside, Context, beside_of, context_shape
from tierwise.calls._endpoints import endpoint_of
from tierwise.calls._format import BadRecord, Format, Sample
from tierwise.calls._requests import parse_request
from tierwise.calls._types import Call, Place, Record, Request, Response
from tierwise.calls._usage import lane_of
from tierwise.calls._values import count, object_from, text, tokens
from tierwise.calls._words import Endpoint, Status
from tierwise.catalog import LANES, Lane, Tokens
from tierwise.errors import RequestError


class Plain(Context, frozen=True, kw_only=True):
    """A line of the plain format."""

    model: str | None = None
    model_served: str | None = None
    input_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_12h_tokens: int | None = None
    audio_input_tokens: int | None = None
    audio_cached_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    audio_output_tokens: int | None = None
    lane: Lane | None = None
    service_tier: str | None = None
    answer: str | None = None
    finish: str | None = None
    tool_calls: list[str] | None = None
    refusal: bool | None = None
    messages: msgspec.Raw = msgspec.Raw()
    input: msgspec.Raw = msgspec.Raw()


_COUNTS = (
    "input_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "cache_write_12h_tokens",
    "audio_input_tokens",
    "audio_cached_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_output_tokens",
)
_ENDPOINTS: tuple[Endpoint, ...] = get_args(Endpoint)


@cache
def _decoder() -> msgspec.json.Decoder[Plain]:
    return msgspec.json.Decoder(Plain)


def read(raw: bytes, place: Place) -> tuple[Record, ...]:
    """One line to one Call.

    Raises:
        BadRecord: not JSON, no model, no tokens and no request, impossible usage or date.
    """
    try:
        line = _decoder().decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        line = _shaped(object_from(raw))
    request = _request(line, raw) if bytes(line.messages) or bytes(line.input) else None
    return (_call(line, request, place),)


def read_row(row: Mapping[str, str], place: Place) -> tuple[Record, ...]:
    """One CSV row to one Call; tags stand in one cell, separated by semicolons. Raises BadRecord."""
    source: dict[str, Any] = {name: value for name, value in row.items() if value != ""}
    if "tags" in source:
        source["tags"] = [tag.strip() for tag in row["tags"].split(";") if tag.strip()]
    for name in ("status", "status_code"):
        if str(source.get(name, "")).isdecimal():
            source[name] = int(source[name][:9])
    source["residency"] = str(source.get("residency", "")).lower() == "true"
    return (_call(_shaped(source), None, place),)


def _request(line: Plain, raw: bytes) -> Request:
    try:
        return parse_request(line.endpoint or line.url or line.path or "", raw)
    except RequestError as error:
        raise BadRecord("not a request", str(error)[:160]) from None


def _shaped(source: Mapping[str, Any]) -> Plain:
    """A line whose values are of other types than the format says. Raises BadRecord."""
    shaped = context_shape(source)
    shaped.update({name: count(source[name], name) for name in _COUNTS if source.get(name) is not None})
    for name in ("model", "model_served", "service_tier", "answer", "finish"):
        shaped[name] = text(source.get(name))
    lane = text(source.get("lane"))
    if lane is not None and lane not in LANES:
        raise BadRecord("unknown lane", f"expected one of {', '.join(LANES)}, got {lane!r:.40}")
    shaped["lane"] = lane
    called = source.get("tool_calls")
    shaped["tool_calls"] = (
        [name for name in called if isinstance(name, str)] if isinstance(called, list) else None
    )
    shaped["refusal"] = source.get("refusal") is True
    shaped.update({name: source[name] for name in ("messages", "input") if source.get(name) is not None})
    try:
        return _decoder().decode(encoded(shaped))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRecord("not a plain record", str(error)[:160]) from None


def _call(line: Plain, request: Request | None, place: Place) -> Call:
    if line.model is None and line.model_served is None:
        raise BadRecord("no model", "expected the key 'model'")
    beside = beside_of(line)
    counted = _tokens(line)
    if counted is not None:
        beside.tokens = counted
    elif request is None and beside.tokens is None:
        raise BadRecord("neither tokens nor request", "expected 'input_tokens' or 'messages'")
    if request is not None:
        beside.metadata = beside.metadata or request.metadata
    lane, basis = (line.lane, "served") if line.lane is not None else lane_of(line.service_tier, None)
    response = _response(line, beside)
    if response is not None and beside.status is None:
        beside.status = response.status
    return call_of(
        beside,
        endpoint=_endpoint(line, request),
        request=request,
        response=response,
        asked=line.model,
        served=line.model_served or line.model,
        lane=lane,
        basis=basis,  # type: ignore[arg-type]  # one of the literal's values
        place=place,
    )


def _endpoint(line: Plain, request: Request | None) -> Endpoint:
    if request is not None:
        return request.endpoint
    named = line.endpoint or line.url or line.path
    return endpoint_of(named) if named else "other"


def _response(line: Plain, beside: Beside) -> Response | None:
    if line.answer is None and line.finish is None and not line.tool_calls and not line.refusal:
        return None
    status: Status = beside.status or "unknown"
    if status == "unknown":
        cut = line.finish in ("length", "content_filter", "max_output_tokens")
        status = "incomplete" if cut else "ok"
    return Response(
        id=beside.id,
        model=line.model_served or line.model,
        status=status,
        finish=line.finish,
        text=line.answer or "",
        refusal=bool(line.refusal),
        tool_calls=tuple(line.tool_calls or ()),
        service_tier=line.service_tier,
        tokens=beside.tokens,
        error=beside.error,
    )


def _tokens(line: Plain) -> Tokens | None:
    if line.input_tokens is None and line.output_tokens is None:
        return None
    return tokens(
        input=line.input_tokens or 0,
        output=line.output_tokens or 0,
        cached=line.cached_tokens or 0,
        written=line.cache_write_tokens or 0,
        written_12h=line.cache_write_12h_tokens or 0,
        audio_input=line.audio_input_tokens or 0,
        audio_cached=line.audio_cached_tokens or 0,
        reasoning=line.reasoning_tokens or 0,
        audio_output=line.audio_output_tokens or 0,
    )


def matches(sample: Sample) -> bool:
    """Whether the objects or columns are our own flat keys."""
    if sample.shape == "csv":
        return "model" in sample.columns and not {"input_tokens", "output_tokens"}.isdisjoint(sample.columns)
    return sample.shape == "objects" and any(
        isinstance(item.get("model"), str)
        and not {"input_tokens", "output_tokens", "messages", "input"}.isdisjoint(item)
        for item in sample.objects
    )


FORMAT = Format(
    name="tierwise",
    title="Plain records (docs/logs.md)",
    matches=matches,
    read=read,
    read_row=read_row,
)
