"""One paid question to a model, sent by a `Send`: its reply, what it used and what that cost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from tierwise.calls import Outgoing, Response, Send, parse_response
from tierwise.catalog import Catalog, Lane, Tokens, served_lane
from tierwise.errors import CatalogError, RequestError


class Replied(msgspec.Struct, frozen=True, kw_only=True):
    """What came back."""

    status: int
    body: bytes
    response: Response | None = None
    """None for an error, and for what is no reply."""
    tokens: Tokens = Tokens()
    cost: Decimal | None = None
    """USD on the day asked for; None where usage or price is not known. An error is not billed."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A request ready to be sent, by whichever way."""

    path: str
    """'/v1/responses', '/v1/chat/completions' or '/v1/embeddings'."""
    model: str
    body: bytes


async def ask(send: Send, question: Question, prices: Catalog, day: dt.date) -> Replied:
    """Send a question and read its reply whole.

    Args:
        send: What sends.
        question: What to send.
        prices: The catalog.
        day: The UTC day that prices the call.

    Raises:
        UpstreamError: No reply came.
    """
    outgoing = Outgoing(
        path=question.path,
        body=question.body,
        model=question.model,
        headers=(("content-type", "application/json"),),
    )
    incoming = await send.send(outgoing)
    try:
        raw = await incoming.read()
    finally:
        await incoming.aclose()
    return replied(question, incoming.status, raw, prices, day)


def replied(
    question: Question, status: int, body: bytes, prices: Catalog, day: dt.date, lane: Lane | None = None
) -> Replied:
    """A reply as read, however it came.

    Args:
        question: What it answers.
        status: Its HTTP status.
        body: As it came.
        prices: The catalog.
        day: The UTC day that prices the call.
        lane: How it travelled, where the reply cannot say (Batch); None reads its service tier.
    """
    if status >= 400:
        return Replied(status=status, body=body, cost=Decimal(0))
    try:
        response = parse_response(question.path, body)
    except RequestError:
        return Replied(status=status, body=body)
    if response.tokens is None:
        return Replied(status=status, body=body, response=response)
    cost = _cost(response, question.model, prices, day, lane)
    return Replied(status=status, body=body, response=response, tokens=response.tokens, cost=cost)


def _cost(response: Response, asked: str, prices: Catalog, day: dt.date, lane: Lane | None) -> Decimal | None:
    try:
        served = lane or served_lane(None, response.service_tier)[0]
        return prices.rate_card(response.model or asked, served, at=day).total(response.tokens or Tokens())
    except CatalogError:
        return None


def added(replies: Sequence[Replied]) -> tuple[Tokens, Decimal | None]:
    """Tokens and cost of several replies; no cost where one of them has none."""
    names = Tokens.__struct_fields__
    tokens = Tokens(**{name: sum(getattr(reply.tokens, name) for reply in replies) for name in names})
    costs = [reply.cost for reply in replies]
    known = [cost for cost in costs if cost is not None]
    return tokens, sum(known, Decimal(0)) if len(known) == len(costs) else None
