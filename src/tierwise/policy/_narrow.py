"""The tools lever on one call: what would be left out, and whether that pays."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from tierwise.policy._levers import WRITES_FROM, Use, rewritten, without_tools

if TYPE_CHECKING:
    from tierwise.policy._costing import Costing
    from tierwise.policy._state import Narrowing


class Narrowed(msgspec.Struct, frozen=True):
    """A call with fewer tool definitions, or as it came where that would not pay."""

    use: Use
    dropped: frozenset[int] = frozenset()
    """Digests of the definitions left out."""
    tokens: int = 0
    """Input tokens that go."""
    reasons: tuple[str, ...] = ()
    search: Literal["off", "hosted", "client"] = "off"


def narrow(costing: Costing, *, search: bool = True) -> Narrowed:
    """The call with fewer definitions, by whichever way the rule allows; as it came where none pays."""
    found, how = costing.state.search, costing.rule.tools.search
    if how == "off" or found is None or not search:
        return _without_unused(costing)
    if found.why_not:
        plain = _without_unused(costing)
        return msgspec.structs.replace(
            plain, reasons=(*plain.reasons, f"no search for tools: {found.why_not}")
        )
    lean = _searched(costing, found) if how == "client" else _deferred(costing, found)
    step = costing.cost(lean)
    extra = _extra(costing, found, lean)
    whole = costing.cost(cold(costing.use)) if found.under_way else costing.first.cost
    saved = whole - step - extra
    said = (
        f"{found.stay} of {found.sent} definitions sent, {found.tokens} tokens less, {saved:.6f} dollars expected"
        f" after {extra:.6f} for {_what(found)}"
    )
    if saved <= costing.policy.margin * costing.first.cost:
        plain = _without_unused(costing)
        return msgspec.structs.replace(
            plain, reasons=(*plain.reasons, f"no search for tools: it would not pay, {said}")
        )
    return Narrowed(lean, tokens=found.tokens, reasons=(f"lets tools be searched for, {said}",), search=how)


ASKED: Final = 60
"""Output tokens of a step that only asks for tools, about."""


def at_first(use: Use) -> Use:
    """A step that only asks for tools: the prompt again, nothing of it warm, and a short answer.

    The list then grows, which loses the cached prefix from the tools on.
    """
    return cold(use)._replace(output=ASKED, reasoning=0)


def _deferred(costing: Costing, found: Narrowing) -> Use:
    """The call with deferred definitions: the list is the same in every call, and warm as the whole one was."""
    return below_the_cache(without_tools(costing.use, found.tokens))


def _extra(costing: Costing, found: Narrowing, lean: Use) -> Decimal:
    """USD of what comes on top: a step of ours now and then, or what a search of OpenAI's loads each time."""
    if not found.loads:
        return costing.cost(at_first(lean)) * found.steps / 1000
    loaded = lean._replace(uncached=lean.uncached + found.loads, output=lean.output + ASKED)
    return (costing.cost(loaded) - costing.cost(lean)) * found.steps / 1000


def _what(found: Narrowing) -> str:
    if found.loads:
        return f"searches that load {found.loads} tokens each in {found.steps} of a thousand calls"
    return f"{found.steps} extra steps in a thousand calls"


def cold(use: Use) -> Use:
    """The same with nothing of it warm."""
    return use._replace(uncached=use.uncached + use.cached, cached=0)


def _searched(costing: Costing, found: Narrowing) -> Use:
    """The call with the definitions that stay: only what is warm with them is read from the cache."""
    lean = without_tools(costing.use, found.tokens)
    whole = lean.uncached + lean.cached + lean.written
    warm = min(found.warm, whole)
    read = Use(whole - warm, warm, 0, lean.output, lean.reasoning)
    return below_the_cache(rewritten(read, int(costing.asked.cache.write_fee)))


def _without_unused(costing: Costing) -> Narrowed:
    """Leave out definitions that no logged session used, where the rule says so and it saves money."""
    state, rule = costing.state, costing.rule
    tools = costing.facts.template.tools if rule.tools.drop_unused else ()
    live = state.unused_tokens is not None
    dropped = (
        state.unused_tools if live and tools else frozenset(t.digest for t in tools) & state.unused_tools
    )
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
