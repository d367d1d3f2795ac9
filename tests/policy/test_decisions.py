"""A table of requests to decisions: what a policy file makes of a call, and the reason it gives."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tierwise.catalog import Catalog, Tokens
from tierwise.policy import ARMS, Hints, Latency, Policy, Rung, Sent, State, canonical, decide
from tierwise.workloads import Facts, ToolFact

NOW = dt.date(2026, 11, 24)
USAGE = Tokens(uncached=1000, output=100, reasoning=200)
ON = 'stage = "on"\nunproven = true\napproved_by = "kim"'
TO_NANO = f'rung = {{ model = "gpt-5.4-nano", effort = "none" }}\n{ON}'
TO_MINI = f'rung = "gpt-5.4-mini"\n{ON}'
TOOLS = ("tools",)
COLD = {"session_rung": Rung("gpt-5.5", "medium"), "usage": Tokens(uncached=1000, output=100)}
WARM = {
    "session_rung": Rung("gpt-5.5", "medium"),
    "session_warm": 95_000,
    "usage": Tokens(uncached=5000, cached=95_000, output=100),
}
ON_MINI = {"session_rung": Rung("gpt-5.4-mini", "medium"), "session_warm": 50_000, "usage": Tokens(uncached=60_000, output=100)}  # fmt: skip


def rule(match: str, *lines: str) -> str:
    body = "\n".join(lines)
    return f'[[rule]]\nname = "r"\nmatch = {{ {match} }}\n{body}'


COMMODITY = rule('depth = "commodity"', TO_NANO)

TABLE: list[tuple[Any, ...]] = [
    # id, rule, facts, state, rung as text, words in reasons
    ("a rule that matches moves", COMMODITY, {}, {}, "gpt-5.4-nano (none)", "moves to gpt-5.4-nano: r"),
    ("what no rule matches goes as asked", COMMODITY, {"depth": "routine"}, {}, "gpt-5.5 (medium)", "default is off"),
    ("unknown depth is not commodity", COMMODITY, {"depth": "unknown"}, {}, "gpt-5.5 (medium)", "default is off"),
    ("by workload", rule('workload = "00000000000000a1"', TO_NANO), {}, {}, "gpt-5.4-nano (none)", ""),
    ("another workload", rule('workload = "00000000000000a2"', TO_NANO), {}, {}, "gpt-5.5 (medium)", "default"),
    ("by task, one of several", rule('task = ["chat", "classification"]', TO_NANO), {}, {}, "gpt-5.4-nano (none)", ""),
    ("by role: a sub-agent goes down", rule('role = "sub-agent"', TO_MINI), {"role": "sub-agent"}, {}, "gpt-5.4-mini (medium)", ""),
    ("by role: the orchestrator stays", rule('role = "sub-agent"', TO_MINI), {"role": "orchestrator"}, {}, "gpt-5.5 (medium)", "default"),
    ("by endpoint", rule('endpoint = "responses"', TO_MINI), {"endpoint": "responses"}, {}, "gpt-5.4-mini (medium)", ""),
    ("by model, its family", rule('model = "gpt-5.5"', TO_MINI), {"model": "gpt-5.5-2026-04-23"}, {}, "gpt-5.4-mini (medium)", ""),
    ("by model, as sent", rule('model = "gpt-5.5-2026-04-23"', TO_MINI), {}, {}, "gpt-5.5 (medium)", "default"),
    ("by model, a pattern", rule('model = "gpt-5.*"', TO_MINI), {}, {}, "gpt-5.4-mini (medium)", ""),
    ("a pattern's dot is a dot", rule('model = "gpt-5?5"', TO_MINI), {}, {}, "gpt-5.5 (medium)", "default"),
    ("by tag", rule('tags = ["batchable", "x"]', TO_MINI), {}, {"tags": frozenset({"x"})}, "gpt-5.4-mini (medium)", ""),
    ("without the tag", rule('tags = "x"', TO_MINI), {}, {}, "gpt-5.5 (medium)", "default"),
    ("by metadata", rule('metadata = { team = "ops" }', TO_MINI), {}, {"metadata": {"team": "ops"}}, "gpt-5.4-mini (medium)", ""),
    ("other metadata", rule('metadata = { team = "ops" }', TO_MINI), {}, {"metadata": {"team": "web"}}, "gpt-5.5 (medium)", "default"),
    ("by sending no tools", rule("tools = false", TO_MINI), {}, {}, "gpt-5.4-mini (medium)", ""),
    ("by a tool's name", rule('tools = "search"', TO_MINI), {"endpoint": "responses", "tools": (ToolFact(7, 50),), "needs": TOOLS}, {"sent": Sent(tools=frozenset({"search"}))}, "gpt-5.4-mini (medium)", ""),
    ("every condition must hold", rule('task = "classification", role = "sub-agent"', TO_MINI), {}, {}, "gpt-5.5 (medium)", "default"),
    ("a hint of a caller nobody trusts", rule('task = "coding"', TO_MINI), {}, {"hints": Hints(task="coding"), "callers": frozenset({"key:web"})}, "gpt-5.5 (medium)", "default"),
    ("a hint of a trusted caller", rule('task = "coding"', TO_MINI), {}, {"hints": Hints(task="coding"), "callers": frozenset({"key:jobs"})}, "gpt-5.4-mini (medium)", ""),
    ("a trusted name of a workload", rule('workload = "tickets"', TO_MINI), {}, {"hints": Hints(workload="tickets"), "callers": frozenset({"key:jobs"})}, "gpt-5.4-mini (medium)", ""),
    ("stage off", rule('depth = "commodity"', 'rung = "gpt-5.4-nano"'), {}, {}, "gpt-5.5 (medium)", "r is off"),
    ("not since then", rule('depth = "commodity"', TO_NANO, "since = 2026-12-01"), {}, {}, "gpt-5.5 (medium)", "holds from 2026-12-01"),
    ("a model moved to itself keeps its rung", rule('model = "gpt-5.5"', 'rung = "gpt-5.5"\nstage = "on"'), {}, {}, "gpt-5.5 (medium)", "already on gpt-5.5"),
    ("effort alone", rule('depth = "commodity"', f'rung = {{ effort = "low" }}\n{ON}'), {}, {}, "gpt-5.5 (low)", ""),
    ("a lower effort is kept", rule('depth = "commodity"', f'rung = {{ model = "gpt-5.4-mini", effort = "medium" }}\n{ON}'), {"effort": "low"}, {}, "gpt-5.4-mini (low)", ""),
    ("never up", rule('depth = "commodity"', f'rung = "gpt-5.5"\n{ON}'), {"model": "gpt-5.4-mini"}, {}, "gpt-5.4-mini (none)", "too little"),
    ("a snapshot is kept as written", rule('depth = "commodity"', f'rung = "gpt-5.4-mini-2026-03-17"\n{ON}'), {}, {}, "gpt-5.4-mini-2026-03-17 (medium)", ""),
    ("an ineligible rung gives way to the next", COMMODITY, {"needs": ("computer_use",)}, {}, "gpt-5.4-mini (none)", "lacks computer_use"),
    ("temperature at its default is no obstacle", COMMODITY, {}, {"sent": Sent(temperature=1.0)}, "gpt-5.4-nano (none)", ""),
    ("a temperature while reasoning", rule('depth = "commodity"', TO_MINI), {"needs": ("sampling",), "effort": "low"}, {"sent": Sent(temperature=0.2)}, "gpt-5.5 (low)", "only at effort none"),
    ("a temperature that may be dropped", rule('depth = "commodity"', TO_MINI, 'may_drop = "temperature"'), {"needs": ("sampling",), "effort": "low"}, {"sent": Sent(temperature=0.2)}, "gpt-5.4-mini (low)", ""),
    ("top_p may not go where only temperature may", rule('depth = "commodity"', TO_MINI, 'may_drop = "temperature"'), {"needs": ("sampling",), "effort": "low"}, {"sent": Sent(temperature=0.2, top_p=0.5)}, "gpt-5.5 (low)", "only at effort none"),
    ("stop is not for reasoning models", COMMODITY, {"model": "gpt-4.1"}, {"sent": Sent(extras=frozenset({"stop"}))}, "gpt-4.1", "refuses stop"),
    ("logit_bias that may be dropped", rule('depth = "commodity"', TO_NANO, 'may_drop = ["logit_bias"]'), {"model": "gpt-4.1"}, {"sent": Sent(extras=frozenset({"logit_bias"}))}, "gpt-5.4-nano (none)", ""),
    ("tools in Chat while reasoning", rule('depth = "commodity"', TO_MINI), {"needs": TOOLS, "effort": "low"}, {"sent": Sent()}, "gpt-5.5 (low)", "only at effort none"),
    ("the same through Responses", rule('depth = "commodity"', TO_MINI, "through_responses = true"), {"needs": TOOLS, "effort": "low"}, {"sent": Sent()}, "gpt-5.4-mini (low)", ""),
    ("tools in Chat, where the rule's own effort is none", COMMODITY, {"needs": TOOLS}, {"sent": Sent()}, "gpt-5.4-nano (none)", "moves to gpt-5.4-nano"),
    ("a temperature, where the rule's own effort is none", COMMODITY, {"needs": ("sampling",)}, {"sent": Sent(temperature=0.2)}, "gpt-5.4-nano (none)", "moves to gpt-5.4-nano"),
    ("tools in Chat, on a rung of a conversation that reasons", COMMODITY, {"needs": TOOLS}, {"sent": Sent(), "session_rung": Rung("gpt-5.4-nano", "low")}, "gpt-5.4-mini (none)", "only at effort none, it runs at low"),
    ("not with several choices", rule('depth = "commodity"', TO_MINI, "through_responses = true"), {"needs": TOOLS, "effort": "low"}, {"sent": Sent(n=2)}, "gpt-5.5 (low)", "n above 1"),
    ("not with a seed", rule('depth = "commodity"', TO_MINI, "through_responses = true"), {"needs": TOOLS, "effort": "low"}, {"sent": Sent(extras=frozenset({"seed"}))}, "gpt-5.5 (low)", "Responses has no seed"),
    ("previous_response_id pins", COMMODITY, {"endpoint": "responses"}, {"sent": Sent(linked="previous_response_id")}, "gpt-5.5 (medium)", "previous_response_id holds it"),
    ("and stays on the rung it runs on", rule('depth = "commodity"', TO_MINI), {"endpoint": "responses"}, {"sent": Sent(linked="conversation"), **ON_MINI}, "gpt-5.4-mini (medium)", "conversation holds it"),
    ("a cold conversation moves", COMMODITY, {}, COLD, "gpt-5.4-nano (none)", "moves to gpt-5.4-nano"),
    ("a warm one stays", rule('depth = "commodity"', f'rung = "gpt-5.4"\n{ON}'), {}, WARM, "gpt-5.5 (medium)", "the conversation is warm on gpt-5.5"),
    ("one that moved stays moved", rule('depth = "commodity"', TO_MINI), {}, ON_MINI, "gpt-5.4-mini (medium)", "the conversation runs there"),
    ("a deeper turn goes up again", rule('depth = "professional"', f'rung = "gpt-5.4"\n{ON}'), {"depth": "professional"}, ON_MINI, "gpt-5.4 (medium)", "moves to gpt-5.4"),
    ("too slow for the rule", rule('depth = "commodity"', TO_MINI, 'max_latency = "2s"'), {}, {}, "gpt-5.5 (medium)", "over the rule's 2000 ms"),
    ("fast enough as learned", rule('depth = "commodity"', TO_MINI, 'max_latency = "2s"'), {}, {"latency": {"gpt-5.4-mini standard": Latency(first=200, token=1000)}}, "gpt-5.4-mini (medium)", ""),
    ("model auto is the baseline", "", {"model": "auto"}, {}, "gpt-5.4 (low)", "default is off"),
    ("model auto moves like any other", COMMODITY, {"model": "auto"}, {}, "gpt-5.4-nano (none)", "moves to gpt-5.4-nano"),
    ("an unknown model goes as asked", COMMODITY, {"model": "gpt-9-foo"}, {}, "gpt-9-foo", "no model is called"),
    ("a fine-tuned model is not left by a rule that does not name it", COMMODITY, {"model": "ft:gpt-4o-2024-08-06:acme::x"}, {}, "ft:gpt-4o-2024-08-06:acme::x", "is fine-tuned"),
    ("but by one that does", rule('model = "ft:gpt-4o-*"', TO_NANO), {"model": "ft:gpt-4o-2024-08-06:acme::x"}, {}, "gpt-5.4-nano (none)", "moves to gpt-5.4-nano"),
    ("effort minimal becomes the next there is", rule('depth = "commodity"', TO_MINI), {"model": "gpt-5", "effort": "minimal"}, {}, "gpt-5.4-mini (low)", ""),
    ("a cap above the model's longest answer", rule('depth = "commodity"', f'rung = "gpt-4o-mini"\n{ON}'), {"effort": "none", "max_output_tokens": 30_000}, {}, "gpt-5.5 (none)", "writes at most 16384"),
]  # fmt: skip

TOP = 'baseline = { model = "gpt-5.4", effort = "low" }\ntrusts = "key:jobs"'


@pytest.mark.parametrize(
    ("lines", "facts", "state", "rung", "words"), [t[1:] for t in TABLE], ids=[t[0] for t in TABLE]
)
def test_a_call_goes_where_the_table_says(
    lines: str,
    facts: dict[str, Any],
    state: dict[str, Any],
    rung: str,
    words: str,
    catalog: Catalog,
    policy_of: Callable[..., Policy],
    make_facts: Callable[..., Facts],
) -> None:
    policy = policy_of(lines, TOP)
    decision = decide(make_facts(**facts), policy, State(**({"usage": USAGE} | state)), catalog, NOW)
    assert str(decision.plan.rung) == rung, decision.reasons
    assert words in " | ".join(decision.reasons)
    assert decision.policy == policy.digest


def test_the_table_has_forty_rows() -> None:
    assert len(TABLE) >= 40


def test_a_rule_in_shadow_changes_nothing_and_says_what_it_would_do(
    catalog: Catalog, policy_of: Callable[..., Policy], make_facts: Callable[..., Facts]
) -> None:
    policy = policy_of(rule('depth = "commodity"', 'rung = "gpt-5.4-nano"\nstage = "shadow"'))
    decision = decide(make_facts(), policy, State(usage=USAGE), catalog, NOW)
    assert not decision.moved
    assert decision.changes == ()
    assert decision.expected_saving == 0
    assert decision.shadow is not None
    assert decision.shadow.rung.model == "gpt-5.4-nano"


@pytest.mark.parametrize(
    ("arm", "moved", "propensity"),
    [
        (0, True, "0.05"),
        (ARMS // 20 - 1, True, "0.05"),
        (ARMS // 20, False, "0.95"),
        (ARMS - 1, False, "0.95"),
        (None, False, None),
    ],
)
def test_a_canary_moves_its_share_of_sessions_and_says_the_chance(
    arm: int | None,
    moved: bool,
    propensity: str | None,
    catalog: Catalog,
    policy_of: Callable[..., Policy],
    make_facts: Callable[..., Facts],
) -> None:
    canary = TO_NANO.replace('"on"', '"canary"') + "\nshare = 0.05"
    policy = policy_of(rule('depth = "commodity"', canary))
    decision = decide(make_facts(), policy, State(usage=USAGE, arm=arm), catalog, NOW)
    assert decision.moved == moved
    assert decision.propensity == (None if propensity is None else Decimal(propensity))


LANES = [
    # id, rule lines, limits, facts, state, lane
    ("batch where it may wait a day", 'lanes = "batch"\ndeadline = "24h"', "", {}, {}, "batch"),
    ("not where it may wait an hour", 'lanes = "batch"\ndeadline = "1h"', "", {}, {}, "standard"),
    ("flex where it may wait an hour", 'lanes = ["batch", "flex"]\ndeadline = "1h"', "", {}, {}, "flex"),
    ("not without a deadline", 'lanes = "batch"', "", {}, {}, "standard"),
    ("the caller's own deadline wins", 'lanes = "batch"\ndeadline = "24h"', "", {}, {"deadline": 60}, "standard"),
    ("the caller lets it wait", 'lanes = "batch"', "", {}, {"deadline": 90_000}, "batch"),
    ("a batch that is slower than it promises", 'lanes = "batch"\ndeadline = "24h"', "", {}, {"completion": {"batch": 90_000}}, "standard"),
    ("a batch that is faster", 'lanes = "batch"\ndeadline = "2h"', "", {}, {"completion": {"batch": 3600}}, "batch"),
    ("nothing stored where nothing may be", 'lanes = "flex"\ndeadline = "24h"', "zero_retention = true", {}, {}, "flex"),
    ("a stream cannot wait for a batch", 'lanes = "batch"\ndeadline = "24h"', "", {}, {"sent": Sent(stream=True)}, "standard"),
    ("a background window nobody named", 'lanes = "background-2h"\ndeadline = "24h"', "", {"endpoint": "responses"}, {}, "standard"),
    ("a lane too slow for the rule", 'lanes = "flex"\ndeadline = "1h"\nmax_latency = "6s"', "", {}, {}, "standard"),
    ("a call in another lane keeps it", 'lanes = "batch"\ndeadline = "24h"', "", {}, {"lane": "priority"}, "priority"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "limits", "facts", "state", "lane"), [t[1:] for t in LANES], ids=[t[0] for t in LANES]
)
def test_a_call_travels_by_the_cheapest_lane_that_is_allowed_and_in_time(
    lines: str,
    limits: str,
    facts: dict[str, Any],
    state: dict[str, Any],
    lane: str,
    catalog: Catalog,
    policy_of: Callable[..., Policy],
    make_facts: Callable[..., Facts],
) -> None:
    policy = policy_of(rule('depth = "commodity"', lines, 'stage = "on"'), f"[limits]\n{limits}")
    decision = decide(make_facts(**facts), policy, State(**({"usage": USAGE} | state)), catalog, NOW)
    assert decision.plan.lane == lane


CHANGES = [
    # id, rule lines, facts, state, parameter -> after
    (
        "model, effort and the name of the cap",
        TO_NANO,
        {"max_output_tokens": 50},
        {"sent": Sent(parameters=frozenset({"max_tokens"}))},
        {"model": "gpt-5.4-nano", "max_tokens": None, "max_completion_tokens": "50"},
    ),
    (
        "an effort of its own is written out",
        TO_MINI,
        {"endpoint": "responses"},
        {},
        {"model": "gpt-5.4-mini", "reasoning.effort": "medium"},
    ),
    (
        "sampling at its default is left out where it is refused",
        TO_MINI,
        {"effort": "low"},
        {"sent": Sent(temperature=1.0, top_p=1.0)},
        {"model": "gpt-5.4-mini", "temperature": None, "top_p": None},
    ),
    (
        "and stays where it is taken",
        TO_NANO,
        {"effort": "none", "needs": ("sampling",)},
        {"sent": Sent(temperature=0.3)},
        {"model": "gpt-5.4-nano"},
    ),
    (
        "verbosity",
        f'rung = "gpt-5.4-mini"\nverbosity = "low"\n{ON}',
        {"effort": "none"},
        {},
        {"model": "gpt-5.4-mini", "verbosity": "low", "reasoning_effort": None},
    ),
    (
        "the lane by its parameter",
        'lanes = "flex"\ndeadline = "1h"\nstage = "on"',
        {},
        {},
        {"service_tier": "flex"},
    ),
    (
        "through Responses",
        f"{TO_MINI}\nthrough_responses = true",
        {"needs": TOOLS, "effort": "low", "max_output_tokens": 9},
        {"sent": Sent(parameters=frozenset({"max_completion_tokens"}))},
        {
            "model": "gpt-5.4-mini",
            "endpoint": "responses",
            "store": "false",
            "tools[].strict": "false where unset",
            "max_completion_tokens": None,
            "max_output_tokens": "9",
        },
    ),
    (
        "a call that stays keeps even what its own model refuses",
        f'rung = "gpt-5.5"\n{ON}\nlanes = "flex"\ndeadline = "1h"',
        {"effort": "odd", "max_output_tokens": 5, "needs": ("sampling",)},
        {"sent": Sent(temperature=0.3, parameters=frozenset({"max_tokens"}))},
        {"service_tier": "flex"},
    ),
    (
        "for model auto only defaults are left out",
        'stage = "on"',
        {"model": "auto", "max_output_tokens": 5, "needs": ("sampling",)},
        {"sent": Sent(temperature=0.3, top_p=1.0, parameters=frozenset({"max_tokens"}))},
        {
            "model": "gpt-5.4",
            "reasoning_effort": "low",
            "top_p": None,
            "max_tokens": None,
            "max_completion_tokens": "5",
        },
    ),
    ("nothing for a call that stays", 'stage = "on"', {}, {"sent": Sent(temperature=0.3)}, {}),
]


@pytest.mark.parametrize(
    ("lines", "facts", "state", "after"), [t[1:] for t in CHANGES], ids=[t[0] for t in CHANGES]
)
def test_every_change_to_the_request_is_in_the_decision(
    lines: str,
    facts: dict[str, Any],
    state: dict[str, Any],
    after: dict[str, str | None],
    catalog: Catalog,
    policy_of: Callable[..., Policy],
    make_facts: Callable[..., Facts],
) -> None:
    policy = policy_of(rule('depth = "commodity"', lines), TOP)
    decision = decide(make_facts(**facts), policy, State(**({"usage": USAGE} | state)), catalog, NOW)
    found = {change.parameter: change.after for change in decision.changes}
    if after.get("reasoning_effort", "") is None:
        # Effort none is the default of gpt-5.4-mini, and was sent: nothing to write.
        after = {key: value for key, value in after.items() if key != "reasoning_effort"}
    assert found == after


def test_without_a_baseline_model_auto_goes_as_asked_and_says_why(
    catalog: Catalog, policy_of: Callable[..., Policy], make_facts: Callable[..., Facts]
) -> None:
    decision = decide(make_facts(model="auto"), policy_of(), State(usage=USAGE), catalog, NOW)
    assert decision.plan.rung.model == "auto"
    assert "needs a baseline" in decision.reasons[0]


def test_model_auto_is_written_out_even_where_nothing_else_is_decided(
    catalog: Catalog, policy_of: Callable[..., Policy], make_facts: Callable[..., Facts]
) -> None:
    decision = decide(make_facts(model="auto"), policy_of("", TOP), State(usage=USAGE), catalog, NOW)
    assert [(c.parameter, c.after) for c in decision.changes] == [
        ("model", "gpt-5.4"),
        ("reasoning_effort", "low"),
    ]
    assert not decision.moved


def test_a_baseline_that_names_a_snapshot_keeps_it(
    catalog: Catalog, policy_of: Callable[..., Policy], make_facts: Callable[..., Facts]
) -> None:
    policy = policy_of("", 'baseline = "gpt-5.4-2026-03-05"')
    decision = decide(make_facts(model="auto"), policy, State(usage=USAGE), catalog, NOW)
    assert (decision.plan.rung.model, decision.moved) == ("gpt-5.4-2026-03-05", False)


def test_a_fine_tuned_model_costs_what_it_costs(
    catalog: Catalog, policy_of: Callable[..., Policy], make_facts: Callable[..., Facts]
) -> None:
    costs = [
        decide(make_facts(model=name), policy_of(), State(usage=USAGE), catalog, NOW).expected_cost
        for name in ("gpt-4o", "ft:gpt-4o-2024-08-06:acme::x")
    ]
    assert costs[0] is not None
    assert costs[1] is not None
    assert costs[1] > costs[0]


def test_a_model_outside_the_approved_ones_is_told_to_whoever_carries_it_out(
    catalog: Catalog, policy_of: Callable[..., Policy], make_facts: Callable[..., Facts]
) -> None:
    policy = policy_of("", '[limits]\napproved = ["gpt-5.4"]')
    assert "not among" in str(decide(make_facts(), policy, State(usage=USAGE), catalog, NOW).breach)
    asked = decide(make_facts(model="gpt-5.4"), policy, State(usage=USAGE), catalog, NOW)
    assert asked.breach is None


def test_residency_adds_its_uplift(
    catalog: Catalog, policy_of: Callable[..., Policy], make_facts: Callable[..., Facts]
) -> None:
    plain, here = policy_of(), policy_of("", '[limits]\nresidency = "eu"')
    costs = [decide(make_facts(), p, State(usage=USAGE), catalog, NOW).expected_cost for p in (plain, here)]
    assert costs[0] is not None
    assert costs[1] == costs[0] * Decimal("1.1")


def test_case_37_a_warm_cache_beats_a_cheaper_list_price_in_a_conversation(
    catalog: Catalog, policy_of: Callable[..., Policy], make_facts: Callable[..., Facts]
) -> None:
    policy = policy_of(rule('depth = "routine"', TO_MINI))
    state = State(
        usage=Tokens(uncached=5_000, cached=95_000, output=200),
        session_rung=Rung("gpt-5.4", "none"),
        session_warm=95_000,
    )
    call = make_facts(model="gpt-5.4", effort="none", depth="routine", input_tokens=100_000)
    decision = decide(call, policy, state, catalog, NOW)
    assert decision.plan.rung.model == "gpt-5.4"
    assert decision.expected_cost == Decimal("0.039250")
    assert any("warm on gpt-5.4" in reason for reason in decision.reasons)


def test_the_expected_time_is_in_the_decision(
    catalog: Catalog, policy_of: Callable[..., Policy], make_facts: Callable[..., Facts]
) -> None:
    policy = policy_of(COMMODITY)
    learned = {"gpt-5.4-nano standard": Latency(first=100, token=2000)}
    state = State(usage=Tokens(uncached=10, output=50), latency=learned)
    assert decide(make_facts(effort="none"), policy, state, catalog, NOW).latency == 200


def test_equal_inputs_give_equal_bytes(
    catalog: Catalog, policy_of: Callable[..., Policy], make_facts: Callable[..., Facts]
) -> None:
    state = State(usage=USAGE, arm=7, tags=frozenset({"a", "b", "c"}), metadata={"x": "y"})
    first = canonical(decide(make_facts(), policy_of(COMMODITY), state, catalog, NOW))
    assert first == canonical(decide(make_facts(), policy_of(COMMODITY), state, Catalog.open(), NOW))
