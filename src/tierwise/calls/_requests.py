"""Request bodies of Chat Completions and Responses, parsed once into `Request`.

The fast way decodes the body straight into typed structs that ignore what an audit does not
need and leave tools and schema raw. What does not fit goes the lenient way: parsed into plain
values, coerced to the same shape, decoded again.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
from msgspec import Raw

from tierwise.calls._coerce import encoded, request_shape
from tierwise.calls._endpoints import endpoint_of, endpoint_of_request
from tierwise.calls._format import BadRecord
from tierwise.calls._types import Message, Part, Request
from tierwise.calls._values import object_from
from tierwise.calls._words import Endpoint
from tierwise.errors import RequestError

_NO_RAW = Raw()


class Reasoning(msgspec.Struct, frozen=True, gc=False):
    """`reasoning` of Responses."""

    effort: str | None = None


class TextOptions(msgspec.Struct, frozen=True):
    """`text` of Responses."""

    format: Raw = _NO_RAW
    verbosity: str | None = None


class Window(msgspec.Struct, frozen=True, gc=False):
    """`background_options` of Responses."""

    completion_window: str | None = None


class WireRequest(msgspec.Struct, frozen=True):
    """The fields of both endpoints' bodies that an audit reads, as they come."""

    model: str | None = None
    messages: list[Message] | None = None
    input: str | list[Message] | None = None
    instructions: str | list[Message] | None = None
    prompt: Raw = _NO_RAW
    tools: Raw = _NO_RAW
    functions: Raw = _NO_RAW
    response_format: Raw = _NO_RAW
    text: TextOptions | None = None
    reasoning_effort: str | None = None
    reasoning: Reasoning | None = None
    verbosity: str | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    n: int | None = None
    logprobs: bool | int | None = None
    top_logprobs: int | None = None
    include: list[str] | None = None
    stream: bool | None = None
    background: bool | None = None
    background_options: Window | None = None
    store: bool | None = None
    service_tier: str | None = None
    tool_choice: Raw = _NO_RAW
    previous_response_id: str | None = None
    conversation: Raw = _NO_RAW
    prompt_cache_key: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    metadata: dict[str, str] | None = None
    modalities: list[str] | None = None
    stop: Raw = _NO_RAW
    seed: Raw = _NO_RAW
    logit_bias: Raw = _NO_RAW
    presence_penalty: Raw = _NO_RAW
    frequency_penalty: Raw = _NO_RAW
    prediction: Raw = _NO_RAW
    audio: Raw = _NO_RAW


_RARE = ("stop", "seed", "logit_bias", "presence_penalty", "frequency_penalty", "prediction", "audio")
_NONE_RARE = (_NO_RAW,) * len(_RARE)
_UNSET_FORMS = frozenset({b"null", b"0", b"0.0", b"{}", b"[]"})
_NO_METADATA: Mapping[str, str] = {}
_LOGPROBS = "message.output_text.logprobs"
_NO_EXTRAS: frozenset[str] = frozenset()


@cache
def _decoder() -> msgspec.json.Decoder[WireRequest]:
    return msgspec.json.Decoder(WireRequest)


def parse_request(endpoint: str, body: bytes | str) -> Request:
    """Parse a request body.

    Args:
        endpoint: An `Endpoint` name, a path such as '/v1/responses', or '' to tell by the body.
        body: JSON as it goes over the wire, UTF-8.

    Raises:
        RequestError: The body is not a JSON object; the message names the place.
    """
    try:
        return request_from_wire(endpoint_of(endpoint) if endpoint else None, wire_request_of(body))
    except BadRecord as error:
        raise RequestError(
            f"expected a JSON request body for {endpoint or 'OpenAI'}, got one that is {error}; "
            "send one JSON object in UTF-8"
        ) from None


def wire_request_of(body: bytes | str) -> WireRequest:
    """The wire fields of a body as JSON: the fast way, or the lenient one. Raises BadRecord."""
    try:
        return _decoder().decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return with_raw_parts(wire_request(object_from(body)), body, nested=False)


class _RawFormat(msgspec.Struct, frozen=True):
    format: Raw = _NO_RAW


class _RawParts(msgspec.Struct, frozen=True):
    tools: Raw = _NO_RAW
    response_format: Raw = _NO_RAW
    text: _RawFormat | None = None


class _RawLine(msgspec.Struct, frozen=True):
    request: _RawParts | None = None


def with_raw_parts(wire: WireRequest, source: bytes | str, *, nested: bool = True) -> WireRequest:
    """A leniently read request with its tools and schema as they stand in the source.

    Calls of one log share these texts byte for byte, whichever way each was read.

    Args:
        wire: The request, whose raw parts were written anew.
        source: The JSON it came from.
        nested: Whether the body stands under 'request' in the source.
    """
    parts: _RawParts | None
    try:
        if nested:
            parts = msgspec.json.decode(source, type=_RawLine).request
        else:
            parts = msgspec.json.decode(source, type=_RawParts)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return wire
    if parts is None:
        return wire
    changes: dict[str, Any] = {}
    if bytes(parts.tools)[:1] == b"[":
        changes["tools"] = parts.tools
    if bytes(parts.response_format)[:1] == b"{":
        changes["response_format"] = parts.response_format
    if parts.text is not None and bytes(parts.text.format)[:1] == b"{":
        verbosity = wire.text.verbosity if wire.text else None
        changes["text"] = TextOptions(format=parts.text.format, verbosity=verbosity)
    return msgspec.structs.replace(wire, **changes) if changes else wire


def request_from(endpoint: str, body: Mapping[str, Any]) -> Request:
    """A request from plain values, leniently: odd shapes are coerced, no message is dropped.

    Args:
        endpoint: An `Endpoint` name or path, or '' to tell by the body's fields.
        body: The body as a mapping, as a log export holds it.

    Raises:
        BadRecord: The values cannot be written as JSON.
    """
    return request_from_wire(
        endpoint_of(endpoint) if endpoint else endpoint_of_request(body), wire_request(body)
    )


def wire_request(body: Mapping[str, Any]) -> WireRequest:
    """The lenient way: plain values coerced to the wire's shape. Raises BadRecord."""
    try:
        return _decoder().decode(encoded(request_shape(body)))
    except (msgspec.ValidationError, UnicodeDecodeError) as error:
        raise BadRecord("not a request", str(error)[:160]) from None


def request_from_wire(endpoint: Endpoint | None, wire: WireRequest) -> Request:
    """`Request` from decoded wire fields; without an endpoint, told by the fields.

    Runs once a call over millions of them: absent parts are told by identity with their default.
    """
    messages = wire.messages if wire.messages is not None else _from_input(wire)
    raw = wire.tools if wire.tools is not _NO_RAW else wire.functions
    tools = _array(raw) if raw is not _NO_RAW else b""
    text, reasoning = wire.text, wire.reasoning
    schema = b""
    if wire.response_format is not _NO_RAW:
        schema = _schema(wire.response_format)
    elif text is not None and text.format is not _NO_RAW:
        schema = _schema(text.format)
    return Request(
        endpoint if endpoint is not None else _endpoint(wire),
        wire.model,
        tuple(messages),
        tools,
        schema,
        reasoning.effort if reasoning is not None and reasoning.effort else wire.reasoning_effort,
        text.verbosity if text is not None and text.verbosity else wire.verbosity,
        _cap(wire.max_output_tokens or wire.max_completion_tokens or wire.max_tokens),
        wire.temperature,
        wire.top_p,
        wire.n,
        bool(wire.logprobs or wire.top_logprobs or (wire.include and _LOGPROBS in wire.include)),
        wire.stream is True,
        wire.background is True,
        wire.store,
        wire.service_tier,
        None if wire.tool_choice is _NO_RAW else _choice(bytes(wire.tool_choice)),
        wire.previous_response_id,
        None if wire.conversation is _NO_RAW else _conversation(bytes(wire.conversation)),
        wire.prompt_cache_key,
        wire.user or wire.safety_identifier,
        wire.metadata or _NO_METADATA,
        _extras(wire, tools),
    )


def _endpoint(wire: WireRequest) -> Endpoint:
    if wire.messages is not None:
        return "chat"
    if wire.input is not None or wire.instructions is not None or wire.previous_response_id:
        return "embeddings" if wire.model and "embedding" in wire.model else "responses"
    return "completions" if bytes(wire.prompt)[:1] in (b'"', b"[") else "other"


def _from_input(wire: WireRequest) -> list[Message]:
    messages: list[Message] = []
    given = wire.input
    instructions = wire.instructions
    if isinstance(instructions, str):
        if instructions:
            messages.append(Message(role="developer", content=instructions))
    elif instructions is not None:
        messages.extend(instructions)
    if isinstance(given, str):
        messages.append(Message(role="user", content=given))
    elif given:
        messages.extend(given)
    elif bytes(wire.prompt)[:1] in (b'"', b"["):
        messages.append(_legacy_prompt(bytes(wire.prompt)))
    return messages


def _legacy_prompt(raw: bytes) -> Message:
    prompt = msgspec.json.decode(raw)
    if isinstance(prompt, str):
        return Message(role="user", content=prompt)
    return Message(role="user", content=[Part(text=item) for item in prompt if isinstance(item, str)])


def _array(raw: Raw) -> bytes:
    data = bytes(raw)
    if len(data) < 3 or data[:1] != b"[":
        return b""
    return _utf8(data)


def _schema(raw: Raw) -> bytes:
    data = bytes(raw)
    if not data or data == b"null" or (len(data) < 40 and b'"text"' in data):
        return b""
    return _utf8(data)


def _utf8(data: bytes) -> bytes:
    """The same bytes, when they are UTF-8: raw parts are not checked by the decoder."""
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise BadRecord("wrong encoding", f"byte {error.start} of tools or schema is not UTF-8") from None
    return data


@cache
def _choices() -> Mapping[bytes, str]:
    return {b'"none"': "none", b'"auto"': "auto", b'"required"': "required"}


def _choice(raw: bytes) -> str | None:
    if not raw or raw == b"null":
        return None
    known = _choices().get(raw)
    if known is not None:
        return known
    if b'"allowed_tools"' in raw:
        return "required" if b'"required"' in raw else "auto"
    return "forced"


def _cap(sent: int | None) -> int | None:
    """A cap on the output that is one: some callers send -1 for none."""
    return sent if sent is not None and sent > 0 else None


def _conversation(raw: bytes) -> str | None:
    if not raw or raw == b"null":
        return None
    value = msgspec.json.decode(raw)
    found = value.get("id") if isinstance(value, dict) else value
    return found if isinstance(found, str) else None


def _extras(wire: WireRequest, tools: bytes) -> frozenset[str]:
    rare = (
        wire.stop,
        wire.seed,
        wire.logit_bias,
        wire.presence_penalty,
        wire.frequency_penalty,
        wire.prediction,
        wire.audio,
    )
    if (
        rare == _NONE_RARE
        and wire.modalities is None
        and wire.background_options is None
        and wire.prompt is _NO_RAW
        and (not tools or b'"computer' not in tools)
    ):
        return _NO_EXTRAS
    names = [
        name
        for name, raw in zip(_RARE, rare, strict=True)
        if raw is not _NO_RAW and bytes(raw) not in (_UNSET_FORMS if name != "seed" else (b"null",))
    ]
    if wire.modalities and wire.modalities != ["text"]:
        names.append("modalities")
    if b'"computer' in tools:
        names.append("computer")
    if wire.background_options is not None:
        names.append("background_options")
    if bytes(wire.prompt)[:1] == b"{":
        names.append("prompt")
    return frozenset(names)
