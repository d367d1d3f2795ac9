"""What a call cost by the usage that came back, and what it would have cost as asked."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import msgspec

from tierwise.calls import Call
from tierwise.catalog import Catalog, Tokens
from tierwise.errors import CatalogError
from tierwise.policy import Decision


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """Cost of a call: a fact where its usage came; and an estimate of what it would have been."""

    cost: Decimal | None = None
    as_asked: Decimal | None = None
    unpriced: str | None = None


def price(call: Call, decision: Decision | None, prices: Catalog, *, residency: bool = False) -> Price:
    """Price a call that is over, on the day it was sent. Never raises for what has no price.

    A call that failed and carries no usage was not billed: OpenAI charges for tokens.
    """
    tokens, day = call.tokens, _day(call)
    if tokens is None:
        if call.status == "error":
            return Price(cost=Decimal(0), as_asked=Decimal(0))
        return Price(unpriced="no usage came back")
    try:
        card = prices.rate_card(
            call.model_served or call.model_asked or "", call.lane, at=day, residency=residency
        )
        fees = _fees(call, prices, day)
        cost = card.total(tokens) + fees
    except CatalogError as error:
        return Price(unpriced=str(error))
    if decision is None or not decision.moved or not decision.steps:
        return Price(cost=cost, as_asked=cost)
    try:
        before = prices.rate_card(decision.baseline.model, decision.lane_asked, at=day, residency=residency)
        return Price(cost=cost, as_asked=before.total(tokens_as_asked(tokens, decision)) + fees)
    except CatalogError:
        return Price(cost=cost)


def tokens_as_asked(tokens: Tokens, decision: Decision) -> Tokens:
    """The tokens that a moved call would have used as asked: an estimate.

    Its input is what it was, cached as was expected of the model asked for; its answer is the
    one that came, undone by the lengths that the decision counted with.
    """
    expected, plan = decision.steps[0].tokens, decision.plan
    whole = tokens.uncached + tokens.cached + tokens.written + tokens.written_12h
    cached = min(expected.cached, whole)
    written = min(expected.written, whole - cached)
    shrunk = plan.lengths.reasoning * plan.effort_permille
    reasoning = tokens.reasoning * 1_000_000 // shrunk if shrunk and tokens.reasoning else expected.reasoning
    output = tokens.output * 1000 // plan.lengths.output if plan.lengths.output else tokens.output
    return Tokens(
        uncached=whole - cached - written,
        cached=cached,
        written=written,
        audio_input=tokens.audio_input,
        audio_cached=tokens.audio_cached,
        output=output,
        reasoning=reasoning,
        audio_output=tokens.audio_output,
    )


def _fees(call: Call, prices: Catalog, day: dt.date) -> Decimal:
    hosted = call.response.hosted if call.response is not None else {}
    return sum((prices.hosted_fee(kind, day) * count for kind, count in hosted.items()), Decimal(0))


def _day(call: Call) -> dt.date:
    return dt.datetime.fromtimestamp((call.at or 0) / 1e6, dt.UTC).date()
