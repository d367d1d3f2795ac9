"""Requests with their responses, one pair a line: what an application or a proxy writes itself.

`{"request": {...}, "response": {...}}` with whatever stands beside them (docs/logs.md). Wire
recordings (`method`, `url`, `status`, `headers`) are pairs too, and a response may be the text
of its event stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from tierwise.calls._assembly import call_from
from tierwise.calls._coerce import encoded
from tierwise.calls._context import Context, context_shape
from tierwise.calls._endpoints import endpoint_of, endpoint_of_request, endpoint_of_response
from tierwise.calls._format import BadRecord, Format, Sample
from tierwise.calls._requests import WireRequest, wire_request, wire_request_of, with_raw_parts
from tierwise.calls._responses import WireResponse, endpoint_of_answer, wire_response
from tierwise.calls._streams import assembled
from tierwise.calls._types import Call, Place, Record
from tierwise.calls._values import decoded, embedded, first, object_from
from tierwise.calls._words import Endpoint

_REQUESTS = ("request", "req", "request_body", "requestBody", "kwargs", "params")
_RESPONSES = ("response", "resp", "response_body", "responseBody", "completion", "result")
_PENDING = ("queued", "in_progress")


class Pair(Context, frozen=True, kw_only=True):
    """A line: request, response, and what stands beside them."""

    request: WireRequest | str | None = None
    response: WireResponse | str | None = None


class Halves(Context, frozen=True, kw_only=True):
    """The same line, its halves left as they stand."""

    request: msgspec.Raw = msgspec.Raw()
    response: msgspec.Raw = msgspec.Raw()


class OtherShape(Exception):
    """The line is not `request` and `response` with bodies in them: look for other names."""


@cache
def _decoder() -> msgspec.json.Decoder[Pair]:
    return msgspec.json.Decoder(Pair)


@cache
def _halves_decoder() -> msgspec.json.Decoder[Halves]:
    return msgspec.json.Decoder(Halves)


def read(raw: bytes, place: Place) -> tuple[Record, ...]:
    """One line to one Call.

    Raises:
        BadRecord: not JSON, neither request nor response in it, impossible usage or date.
    """
    try:
        line = _decoder().decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return (_by_halves(raw, place),)
    request, response = line.request, line.response
    if (
        isinstance(request, WireRequest)
        and isinstance(response, WireResponse)
        and (request.messages is not None or request.input is not None)
        and (response.usage is not None or response.object is not None)
        and response.status not in _PENDING
    ):
        url = line.url or line.endpoint or line.path
        endpoint = endpoint_of(url) if url else _guess(request)
        if endpoint != "other":
            return (call_from(endpoint, request, response, line, place),)
    return (_by_halves(raw, place),)


def _guess(wire: WireRequest) -> Endpoint:
    if wire.messages is not None:
        return "chat"
    if wire.input is None and wire.instructions is None and wire.previous_response_id is None:
        return "completions"
    return "embeddings" if wire.model and "embedding" in wire.model else "responses"


def _by_halves(raw: bytes, place: Place) -> Call:
    """A line whose halves are not both plain bodies: a stream, JSON in a string, an odd value."""
    try:
        line = _halves_decoder().decode(raw)
        request, answer = _request_half(bytes(line.request)), _response_half(bytes(line.response))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OtherShape):
        return _lenient(raw, place)
    if request is None and answer is None:
        return _lenient(raw, place)
    return _finish(request, answer, line, place)


def _endpoint(url: str | None, request: WireRequest | None, answer: WireResponse | None) -> Endpoint:
    """By the path; one that is not OpenAI's (a gateway's own) says less than the bodies do."""
    found = endpoint_of(url) if url else "other"
    if found != "other":
        return found
    if url and answer is not None and answer.error is None:
        return endpoint_of_answer(answer)
    if request is not None and not (url and "/v1/" in url):
        return _guess(request)
    return "other" if answer is None else endpoint_of_answer(answer)


def _request_half(raw: bytes) -> WireRequest | None:
    if raw in (b"null", b'""'):
        return None
    if raw[:1] == b'"':
        raw = str(decoded(raw)).encode()
    if raw[:1] != b"{":
        raise OtherShape
    wire = wire_request_of(raw)
    if wire.messages is None and wire.input is None:
        raise OtherShape
    return wire


def _response_half(raw: bytes) -> WireResponse | None:
    if not raw:
        raise OtherShape
    if raw == b"null":
        return None
    if raw[:1] != b"{":
        return _answer(decoded(raw))
    wire = wire_response(raw)
    if wire.usage is None and wire.object is None and wire.error is None:
        raise OtherShape
    return wire


def _finish(
    request: WireRequest | None,
    answer: WireResponse | None,
    line: Context,
    place: Place,
) -> Call:
    endpoint = _endpoint(line.url or line.endpoint or line.path, request, answer)
    if endpoint == "other":
        # Not a call to a model: nothing in its body means what it means elsewhere.
        request = None
        answer = None if answer is None else WireResponse(error=answer.error, status="completed")
    call = call_from(endpoint, request, answer, line, place)
    # A background call and the later looks at it carry the same response id: halves of one call.
    pending = answer is not None and answer.status in _PENDING
    looked_up = request is None and (line.method or "").upper() == "GET"
    if endpoint == "responses" and call.id and (pending or looked_up):
        return msgspec.structs.replace(call, join=call.id)
    return call


def _lenient(raw: bytes, place: Place) -> Call:
    """A line of any other shape: other names, bodies inside bodies, odd values beside them."""
    source = object_from(raw)
    request, response, beside = _halves(source)
    if request is None and response is None:
        raise BadRecord("neither request nor response", "expected the keys 'request' and 'response'")
    answer = None if response is None else _answer(response)
    known = request is not None and endpoint_of_request(request) != "other"
    wire = with_raw_parts(wire_request(request), raw) if request is not None and known else None
    line = msgspec.json.decode(encoded(context_shape(beside)), type=Context)
    return _finish(wire, answer, line, place)


def _halves(source: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, Any, Mapping[str, Any]]:
    """Request body, response (body, stream text or list of chunks), and the fields beside them."""
    beside = dict(source)
    request = embedded(first(source, *_REQUESTS))
    response = embedded(first(source, *_RESPONSES))
    if request is None and response is not None and ("messages" in source or "input" in source):
        request = {key: value for key, value in source.items() if key not in _RESPONSES}
        beside = {key: value for key, value in source.items() if key not in ("metadata", "input", "user")}
    if isinstance(request, Mapping) and isinstance(first(request, "body", "json", "content"), Mapping | str):
        beside = {**request, **beside}
        request = embedded(first(request, "body", "json", "content"))
    if (
        isinstance(response, Mapping)
        and first(response, "body", "json") is not None
        and "usage" not in response
    ):
        code = first(response, "status_code", "status")
        beside = {**beside, "status_code": code} if type(code) is int else beside
        response = embedded(first(response, "body", "json"))
    return (request if isinstance(request, Mapping) else None), response, beside


def _answer(response: Any) -> WireResponse | None:
    if isinstance(response, Mapping):
        return wire_response(response)
    if isinstance(response, list):
        return wire_response(assembled(response))
    if not isinstance(response, str) or not response.strip():
        return None
    try:
        return wire_response(response)
    except BadRecord as fault:
        if fault.reason in ("not JSON", "not an object", "empty stream"):
            return None  # plain text, as endpoints without tokens answer
        raise


def matches(sample: Sample) -> bool:
    """Whether one of the objects holds a request or response body under a name of ours."""
    return sample.shape == "objects" and any(_is_pair(item) for item in sample.objects)


def _is_pair(source: Mapping[str, Any]) -> bool:
    if "custom_id" in source:
        return False
    request, response, _ = _halves(source)
    if request and endpoint_of_request(request) != "other":
        return True
    if isinstance(response, str):
        return "url" in source
    return isinstance(response, Mapping) and (
        endpoint_of_response(response) != "other" or isinstance(source.get("url"), str)
    )


FORMAT = Format(
    name="openai-pairs",
    title="OpenAI request and response pairs",
    matches=matches,
    read=read,
)
