"""The tools lever on one call: what would be left out, and whether that pays."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from tierwise.policy._levers import WRITES_FROM, Use, without_tools

if TYPE_CHECKING:
    from tierwise.policy._costing import Costing


class Narrowed(msgspec.Struct, frozen=True):
    """A call with fewer tool definitions, or as it came where that would not pay."""

    use: Use
    dropped: frozenset[int] = frozenset()
    """Digests of the definitions left out."""
    tokens: int = 0
    """Input tokens that go."""
    reasons: tuple[str, ...] = ()


def narrow(costing: Costing) -> Narrowed:
    """Leave out definitions that no logged session used, where the rule says so and it saves money."""
    state, rule = costing.state, costing.rule
    tools = costing.facts.template.tools if rule.tools.drop_unused else ()
    dropped = frozenset(tool.digest for tool in tools) & state.unused_tools
    kept = _kept(costing) if rule.tools.drop_unused else ()
    if not dropped:
        return Narrowed(costing.use, reasons=kept)
    tokens = state.unused_tokens
    if tokens is None:
        tokens = sum(tool.tokens for tool in tools if tool.digest in dropped)
        return Narrowed(without_tools(costing.use, tokens), dropped, tokens)
    use = below_the_cache(without_tools(costing.use, tokens))
    saved = costing.first.cost - costing.cost(use)
    said = f"{len(dropped)} of {len(tools)} definitions, {tokens} tokens, {saved:.6f} dollars expected"
    if saved <= 0:
        return Narrowed(costing.use, reasons=(*kept, f"keeps tools that no logged session used, {said}"))
    risk = f"at 95 % at most {risk_of(state.unused_sessions):.2%} of sessions need one of them"
    return Narrowed(
        use, dropped, tokens, (*kept, f"leaves out tools that no logged session used, {said}; {risk}")
    )


def risk_of(sessions: int) -> Decimal:
    """The rule of three: the share of sessions that may need what none of so many did."""
    return min(Decimal(1), Decimal(3) / sessions) if sessions > 0 else Decimal(1)


def below_the_cache(use: Use) -> Use:
    """A prompt too short to be cached reads and writes nothing there."""
    if use.uncached + use.cached + use.written >= WRITES_FROM:
        return use
    return Use(use.uncached + use.cached + use.written, 0, 0, use.output, use.reasoning)


def _kept(costing: Costing) -> tuple[str, ...]:
    kept = costing.state.kept_tools
    return tuple(f"keeps tools: {why}, {count} of those unused in the log" for why, count in kept.items())
