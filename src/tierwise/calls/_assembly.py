"""A Call put together from its request, its response and what stands beside them."""

from __future__ import annotations

from typing import Any

from tierwise.calls._context import Beside, Context, beside_of
from tierwise.calls._format import BadRecord
from tierwise.calls._requests import WireRequest, request_from_wire
from tierwise.calls._responses import WireResponse, response_from_wire
from tierwise.calls._types import Call, Place, Request, Response
from tierwise.calls._usage import lane_of, window_lane
from tierwise.calls._values import EARLIEST, LATEST
from tierwise.calls._words import Endpoint
from tierwise.catalog import Lane, LaneBasis


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
    beside = beside_of(context)
    served = asked = served_tier = asked_tier = None
    if response is not None:
        _add_response(response, beside)
        served, served_tier = response.model, response.service_tier
    if request is not None:
        beside.metadata = beside.metadata or request.metadata
        if beside.user is None:
            beside.user = request.user or None
        if beside.session is None:
            beside.session = request.conversation or None
        asked, asked_tier = request.model, request.service_tier
    lane, basis = lane_of(served_tier, asked_tier)
    if lane == "standard" and request is not None and request.background:
        lane, basis = _background(wire, answer, basis)
    return call_of(
        beside,
        endpoint=endpoint,
        request=request,
        response=response,
        asked=asked,
        served=served,
        lane=lane,
        basis=basis,
        place=place,
    )


def call_of(
    beside: Beside,
    *,
    endpoint: Endpoint,
    request: Request | None,
    response: Response | None,
    asked: str | None,
    served: str | None,
    lane: Lane,
    basis: LaneBasis,
    place: Place,
) -> Call:
    """A Call of what stands beside it and in it: all of Call's fields, in their order, for speed."""
    return Call(
        beside.id,
        None,
        beside.at,
        beside.latency,
        endpoint,
        request,
        response,
        asked,
        served,
        beside.tokens,
        lane,
        basis,
        beside.status or "unknown",
        beside.error,
        beside.project,
        beside.key,
        beside.user,
        beside.session,
        beside.trace,
        beside.span,
        beside.parent,
        beside.name,
        beside.tags,
        beside.metadata,
        beside.scores,
        beside.logged_cost,
        beside.residency,
        place,
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


def _add_response(response: Response, beside: Beside) -> None:
    if response.id is not None:
        beside.id = response.id
    if response.tokens is not None:
        beside.tokens = response.tokens
    if response.created is not None and beside.at is None:
        at = response.created * 1_000_000
        if not EARLIEST <= at < LATEST:
            raise BadRecord("impossible date", "created is outside 2015 to 2100")
        beside.at = at
    if beside.status != "error":
        beside.status = response.status
    if response.error is not None:
        beside.error = response.error
