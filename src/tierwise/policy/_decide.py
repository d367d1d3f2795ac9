"""One decision per call, pure: the same facts, policy, state, prices and day give the same bytes.

The levers are tried in the order of docs/architecture.md (tools, cache, tier, effort,
lane), each on what the one before left, and compared by expected billed cost, never by
list price: a switch loses the warm cache, and a cheaper model may write more.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import msgspec

from tierwise.catalog import Catalog, Lane, Model, Tokens
from tierwise.errors import CatalogError
from tierwise.policy._eligible import effort_as_asked, effort_on, must_not_reason, refusal
from tierwise.policy._levers import Use, at_effort, moved, warmed, without_tools
from tierwise.policy._proposal import EFFORT_PERMILLE, EFFORTS, LENGTHS
from tierwise.policy._types import Decision, Lengths, Plan, Policy, Rule, Rung, State, Step
from tierwise.workloads import Facts

AS_ASKED = "as asked"


def decide(facts: Facts, policy: Policy, state: State, prices: Catalog, now: dt.date) -> Decision:
    """What the policy says of one call on day `now`.

    A call whose model or lane has no price, or that no eligible rung serves more cheaply,
    goes as asked, and the reasons say why. Never raises for what stands in a request.
    """
    rule = next(rule for rule in policy.rules if _matches(rule, facts))
    try:
        asked = prices.resolve(facts.model or "").model
        as_asked = _Costing(facts, policy, state, prices, now, asked)
        first = as_asked.step(AS_ASKED, as_asked.use, asked.name, state.lane)
    except CatalogError as error:
        rung = Rung(model=facts.model or "", effort=facts.effort)
        return _decision(
            Plan(rung=rung, lane=state.lane), rung, rule, policy, state, prices, (str(error),), ()
        )
    baseline = Rung(model=asked.name, effort=effort_as_asked(facts.effort, asked))
    stay, stay_steps = as_asked.walk(baseline, rule, first)
    reasons: list[str] = []
    for model in _candidates(rule, policy, asked, prices, reasons):
        found = as_asked.move(model, baseline, rule, first, reasons)
        if found and _worth(found[1], stay_steps, policy, first):
            plan, steps = found
            reasons.append(f"moves to {plan.rung.model}: {rule.name}, {_saves(stay_steps, steps)}")
            return _decision(plan, baseline, rule, policy, state, prices, tuple(reasons), steps)
        if found:
            reasons.append(
                f"stays: {model.name} would save too little or nothing, {_saves(stay_steps, found[1])}"
            )
    if not reasons:
        reasons.append(
            f"stays: {rule.name}" if rule.model is None else f"stays: already on {asked.name} or below"
        )
    return _decision(stay, baseline, rule, policy, state, prices, tuple(reasons), stay_steps)


def _matches(rule: Rule, facts: Facts) -> bool:
    return (not rule.depths or facts.depth in rule.depths) and (not rule.tasks or facts.task in rule.tasks)


def _candidates(rule: Rule, policy: Policy, asked: Model, prices: Catalog, reasons: list[str]) -> list[Model]:
    """The rule's model, then the ladder's above it, up to the one that was asked for."""
    if rule.model is None:
        return []
    names = policy.ladder.models
    start = names.index(rule.model) if rule.model in names else None
    above = names[start:] if start is not None else (rule.model,)
    found = []
    for name in above:
        if name == asked.name:
            break
        try:
            found.append(prices.resolve(name).model)
        except CatalogError as error:
            reasons.append(f"stays: {error}")
    return found


def _worth(steps: tuple[Step, ...], stay: tuple[Step, ...], policy: Policy, first: Step) -> bool:
    return stay[-1].cost - steps[-1].cost > policy.margin * first.cost


def _saves(stay: tuple[Step, ...], steps: tuple[Step, ...]) -> str:
    before, after = stay[-1].cost, steps[-1].cost
    if not before:
        return "nothing to save"
    percent = (before - after) * 100 / before
    return f"{percent:.0f} % of {before:.6f} dollars expected"


def _decision(
    plan: Plan,
    baseline: Rung,
    rule: Rule,
    policy: Policy,
    state: State,
    prices: Catalog,
    reasons: tuple[str, ...],
    steps: tuple[Step, ...],
) -> Decision:
    moved_rung = plan.rung != baseline
    return Decision(
        plan=plan,
        baseline=baseline,
        lane_asked=state.lane,
        rule=rule.name,
        moved=moved_rung or plan.lane != state.lane,
        unproven=moved_rung and rule.unproven,
        reasons=reasons,
        steps=steps,
        policy=policy.digest,
        prices=prices.digest,
    )


class _Costing:
    """Expected use and cost of one call, lever by lever, on any rung."""

    def __init__(
        self, facts: Facts, policy: Policy, state: State, prices: Catalog, now: dt.date, asked: Model
    ) -> None:
        self.facts, self.state, self.prices, self.now, self.asked = facts, state, prices, now, asked
        self.limits = policy.limits
        usage = state.usage
        self.use = Use(
            usage.uncached, usage.cached, usage.written + usage.written_12h, usage.output, usage.reasoning
        )
        self.dropped = frozenset(tool.digest for tool in facts.template.tools) & state.unused_tools
        self.dropped_tokens = sum(t.tokens for t in facts.template.tools if t.digest in self.dropped)

    def step(self, lever: str, use: Use, model: str, lane: Lane) -> Step:
        usage = self.state.usage
        tokens = Tokens(
            uncached=use.uncached,
            cached=use.cached,
            written=use.written,
            output=use.output,
            reasoning=use.reasoning,
            audio_input=usage.audio_input,
            audio_cached=usage.audio_cached,
            audio_output=usage.audio_output,
        )
        card = self.prices.rate_card(model, lane, at=self.now)
        return Step(lever=lever, tokens=tokens, cost=card.cost(tokens).total)

    def walk(self, baseline: Rung, rule: Rule, first: Step) -> tuple[Plan, tuple[Step, ...]]:
        """Every lever but the tier: the call on the model it asked for."""
        return self._levers(self.asked, baseline, rule, first, Lengths(), kept_warm=1000)

    def move(
        self,
        model: Model,
        baseline: Rung,
        rule: Rule,
        first: Step,
        reasons: list[str],
    ) -> tuple[Plan, tuple[Step, ...]] | None:
        """Every lever on another model; None, with a reason added, where it may not take the call."""
        at = "none" if must_not_reason(self.facts, model) else effort_on(baseline.effort, model)
        effort = effort_on(baseline.effort, model)
        needed = at if baseline.effort in {None, "none"} else effort
        why = refusal(self.facts, model, needed, self.state.usage, self.limits)
        if why is not None:
            reasons.append(f"stays: {why}")
            return None
        lengths = self.state.lengths.get(model.name, LENGTHS)
        try:
            return self._levers(
                model,
                Rung(model=model.name, effort=needed),
                rule,
                first,
                lengths,
                kept_warm=self.state.kept_warm,
            )
        except CatalogError as error:
            reasons.append(f"stays: {error}")
            return None

    def _levers(
        self, model: Model, rung: Rung, rule: Rule, first: Step, lengths: Lengths, *, kept_warm: int
    ) -> tuple[Plan, tuple[Step, ...]]:
        state, asked, steps = self.state, self.asked.name, [first]

        def took(lever: str, use: Use, name: str, lane: Lane) -> Use:
            steps.append(self.step(lever, use, name, lane))
            return use

        use = took("tools", without_tools(self.use, self.dropped_tokens), asked, state.lane)
        use = took("cache", warmed(use, max(state.readable - self.dropped_tokens, 0)), asked, state.lane)
        if model.name != asked:
            use = moved(use, output=lengths.output, reasoning=lengths.reasoning, kept_warm=kept_warm)
        lane_here = self._lane_offered(model, state.lane)
        use = took("tier", use, model.name, lane_here)
        effort, permille = self._capped(rung.effort, rule, model)
        use = took("effort", at_effort(use, permille), model.name, lane_here)
        lane = self._cheapest_lane(model, use, lane_here)
        took("lane", use, model.name, lane)
        plan = Plan(
            drop_tools=self.dropped,
            warm=state.readable > state.usage.cached,
            rung=Rung(model=model.name, effort=effort),
            lengths=lengths,
            effort_permille=permille,
            lane=lane,
        )
        return plan, tuple(steps)

    def _lane_offered(self, model: Model, lane: Lane) -> Lane:
        """The lane as asked where the model has a price for it, else standard."""
        try:
            self.prices.rate_card(model.name, lane, at=self.now)
        except CatalogError:
            return "standard"
        return lane

    def _capped(self, effort: str | None, rule: Rule, model: Model) -> tuple[str | None, int]:
        """The effort after the rule's cap, and reasoning tokens per mille of those before it."""
        if effort is None or rule.effort is None or EFFORTS.index(rule.effort) >= EFFORTS.index(effort):
            return effort, 1000
        lower = effort_on(rule.effort, model)
        if lower is None or EFFORTS.index(lower) >= EFFORTS.index(effort):
            return effort, 1000
        table = self.state.efforts or EFFORT_PERMILLE
        before = table.get(effort, 1000)
        return lower, min(1000, table.get(lower, 1000) * 1000 // before) if before else 1000

    def _cheapest_lane(self, model: Model, use: Use, lane: Lane) -> Lane:
        if not self.state.waits or self.limits.zero_retention:
            return lane
        if lane != "standard" or "batch" not in model.endpoints:
            return lane
        options: list[tuple[Decimal, Lane]] = [(self.step("lane", use, model.name, lane).cost, lane)]
        try:
            options.append((self.step("lane", use, model.name, "batch").cost, "batch"))
        except CatalogError:
            return lane
        return min(options)[1]


def canonical(decision: Decision) -> bytes:
    """The decision as bytes, the same for equal decisions: what a ledger stores and replays."""
    return msgspec.json.encode(decision, order="deterministic")
