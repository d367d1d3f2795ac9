"""One paid question to a model, sent by a `Send`: its reply, what it used and what that cost."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec

from tierwise.calls import Outgoing, Response, Send, parse_response
from tierwise.catalog import Catalog, Tokens, served_lane
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


async def ask(send: Send, path: str, body: dict[str, Any], prices: Catalog, day: dt.date) -> Replied:
    """Send one body and read its reply whole.

    Args:
        send: What sends.
        path: '/v1/responses', '/v1/chat/completions' or '/v1/embeddings'.
        body: The request, its model under 'model'.
        prices: The catalog.
        day: The UTC day that prices the call.

    Raises:
        UpstreamError: No reply came.
    """
    outgoing = Outgoing(
        path=path,
        body=msgspec.json.encode(body),
        model=body["model"],
        headers=(("content-type", "application/json"),),
    )
    incoming = await send.send(outgoing)
    try:
        raw = await incoming.read()
    finally:
        await incoming.aclose()
    if incoming.status >= 400:
        return Replied(status=incoming.status, body=raw, cost=Decimal(0))
    try:
        response = parse_response(path, raw)
    except RequestError:
        return Replied(status=incoming.status, body=raw)
    if response.tokens is None:
        return Replied(status=incoming.status, body=raw, response=response)
    cost = _cost(response, str(body["model"]), prices, day)
    return Replied(status=incoming.status, body=raw, response=response, tokens=response.tokens, cost=cost)


def _cost(response: Response, asked: str, prices: Catalog, day: dt.date) -> Decimal | None:
    try:
        lane, _ = served_lane(None, response.service_tier)
        card = prices.rate_card(response.model or asked, lane, at=day)
        return card.total(response.tokens or Tokens())
    except CatalogError:
        return None


def added(replies: list[Replied]) -> tuple[Tokens, Decimal | None]:
    """Tokens and cost of several replies; no cost where one of them has none."""
    names = Tokens.__struct_fields__
    tokens = Tokens(**{name: sum(getattr(reply.tokens, name) for reply in replies) for name in names})
    costs = [reply.cost for reply in replies]
    known = [cost for cost in costs if cost is not None]
    return tokens, sum(known, Decimal(0)) if len(known) == len(costs) else None
