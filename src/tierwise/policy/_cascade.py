"""A rule's cascade at one call: whether its certificate carries it, and what trying first is expected to cost."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Final

import msgspec

from tierwise.catalog import Catalog
from tierwise.errors import CatalogError
from tierwise.policy._certificate import Certificate
from tierwise.policy._costing import Costing, Levers
from tierwise.policy._decision import Cascading, Plan, Step
from tierwise.policy._lengths import Lengths
from tierwise.policy._state import Sent, State
from tierwise.policy._types import NO_TOOLS, Evidence, Rule
from tierwise.workloads import Facts

CASCADED: Final = frozenset({"on", "canary", "shadow"})
"""Stages at which a certificate is looked at."""
_ELSEWHERE: Final = frozenset({"hosted_tools", "computer_use", "audio"})
"""Needs of calls whose attempts do more than answer, or whose answers cannot be read."""


def certificate_of(rule: Rule) -> Certificate | None:
    """The certificate of a rule that cascades; None for any other."""
    if rule.cascade is None or rule.stage not in CASCADED:
        return None
    return rule.cascade.certificate


def under_cascade(
    rule: Rule, workload: str, asked: str, facts: Facts, state: State, prices: Catalog, now: dt.date
) -> tuple[Rule, str | None]:
    """The rule for the rung of its cascade that is next; else the rule without its move, and why.

    `asked` is the catalog's name of the model asked for.
    """
    found = certificate_of(rule)
    trials = found.trials if found is not None else ()
    unfit = _uncertified(rule, workload, asked, facts, state, prices, now)
    if unfit is None and state.tried < len(trials):
        if not state.tried:
            return rule, None
        rung = trials[state.tried].rung
        return _with_all_tools(rule, rung.model, rung.effort), None
    if unfit is None:
        # The call goes with all that it came with, as it would have gone.
        return _with_all_tools(rule, None, None), "no answer of its cascade was accepted"
    return msgspec.structs.replace(rule, model=None, effort=None, verbosity=None), unfit


def _with_all_tools(rule: Rule, model: str | None, effort: str | None) -> Rule:
    return msgspec.structs.replace(rule, model=model, effort=effort, verbosity=None, tools=NO_TOOLS)


def lengths_of(carries: Evidence | Certificate | None, tried: int) -> Lengths | None:
    """Measured lengths of the rung that a call goes to, by what its move rests on."""
    if not isinstance(carries, Certificate):
        return carries.lengths if carries is not None else None
    return carries.trials[tried].lengths if tried < len(carries.trials) else None


def _uncertified(
    rule: Rule, workload: str, asked: str, facts: Facts, state: State, prices: Catalog, now: dt.date
) -> str | None:
    """Why a rule's certificate does not carry a call; None where it does."""
    found = certificate_of(rule)
    if found is None:
        return None
    if found.workload != workload:
        return f"the certificate of rule {rule.name} is of workload {found.workload}, not {workload}"
    if now > found.expires:
        return f"the certificate of rule {rule.name} expired on {found.expires.isoformat()}"
    if _family(found.baseline.model, prices) != asked:
        return f"the certificate of rule {rule.name} is against {found.baseline.model}, not {asked}"
    if found.verdict != "holds":
        return f"the cascade of rule {rule.name} {found.verdict}"
    for name, snapshot in [
        (found.baseline.model, found.snapshot),
        *((trial.rung.model, trial.snapshot) for trial in found.trials),
    ]:
        served = state.snapshots.get(_family(name, prices))
        if served is not None and served != snapshot:
            return f"the certificate of rule {rule.name} is of {snapshot}, {served} serves today"
    return _unfit(rule, facts, state)


def _unfit(rule: Rule, facts: Facts, state: State) -> str | None:
    """Why an answer to this call cannot be checked before it is the caller's."""
    sent, cascade = state.sent or Sent(), rule.cascade
    direct = cascade is not None and cascade.stream == "direct"
    found = (
        (state.unchecked, "nobody checks answers here"),
        (facts.needs & _ELSEWHERE, "an attempt would run hosted tools or give audio"),
        (state.waits or state.lane == "batch" or sent.background, "the call waits"),
        (sent.released, "a tool call of this conversation is with its caller"),
        (sent.linked, f"{sent.linked} hold more than this answer"),
        ((sent.n or 1) > 1, "several answers are asked for, and one is checked"),
        (sent.stream and direct, f"rule {rule.name} sends streams as asked"),
    )
    return next((f"nothing cascades: {why}" for holds, why in found if holds), None)


def cascaded(costing: Costing, found: Levers) -> Levers:
    """Levers on a rung that is tried first: checks and what goes on are part of what it costs, from the tier on.

    The baseline's share is the certified upper bound. Raises Unpriced where a check's model has no price.
    """
    certificate = certificate_of(costing.rule)
    if certificate is None:
        return found
    plan, steps = found
    trial = costing.state.tried
    more, reach = Decimal(0), Decimal(1)
    for place, one in enumerate(certificate.trials[trial:]):
        if place:
            more += reach * _cost_of(costing, one.rung.model, found)
        more += reach * sum(
            (costing.card(check.model, "standard").total(check.tokens) for check in one.paid), Decimal(0)
        )
        reach *= Decimal(one.passes) / 1000
    more += reach * costing.first.cost
    places = [step.lever for step in steps].index("tier")
    after = [msgspec.structs.replace(step, cost=step.cost + more) for step in steps[places:]]
    mark = Cascading(certificate=certificate.digest, trial=trial, passes=int(reach * 1000))
    return msgspec.structs.replace(plan, cascade=mark), (*steps[:places], *after)


def expected_latency(
    costing: Costing, plan: Plan, steps: tuple[Step, ...], *, most: bool = False
) -> int | None:
    """Milliseconds of a plan: of a rung that is tried, with the baseline's for what goes on; `most`: for all."""
    found = costing.latency(plan, steps)
    if found is None or not isinstance(plan.cascade, Cascading):
        return found
    after = costing.latency(*costing.as_asked())
    share = 1000 if most else plan.cascade.passes
    return found + after * share // 1000 if after is not None else None


def _cost_of(costing: Costing, model: str, first: Levers) -> Decimal:
    """What the call costs on a later rung, with the tokens of the first one."""
    return costing.card(model, costing.state.lane).total(first[1][-1].tokens)


def _family(name: str, prices: Catalog) -> str:
    try:
        return prices.resolve(name).model.name
    except CatalogError:
        return name
