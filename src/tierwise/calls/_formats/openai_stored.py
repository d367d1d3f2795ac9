"""Responses as OpenAI keeps them: stored chat completions and Responses objects.

One object a line, a list of them, or pages of the API. A Responses object repeats its
instructions, tools and settings, so it tells the workload though not the user's turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tierwise.calls._assembly import call_from
from tierwise.calls._context import Context
from tierwise.calls._endpoints import endpoint_of_response
from tierwise.calls._format import BadRecord, Format, Sample
from tierwise.calls._requests import wire_request
from tierwise.calls._responses import wire_response
from tierwise.calls._types import Call, Place, Record, Skipped
from tierwise.calls._values import first, labels, object_from, text

_ECHOED = ("messages", "input", "instructions", "tools", "response_format", "text", "reasoning")


def read(raw: bytes, place: Place) -> list[Record]:
    """An object, or a list or page of objects, to Calls.

    Raises:
        BadRecord: not JSON, not a stored response, impossible usage or date.
    """
    source = object_from(raw)
    data = source.get("data")
    if not isinstance(data, list) or source.get("object") in ("chat.completion", "response"):
        return [_call(source, place)]
    found: list[Record] = []
    for item in data:
        try:
            found.append(_call(item if isinstance(item, Mapping) else {}, place))
        except BadRecord as fault:
            found.append(Skipped(reason=fault.reason, detail=fault.detail, place=place))
    return found


def _call(body: Mapping[str, Any], place: Place) -> Call:
    endpoint = endpoint_of_response(body)
    if endpoint == "other":
        raise BadRecord("not a stored response", "expected an object with choices or output, and usage")
    known = any(body.get(name) for name in _ECHOED)
    request = wire_request(body) if known else None
    context = Context(
        user=text(first(body, "input_user", "user", "safety_identifier")),
        session=_conversation(body.get("conversation")),
    )
    call = call_from(endpoint, request, wire_response(body), context, place)
    # The model named here is the one that served; what was asked for is not kept.
    return msgspec.structs.replace(call, model_asked=None, metadata=labels(body.get("metadata")))


def _conversation(value: Any) -> str | None:
    return text(value.get("id")) if isinstance(value, Mapping) else text(value)


def matches(sample: Sample) -> bool:
    """Whether the objects are stored responses, or lists of them."""
    return sample.shape == "objects" and any(_stored(item) for item in sample.objects)


def _stored(item: Mapping[str, Any]) -> bool:
    if item.get("object") in ("chat.completion", "response", "text_completion"):
        return True
    data = item.get("data")
    return (
        isinstance(data, list)
        and bool(data)
        and isinstance(data[0], Mapping)
        and data[0].get("object") in ("chat.completion", "response", "text_completion")
    )


FORMAT = Format(
    name="openai-stored",
    title="OpenAI stored completions and Responses objects",
    matches=matches,
    read=read,
    wrappers=("data",),
)
