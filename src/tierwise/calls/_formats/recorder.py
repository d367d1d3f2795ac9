"""Files that `tierwise record` and wrapped clients write: calls without their text."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tierwise.calls._format import BadRecord, Format, Sample
from tierwise.calls._recorded import VERSION, Recorded, decode_recorded
from tierwise.calls._requests import parse_request
from tierwise.calls._responses import parse_response
from tierwise.calls._types import Call, Place, Record, Request, Response
from tierwise.calls._values import object_from
from tierwise.errors import RequestError


def read(raw: bytes, place: Place) -> tuple[Record, ...]:
    """One line to its Call, and one for each other request of it. Raises BadRecord for a torn line, and for one of a later version."""
    try:
        line = decode_recorded(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        version = object_from(raw).get("recorder")
        if isinstance(version, int) and version > VERSION:
            raise _later(version) from None
        raise BadRecord("not a recorded call", "a field is missing or of another type") from None
    if line.recorder > VERSION:
        raise _later(line.recorder)
    request, response = _text(line)
    call = Call(
        id=line.id,
        join=line.join,
        at=line.at,
        latency=line.latency,
        endpoint=line.endpoint,
        model_asked=line.asked,
        model_served=line.served,
        tokens=line.tokens,
        lane=line.lane,
        lane_basis=line.lane_basis,
        status=line.status,
        error=line.error,
        project=line.project,
        key=line.key,
        user=line.user,
        session=line.session,
        trace=line.trace,
        span=line.span,
        parent=line.parent,
        name=line.name,
        tags=line.tags,
        scores=line.scores,
        residency="residency" in line.flags,
        place=place,
        request=request,
        response=response,
        metadata=request.metadata if request is not None else {},
        # A call with its text is read anew, as any full log is; what only its reply would tell was recorded.
        recorded=line if response is None else None,
    )
    return (call, *_spent(line, place)) if line.spent else (call,)


def _spent(line: Recorded, place: Place) -> Iterator[Call]:
    """What else was sent for a call: billed as any other, though nobody called for it."""
    for number, one in enumerate(line.spent, 1):
        yield Call(
            id=f"{line.id}/{number}" if line.id is not None else None,
            at=line.at,
            endpoint=line.endpoint,
            model_asked=one.served,
            model_served=one.served,
            tokens=one.tokens,
            lane=one.lane,
            lane_basis="served",
            status="ok" if one.tokens is not None else "unknown",
            project=line.project,
            key=line.key,
            user=line.user,
            trace=line.trace,
            name=f"cascade {one.what}",
            tags=line.tags,
            residency="residency" in line.flags,
            place=place,
        )


def _text(line: Recorded) -> tuple[Request | None, Response | None]:
    """Request and response of a line that has its text; none of one that does not read, whose record stands."""
    if line.text is None:
        return None, None
    try:
        request = parse_request(line.endpoint, bytes(line.text.request))
    except (RequestError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, None
    try:
        response = parse_response(line.endpoint, bytes(line.text.reply)) if bytes(line.text.reply) else None
    except (BadRecord, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        response = None
    return request, response


def _later(version: int) -> BadRecord:
    return BadRecord(
        "recorded by a later version", f"form {version}, this one reads {VERSION}: upgrade tierwise"
    )


def matches(sample: Sample) -> bool:
    """Whether the objects carry the mark of a recorder file."""
    return sample.shape == "objects" and any(
        isinstance(item.get("recorder"), int) and not {"facts", "asked", "status"}.isdisjoint(item)
        for item in sample.objects
    )


FORMAT = Format(name="recorder", title="Recorder files (tierwise record)", matches=matches, read=read)
