"""Holdback: a small share of the sessions that a rule would move go as asked, so that its worth can be measured."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from tierwise.policy._choose import Choice, choose
from tierwise.policy._costing import Costing
from tierwise.policy._lengths import Lengths, Rung
from tierwise.policy._state import ARMS, State
from tierwise.policy._types import Rule


def hold_back(costing: Costing, chosen: Choice, lengths: Lengths | None, before: tuple[str, ...]) -> Choice:
    """The choice as the draw of its session has it; with its propensity wherever the draw could change it.

    Args:
        costing: The call under its rule, at stage 'on'.
        chosen: What the rule makes of it.
        lengths: The evidence's, as they were for `chosen`.
        before: Reasons from before.
    """
    rule, state = costing.rule, costing.state
    share = _share(rule, state)
    if not share or state.draw is None:
        return chosen
    if state.draw >= share * ARMS:
        moved = chosen.levers[0].rung != costing.baseline
        return msgspec.structs.replace(chosen, propensity=1 - share) if moved else chosen
    would = choose(_elsewhere(costing), lengths, before)
    plan, steps = would.levers
    if plan.rung == costing.baseline:
        return chosen
    words = (
        f"stays: held back, {share * 100:f} % of the sessions of {rule.name} go as asked to measure it, "
        f"arm {state.draw} of {ARMS}; it would have gone to {plan.rung}"
    )
    return Choice(costing.as_asked(), (*before, words), propensity=share, held=plan, held_cost=steps[-1].cost)


def _share(rule: Rule, state: State) -> Decimal:
    """The share that is drawn for: none once the month's cap is spent."""
    cap = rule.holdback_cap
    if cap is not None and state.held_back.get(rule.name, Decimal(0)) >= cap:
        return Decimal(0)
    return rule.holds_back


def _elsewhere(costing: Costing) -> Costing:
    """The call as it would be had its conversation run on the rule's rung from the first turn."""
    rule, state = costing.rule, costing.state
    if state.session_rung is None or rule.model is None:
        return costing
    rung = Rung(rule.model, rule.effort)
    there = msgspec.structs.replace(state, session_rung=rung)
    return Costing(
        costing.facts,
        costing.policy,
        rule,
        there,
        costing.prices,
        costing.now,
        costing.asked,
        costing.baseline,
    )
