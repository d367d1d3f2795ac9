"""Where a call goes that upstream has no room for: to a proven rung, or up the ladder, as its rule allows."""

from __future__ import annotations

import datetime as dt

import msgspec

from tierwise.errors import CatalogError
from tierwise.policy._choose import Choice, Named, move
from tierwise.policy._costing import Costing, Levers
from tierwise.policy._decision import Step
from tierwise.policy._lengths import Lengths
from tierwise.policy._proof import HOLDS
from tierwise.policy._types import NO_TOOLS, Evidence, Rule


class Fallen(msgspec.Struct, frozen=True):
    """Where a call goes, under which costing, and the digest of the evidence that this rests on."""

    costing: Costing
    choice: Choice
    evidence: str | None = None


def fall_back(costing: Costing, rule: Rule, proof: Evidence | None, now: dt.date) -> Fallen:
    """The first rung, in the order of the rule's `fallback`, that has not been tried and may take the call.

    A call that is tied to the model which answered before stays as asked, and so does one for which
    nothing is left, or whose rule does not hold yet. Every tool goes along.

    Args:
        costing: The call, under `up(rule)`.
        rule: The call's rule.
        proof: The evidence that holds for this call, whatever the rule's stage.
        now: The UTC day.
    """
    reasons = [f"turned away on {', '.join(sorted(costing.state.full))}"]
    linked = costing.state.sent.linked if costing.state.sent is not None else None
    if linked is not None:
        reasons.append(f"pinned: {linked} holds it to the model that answered before")
        return Fallen(costing, Choice(costing.as_asked(), tuple(reasons)))
    in_force = rule.since is None or now >= rule.since
    for way in rule.fallback if in_force else ():
        found = _proven(costing, rule, proof, reasons) if way == "proven" else _up(costing, reasons)
        if found is not None:
            return found
    reasons.append("stays: nothing else may take it")
    return Fallen(costing, Choice(costing.as_asked(), tuple(reasons)))


def up(rule: Rule) -> Rule:
    """The rule as far as it holds up the ladder: its caps do not, as capacity is what is missed."""
    return msgspec.structs.replace(proved(rule), effort=None, verbosity=None)


def proved(rule: Rule) -> Rule:
    """The rule as far as it holds on the rung that was proved: a tier and an effort."""
    return msgspec.structs.replace(
        rule, model=None, lanes=frozenset(), max_latency=None, tools=NO_TOOLS, cascade=None
    )


def _proven(costing: Costing, rule: Rule, proof: Evidence | None, reasons: list[str]) -> Fallen | None:
    if proof is None or rule.model is None or proof.verdict not in HOLDS:
        return None
    there = costing.under(proved(rule))
    found = _on(there, rule.model, proof.lengths, reasons)
    return _gone(there, found, "proven for this workload", reasons, proof.digest) if found else None


def _up(costing: Costing, reasons: list[str]) -> Fallen | None:
    for name in _above(costing):
        found = _on(costing, name, None, reasons)
        if found is not None:
            return _gone(costing, found, "up the ladder", reasons, None)
    return None


def _gone(costing: Costing, found: Levers, words: str, reasons: list[str], evidence: str | None) -> Fallen:
    reasons.append(f"goes to {found[0].rung.model}: {words}, {_costs(found[1])}")
    return Fallen(costing, Choice(found, tuple(reasons)), evidence)


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
