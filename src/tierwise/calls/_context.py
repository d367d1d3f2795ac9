"""What stands beside a request and a response in a log line: when, whose, where in a trace."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec

from tierwise.calls._responses import Fault
from tierwise.calls._values import labels, mapping, moment, money, real
from tierwise.calls._values import text as text_or_none
from tierwise.calls._words import Status
from tierwise.catalog import Tokens

_ABSENT = msgspec.Raw()
_NO_METADATA: Mapping[str, str] = {}
_NO_SCORES: Mapping[str, float] = {}
Name = str | int | None
Date = int | float | str | None


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a line that are about the call, under the names that logs use for them.

    In the order logs tend to have them: the decoder looks for a key from where it found the last.
    """

    at: Date = None
    timestamp: Date = None
    time: Date = None
    created_at: Date = None
    start_time: Date = None
    started_at: Date = None
    end_time: Date = None
    latency_ms: float | None = None
    duration_ms: float | None = None
    method: str | None = None
    url: str | None = None
    path: str | None = None
    endpoint: str | None = None
    status: int | str | None = None
    status_code: int | None = None
    headers: msgspec.Raw = _ABSENT
    id: Name = None
    request_id: Name = None
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


class Beside(msgspec.Struct, kw_only=True, gc=False):
    """What a line's own fields say of its call, under the names of Call; filled in once."""

    id: str | None = None
    at: int | None = None
    latency: int | None = None
    tokens: Tokens | None = None
    status: Status | None = None
    """None where the line does not tell."""
    error: str | None = None
    project: str | None = None
    key: str | None = None
    user: str | None = None
    session: str | None = None
    trace: str | None = None
    span: str | None = None
    parent: str | None = None
    name: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = _NO_METADATA
    scores: Mapping[str, float] = _NO_SCORES
    logged_cost: Decimal | None = None
    residency: bool = False


_DATES = ("at", "timestamp", "time", "created_at", "start_time", "started_at", "end_time")
_REALS = ("latency_ms", "duration_ms")
_RAW = ("metadata", "scores", "headers")
_ODD = (*_DATES, *_REALS, *_RAW, "tags", "cost", "cost_usd", "error")
_TEXTS = tuple(
    name for name in Context.__struct_fields__ if name not in (*_ODD, "residency", "status", "status_code")
)


HINTS = ("workload", "feature", "use_case", "prompt_name", "prompt_id", "task", "operation", "step")
"""Metadata keys under which applications name the place a call comes from."""
LONGEST_HINT = 80


def named_place(metadata: Mapping[str, str]) -> str | None:
    """What the application calls the place of a call, by the first of `HINTS` that has a short text."""
    for key in HINTS:
        value = metadata.get(key)
        if value and len(value) <= LONGEST_HINT:
            return value
    return None


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


def beside_of(line: Context) -> Beside:
    """What a line's own fields say. Raises BadRecord: 'impossible date', 'impossible amount'."""
    found = Beside()
    if (name := line.id or line.request_id) is not None:
        found.id = _name(name)
    if (name := line.project or line.project_id) is not None:
        found.project = _name(name)
    if (name := line.key or line.api_key_id) is not None:
        found.key = _name(name)
    if (name := line.user or line.user_id) is not None:
        found.user = _name(name)
    if (name := line.session or line.session_id or line.conversation_id or line.recording) is not None:
        found.session = _name(name)
    if line.tags:
        found.tags = tuple(line.tags)
    _add_trace(line, found)
    if line.metadata is not _ABSENT or line.scores is not _ABSENT:
        _add_labels(line, found)
    _add_times(line, found)
    if line.status is not None or line.status_code is not None or line.error is not None:
        _add_outcome(line, found)
    return found


def _name(value: str | int) -> str:
    return value if isinstance(value, str) else str(value)


def _add_trace(line: Context, found: Beside) -> None:
    if (name := line.trace or line.trace_id) is not None:
        found.trace = _name(name)
    if (name := line.span or line.span_id) is not None:
        found.span = _name(name)
    if (name := line.parent or line.parent_id or line.parent_span_id) is not None:
        found.parent = _name(name)
    if line.name is not None:
        found.name = _name(line.name)
    if (cost := line.cost if line.cost is not None else line.cost_usd) is not None:
        found.logged_cost = money(cost)
    if line.residency:
        found.residency = True


def _add_labels(line: Context, found: Beside) -> None:
    """Metadata and scores, whatever types their values have."""
    if line.metadata is not _ABSENT:
        try:
            found.metadata = _texts_decoder().decode(line.metadata) or {}
        except msgspec.ValidationError:
            found.metadata = labels(msgspec.json.decode(line.metadata))
    if line.scores is not _ABSENT:
        scores = mapping(msgspec.json.decode(line.scores)).items()
        found.scores = {key: number for key, value in scores if (number := real(value)) is not None}


@cache
def _texts_decoder() -> msgspec.json.Decoder[dict[str, str] | None]:
    return msgspec.json.Decoder(dict[str, str] | None)


def _add_times(line: Context, found: Beside) -> None:
    sent = line.at if line.at is not None else line.timestamp
    at = moment(sent if sent is not None else _sent(line))
    if at is not None:
        found.at = at
    took = line.latency_ms if line.latency_ms is not None else line.duration_ms
    if took is None and line.headers is not _ABSENT:
        took = _processing(bytes(line.headers))
    if took is not None:
        if 0 <= took < 10**10:
            found.latency = int(took * 1000)
    elif line.end_time is not None and at is not None:
        ended = moment(line.end_time)
        if ended is not None and ended >= at:
            found.latency = ended - at


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


def _add_outcome(line: Context, found: Beside) -> None:
    """Errors told beside the response: an HTTP status of 400 or more, or an error field."""
    http = line.status_code if line.status_code is not None else line.status
    refused = isinstance(http, int) and http >= 400
    if refused or line.error:
        error = line.error
        code = error if isinstance(error, str) else (error.code or error.type) if error else None
        found.status = "error"
        found.error = error_word(code or (f"http_{http}" if refused else "error"))
        if refused:
            # OpenAI does not bill a refused request.
            found.tokens = Tokens()
    elif isinstance(http, str) and (status := status_word(http)) != "unknown":
        found.status = status


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
