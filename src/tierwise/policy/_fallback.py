"""Where a call goes that upstream has no room for: to a proven rung, or up the ladder, as its rule allows."""

from __future__ import annotations

import msgspec

from tierwise.errors import CatalogError
from tierwise.policy._choose import Choice, Named, move
from tierwise.policy._costing import Costing, Levers
from tierwise.policy._decision import Step
from tierwise.policy._types import NO_TOOLS, Evidence, Lengths, Rule


def fall_back(costing: Costing, rule: Rule, proof: Evidence | None) -> Choice:
    """The first rung, in the order of the rule's `fallback`, that has not been tried and may take the call.

    A call that is tied to the model which answered before stays as asked, and so does one for which
    nothing is left. The rule's caps on effort and lane do not hold here, and every tool goes along: capacity is what is missed.

    Args:
        costing: The call, under a rule that only keeps what is carried on every rung.
        rule: The call's rule.
        proof: The evidence that holds for this call, whatever the rule's stage.
    """
    full = ", ".join(sorted(costing.state.full))
    reasons = [f"no capacity on {full}"]
    linked = costing.state.sent.linked if costing.state.sent is not None else None
    if linked is not None:
        reasons.append(f"pinned: {linked} holds it to the model that answered before")
        return Choice(costing.as_asked(), tuple(reasons))
    for way in rule.fallback:
        lengths = proof.lengths if way == "proven" and proof is not None else None
        for name in _proven(rule, proof) if way == "proven" else _above(costing):
            found = _on(costing, name, lengths, reasons)
            if found is not None:
                words = "proven for this workload" if way == "proven" else "up the ladder"
                reasons.append(f"goes to {found[0].rung.model}: {words}, {_costs(found[1])}")
                return Choice(found, tuple(reasons))
    reasons.append("stays: nothing else may take it")
    return Choice(costing.as_asked(), tuple(reasons))


def carried(rule: Rule) -> Rule:
    """The rule as far as it holds for a fallback."""
    return msgspec.structs.replace(
        rule, model=None, effort=None, verbosity=None, lanes=frozenset(), max_latency=None, tools=NO_TOOLS
    )


def _proven(rule: Rule, proof: Evidence | None) -> tuple[str, ...]:
    return (rule.model,) if proof is not None and rule.model is not None else ()


def _above(costing: Costing) -> tuple[str, ...]:
    """Models of the ladder above the one asked for, the next one first."""
    rank = costing.policy.ladder.rank(costing.asked.name)
    return costing.policy.ladder.models[rank + 1 :] if rank is not None else ()


def _on(costing: Costing, name: str, lengths: Lengths | None, reasons: list[str]) -> Levers | None:
    try:
        model = costing.prices.resolve(name).model
    except CatalogError as error:
        reasons.append(f"stays: {error}")
        return None
    if model.name in costing.state.full or model.name == costing.asked.name:
        return None
    named: Named = (name, model)
    return move(costing, *named, lengths, reasons)


def _costs(steps: tuple[Step, ...]) -> str:
    return f"{steps[-1].cost:.6f} dollars expected, {steps[0].cost:.6f} as asked"
