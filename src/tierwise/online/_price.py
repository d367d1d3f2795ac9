"""What a call cost by the usage that came back, and what it would have cost as asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from tierwise.calls import Call
from tierwise.catalog import Catalog, Tokens
from tierwise.errors import CatalogError
from tierwise.online._saved import saved_by_lever
from tierwise.policy import NO_CACHING, Decision


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """Cost of a call: a fact where its usage came; and an estimate of what it would have been."""

    cost: Decimal | None = None
    as_asked: Decimal | None = None
    unpriced: str | None = None
    saved: Mapping[str, Decimal] = {}
    """USD saved by lever; adds up to `as_asked` less `cost`."""


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
    if decision is None or not _counts(decision):
        return Price(cost=cost, as_asked=cost)
    try:
        before = prices.rate_card(decision.baseline.model, decision.lane_asked, at=day, residency=residency)
        asked = tokens_as_asked(tokens, decision)
        as_asked = before.total(asked) + fees
        return Price(
            cost=cost, as_asked=as_asked, saved=saved_by_lever(as_asked - cost, decision, asked, before)
        )
    except CatalogError:
        return Price(cost=cost)


def _counts(decision: Decision) -> bool:
    """Whether the call differs from the one as asked in a way that moves money."""
    return bool(decision.steps) and (decision.moved or decision.plan.caching != NO_CACHING)


def tokens_as_asked(tokens: Tokens, decision: Decision) -> Tokens:
    """The tokens that a changed call would have used as asked: an estimate.

    Its input is what it was, cached as was expected of the model asked for; its answer is the
    one that came, undone by the lengths that the decision counted with.
    """
    expected, plan = decision.steps[0].tokens, decision.plan
    whole = tokens.uncached + tokens.cached + tokens.written + tokens.written_12h
    cached = min(expected.cached, whole)
    rest = whole - cached
    # Where all that is not read is written, so is what the estimate of the whole left out.
    written = rest if expected.written and not expected.uncached else min(expected.written, rest)
    if not decision.moved:
        return _read_as_asked(tokens, decision, whole)
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


def _read_as_asked(tokens: Tokens, decision: Decision, whole: int) -> Tokens:
    """The tokens of a call that only the cache lever changed: what was read, less what the lever was to add.

    By the difference, since what is expected amiss of the cache is so with and without the lever.
    """
    steps = {step.lever: step.tokens for step in decision.steps}
    expected = decision.steps[0].tokens
    added = steps.get("cache", expected).cached - expected.cached
    cached = min(max(tokens.cached - added, 0), whole)
    rest = whole - cached
    written = rest if expected.written or tokens.written + tokens.written_12h else 0
    return msgspec.structs.replace(
        tokens, uncached=rest - written, cached=cached, written=written, written_12h=0
    )


def kept_long(call: Call, decision: Decision | None, body: bytes) -> Call:
    """A call whose writes were for 12 hours, where the reply does not say for how long, as Chat's does not.

    Args:
        call: As read from its reply.
        decision: That was carried out, if any.
        body: The request as the caller sent it.
    """
    tokens = call.tokens
    if tokens is None or not tokens.written or tokens.written_12h:
        return call
    decided = decision is not None and decision.plan.caching.retention == "12h"
    if not decided and not _asks_long(body):
        return call
    long = msgspec.structs.replace(tokens, written=0, written_12h=tokens.written)
    return msgspec.structs.replace(call, tokens=long)


class _Options(msgspec.Struct):
    ttl: str | None = None


class _Body(msgspec.Struct):
    prompt_cache_options: _Options | None = None


def _asks_long(body: bytes) -> bool:
    if b'"12h"' not in body:
        return False
    try:
        options = msgspec.json.decode(body, type=_Body).prompt_cache_options
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return options is not None and options.ttl == "12h"


def _fees(call: Call, prices: Catalog, day: dt.date) -> Decimal:
    hosted = call.response.hosted if call.response is not None else {}
    return sum((prices.hosted_fee(kind, day) * count for kind, count in hosted.items()), Decimal(0))


def _day(call: Call) -> dt.date:
    return dt.datetime.fromtimestamp((call.at or 0) / 1e6, dt.UTC).date()
