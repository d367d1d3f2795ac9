"""One decision per call, pure: the same facts, policy, state, prices and day give the same bytes.

The levers are tried in the order of docs/architecture.md (tools, cache, tier, effort,
lane), each on what the one before left, and compared by expected billed cost, never by
list price: a switch loses the warm cache, and a cheaper model may write more.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import msgspec

from tierwise.catalog import Catalog, Model
from tierwise.errors import CatalogError
from tierwise.policy._caching import retention_of
from tierwise.policy._cascade import certificate_of, expected_latency, lengths_of, under_cascade
from tierwise.policy._certificate import Certificate
from tierwise.policy._choose import Choice, choose
from tierwise.policy._costing import Costing
from tierwise.policy._decision import Change, Decision, Plan
from tierwise.policy._eligible import effort_as_asked
from tierwise.policy._fallback import fall_back, up
from tierwise.policy._holdback import hold_back
from tierwise.policy._lengths import Lengths, Rung
from tierwise.policy._match import first_match, trusted_hints, workload_of
from tierwise.policy._parameters import AUTO, Outgoing, changes_of
from tierwise.policy._proof import alarm_against, proof_for
from tierwise.policy._scored import not_scored
from tierwise.policy._state import ARMS, State
from tierwise.policy._types import Evidence, Policy, Rule
from tierwise.workloads import Facts


def decide(facts: Facts, policy: Policy, state: State, prices: Catalog, now: dt.date) -> Decision:
    """What the policy says of one call on day `now`.

    A call whose model or lane has no price, or that no eligible rung serves more cheaply,
    goes as asked, and the reasons say why. Never raises for what stands in a request.
    """
    try:
        asked, sent = _asked(facts, policy, prices)
    except CatalogError as error:
        return _unpriced(facts, policy, first_match(facts, policy, state, None), state, prices, str(error))
    rule = first_match(facts, policy, state, asked.name)
    baseline = Rung(model=sent.model, effort=effort_as_asked(sent.effort, asked))
    workload = workload_of(facts, trusted_hints(policy, state))
    proof, unfit = (
        proof_for(rule, workload, asked.name, state, prices, now)
        if certificate_of(rule) is None
        else (None, None)
    )
    alarm = alarm_against(rule, proof, state)
    if alarm is not None:
        proof, unfit = None, alarm
    if state.full:
        return _fallen_back(facts, policy, rule, proof, state, prices, now, asked, baseline)
    scored = not_scored(rule, policy, state, asked.name, prices)
    under, carries = rule, proof if proof is not None else certificate_of(rule)
    certified = isinstance(carries, Certificate)
    if alarm is not None:
        under, carries = msgspec.structs.replace(rule, model=None, effort=None, verbosity=None), None
    elif isinstance(carries, Certificate):
        under, unfit = under_cascade(rule, workload, asked.name, facts, state, prices, now)
    if scored is not None or (not certified and unfit is not None and not rule.unproven):
        under = msgspec.structs.replace(rule, model=None, effort=None, verbosity=None)
    why = tuple(f"stays: {text}" for text in (unfit, scored) if text is not None)
    try:
        costing = Costing(facts, policy, under, state, prices, now, asked, baseline)
        choice = _staged(costing, lengths_of(carries, state.tried), why, now)
    except CatalogError as error:
        return _unpriced(facts, policy, rule, state, prices, str(error))
    return _decision(costing, rule, choice, carries.digest if carries is not None else None)


def _fallen_back(
    facts: Facts,
    policy: Policy,
    rule: Rule,
    proof: Evidence | None,
    state: State,
    prices: Catalog,
    now: dt.date,
    asked: Model,
    baseline: Rung,
) -> Decision:
    """Where the call goes now that upstream has no room for it."""
    try:
        costing = Costing(facts, policy, up(rule), state, prices, now, asked, baseline)
        found = fall_back(costing, rule, proof, now)
    except CatalogError as error:
        return _unpriced(facts, policy, rule, state, prices, str(error))
    decision = _decision(found.costing, rule, found.choice, found.evidence)
    # Up costs more, and proven has its proof: neither is the move that a rule lets go unproven.
    return msgspec.structs.replace(decision, unproven=False)


def rule_of(facts: Facts, policy: Policy, state: State, prices: Catalog) -> Rule:
    """The rule that decides a call: for whoever has to look for something only where it asks for it."""
    try:
        name: str | None = _asked(facts, policy, prices)[0].name
    except CatalogError:
        name = None
    return first_match(facts, policy, state, name)


def canonical(decision: Decision) -> bytes:
    """The decision as bytes, the same for equal decisions: what a ledger stores and replays."""
    return msgspec.json.encode(decision, order="deterministic")


def _asked(facts: Facts, policy: Policy, prices: Catalog) -> tuple[Model, Rung]:
    """The model that would have served the call, and its rung: a name with prices, effort as sent."""
    name = facts.model or ""
    if name.strip().lower() == AUTO and policy.baseline is not None:
        named = policy.baseline
        return prices.resolve(named.model).model, Rung(named.model, facts.effort or named.effort)
    found = prices.resolve(name)
    own = found.model.name if found.how != "fine-tune" else name
    return found.model, Rung(own, facts.effort)


def _staged(costing: Costing, lengths: Lengths | None, before: tuple[str, ...], now: dt.date) -> Choice:
    """What the rule's stage makes of the choice; `before` are earlier reasons."""
    rule, state = costing.rule, costing.state
    as_asked = costing.as_asked()
    if rule.stage == "off":
        return Choice(as_asked, (f"stays: {rule.name} is off",))
    if rule.since is not None and now < rule.since:
        return Choice(as_asked, (f"stays: {rule.name} holds from {rule.since.isoformat()}",))
    if rule.stage == "canary":
        share = rule.share or Decimal(0)
        if state.arm is None or state.arm >= share * ARMS:
            where = "no session to draw for" if state.arm is None else f"arm {state.arm} of {ARMS}"
            words = f"stays: {rule.name} is a canary of {share * 100:f} % of sessions, {where}"
            return Choice(as_asked, (*before, words), propensity=None if state.arm is None else 1 - share)
        return msgspec.structs.replace(choose(costing, lengths, before), propensity=share)
    chosen = choose(costing, lengths, before)
    if rule.stage == "shadow":
        plan = chosen.levers[0]
        shadow = plan if plan != as_asked[0] else None
        words = f"stays: {rule.name} is in shadow, it would go to {plan.rung} ({plan.lane})"
        return Choice(as_asked, (*chosen.reasons, words), shadow=shadow)
    return hold_back(costing, chosen, lengths, before)


def _decision(costing: Costing, rule: Rule, choice: Choice, evidence: str | None) -> Decision:
    (plan, steps), baseline, state = choice.levers, costing.baseline, costing.state
    moved_rung = plan.rung != baseline
    limits = costing.policy.limits
    target = costing.prices.resolve(plan.rung.model).model
    # What is said of tools holds where the levers were pulled, and not of a call that goes as it came.
    of_tools = costing.of_tools(plan) if len(choice.levers[1]) > 1 else ()
    breach = None
    if limits.models is not None and target.name not in limits.models:
        breach = f"{target.name} is not among the approved models"
    return Decision(
        plan=plan,
        baseline=baseline,
        lane_asked=state.lane,
        rule=rule.name,
        moved=moved_rung or plan.lane != state.lane,
        unproven=moved_rung and evidence is None and rule.unproven,
        reasons=(*_reasons(costing, choice, target), *of_tools),
        steps=steps,
        policy=costing.policy.digest,
        prices=costing.prices.digest,
        stage=rule.stage,
        shadow=choice.shadow,
        held=choice.held,
        held_cost=choice.held_cost,
        propensity=choice.propensity,
        changes=_changes(costing, plan, target),
        latency=expected_latency(costing, plan, steps),
        evidence=evidence if moved_rung else None,
        breach=breach,
    )


def _changes(costing: Costing, plan: Plan, target: Model) -> tuple[Change, ...]:
    as_auto = (costing.facts.model or "").strip().lower() == AUTO
    if not as_auto and plan == Plan(rung=costing.baseline, lane=costing.state.lane):
        return ()
    _, why_kept = _kept(costing, plan, target)
    return changes_of(
        Outgoing(
            facts=costing.facts,
            sent=costing.state.sent,
            plan=plan,
            baseline=costing.baseline,
            target=target,
            rule=costing.rule,
            lane_asked=costing.state.lane,
            search=costing.state.search,
            warmth=costing.state.cache,
            why_kept=why_kept,
        )
    )


def _kept(costing: Costing, plan: Plan, target: Model) -> tuple[str | None, str]:
    """The retention that the plan's rule asks for, and why; nothing where it asks for none."""
    if plan.cache.retention is None or costing.state.cache is None:
        return None, ""
    card = costing.card(plan.rung.model, plan.lane)
    return retention_of(plan.cache, costing.policy.limits, costing.state, target, card)


def _reasons(costing: Costing, choice: Choice, target: Model) -> tuple[str, ...]:
    """The choice's reasons, and why no retention is asked for although the rule would."""
    retention, why = _kept(costing, choice.levers[0], target)
    return choice.reasons if retention is not None or not why else (*choice.reasons, f"no retention: {why}")


def _unpriced(facts: Facts, policy: Policy, rule: Rule, state: State, prices: Catalog, why: str) -> Decision:
    """A call that the catalog cannot price goes as asked."""
    if (facts.model or "").strip().lower() == AUTO and policy.baseline is None:
        why = "model 'auto' needs a baseline in the policy, which has none"
    rung = Rung(model=facts.model or "", effort=facts.effort)
    return Decision(
        plan=Plan(rung=rung, lane=state.lane),
        baseline=rung,
        lane_asked=state.lane,
        rule=rule.name,
        moved=False,
        unproven=False,
        reasons=(why,),
        policy=policy.digest,
        prices=prices.digest,
        stage=rule.stage,
    )
