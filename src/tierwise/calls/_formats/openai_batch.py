"""Batch input files, and the output and error files that answer them.

A line is half a call: input has the request, output the response, an error file the refusal;
`custom_id` joins them, the order of lines does not. Form of the lines: OpenAI's Batch guide.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from tierwise.calls._assembly import call_from
from tierwise.calls._context import Context, error_word
from tierwise.calls._endpoints import endpoint_of, endpoint_of_request
from tierwise.calls._format import BadRecord, Format, Sample
from tierwise.calls._requests import WireRequest, wire_request
from tierwise.calls._responses import Fault, WireResponse, endpoint_of_answer, wire_response
from tierwise.calls._types import Place, Record
from tierwise.calls._values import mapping, object_from, text
from tierwise.calls._words import Endpoint
from tierwise.catalog import Tokens


class Answer(msgspec.Struct, frozen=True):
    """`response` of an output line."""

    status_code: int | None = None
    body: WireResponse | None = None


class Line(msgspec.Struct, frozen=True):
    """A line of any of the three files."""

    id: str | None = None
    custom_id: str | None = None
    url: str | None = None
    body: WireRequest | None = None
    response: Answer | None = None
    error: Fault | str | None = None


@cache
def _decoder() -> msgspec.json.Decoder[Line]:
    return msgspec.json.Decoder(Line)


def read(raw: bytes, place: Place) -> tuple[Record, ...]:
    """One line to one half Call, in the batch lane.

    Raises:
        BadRecord: not JSON, no custom_id, neither body nor response nor error, impossible usage.
    """
    try:
        line = _decoder().decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        line = _lenient(object_from(raw))
    if not line.custom_id:
        raise BadRecord("no custom_id", "a batch line is joined by its custom_id")
    answer = line.response.body if line.response is not None else None
    if line.body is None and line.response is None and line.error is None:
        raise BadRecord("neither request nor response", "expected 'body', 'response' or 'error'")
    code = line.response.status_code if line.response is not None else None
    call = call_from(
        _endpoint(line), line.body, answer, Context(id=line.id, status_code=code, error=line.error), place
    )
    changes: dict[str, Any] = {"join": line.custom_id, "lane": "batch", "lane_basis": "served"}
    if call.status == "error" and call.tokens is None:
        # Lines that failed or expired are not billed.
        changes["tokens"] = Tokens()
    return (msgspec.structs.replace(call, **changes),)


def _endpoint(line: Line) -> Endpoint:
    if line.url:
        return endpoint_of(line.url)
    if line.body is not None:
        return "chat" if line.body.messages is not None else "responses"
    answer = line.response.body if line.response is not None else None
    return "other" if answer is None else endpoint_of_answer(answer)


def _lenient(source: Mapping[str, Any]) -> Line:
    body, response, error = mapping(source.get("body")), mapping(source.get("response")), source.get("error")
    code = response.get("status_code")
    answer = mapping(response.get("body"))
    url = text(source.get("url"))
    if url is None and body:
        url = endpoint_of_request(body)
    return Line(
        id=text(source.get("id")),
        custom_id=text(source.get("custom_id")),
        url=url,
        body=wire_request(body) if body else None,
        response=Answer(
            status_code=code if type(code) is int else None,
            body=wire_response(answer) if answer else None,
        )
        if response
        else None,
        error=Fault(code=error_word(text(error.get("code")) or text(error.get("type")) or "error"))
        if isinstance(error, Mapping)
        else text(error),
    )


def matches(sample: Sample) -> bool:
    """Whether the objects are lines of a batch file."""
    return sample.shape == "objects" and any(
        "custom_id" in item and not {"body", "response", "error"}.isdisjoint(item) for item in sample.objects
    )


FORMAT = Format(
    name="openai-batch",
    title="OpenAI Batch input, output and error files",
    matches=matches,
    read=read,
)
