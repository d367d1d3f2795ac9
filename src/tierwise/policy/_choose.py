"""Which rung: the first eligible one from the rule's up the ladder that saves enough.

A conversation stays where its cache is warm unless leaving saves more than that is worth.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from tierwise.catalog import Model
from tierwise.errors import CatalogError
from tierwise.policy._cascade import cascaded, certificate_of, expected_latency
from tierwise.policy._costing import Costing, Levers
from tierwise.policy._decision import Plan, Step
from tierwise.policy._eligible import (
    Ask,
    ask_of,
    effort_on,
    may_translate,
    must_not_reason,
    refusal,
    tools_refused_in_chat,
)
from tierwise.policy._lengths import Lengths, Rung
from tierwise.policy._proposal import EFFORTS, LENGTHS
from tierwise.policy._scored import holds, scored_reason
from tierwise.policy._types import Rule

Named = tuple[str, Model]
"""A model as the rule writes it, and as the catalog knows it."""


class Choice(msgspec.Struct, frozen=True):
    """What to do, and why."""

    levers: Levers
    reasons: tuple[str, ...]
    shadow: Plan | None = None
    propensity: Decimal | None = None
    held: Plan | msgspec.UnsetType = msgspec.UNSET
    held_cost: Decimal | msgspec.UnsetType = msgspec.UNSET


def choose(costing: Costing, lengths: Lengths | None, before: tuple[str, ...] = ()) -> Choice:
    """The rung for one call under its rule. `lengths` are the evidence's, `before` earlier reasons."""
    rule, asked = costing.rule, costing.asked
    reasons = list(before)
    effort = costing.facts.effort
    odd = effort is not None and effort not in EFFORTS
    if odd:
        # Another effort would make a call valid that upstream may refuse, or take away a newer one.
        reasons.append(f"stays: no effort {effort!r:.40} is known, so it is upstream's to judge")
    candidates = _candidates(costing, reasons) if not odd else []
    linked = costing.state.sent.linked if costing.state.sent is not None else None
    # What was proved of another model at an effort says nothing of the one asked for at it.
    proved_elsewhere = _one_rung(rule) and bool(candidates)
    stay = costing.stay(capped=linked is None and not proved_elsewhere and not odd)
    session = costing.state.session_rung
    if linked is not None:
        candidates = _pinned(costing, candidates, linked, reasons)
    if session is not None:
        home = _home(costing, candidates, stay, lengths)
        if home is not None:
            return _from_home(costing, home, candidates, stay, lengths, reasons)
    for name, model in candidates:
        found = move(costing, name, model, lengths, reasons)
        if found and _worth(found[1], stay[1], costing):
            reasons += _numbers(costing, model)
            reasons.append(f"moves to {found[0].rung.model}: {rule.name}, {_saves(stay[1], found[1])}")
            return Choice(found, tuple(reasons))
        if found:
            reasons.append(
                f"stays: {model.name} would save too little or nothing, {_saves(stay[1], found[1])}"
            )
    if not reasons:
        reasons.append(
            f"stays: {rule.name}" if rule.model is None else f"stays: already on {asked.name} or below"
        )
    return Choice(stay, tuple(reasons))


def _candidates(costing: Costing, reasons: list[str]) -> list[Named]:
    """The rule's model, then the ladder's above it, up to the one that was asked for."""
    rule, asked, prices = costing.rule, costing.asked, costing.prices
    if rule.model is None:
        return []
    if costing.tuned and not rule.match.models:
        reasons.append(f"stays: {costing.baseline.model} is fine-tuned, and the rule does not name it")
        return []
    names = costing.policy.ladder.models
    found: list[Named] = []
    try:
        first = prices.resolve(rule.model).model
    except CatalogError as error:
        reasons.append(f"stays: {error}")
        first = None
    if first is not None and first.name == asked.name:
        return []
    if first is not None:
        found.append((rule.model, first))
    start = names.index(first.name) + 1 if first is not None and first.name in names else len(names)
    if _one_rung(rule):
        # What was proved is this rung; those above it were not tried.
        return found
    for name in names[start:]:
        if name == asked.name:
            break
        try:
            found.append((name, prices.resolve(name).model))
        except CatalogError as error:
            reasons.append(f"stays: {error}")
    return _scored(costing, found, reasons)


def _scored(costing: Costing, found: list[Named], reasons: list[str]) -> list[Named]:
    """Those of the rungs that the rule's scorer lets the call go to."""
    held = [(name, model) for name, model in found if holds(costing.rule, costing.state, model.name)]
    for name, model in found:
        if (name, model) not in held:
            reasons += _numbers(costing, model)
    return held


def _numbers(costing: Costing, model: Model) -> tuple[str, ...]:
    """What was scored of a rung."""
    said = scored_reason(costing.rule, costing.state, model.name)
    return (said,) if said is not None else ()


def _one_rung(rule: Rule) -> bool:
    """Whether the rule goes to the rung that was proved, or certified, and to no other."""
    return (bool(rule.evidence) and not rule.unproven) or certificate_of(rule) is not None


def _pinned(costing: Costing, candidates: list[Named], linked: str, reasons: list[str]) -> list[Named]:
    """Only the rung that a linked conversation already runs on."""
    session = costing.state.session_rung
    held = [c for c in candidates if session is not None and session.model in {c[0], c[1].name}]
    reasons.append(f"pinned: {linked} holds it to the model that answered before")
    return held


def move(
    costing: Costing, name: str, model: Model, lengths: Lengths | None, reasons: list[str]
) -> Levers | None:
    """Every lever on another model; None, with a reason added, where it may not take the call."""
    rule, state, policy = costing.rule, costing.state, costing.policy
    ask = ask_of(costing.facts, state.usage, state.sent, rule.may_drop)
    effort = _effort(costing, ask, model)
    endpoint = None
    runs_at, _ = costing.capped_effort(effort, model)
    if rule.through_responses and tools_refused_in_chat(ask, model, runs_at):
        blocked = may_translate(costing.facts, state.sent)
        if blocked is None:
            ask, endpoint = msgspec.structs.replace(ask, endpoint="responses"), "responses"
            effort = _effort(costing, ask, model)
            runs_at, _ = costing.capped_effort(effort, model)
        else:
            reasons.append(f"stays: not through Responses, {blocked}")
    why = refusal(ask, model, runs_at, policy.limits)
    if why is not None:
        reasons.append(f"stays: {why}")
        return None
    of_rung = state.lengths.get(model.name) or lengths or LENGTHS
    try:
        found = costing.levers(model, name, Rung(model=name, effort=effort), of_rung, endpoint=endpoint)
        found = cascaded(costing, found)
    except CatalogError as error:
        reasons.append(f"stays: {error}")
        return None
    return found if _in_time(costing, found, reasons) else None


def _effort(costing: Costing, ask: Ask, model: Model) -> str | None:
    """The effort that the call needs on `model`: as asked, or none where it must not reason."""
    baseline = costing.baseline.effort
    if baseline in {None, "none"} and must_not_reason(ask, model):
        return "none"
    return effort_on(baseline, model)


def _in_time(costing: Costing, found: Levers, reasons: list[str]) -> bool:
    most = costing.rule.max_latency
    if most is None:
        return True
    latency = expected_latency(costing, *found, most=True)
    if latency is None or latency > most:
        said = "waits for its lane" if latency is None else f"takes {latency} ms as expected"
        reasons.append(f"stays: {found[0].rung.model} {said}, over the rule's {most} ms")
        return False
    return True


def _home(costing: Costing, candidates: list[Named], stay: Levers, lengths: Lengths | None) -> Levers | None:
    """The conversation's own rung, where the rule allows it and it may take this call."""
    session = costing.state.session_rung
    if session is None:
        return None
    if costing.means(session.model, costing.asked):
        return stay
    for name, model in candidates:
        if session.model in {name, model.name}:
            return move(costing, name, model, lengths, [])
    return None


def _from_home(
    costing: Costing,
    home: Levers,
    candidates: list[Named],
    stay: Levers,
    lengths: Lengths | None,
    reasons: list[str],
) -> Choice:
    """Leave the conversation's rung only for more than its warm cache is worth, by the margin."""
    here = home[0].rung.model
    lost = costing.warm_worth(*home) * (1 + costing.policy.session_margin)
    least = max(lost, costing.policy.margin * costing.first.cost)
    for name, model in candidates:
        if here in {name, model.name}:
            continue
        found = move(costing, name, model, lengths, reasons)
        if found is None:
            continue
        saved = home[1][-1].cost - found[1][-1].cost
        if saved > least:
            reasons += _numbers(costing, model)
            reasons.append(
                f"moves to {found[0].rung.model}: {costing.rule.name}, {_saves(home[1], found[1])}"
                f", over the {least:.6f} that leaving the warm cache must bring"
            )
            return Choice(found, tuple(reasons))
        reasons.append(
            f"stays: the conversation is warm on {here}, {model.name} would save {saved:.6f} dollars"
            f" where leaving must bring {least:.6f}"
        )
    if home is not stay and home[1][-1].cost - stay[1][-1].cost > least:
        reasons.append(f"stays: going on on {here} would cost more, {_saves(home[1], stay[1])}")
        return Choice(stay, tuple(reasons))
    if home is not stay:
        reasons.append(f"moves to {here}: the conversation runs there, {_saves(stay[1], home[1])}")
    elif not reasons:
        reasons.append(f"stays: the conversation runs on {here}")
    return Choice(home, tuple(reasons))


def _worth(steps: tuple[Step, ...], stay: tuple[Step, ...], costing: Costing) -> bool:
    return stay[-1].cost - steps[-1].cost > costing.policy.margin * costing.first.cost


def _saves(stay: tuple[Step, ...], steps: tuple[Step, ...]) -> str:
    before, after = stay[-1].cost, steps[-1].cost
    if not before:
        return "nothing to save"
    percent = (before - after) * 100 / before
    return f"{percent:.0f} % of {before:.6f} dollars expected"
