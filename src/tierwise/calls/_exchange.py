"""A Call of a live exchange: the bytes that went and came, and what is known beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tierwise.calls._assembly import call_of
from tierwise.calls._context import Beside
from tierwise.calls._format import BadRecord
from tierwise.calls._requests import wire_request_of
from tierwise.calls._responses import response_from_wire, wire_response
from tierwise.calls._types import Call, Place, Request, Response
from tierwise.calls._usage import lane_of, window_lane
from tierwise.calls._words import Endpoint, Status
from tierwise.catalog import WINDOWS, Lane, LaneBasis

_LIVE = Place(file=0, line=0)


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a live call beside its request and its reply."""

    at: int
    """When it was sent, microseconds since the epoch, UTC."""
    latency: int | None = None
    """Microseconds from there to the last byte."""
    asked: str | None = None
    """The model that the caller asked for, where another one went out."""
    lane: Lane = "standard"
    """The lane that was asked for upstream, where the reply names none."""
    status: Status | None = None
    """How it ended, where the reply cannot say: 'abandoned', 'unknown', 'error'."""
    error: str | None = None
    project: str | None = None
    key: str | None = None
    session: str | None = None
    trace: str | None = None
    span: str | None = None
    parent: str | None = None
    name: str | None = None
    tags: tuple[str, ...] = ()
    residency: bool = False
    """Whether it went to a data-residency endpoint."""


def live_call(
    endpoint: Endpoint,
    request: Request | None,
    body: bytes,
    reply: bytes | Mapping[str, Any] | None,
    around: Around,
) -> Call:
    """The Call that a log of this exchange would have given.

    Args:
        endpoint: That the caller called.
        request: As parsed; None where it could not be.
        body: The request as the caller sent it.
        reply: The body that came back, or a stream's events put together; None where none came.
        around: The rest.

    A reply that cannot be read gives a Call without a response, its status 'unknown'.
    """
    response, wire = None, None
    if reply is not None:
        try:
            wire = wire_response(reply)
            response = response_from_wire(wire)
        except BadRecord:
            response = None
    beside = _beside(around, request, response)
    served = response.model if response is not None else None
    asked = around.asked or (request.model if request is not None else None)
    lane, basis = _lane(request, response, around)
    sent_with = around.lane if around.lane in WINDOWS else None
    if lane == "standard" and (sent_with is not None or (request is not None and request.background)):
        echoed = wire.background_options if wire is not None else None
        lane, basis = _window(echoed.completion_window if echoed else None, body, sent_with, basis)
    return call_of(
        beside,
        endpoint=endpoint,
        request=request,
        response=response,
        asked=asked,
        served=served,
        lane=lane,
        basis=basis,
        place=_LIVE,
    )


def _beside(around: Around, request: Request | None, response: Response | None) -> Beside:
    beside = Beside()
    beside.at, beside.latency = around.at, around.latency
    beside.project, beside.key = around.project, around.key
    beside.session, beside.trace = around.session, around.trace
    beside.span, beside.parent = around.span, around.parent
    beside.name, beside.tags = around.name, around.tags
    beside.residency = around.residency
    if request is not None:
        beside.metadata = request.metadata
        beside.user = request.user or None
        beside.session = beside.session or request.conversation or None
    if response is not None:
        beside.id, beside.tokens = response.id, response.tokens
        beside.status, beside.error = response.status, response.error
    if around.status is not None:
        beside.status = around.status
    if around.error is not None:
        beside.error = around.error
    return beside


def _lane(request: Request | None, response: Response | None, around: Around) -> tuple[Lane, LaneBasis]:
    """What the reply says, else what was asked for."""
    served = response.service_tier if response is not None else None
    if served is None and around.lane != "standard":
        return around.lane, "asked"
    return lane_of(served, request.service_tier if request is not None else None)


def _window(
    echoed: str | None, body: bytes, sent_with: Lane | None, basis: LaneBasis
) -> tuple[Lane, LaneBasis]:
    """The lane of a background call: the window that the reply echoes, else the one it was sent with."""
    lane = window_lane(echoed)
    if lane is not None:
        return lane, "served"
    if sent_with is not None:
        return sent_with, "asked"
    try:
        asked = wire_request_of(body).background_options
    except BadRecord:
        asked = None
    lane = window_lane(asked.completion_window if asked else None)
    return (lane, "asked") if lane is not None else ("standard", basis)
