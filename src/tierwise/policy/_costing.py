"""Expected use and cost of one call, lever by lever, on any rung."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import cached_property

import msgspec

from tierwise.catalog import Catalog, Lane, Model, RateCard, Tokens
from tierwise.errors import CatalogError
from tierwise.policy._caching import caching_of
from tierwise.policy._decision import NO_CACHING, Caching, Plan, Step
from tierwise.policy._eligible import effort_on
from tierwise.policy._lanes import allowed_lanes, latency_ms
from tierwise.policy._lengths import Lengths, Rung
from tierwise.policy._levers import Use, at_effort, moved, reading, rewritten, warmed
from tierwise.policy._narrow import Narrowed, below_the_cache, narrow
from tierwise.policy._proposal import EFFORT_PERMILLE, RANK
from tierwise.policy._state import State
from tierwise.policy._types import NO_CACHE, VERBOSITIES, Policy, Rule
from tierwise.workloads import Facts

AS_ASKED = "as asked"
Levers = tuple[Plan, tuple[Step, ...]]


class Costing:
    """One call under one rule: what it uses and costs on a model, after each lever in order."""

    def __init__(
        self,
        facts: Facts,
        policy: Policy,
        rule: Rule,
        state: State,
        prices: Catalog,
        now: dt.date,
        asked: Model,
        baseline: Rung,
    ) -> None:
        """Takes the asked-for model as the catalog knows it, and the rung as asked.

        The rung's name is what is priced: a fine-tuned model has rates of its own.
        """
        self.facts, self.policy, self.rule, self.state = facts, policy, rule, state
        self.prices, self.now, self.asked, self.baseline = prices, now, asked, baseline
        self._cards: dict[tuple[str, Lane], RateCard] = {}
        self.residency = policy.limits.residency is not None
        usage = state.usage
        self.use = Use(
            usage.uncached, usage.cached, usage.written + usage.written_12h, usage.output, usage.reasoning
        )
        self.first = self.step(AS_ASKED, self.use, baseline.model, state.lane)
        self.narrowed = narrow(self)
        self._steps_before: dict[str, tuple[Use, tuple[Step, ...]]] = {}

    def under(self, rule: Rule) -> Costing:
        """The same call under another rule."""
        return Costing(
            self.facts, self.policy, rule, self.state, self.prices, self.now, self.asked, self.baseline
        )

    def step(self, lever: str, use: Use, model: str, lane: Lane, *, long: bool = False) -> Step:
        """The expected call after a lever; `long` where its cache is written for 12 hours.

        Raises Unpriced where model or lane has no price.
        """
        usage = self.state.usage
        tokens = Tokens(
            uncached=use.uncached,
            cached=use.cached,
            written=0 if long else use.written,
            written_12h=use.written if long else 0,
            output=use.output,
            reasoning=use.reasoning,
            audio_input=usage.audio_input,
            audio_cached=usage.audio_cached,
            audio_output=usage.audio_output,
        )
        return Step(lever=lever, tokens=tokens, cost=self.card(model, lane).total(tokens))

    def card(self, model: str, lane: Lane) -> RateCard:
        """The rates of a model in a lane. Raises Unpriced."""
        card = self._cards.get((model, lane))
        if card is None:
            card = self.prices.rate_card(model, lane, at=self.now, residency=self.residency)
            self._cards[model, lane] = card
        return card

    def caching(
        self, model: Model, name: str, lane: Lane, *, searched: bool, translated: bool = False
    ) -> Caching:
        """What is done for the cache on a model; `searched` where its tools are. Raises Unpriced."""
        settings = self.rule.cache
        if settings == NO_CACHE or self.state.cache is None:
            return NO_CACHING
        if searched:
            # A list that is searched grows at its end, and namespaces have an order of their own.
            settings = msgspec.structs.replace(settings, order_tools=False)
        limits, card = self.policy.limits, self.card(name, lane)
        return caching_of(settings, limits, self.state, model, card, translated=translated)

    def cost(self, use: Use) -> Decimal:
        """USD of a use on the model and in the lane as asked."""
        return self.step(AS_ASKED, use, self.baseline.model, self.state.lane).cost

    @property
    def tuned(self) -> bool:
        """Whether the call asks for a fine-tuned model."""
        return self.prices.resolve(self.baseline.model).how == "fine-tune"

    def as_asked(self) -> Levers:
        """The call exactly as it came."""
        return Plan(rung=self.baseline, lane=self.state.lane), (self.first,)

    def stay(self, *, capped: bool) -> Levers:
        """Every lever but the tier: the call on the model it asked for, its effort too unless capped."""
        return self.levers(self.asked, self.baseline.model, self.baseline, Lengths(), capped=capped)

    def levers(
        self,
        model: Model,
        name: str,
        rung: Rung,
        lengths: Lengths,
        *,
        endpoint: str | None = None,
        capped: bool = True,
    ) -> Levers:
        """Every lever on `model`, which is written as `name` in the rung. Raises Unpriced."""
        narrowed = self._narrowed_on(model, endpoint or self.facts.endpoint)
        state, (use, before) = self.state, self._before_tier(narrowed)
        steps = [*before]
        last = (use, self.baseline.model, state.lane, self._here.retention == "12h")

        def took(lever: str, use: Use, lane: Lane) -> Use:
            nonlocal last
            now = (use, name, lane, long)
            same = now == last
            steps.append(_again(steps[-1], lever) if same else self.step(lever, use, name, lane, long=long))
            last = now
            return use

        lane_here = self._lane_offered(name, state.lane)
        searched = narrowed.search != "off"
        caching = self.caching(model, name, lane_here, searched=searched, translated=endpoint is not None)
        use = self._on(model, use, lengths, caching, narrowed.tokens)
        long = caching.retention == "12h"
        use = took("tier", use, lane_here)
        effort, permille = self.capped_effort(rung.effort, model) if capped else (rung.effort, 1000)
        use = took("effort", at_effort(use, permille), lane_here)
        lane = self._cheapest_lane(model, name, endpoint or self.facts.endpoint, use, lane_here)
        took("lane", self._in_lane(model, use, lane), lane)
        plan = Plan(
            drop_tools=narrowed.dropped,
            warm=self._readable > state.usage.cached,
            caching=caching,
            rung=Rung(model=name, effort=effort),
            lengths=lengths,
            effort_permille=permille,
            lane=lane,
            endpoint=endpoint,
            verbosity=self._verbosity(model),
            cache=self.rule.cache,
            tools=msgspec.structs.replace(self.rule.tools, search=narrowed.search),
        )
        return plan, tuple(steps)

    @cached_property
    def _readable(self) -> int:
        """Input tokens that the cache could serve, as asked; what has no price is no saving."""
        state = self.state
        settings = self.rule.cache
        priced = (
            settings.key if state.cache is None else self._here != NO_CACHING
        ) and self.prices.rate_card(self.baseline.model, state.lane, at=self.now).reads_priced
        return state.readable if priced else state.usage.cached

    def of_tools(self, plan: Plan) -> tuple[str, ...]:
        """What is said of the tools of a plan."""
        if plan.tools.search == self.narrowed.search:
            return self.narrowed.reasons
        return (*self._unsearched.reasons, f"no search for tools: {plan.rung.model} has none there")

    def _narrowed_on(self, model: Model, endpoint: str) -> Narrowed:
        """The tools as a model can have them: only some search by themselves, and only in Responses."""
        hosted = self.narrowed.search == "hosted"
        if hosted and not ("tool_search" in model.features and endpoint == "responses"):
            return self._unsearched
        return self.narrowed

    @cached_property
    def _here(self) -> Caching:
        """What is done for the cache on the model asked for."""
        searched = self._narrowed_on(self.asked, self.facts.endpoint).search != "off"
        return self.caching(self.asked, self.baseline.model, self.state.lane, searched=searched)

    @cached_property
    def _unsearched(self) -> Narrowed:
        return narrow(self, search=False)

    def _before_tier(self, narrowed: Narrowed) -> tuple[Use, tuple[Step, ...]]:
        """The call on the model it asked for, after tools and cache: the same on every rung with these tools."""
        found = self._steps_before.get(narrowed.search)
        if found is None:
            found = self._steps_before[narrowed.search] = self._tools_and_cache(narrowed)
        return found

    def _tools_and_cache(self, narrowed: Narrowed) -> tuple[Use, tuple[Step, ...]]:
        first, asked, lane = self.first, self.baseline.model, self.state.lane
        lean = narrowed.use
        tools = _again(first, "tools") if lean == self.use else self.step("tools", lean, asked, lane)
        long = self._here.retention == "12h"
        warm = self._read_here(narrowed)
        same = warm == lean and not long
        cache = _again(tools, "cache") if same else self.step("cache", warm, asked, lane, long=long)
        return warm, (first, tools, cache)

    def _read_here(self, narrowed: Narrowed) -> Use:
        """What the model asked for reads after the cache lever, of the tools that stay."""
        lean, readable = narrowed.use, max(self._readable - narrowed.tokens, 0)
        if narrowed.search == "client":
            return lean
        if self._here == NO_CACHING:
            return warmed(lean, readable)
        # A key of its own may also cost: what is warm elsewhere is cold on a new shard.
        return below_the_cache(reading(lean, readable, int(self.asked.cache.write_fee)))

    def latency(self, plan: Plan, steps: tuple[Step, ...]) -> int | None:
        """Expected milliseconds of the answer."""
        return latency_ms(plan.rung.model, plan.lane, steps[-1].tokens.output_total, self.policy, self.state)

    def warm_worth(self, plan: Plan, steps: tuple[Step, ...]) -> Decimal:
        """USD that the cached part of a planned call is worth: what it would cost more, uncached."""
        warm = steps[-1].tokens
        cold = Use(warm.uncached + warm.cached, 0, warm.written, warm.output, warm.reasoning)
        return self.step("cold", cold, plan.rung.model, plan.lane).cost - self.card(
            plan.rung.model, plan.lane
        ).total(warm)

    def _on(self, model: Model, use: Use, lengths: Lengths, caching: Caching, gone: int) -> Use:
        """The use on `model`: other lengths, only what is warm there stays cached, the rest is written.

        `gone`: tokens of tool definitions that are left out, which stand in what is warm.
        """
        state, session = self.state, self.state.session_rung
        here = model.name == self.asked.name
        if here and (session is None or caching != NO_CACHING):
            return use
        keyed = state.cache.warm if state.cache is not None and caching != NO_CACHING else None
        warm = (keyed if keyed is not None else state.warm).get(model.name)
        charges = int(model.cache.write_fee)
        if session is not None:
            use = moved(
                use,
                output=lengths.output,
                reasoning=lengths.reasoning,
                kept_warm=1000 if here and self.means(session.model, model) else 0,
            )
            if self.means(session.model, model):
                held = state.session_warm if keyed is None else keyed.get(model.name, 0)
                use = reading(use, max(held - gone, use.cached), charges)
        elif warm is not None:
            use = moved(use, output=lengths.output, reasoning=lengths.reasoning, kept_warm=0)
            use = reading(use, max(warm - gone, 0), charges)
        else:
            use = moved(use, output=lengths.output, reasoning=lengths.reasoning, kept_warm=state.kept_warm)
        return use if here else rewritten(use, charges)

    def means(self, name: str, model: Model) -> bool:
        """Whether a name means `model`."""
        try:
            return name == model.name or self.prices.resolve(name).model.name == model.name
        except CatalogError:
            return False

    def capped_effort(self, effort: str | None, model: Model) -> tuple[str | None, int]:
        """The effort after the rule's cap, and reasoning tokens per mille of those before it.

        A conversation keeps its effort where that lies between the cap and what was asked: a
        change of effort loses the cache too.
        """
        cap, session = self.rule.effort, self.state.session_rung
        if effort is None or cap is None or RANK[cap] >= RANK[effort]:
            return effort, 1000
        lower = effort_on(cap, model)
        if lower is None or RANK[lower] >= RANK[effort]:
            return effort, 1000
        held = session.effort if session is not None and self.means(session.model, model) else None
        if held in model.efforts and RANK[lower] < RANK[held] <= RANK[effort]:
            lower = held
        table = self.state.efforts or EFFORT_PERMILLE
        before = table.get(effort, 1000)
        return lower, min(1000, table.get(lower, 1000) * 1000 // before) if before else 1000

    def _lane_offered(self, name: str, lane: Lane) -> Lane:
        """The lane as asked where the model has a price for it, else standard."""
        try:
            self.prices.rate_card(name, lane, at=self.now)
        except CatalogError:
            return "standard"
        return lane

    def _cheapest_lane(self, model: Model, name: str, endpoint: str, use: Use, lane: Lane) -> Lane:
        if lane != "standard":
            return lane
        options: list[tuple[Decimal, Lane]] = []
        for other in allowed_lanes(model, endpoint, self.rule, self.policy.limits, self.state, self.prices):
            try:
                step = self.step("lane", self._in_lane(model, use, other), name, other)
                if self._in_time(name, other, step.tokens.output_total):
                    options.append((step.cost, other))
            except CatalogError:
                continue
        if not options:
            return lane
        return min((self.step("lane", use, name, lane).cost, lane), *options)[1]

    def _in_lane(self, model: Model, use: Use, lane: Lane) -> Use:
        """The use in a lane: a batch runs later and in any order, and reads what is warm by then."""
        kept = self.state.batch_kept
        if lane != "batch" or self.state.lane == "batch" or kept == 1000:
            return use
        cold = moved(use, output=1000, reasoning=1000, kept_warm=kept)
        return rewritten(cold, int(model.cache.write_fee))

    def _in_time(self, name: str, lane: Lane, tokens: int) -> bool:
        most = self.rule.max_latency
        if most is None:
            return True
        latency = latency_ms(name, lane, tokens, self.policy, self.state)
        return latency is not None and latency <= most

    def _verbosity(self, model: Model) -> str | None:
        """The rule's verbosity where the model takes one and it is lower than the call's."""
        wanted = self.rule.verbosity
        if wanted is None or "verbosity" not in model.features:
            return None
        sent = self.state.sent.verbosity if self.state.sent is not None else None
        before = sent if sent in VERBOSITIES else "medium"
        return wanted if VERBOSITIES.index(wanted) < VERBOSITIES.index(before) else None


def _again(step: Step, lever: str) -> Step:
    """A lever that changed nothing: the same tokens at the same cost."""
    return Step(lever=lever, tokens=step.tokens, cost=step.cost)
