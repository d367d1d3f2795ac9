"""What a call cost by the usage that came back, and what it would have cost as asked."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import msgspec

from tierwise.calls import Call, Spend
from tierwise.catalog import Catalog, Tokens, utc_day
from tierwise.errors import CatalogError
from tierwise.online._saved import left_out, saved_by_lever
from tierwise.policy import NO_CACHING, Decision


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """Cost of a call: a fact where its usage came; and an estimate of what it would have been."""

    cost: Decimal | None = None
    as_asked: Decimal | None = None
    unpriced: str | None = None
    saved: dict[str, Decimal] = {}
    """As asked minus cost, by lever: adds up to it exactly. Empty where nothing was changed to save."""


def price(
    call: Call,
    decision: Decision | None,
    prices: Catalog,
    *,
    residency: bool = False,
    earlier: tuple[Tokens, ...] = (),
    left: int | None = None,
) -> Price:
    """Price a call that is over, on the day it was sent. Never raises for what has no price.

    Args:
        call: With what its last step used.
        decision: What it was sent by; None where it went as asked.
        prices: The catalog.
        residency: Whether upstream carries the residency uplift.
        earlier: What steps before the last used, each priced by itself.
        left: Input tokens of tool definitions that were left out of the last step, where that is another
            figure than the decision's.

    A call that failed and carries no usage was not billed: OpenAI charges for tokens.
    """
    tokens, day = call.tokens, day_of_call(call)
    if tokens is None and earlier and call.status == "error":
        tokens = Tokens()
    if tokens is None:
        if call.status == "error":
            return Price(cost=Decimal(0), as_asked=Decimal(0))
        return Price(unpriced="no usage came back")
    try:
        card = prices.rate_card(
            call.model_served or call.model_asked or "", call.lane, at=day, residency=residency
        )
        fees = _fees(call, prices, day)
        spent = sum((card.total(step) for step in earlier), Decimal(0))
        cost = card.total(tokens) + fees + spent
    except CatalogError as error:
        return Price(unpriced=str(error))
    if decision is None or not _counts(decision):
        return Price(cost=cost, as_asked=cost)
    try:
        before = prices.rate_card(decision.baseline.model, decision.lane_asked, at=day, residency=residency)
        asked = tokens_as_asked(tokens, decision, left)
        as_asked = before.total(asked) + fees
        saved = saved_by_lever(as_asked - cost, decision, asked, before, left=left, spent=spent)
    except CatalogError:
        return Price(cost=cost)
    return Price(cost=cost, as_asked=as_asked, saved=saved)


def with_spent(
    money: Price, spent: tuple[Spend, ...], prices: Catalog, day: dt.date, *, residency: bool = False
) -> tuple[Price, tuple[Spend, ...]]:
    """The price of a call with its other requests, each priced by itself and named; the tier's lever pays for them.

    Where one of them has no price, neither has the call.
    """
    if not spent:
        return money, ()
    priced, whole, why = [], Decimal(0), ""
    for one in spent:
        try:
            if one.tokens is None:
                why = "no usage came back of an attempt that was not accepted"
                priced.append(one)
                continue
            card = prices.rate_card(one.served, one.lane, at=day, residency=residency)
            fees = sum(
                (prices.hosted_fee(kind, day) * count for kind, count in one.hosted.items()), Decimal(0)
            )
            cost = card.total(one.tokens) + fees
            whole += cost
            priced.append(msgspec.structs.replace(one, cost=cost))
        except CatalogError as error:
            why = str(error)
            priced.append(one)
    if why or money.cost is None:
        return Price(as_asked=money.as_asked, unpriced=money.unpriced or why), tuple(priced)
    saved = dict(money.saved)
    if whole and money.as_asked is not None:
        saved["tier"] = saved.get("tier", Decimal(0)) - whole
    saved = {lever: share for lever, share in saved.items() if share}
    return msgspec.structs.replace(money, cost=money.cost + whole, saved=saved), tuple(priced)


def _counts(decision: Decision) -> bool:
    """Whether the call differs from the one as asked in a way that moves money."""
    changed = decision.moved or left_out(decision) > 0 or decision.plan.caching != NO_CACHING
    return bool(decision.steps) and changed


def with_earlier(call: Call, earlier: tuple[Tokens, ...]) -> Call:
    """The call with what all of its steps used."""
    if not earlier:
        return call
    counts = [call.tokens or Tokens(), *earlier]
    names = Tokens.__struct_fields__
    whole = Tokens(**{name: sum(getattr(tokens, name) for tokens in counts) for name in names})
    return msgspec.structs.replace(call, tokens=whole)


def tokens_as_asked(tokens: Tokens, decision: Decision, left: int | None = None) -> Tokens:
    """The tokens that a moved call, or one with fewer tools, would have used as asked: an estimate.

    Its input is what it was and what was left out of it, cached as was expected of the model asked for,
    and where it stayed on its model as it was; its answer is the one that came, undone by the lengths
    that the decision counted with.
    """
    expected, plan = decision.steps[0].tokens, decision.plan
    whole = tokens.uncached + tokens.cached + tokens.written + tokens.written_12h
    whole += left_out(decision) if left is None else left
    if not decision.moved:
        return _read_as_asked(tokens, decision, whole)
    cached = min(expected.cached, whole)
    rest = whole - cached
    # Where all that is not read is written, so is what the estimate of the whole left out.
    written = rest if expected.written and not expected.uncached else min(expected.written, rest)
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
    """The tokens of a call that stayed on its rung: what was read, less what the cache lever was to add.

    By the difference, since what is expected amiss of the cache is so with and without the lever.
    Definitions left out stand at the start, so they would have been read where anything was; of a list
    that is searched another prefix is warm, and what was expected as asked is all that is known.
    """
    steps = {step.lever: step.tokens for step in decision.steps}
    expected = decision.steps[0].tokens
    lean = steps.get("tools", expected)
    cached = max(tokens.cached - steps.get("cache", lean).cached + lean.cached, 0)
    dropped = whole - tokens.input_total
    if dropped > 0:
        cached = cached + dropped if cached and decision.plan.drop_tools else expected.cached
    cached = min(cached, whole)
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


def day_of_call(call: Call) -> dt.date:
    """The UTC day that a call was sent."""
    return utc_day((call.at or 0) / 1e6)
