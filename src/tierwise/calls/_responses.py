"""Response bodies of both endpoints, whole or streamed, parsed once into `Response`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from tierwise.calls._coerce import encoded, response_shape
from tierwise.calls._endpoints import endpoint_of_response
from tierwise.calls._format import BadRecord
from tierwise.calls._streams import assembled, is_stream
from tierwise.calls._types import Response, ToolCall
from tierwise.calls._usage import Usage, tokens_of
from tierwise.calls._values import object_from
from tierwise.calls._words import Endpoint, Status
from tierwise.errors import RequestError


class OutPart(msgspec.Struct, frozen=True, gc=False):
    """A part of an answer's content."""

    type: str | None = None
    text: str | None = None
    refusal: str | None = None


class ChoiceMessage(msgspec.Struct, frozen=True):
    """`choices[].message` of Chat Completions."""

    content: str | list[OutPart] | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None


class Choice(msgspec.Struct, frozen=True):
    """`choices[]`; `text` is the older completions endpoint's."""

    message: ChoiceMessage | None = None
    finish_reason: str | None = None
    text: str | None = None


class Action(msgspec.Struct, frozen=True, gc=False):
    """What a web search call did; only searching is billed, opening a page is not."""

    type: str | None = None


class OutItem(msgspec.Struct, frozen=True):
    """`output[]` of Responses."""

    type: str | None = None
    name: str | None = None
    role: str | None = None
    content: str | list[OutPart] | None = None
    action: Action | None = None
    container_id: str | None = None
    arguments: msgspec.Raw = msgspec.Raw()
    input: msgspec.Raw = msgspec.Raw()


class Fault(msgspec.Struct, frozen=True, gc=False):
    """An error body; the message is not kept, it may quote the prompt."""

    code: str | int | None = None
    type: str | None = None


class Incomplete(msgspec.Struct, frozen=True, gc=False):
    """`incomplete_details` of Responses."""

    reason: str | None = None


class Requests(msgspec.Struct, frozen=True, gc=False):
    """Billed requests of one hosted tool."""

    num_requests: int | None = None


class ToolUsage(msgspec.Struct, frozen=True, gc=False):
    """`tool_usage` of Responses."""

    web_search: Requests | None = None


class Options(msgspec.Struct, frozen=True, gc=False):
    """`background_options` as echoed."""

    completion_window: str | None = None


class WireResponse(msgspec.Struct, frozen=True):
    """The fields of both endpoints' answers that an audit reads, as they come."""

    id: str | None = None
    object: str | None = None
    model: str | None = None
    created: int | None = None
    created_at: int | float | None = None
    status: str | None = None
    choices: list[Choice] | None = None
    output: list[OutItem] | None = None
    usage: Usage | None = None
    service_tier: str | None = None
    error: Fault | str | None = None
    incomplete_details: Incomplete | None = None
    tool_usage: ToolUsage | None = None
    background_options: Options | None = None


_NO_HOSTED: Mapping[str, int] = {}
_Said = tuple[str | None, str, bool, tuple[str, ...], tuple[str, ...], Mapping[str, int]]
"""Finish reason, text, whether it is a refusal, tools called, their arguments, billed hosted tools."""
_NOTHING: _Said = (None, "", False, (), (), _NO_HOSTED)
_BILLED = {"web_search_call": "web_search", "file_search_call": "file_search"}


@cache
def _decoder() -> msgspec.json.Decoder[WireResponse]:
    return msgspec.json.Decoder(WireResponse)


def parse_response(endpoint: str, body: bytes | str | Mapping[str, Any]) -> Response:
    """Parse a response body: JSON, the text of an event stream, or plain values.

    Args:
        endpoint: An `Endpoint` name or path. Both forms are told apart by their fields; the
            argument only names the endpoint in an error.
        body: UTF-8 bytes or text as they came over the wire, or a mapping.

    Raises:
        RequestError: The body is neither JSON nor an event stream, or its usage is impossible.
    """
    try:
        return response_from_wire(wire_response(body))
    except BadRecord as error:
        raise RequestError(
            f"expected a JSON response or an event stream of {endpoint or 'OpenAI'}, "
            f"got one that is {error}; pass the body as it came"
        ) from None


def response_from(endpoint: str, body: Mapping[str, Any]) -> Response:  # noqa: ARG001 - mirrors request_from
    """A response from plain values, leniently. Raises BadRecord for impossible usage."""
    return response_from_wire(wire_response(body))


def wire_response(body: bytes | str | Mapping[str, Any]) -> WireResponse:
    """The wire fields of a body in any of its forms. Raises BadRecord."""
    if isinstance(body, Mapping):
        try:
            return _decoder().decode(encoded(body))
        except (msgspec.MsgspecError, UnicodeError, RecursionError, TypeError):
            return _shaped(body)
    if is_stream(body):
        return _shaped(assembled(body))
    try:
        return _decoder().decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _shaped(object_from(body))


def _shaped(body: Mapping[str, Any]) -> WireResponse:
    try:
        return _decoder().decode(encoded(response_shape(body)))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRecord("not a response", str(error)[:160]) from None


def response_from_wire(wire: WireResponse) -> Response:
    """`Response` from decoded wire fields.

    Raises:
        BadRecord: 'impossible usage'.
    """
    finish, text, refusal, called, arguments, hosted = _NOTHING
    if wire.choices:
        finish, text, refusal, called, arguments, hosted = _of_choices(wire.choices)
    elif wire.output:
        finish, text, refusal, called, arguments, hosted = _of_output(wire.output)
    if wire.tool_usage and wire.tool_usage.web_search and wire.tool_usage.web_search.num_requests:
        hosted = {**hosted, "web_search": wire.tool_usage.web_search.num_requests}
    if wire.incomplete_details and wire.incomplete_details.reason:
        finish = wire.incomplete_details.reason
    created = wire.created if wire.created is not None else wire.created_at
    usage = wire.usage
    error = None if wire.error is None else _error(wire.error)
    return Response(
        wire.id,
        wire.model,
        int(created) if created is not None else None,
        _status(wire, finish, error),
        finish,
        text,
        refusal,
        called,
        arguments,
        wire.service_tier,
        tokens_of(usage) if usage is not None else None,
        hosted,
        error,
    )


def endpoint_of_answer(wire: WireResponse) -> Endpoint:
    """The endpoint that a decoded response belongs to."""
    if wire.object == "list":
        return "embeddings" if wire.usage is not None else "other"
    known: dict[str, Any] = {"object": wire.object, "usage": wire.usage}
    if wire.choices:
        known["choices"] = wire.choices
    if wire.output:
        known["output"] = wire.output
    return endpoint_of_response(known)


def _error(fault: Fault | str) -> str:
    if isinstance(fault, str):
        # Free text would carry prompt text; a code has no spaces.
        return fault if fault and len(fault) <= 64 and " " not in fault else "error"
    return str(fault.code or fault.type or "error")[:64]


def _status(wire: WireResponse, finish: str | None, error: str | None) -> Status:
    if error is not None or wire.status == "failed":
        return "error"
    match wire.status:
        case "completed":
            return "ok"
        case "incomplete":
            return "incomplete"
        case "cancelled" | "canceled":
            return "abandoned"
        case "queued" | "in_progress":
            return "unknown"
    if finish in ("length", "content_filter", "max_output_tokens"):
        return "incomplete"
    return "ok" if finish or wire.object in ("list", "response.compaction") else "unknown"


def _of_choices(choices: list[Choice]) -> _Said:
    if len(choices) == 1:
        message = choices[0].message
        if message is not None and message.content.__class__ is str and not message.tool_calls:
            # Nearly every call: one choice with plain text.
            return choices[0].finish_reason, message.content, bool(message.refusal), (), (), _NO_HOSTED
    texts: list[str] = []
    calls: list[tuple[str, str]] = []
    refusal = False
    for choice in choices:
        message = choice.message
        if choice.text:
            texts.append(choice.text)
        if message is None:
            continue
        if message.refusal:
            refusal = True
        texts.extend(_texts(message.content))
        calls.extend(
            (call.function.name, call.function.arguments or "")
            for call in message.tool_calls or ()
            if call.function and call.function.name
        )
    finishes = [choice.finish_reason for choice in choices if choice.finish_reason]
    cut = [finish for finish in finishes if finish in ("length", "content_filter")]
    return next(iter(cut or finishes), None), "\n".join(texts), refusal, *_called(calls), _NO_HOSTED


def _called(calls: list[tuple[str, str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and arguments of calls."""
    if not calls:
        return (), ()
    return tuple([name for name, _ in calls]), tuple([arguments for _, arguments in calls])


def _texts(content: str | list[OutPart] | None) -> list[str]:
    if isinstance(content, str):
        return [content] if content else []
    return [part.text for part in content or () if part.text]


def _of_output(output: list[OutItem]) -> _Said:
    texts: list[str] = []
    calls: list[tuple[str, str]] = []
    hosted: dict[str, int] = {}
    containers: set[str] = set()
    refusal = False
    for item in output:
        kind = item.type
        if kind == "message" or (kind is None and item.content):
            content = item.content
            if not isinstance(content, list):
                texts.extend(_texts(content))
                continue
            for part in content:
                if part.text:
                    texts.append(part.text)
                if part.type == "refusal":
                    refusal = True
        elif kind and kind.endswith("_call"):
            calls.append((item.name or kind.removesuffix("_call"), _arguments(item)))
            if kind == "code_interpreter_call":
                containers.add(item.container_id or "")
            elif kind in _BILLED and (item.action is None or item.action.type in (None, "search")):
                hosted[_BILLED[kind]] = hosted.get(_BILLED[kind], 0) + 1
    if containers:
        # Billed by container, not by call into it.
        hosted["code_interpreter"] = len(containers)
    return None, "\n".join(texts), refusal, *_called(calls), hosted or _NO_HOSTED


def _arguments(item: OutItem) -> str:
    """Arguments of a function call, or the input of a custom tool's; '' for hosted tools."""
    raw = bytes(item.arguments) or bytes(item.input)
    if raw[:1] != b'"':
        return raw.decode("utf-8", "replace") if raw != b"null" else ""
    value = msgspec.json.decode(raw)
    return value if isinstance(value, str) else ""
