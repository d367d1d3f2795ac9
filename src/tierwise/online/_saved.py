"""What was saved, divided by lever so that the parts add up to the last digit."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from tierwise.catalog import RateCard, Tokens
from tierwise.policy import Decision


def saved_by_lever(saved: Decimal, decision: Decision, before: Tokens, card: RateCard) -> dict[str, Decimal]:
    """Shares of what a call saved; negative where a lever cost more. They add up to `saved` exactly.

    The cache's share is what its lever was expected to read more, at the rates of the model asked for;
    effort and lane have what was expected of them; all else is the tier's. A call that only the cache
    lever changed saved by it alone.

    Args:
        saved: USD that it cost less than as asked.
        decision: That was carried out.
        before: Tokens as asked, estimated.
        card: Rates of the model and lane asked for.
    """
    if not decision.moved:
        return {"cache": saved}
    steps = {step.lever: step for step in decision.steps}
    shares: dict[str, Decimal] = {}
    if "cache" in steps and "tools" in steps:
        shares["cache"] = card.total(before) - card.total(_read_as(steps["cache"].tokens, before))
    for lever, earlier in (("effort", "tier"), ("lane", "effort")):
        if lever in steps and earlier in steps:
            shares[lever] = steps[earlier].cost - steps[lever].cost
    shares["tier"] = saved - sum(shares.values())
    return {lever: share for lever, share in shares.items() if share}


def _read_as(expected: Tokens, before: Tokens) -> Tokens:
    """The same input, read and written as expected of the call after the cache lever."""
    whole = before.uncached + before.cached + before.written + before.written_12h
    cached = min(expected.cached, whole)
    rest = whole - cached
    long, written = (rest, 0) if expected.written_12h else (0, rest if before.written else 0)
    return msgspec.structs.replace(
        before, uncached=rest - written - long, cached=cached, written=written, written_12h=long
    )
