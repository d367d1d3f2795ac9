"""What was saved, divided by lever so that the parts add up to the last digit."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from tierwise.catalog import RateCard, Tokens
from tierwise.policy import NO_CACHING, Decision, Use, below_the_cache, without_tools

_AFTER: Final = (("tier", "cache"), ("effort", "tier"), ("lane", "effort"))
"""Levers that move a call, each with the one before."""


def left_out(decision: Decision) -> int:
    """Input tokens of the tool definitions that a decision leaves out."""
    if len(decision.steps) < 2 or decision.steps[1].lever != "tools":
        return 0
    return max(0, decision.steps[0].tokens.input_total - decision.steps[1].tokens.input_total)


def saved_by_lever(
    saved: Decimal,
    decision: Decision,
    asked: Tokens,
    card: RateCard,
    *,
    left: int | None = None,
    spent: Decimal = Decimal(0),
) -> dict[str, Decimal]:
    """Shares of what a call saved; negative where a lever cost more. They add up to `saved` exactly.

    The tools' share is what the definitions left out would have cost on the model asked for, less the
    steps of their search. The cache's share is what its lever was expected to read more, at the rates of
    that model; effort and lane have what was expected of them. The rest is that of the tier where the
    model changed, else of the last lever that did anything.

    Args:
        saved: USD that it cost less than as asked.
        decision: That was carried out.
        asked: Tokens as asked, estimated.
        card: Rates of the model and lane asked for.
        left: Input tokens of definitions that were left out, where not as decided.
        spent: USD of steps before the last.
    """
    steps = {step.lever: step for step in decision.steps}
    gone = left_out(decision)
    lean = _lean(asked, gone if left is None else left)
    shares: dict[str, Decimal] = {}
    if gone:
        shares["tools"] = card.total(asked) - card.total(lean) - spent
    if "cache" in steps and "tools" in steps and decision.plan.caching != NO_CACHING:
        before, after = steps["tools"], steps["cache"]
        if (before.tokens, before.cost) != (after.tokens, after.cost) or not gone:
            shares["cache"] = card.total(lean) - card.total(_read_as(after.tokens, lean))
    if decision.moved:
        for lever, earlier in _AFTER:
            if lever in steps and earlier in steps and steps[lever].cost != steps[earlier].cost:
                shares[lever] = steps[earlier].cost - steps[lever].cost
    rest = _last(decision, shares)
    shares[rest] = Decimal(0)
    shares[rest] = saved - sum(shares.values(), Decimal(0))
    return {lever: share for lever, share in shares.items() if share}


def _last(decision: Decision, shares: dict[str, Decimal]) -> str:
    """The lever that has what no other explains."""
    if decision.moved:
        if decision.plan.rung.model != decision.baseline.model:
            return "tier"
        return next((lever for lever in ("lane", "effort") if lever in shares), "tier")
    return next((lever for lever in ("cache", "tools") if lever in shares), "cache")


def _lean(asked: Tokens, dropped: int) -> Tokens:
    """A call as asked, but without tool definitions of so many tokens."""
    if not dropped:
        return asked
    use = Use(asked.uncached, asked.cached, asked.written, asked.output, asked.reasoning)
    lean = below_the_cache(without_tools(use, dropped))
    return msgspec.structs.replace(asked, uncached=lean.uncached, cached=lean.cached, written=lean.written)


def _read_as(expected: Tokens, before: Tokens) -> Tokens:
    """The same input, read and written as expected of the call after the cache lever."""
    whole = before.uncached + before.cached + before.written + before.written_12h
    cached = min(expected.cached, whole)
    rest = whole - cached
    long, written = (rest, 0) if expected.written_12h else (0, rest if before.written else 0)
    return msgspec.structs.replace(
        before, uncached=rest - written - long, cached=cached, written=written, written_12h=long
    )
