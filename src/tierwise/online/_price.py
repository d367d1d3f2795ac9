"""What a call cost by the usage that came back, and what it would have cost as asked."""

from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal

import msgspec

from tierwise.calls import Call
from tierwise.catalog import Catalog, Tokens
from tierwise.errors import CatalogError
from tierwise.policy import Decision, Use, below_the_cache, without_tools


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
    tokens, day = call.tokens, _day(call)
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
    gone = decision is not None and left_out(decision) > 0
    if decision is None or not decision.steps or not (decision.moved or gone):
        return Price(cost=cost, as_asked=cost)
    try:
        before = prices.rate_card(decision.baseline.model, decision.lane_asked, at=day, residency=residency)
        asked = tokens_as_asked(tokens, decision, left)
        with_all = before.total(asked)
        lean = before.total(_lean(asked, left_out(decision) if left is None else left))
    except CatalogError:
        return Price(cost=cost)
    as_asked = with_all + fees
    return Price(
        cost=cost, as_asked=as_asked, saved=_by_lever(decision, as_asked - cost, with_all - lean - spent)
    )


def left_out(decision: Decision) -> int:
    """Input tokens of the tool definitions that a decision leaves out."""
    if len(decision.steps) < 2 or decision.steps[1].lever != "tools":
        return 0
    return max(0, decision.steps[0].tokens.input_total - decision.steps[1].tokens.input_total)


def _lean(asked: Tokens, dropped: int) -> Tokens:
    """A call as asked, but without tool definitions of so many tokens."""
    use = Use(asked.uncached, asked.cached, asked.written, asked.output, asked.reasoning)
    lean = below_the_cache(without_tools(use, dropped)) if dropped else use
    return msgspec.structs.replace(asked, uncached=lean.uncached, cached=lean.cached, written=lean.written)


def _by_lever(decision: Decision, saved: Decimal, by_tools: Decimal) -> dict[str, Decimal]:
    """What was saved, by lever; the shares add up to it exactly.

    The tools' share is what they would have cost on the model asked for. The rest is that of the levers
    after it, as far as each was expected to save; what was not expected goes to the last that did anything.
    """
    steps = decision.steps
    expected = {
        after.lever: before.cost - after.cost
        for before, after in itertools.pairwise(steps[1:])
        if before.cost != after.cost
    }
    if not expected:
        return {"tools": saved} if left_out(decision) else {"tier": saved}
    found = {"tools": by_tools} if left_out(decision) else {}
    found |= expected
    *_, last = expected
    found[last] += saved - sum(found.values(), Decimal(0))
    return found


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
    dropped = left_out(decision) if left is None else left
    whole += dropped
    shared = bool(tokens.cached) and bool(plan.drop_tools) and not decision.moved
    warm = tokens.cached + dropped if shared else expected.cached
    cached = min(warm, whole)
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
