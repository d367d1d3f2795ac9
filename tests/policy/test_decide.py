"""One decision per call: where it goes, why, and what it is expected to cost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tierwise.catalog import Catalog, Tokens
from tierwise.policy import Lengths, Limits, Policy, State, canonical, decide, proposal
from tierwise.workloads import Facts, ToolFact

NOW = dt.date(2026, 11, 24)
Maker = Callable[..., Facts]


@pytest.fixture
def facts(make_facts: Maker) -> Maker:
    return make_facts


@pytest.fixture(scope="module")
def policy(catalog: Catalog) -> Policy:
    return proposal(catalog.ladder("gpt-5.4"))


USAGE = Tokens(uncached=1000, output=100, reasoning=200)
IMAGES = frozenset({"images"})
CHAT_TOOLS = frozenset({"tools"})

TABLE = [
    # id, facts, state, model, effort, moved, words in the reasons
    ("commodity goes to nano without reasoning", {}, {}, "gpt-5.4-nano", "none", True, "commodity depth"),
    ("routine goes to mini at low effort", {"depth": "routine"}, {}, "gpt-5.4-mini", "low", True, "routine"),
    ("professional goes one tier down", {"depth": "professional"}, {}, "gpt-5.4", "medium", True, "professional"),
    ("frontier stays", {"depth": "frontier"}, {}, "gpt-5.5", "medium", False, "already on gpt-5.5"),
    ("unknown depth stays as asked", {"depth": "unknown"}, {}, "gpt-5.5", "medium", False, "no signal of depth"),
    ("a cheaper model is never moved up", {"model": "gpt-5.4-nano", "depth": "frontier"}, {}, "gpt-5.4-nano", "none", False, "too little"),
    ("an older model moves where it is cheaper", {"model": "gpt-4o"}, {}, "gpt-5.4-nano", "none", True, "commodity"),
    ("a snapshot is its family", {"model": "gpt-5.5-2026-04-23"}, {}, "gpt-5.4-nano", "none", True, "commodity"),
    ("an unknown model goes as asked", {"model": "gpt-9-foo"}, {}, "gpt-9-foo", None, False, "gpt-9-foo"),
    ("no model at all goes as asked", {"model": None}, {}, "", None, False, ""),
    ("computer use skips nano", {"needs": frozenset({"computer_use"})}, {}, "gpt-5.4-mini", "none", True, "lacks computer_use"),
    ("tool search skips nano", {"needs": frozenset({"tool_search"})}, {}, "gpt-5.4-mini", "none", True, "lacks tool_search"),
    ("tools in Chat with effort set stay", {"needs": CHAT_TOOLS, "effort": "medium", "depth": "routine"}, {}, "gpt-5.5", "low", True, "only at effort none"),
    ("tools in Chat without effort move", {"needs": CHAT_TOOLS, "effort": "none", "depth": "routine"}, {}, "gpt-5.4-mini", "none", True, "routine"),
    ("tools in Responses move", {"needs": CHAT_TOOLS, "endpoint": "responses", "depth": "routine"}, {}, "gpt-5.4-mini", "low", True, "routine"),
    ("an input above mini's window goes to gpt-5.4", {"depth": "routine", "input_tokens": 300_000}, {"usage": Tokens(uncached=300_000, output=100)}, "gpt-5.4", "low", True, "exceeds the 272000"),
    ("embeddings stay", {"endpoint": "embeddings", "model": "text-embedding-3-large"}, {"usage": Tokens(uncached=10)}, "text-embedding-3-large", None, False, "does not serve embeddings"),
    ("audio stays", {"needs": frozenset({"audio"}), "model": "gpt-4o-audio-preview"}, {}, "gpt-4o-audio-preview", None, False, "lacks audio"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "state", "model", "effort", "moved", "words"),
    [t[1:] for t in TABLE],
    ids=[t[0] for t in TABLE],
)
def test_a_call_goes_where_the_table_says(
    changes: dict[str, Any],
    state: dict[str, Any],
    model: str,
    effort: str | None,
    moved: bool,
    words: str,
    facts: Maker,
    catalog: Catalog,
    policy: Policy,
) -> None:
    decision = decide(facts(**changes), policy, State(**({"usage": USAGE} | state)), catalog, NOW)
    assert (decision.plan.rung.model, decision.plan.rung.effort, decision.moved) == (model, effort, moved)
    assert words in " | ".join(decision.reasons)


@pytest.mark.parametrize("effort", ["turbo", "", "LOW", "x" * 5_000])
def test_an_effort_that_nobody_knows_is_left_to_upstream(
    effort: str, facts: Maker, catalog: Catalog, policy: Policy
) -> None:
    decision = decide(facts(effort=effort), policy, State(usage=USAGE), catalog, NOW)
    assert (decision.moved, decision.changes) == (False, ())
    assert "upstream's to judge" in decision.reasons[0]
    assert len(decision.reasons[0]) < 200


def test_every_move_of_the_built_in_policy_is_marked_unproven(
    facts: Maker, catalog: Catalog, policy: Policy
) -> None:
    for depth in ("commodity", "routine", "professional", "frontier", "unknown"):
        decision = decide(facts(depth=depth), policy, State(usage=USAGE), catalog, NOW)
        assert decision.unproven == (decision.plan.rung != decision.baseline)


def test_a_warm_cache_on_the_tier_asked_for_beats_a_cheaper_list_price(
    facts: Maker, catalog: Catalog, policy: Policy
) -> None:
    """Case 37: turn 9, 95,000 of 100,000 tokens warm on gpt-5.4, nothing warm on gpt-5.4-mini."""
    warm = Tokens(uncached=5_000, cached=95_000, output=200)
    state = State(usage=warm, kept_warm=0, lengths={"gpt-5.4-mini": Lengths()})
    call = facts(model="gpt-5.4", effort="none", depth="routine", input_tokens=100_000)
    decision = decide(call, policy, state, catalog, NOW)
    assert decision.plan.rung.model == "gpt-5.4"
    assert decision.steps[0].cost == Decimal("0.039250")
    cold = catalog.rate_card("gpt-5.4-mini", "standard", at=NOW).cost(Tokens(uncached=100_000, output=200))
    assert cold.total == Decimal("0.075900")
    assert "would save too little" in decision.reasons[0]


def test_the_same_call_moves_when_the_cache_moves_with_it(
    facts: Maker, catalog: Catalog, policy: Policy
) -> None:
    warm = Tokens(uncached=5_000, cached=95_000, output=200)
    call = facts(model="gpt-5.4", effort="none", depth="routine", input_tokens=100_000)
    decision = decide(call, policy, State(usage=warm, kept_warm=1000), catalog, NOW)
    assert decision.plan.rung.model == "gpt-5.4-mini"


def test_approved_models_are_a_hard_limit(facts: Maker, catalog: Catalog, policy: Policy) -> None:
    limited = msgspec.structs.replace(policy, limits=Limits(models=frozenset({"gpt-5.5", "gpt-5.4"})))
    decision = decide(facts(), limited, State(usage=USAGE), catalog, NOW)
    assert decision.plan.rung.model == "gpt-5.4"
    assert any("not among the approved models" in reason for reason in decision.reasons)


@pytest.mark.parametrize(("zero_retention", "lane"), [(False, "batch"), (True, "standard")])
def test_a_call_that_can_wait_goes_by_batch_unless_nothing_may_be_stored(
    zero_retention: bool, lane: str, facts: Maker, catalog: Catalog, policy: Policy
) -> None:
    limited = msgspec.structs.replace(policy, limits=Limits(zero_retention=zero_retention))
    decision = decide(facts(), limited, State(usage=USAGE, waits=True), catalog, NOW)
    assert decision.plan.lane == lane


def test_a_priority_call_keeps_its_lane_only_where_the_new_model_offers_it(
    facts: Maker, catalog: Catalog, policy: Policy
) -> None:
    to_nano = decide(facts(), policy, State(usage=USAGE, lane="priority"), catalog, NOW)
    to_mini = decide(facts(depth="routine"), policy, State(usage=USAGE, lane="priority"), catalog, NOW)
    assert (to_nano.plan.lane, to_mini.plan.lane) == ("standard", "priority")


def test_unused_tools_are_dropped_and_their_tokens_leave_the_bill(
    facts: Maker, catalog: Catalog, policy: Policy
) -> None:
    call = facts(
        depth="frontier", endpoint="responses", tools=(ToolFact(7, 400), ToolFact(8, 100)), needs=CHAT_TOOLS
    )
    decision = decide(call, policy, State(usage=USAGE, unused_tools=frozenset({7, 99})), catalog, NOW)
    assert decision.plan.drop_tools == {7}
    assert decision.steps[1].tokens.uncached == USAGE.uncached - 400


def test_a_decision_is_the_same_bytes_every_time(facts: Maker, catalog: Catalog, policy: Policy) -> None:
    state = State(usage=USAGE, readable=512, waits=True)
    first = canonical(decide(facts(), policy, state, catalog, NOW))
    again = canonical(decide(facts(), proposal(catalog.ladder("gpt-5.4")), state, Catalog.open(), NOW))
    assert first == again


def test_the_levers_come_in_order_and_add_up(facts: Maker, catalog: Catalog, policy: Policy) -> None:
    decision = decide(facts(), policy, State(usage=USAGE, readable=640, waits=True), catalog, NOW)
    assert [step.lever for step in decision.steps] == ["as asked", "tools", "cache", "tier", "effort", "lane"]
    shares = [a.cost - b.cost for a, b in zip(decision.steps, decision.steps[1:], strict=False)]
    assert sum(shares) == decision.expected_saving
