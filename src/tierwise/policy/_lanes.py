"""How long an answer is expected to take, and which lanes may carry a call."""

from __future__ import annotations

import datetime as dt
from typing import Final

from tierwise.catalog import Catalog, Lane, Model
from tierwise.errors import CatalogError
from tierwise.policy._decision import Decision
from tierwise.policy._defer import Defer
from tierwise.policy._state import Latency, State
from tierwise.policy._types import Limits, Policy, Rule

DAY: Final = 86_400

STORES_BODIES: Final = frozenset[Lane]({"batch", "background-2h", "background-8h"})
"""Lanes that keep request and answer for a time, which zero retention forbids."""

PROMISED: Final[dict[Lane, int]] = {"background-2h": 7_200, "background-8h": 28_800, "batch": DAY}
"""Seconds within which lanes that wait promise an answer. Source: OpenAI's Batch and background guides."""

FLEX_SECONDS: Final = 900
"""Flex promises nothing; OpenAI advises a timeout of 15 minutes, and less is not offered to it."""

FIRST_MS: Final = 700
TOKEN_US: Final = (8_000, 10_000, 14_000, 18_000)
"""Milliseconds to the first token, and microseconds an output token by place on the ladder. Assumed:
OpenAI publishes no such figure; what responses take is learned (`State.latency`)."""
LANE_PERMILLE: Final[dict[Lane, int]] = {"standard": 1000, "priority": 600, "flex": 2000}
"""Time in a lane, per mille of standard. Assumed."""


def wait_of(rule: Rule, state: State) -> int | None:
    """Seconds that the call may wait: by its own word, else by the rule's; None where it may not.

    A caller's own deadline is never stretched by the rule's.
    """
    if state.deadline is not None:
        return state.deadline
    if state.waits:
        return DAY
    return rule.deadline


def allowed_lanes(
    model: Model, endpoint: str, rule: Rule, limits: Limits, state: State, catalog: Catalog
) -> list[Lane]:
    """Lanes besides the one as asked that rule, limits, deadline and call allow."""
    wait = wait_of(rule, state)
    if not rule.lanes or wait is None or state.lane != "standard":
        return []
    streamed = state.sent is not None and state.sent.stream
    return [
        lane
        for lane in sorted(rule.lanes)
        if lane not in {"standard", "priority"}
        and (state.lanes is None or lane in state.lanes)
        and not (limits.zero_retention and lane in STORES_BODIES)
        and not (streamed and lane in PROMISED)
        and _offered(lane, model, endpoint, catalog)
        and _seconds(lane, state) <= wait
    ]


def _offered(lane: Lane, model: Model, endpoint: str, catalog: Catalog) -> bool:
    if lane == "batch":
        return "batch" in model.endpoints
    if lane in PROMISED:
        return endpoint == "responses" and model.name in catalog.background_models
    return True


def _seconds(lane: Lane, state: State) -> int:
    """Seconds that the lane takes: as seen, else as promised."""
    promised = PROMISED.get(lane, FLEX_SECONDS)
    return state.completion.get(lane, promised) + (state.opens if lane == "batch" else 0)


def late_lanes(decision: Decision, defer: Defer, prices: Catalog, now: dt.date) -> tuple[Lane, ...]:
    """Lanes by which a call as decided may go by itself, within what the owner lets it cost.

    Args:
        decision: What it goes by.
        defer: The owner's word.
        prices: The catalog.
        now: The UTC day.
    """
    if not decision.steps:
        # Without a price only what costs as much as it was asked for is known not to cost more.
        return tuple(lane for lane in defer.late if lane == decision.lane_asked)
    most = decision.steps[0].cost * defer.late_cost
    found: list[Lane] = []
    for lane in defer.late:
        try:
            cost = prices.rate_card(decision.plan.rung.model, lane, at=now).total(decision.steps[-1].tokens)
        except CatalogError:
            continue
        if cost <= most:
            found.append(lane)
    return tuple(found)


def latency_ms(model: str, lane: Lane, tokens: int, policy: Policy, state: State) -> int | None:
    """Expected milliseconds of an answer of `tokens` output tokens; None in lanes that wait."""
    if lane in PROMISED:
        return None
    learned = state.latency.get(f"{model} {lane}")
    if learned is not None:
        return learned.first + tokens * learned.token // 1000
    stated = stated_latency(model, lane, policy)
    return stated.first + tokens * stated.token // 1000


def stated_latency(model: str, lane: Lane, policy: Policy) -> Latency:
    """The assumed times of a model in a lane; a model off the ladder is taken for a slow one."""
    rank = policy.ladder.rank(model)
    token = TOKEN_US[-1 if rank is None else rank]
    permille = LANE_PERMILLE.get(lane, 1000)
    return Latency(first=FIRST_MS * permille // 1000, token=token * permille // 1000, learned=False)
