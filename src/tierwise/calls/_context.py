"""What stands beside a request and a response in a log line: when, whose, where in a trace."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec

from tierwise.calls._format import BadRecord
from tierwise.calls._requests import WireRequest, request_from_wire
from tierwise.calls._responses import Fault, WireResponse, response_from_wire
from tierwise.calls._types import Call, Endpoint, Place, Response, Status
from tierwise.calls._usage import lane_of, window_lane
from tierwise.calls._values import EARLIEST, LATEST, labels, mapping, moment, money, real
from tierwise.calls._values import text as text_or_none
from tierwise.catalog import Tokens

_ABSENT = msgspec.Raw()
Name = str | int | None
Date = int | float | str | None


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a line that are about the call, under the names that logs use for them."""

    id: Name = None
    request_id: Name = None
    at: Date = None
    timestamp: Date = None
    time: Date = None
    created_at: Date = None
    start_time: Date = None
    started_at: Date = None
    end_time: Date = None
    latency_ms: float | None = None
    duration_ms: float | None = None
    project: Name = None
    project_id: Name = None
    key: Name = None
    api_key_id: Name = None
    user: Name = None
    user_id: Name = None
    session: Name = None
    session_id: Name = None
    conversation_id: Name = None
    recording: Name = None
    trace: Name = None
    trace_id: Name = None
    span: Name = None
    span_id: Name = None
    parent: Name = None
    parent_id: Name = None
    parent_span_id: Name = None
    name: Name = None
    tags: list[str] | None = None
    metadata: msgspec.Raw = _ABSENT
    scores: msgspec.Raw = _ABSENT
    cost: Decimal | None = None
    cost_usd: Decimal | None = None
    error: Fault | str | None = None
    residency: bool | None = None
    url: str | None = None
    path: str | None = None
    endpoint: str | None = None
    method: str | None = None
    status: int | str | None = None
    status_code: int | None = None
    headers: msgspec.Raw = _ABSENT


_DATES = ("at", "timestamp", "time", "created_at", "start_time", "started_at", "end_time")
_REALS = ("latency_ms", "duration_ms")
_RAW = ("metadata", "scores", "headers")
_ODD = (*_DATES, *_REALS, *_RAW, "tags", "cost", "cost_usd", "error")
_TEXTS = tuple(
    name for name in Context.__struct_fields__ if name not in (*_ODD, "residency", "status", "status_code")
)


def context_shape(source: Mapping[str, Any]) -> dict[str, Any]:
    """A line's own fields in the shape of `Context`.

    Raises:
        BadRecord: 'impossible date', 'impossible amount'.
    """
    shaped: dict[str, Any] = {name: text_or_none(source.get(name)) for name in _TEXTS}
    shaped.update({name: _date(source.get(name)) for name in _DATES})
    shaped.update({name: real(source.get(name)) for name in _REALS})
    shaped.update({name: source[name] for name in _RAW if source.get(name) is not None})
    tags = source.get("tags")
    shaped["tags"] = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else None
    for name in ("cost", "cost_usd"):
        amount = money(source.get(name))
        shaped[name] = None if amount is None else str(amount)
    error = source.get("error")
    shaped["error"] = (
        {"code": text_or_none(error.get("code")), "type": text_or_none(error.get("type"))}
        if isinstance(error, Mapping)
        else text_or_none(error)
    )
    shaped["residency"] = source.get("residency") is True
    status = source.get("status")
    shaped["status"] = status if isinstance(status, str) else whole(status)
    shaped["status_code"] = whole(source.get("status_code"))
    return shaped


def _date(value: Any) -> Any:
    """A date as it came; one of no type that holds a date is refused here."""
    return value if isinstance(value, (int, float, str)) and not isinstance(value, bool) else moment(value)


def whole(value: Any) -> int | None:
    """An HTTP status or None."""
    return value if type(value) is int and 0 <= value < 1000 else None


def call_from(
    endpoint: Endpoint,
    wire: WireRequest | None,
    answer: WireResponse | None,
    context: Context,
    place: Place,
) -> Call:
    """One Call from a decoded request, a decoded response and what the line says beside them.

    Raises:
        BadRecord: 'impossible usage', 'impossible date'.
    """
    request = request_from_wire(endpoint, wire) if wire is not None else None
    response = response_from_wire(answer) if answer is not None else None
    fields = context_fields(context)
    if response is not None:
        _add_response(response, fields)
    if request is not None:
        if request.metadata and not fields.get("metadata"):
            fields["metadata"] = request.metadata
        if request.user and "user" not in fields:
            fields["user"] = request.user
        if request.conversation and "session" not in fields:
            fields["session"] = request.conversation
        fields["model_asked"] = request.model
    lane, basis = lane_of(
        response.service_tier if response is not None else None,
        request.service_tier if request is not None else None,
    )
    if lane == "standard" and request is not None and request.background:
        lane, basis = _background(wire, answer, basis)
    return Call(
        endpoint=endpoint,
        request=request,
        response=response,
        lane=lane,
        lane_basis=basis,
        place=place,
        **fields,
    )


def _background(wire: WireRequest | None, answer: WireResponse | None, basis: Any) -> tuple[Any, Any]:
    """The lane of a background call: the window echoed by the response, else the one asked for."""
    echoed = answer.background_options if answer is not None else None
    lane = window_lane(echoed.completion_window if echoed else None)
    if lane is not None:
        return lane, "served"
    asked = wire.background_options if wire is not None else None
    lane = window_lane(asked.completion_window if asked else None)
    return (lane, "asked") if lane is not None else ("standard", basis)


def _add_response(response: Response, fields: dict[str, Any]) -> None:
    if response.id is not None:
        fields["id"] = response.id
    if response.model is not None:
        fields["model_served"] = response.model
    if response.tokens is not None:
        fields["tokens"] = response.tokens
    if response.created is not None and "at" not in fields:
        at = response.created * 1_000_000
        if not EARLIEST <= at < LATEST:
            raise BadRecord("impossible date", "created is outside 2015 to 2100")
        fields["at"] = at
    if fields.get("status") != "error":
        fields["status"] = response.status
    if response.error is not None:
        fields["error"] = response.error


def context_fields(line: Context) -> dict[str, Any]:
    """The keyword arguments of Call that a line's own fields give; absent ones are left out."""
    fields: dict[str, Any] = {}
    if (found := line.id or line.request_id) is not None:
        fields["id"] = _name(found)
    if (found := line.project or line.project_id) is not None:
        fields["project"] = _name(found)
    if (found := line.key or line.api_key_id) is not None:
        fields["key"] = _name(found)
    if (found := line.user or line.user_id) is not None:
        fields["user"] = _name(found)
    if (found := line.session or line.session_id or line.conversation_id or line.recording) is not None:
        fields["session"] = _name(found)
    if line.tags:
        fields["tags"] = tuple(line.tags)
    _add_trace(line, fields)
    if line.metadata is not _ABSENT or line.scores is not _ABSENT:
        _add_labels(line, fields)
    _add_times(line, fields)
    _add_outcome(line, fields)
    return fields


def _name(value: str | int) -> str:
    return value if isinstance(value, str) else str(value)


def _add_trace(line: Context, fields: dict[str, Any]) -> None:
    if (found := line.trace or line.trace_id) is not None:
        fields["trace"] = _name(found)
    if (found := line.span or line.span_id) is not None:
        fields["span"] = _name(found)
    if (found := line.parent or line.parent_id or line.parent_span_id) is not None:
        fields["parent"] = _name(found)
    if line.name is not None:
        fields["name"] = _name(line.name)
    if (cost := line.cost if line.cost is not None else line.cost_usd) is not None:
        fields["logged_cost"] = money(cost)
    if line.residency:
        fields["residency"] = True


def _add_labels(line: Context, fields: dict[str, Any]) -> None:
    """Metadata and scores, whatever types their values have."""
    if line.metadata is not _ABSENT:
        try:
            fields["metadata"] = _texts_decoder().decode(line.metadata) or {}
        except msgspec.ValidationError:
            fields["metadata"] = labels(msgspec.json.decode(line.metadata))
    if line.scores is not _ABSENT:
        scores = mapping(msgspec.json.decode(line.scores)).items()
        fields["scores"] = {key: found for key, value in scores if (found := real(value)) is not None}


@cache
def _texts_decoder() -> msgspec.json.Decoder[dict[str, str] | None]:
    return msgspec.json.Decoder(dict[str, str] | None)


def _add_times(line: Context, fields: dict[str, Any]) -> None:
    sent = line.at if line.at is not None else line.timestamp
    at = moment(sent if sent is not None else _sent(line))
    if at is not None:
        fields["at"] = at
    took = line.latency_ms if line.latency_ms is not None else line.duration_ms
    if took is None and line.headers is not _ABSENT:
        took = _processing(bytes(line.headers))
    if took is not None:
        if 0 <= took < 10**10:
            fields["latency"] = int(took * 1000)
    elif line.end_time is not None and at is not None:
        ended = moment(line.end_time)
        if ended is not None and ended >= at:
            fields["latency"] = ended - at


def _sent(line: Context) -> Date:
    # A small number under 'time' is a duration.
    if line.time is not None and (isinstance(line.time, str) or line.time > 10**8):
        return line.time
    for date in (line.start_time, line.started_at, line.created_at):
        if date is not None:
            return date
    return None


def _processing(headers: bytes) -> float | None:
    """Milliseconds OpenAI says it took, from a recording's headers."""
    if b"openai-processing-ms" not in headers:
        return None
    found = mapping(msgspec.json.decode(headers)).get("openai-processing-ms")
    return real(found[0] if isinstance(found, list) and found else found)


def _add_outcome(line: Context, fields: dict[str, Any]) -> None:
    """Errors told beside the response: an HTTP status of 400 or more, or an error field."""
    http = line.status_code if line.status_code is not None else line.status
    if http is None and line.error is None:
        return
    refused = isinstance(http, int) and http >= 400
    if refused or line.error:
        error = line.error
        code = error if isinstance(error, str) else (error.code or error.type) if error else None
        fields["status"] = "error"
        fields["error"] = error_word(code or (f"http_{http}" if refused else "error"))
        if refused:
            # OpenAI does not bill a refused request.
            fields["tokens"] = Tokens()
    elif isinstance(http, str) and (status := status_word(http)) != "unknown":
        fields["status"] = status


def error_word(code: str | int) -> str:
    """An error code; free text, which may quote a prompt, is only called 'error'."""
    word = str(code)
    return word if len(word) <= 64 and " " not in word else "error"


def status_word(word: str) -> Status:
    """How a call ended, from the words logs use."""
    match word.lower():
        case "ok" | "success" | "succeeded" | "completed" | "complete" | "200":
            return "ok"
        case "error" | "failed" | "failure" | "errored" | "expired":
            return "error"
        case "incomplete" | "length" | "truncated":
            return "incomplete"
        case "abandoned" | "cancelled" | "canceled" | "client_gone":
            return "abandoned"
        case _:
            return "unknown"
