"""What a decision does for the prompt cache: only what model, owner and caller let it, with its numbers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tierwise.catalog import Catalog, Tokens
from tierwise.policy import (
    NO_CACHING,
    ORDER,
    CacheSettings,
    Decision,
    Limits,
    Match,
    Narrowing,
    Policy,
    Rule,
    Sent,
    State,
    ToolSettings,
    Warmth,
    canonical,
    decide,
    parse_policy,
)
from tierwise.workloads import Facts

NOW = dt.date(2026, 11, 25)
EVERYTHING = CacheSettings(key=True, retention="auto", order_tools=True, breakpoints=True)
LONG_GAPS = (1, 2, 30, 10, 0, 0)
WARMTH = Warmth(
    key="tw-00",
    shard=1,
    shards=4,
    rate=40,
    gaps=LONG_GAPS,
    prefix=4_000,
    orders_vary=True,
    mark="messages[0]",
)

Deciding = Callable[..., Decision]


@pytest.fixture
def deciding(make_facts: Callable[..., Facts], catalog: Catalog) -> Deciding:
    """A decision on a call under one rule that lets everything be done for the cache."""

    def decided(
        model: str = "gpt-5.4",
        settings: CacheSettings = EVERYTHING,
        limits: Limits = Limits(),
        usage: Tokens = Tokens(uncached=5_000, output=100),
        **changes: Any,
    ) -> Decision:
        rule = Rule(
            name="cache",
            match=Match(),
            cache=settings,
            stage="on",
            model=changes.pop("rung", None),
            tools=changes.pop("tools", ToolSettings()),
        )
        policy = Policy(name="t", ladder=catalog.ladder(), rules=(rule,), limits=limits)
        state = State(**{"usage": usage, "sent": Sent(), "cache": WARMTH, **changes})
        return decide(make_facts(model=model), policy, state, catalog, NOW)

    return decided


def changed(decision: Decision) -> Mapping[str, str | None]:
    return {change.parameter: change.after for change in decision.changes}


def test_a_list_that_is_searched_keeps_its_order(deciding: Deciding) -> None:
    """What grows at its end would begin otherwise if it were sorted; the key is sent all the same."""
    found = Narrowing(sent=100, stay=20, tokens=4_000, steps=1)
    usage = Tokens(uncached=9_000, output=100)
    decision = deciding(usage=usage, search=found, tools=ToolSettings(search="client"))
    assert decision.plan.tools.search == "client"
    assert ORDER not in changed(decision)
    assert changed(decision)["prompt_cache_key"] == "tw-00"
    assert [step.lever for step in decision.steps[:3]] == ["as asked", "tools", "cache"]
    whole = deciding(usage=usage, search=found)
    assert changed(whole)[ORDER] == "by name"


KEY = {"prompt_cache_key": "tw-00"}
ORDERED = {"tools.order": "by name"}
KEPT = {"prompt_cache_retention": "24h"}
LONG = {"prompt_cache_options.ttl": "12h"}
MARKED = {"messages[0].prompt_cache_breakpoint": "explicit"}


def sent(*names: str) -> dict[str, Any]:
    return {"sent": Sent(parameters=frozenset(names))}


CASES: list[tuple[str, dict[str, Any], Mapping[str, str]]] = [
    ("an older model", {}, ORDERED | KEY | KEPT),
    ("a model that charges for writes", {"model": "gpt-5.6-luna"}, ORDERED | KEY | LONG | MARKED),
    ("one that keeps nothing for long", {"model": "gpt-5.4-nano"}, ORDERED | KEY),
    ("one that reads nothing from a cache", {"model": "gpt-4-turbo"}, {}),
    ("the caller's own key", sent("prompt_cache_key"), ORDERED | KEPT),
    ("the caller's own retention", sent("prompt_cache_retention"), ORDERED | KEY),
    ("the caller's own options", {"model": "gpt-5.6-luna", **sent("prompt_cache_options")}, ORDERED | KEY),
    ("zero data retention", {"limits": Limits(zero_retention=True)}, ORDERED | KEY),
    (
        "zero data retention, breakpoints",
        {"model": "gpt-5.6-luna", "limits": Limits(zero_retention=True)},
        ORDERED | KEY,
    ),
    ("a prompt too short to be cached", {"usage": Tokens(uncached=1_023, output=9)}, {}),
    (
        "one too short for the steps of gpt-5.5",
        {"model": "gpt-5.5", "usage": Tokens(uncached=2_047, output=9)},
        {},
    ),
    (
        "one just long enough for them",
        {"model": "gpt-5.5", "usage": Tokens(uncached=2_048, output=9)},
        ORDERED | KEY | KEPT,
    ),
    ("nothing known, as in an audit", {"cache": None}, {}),
    ("only facts known", {"sent": None}, {}),
    ("nothing allowed", {"settings": CacheSettings()}, {}),
    (
        "zero data retention against a forced retention",
        {"settings": CacheSettings(retention="24h"), "limits": Limits(zero_retention=True)},
        {},
    ),
    (
        "a forced retention",
        {"settings": CacheSettings(retention="in_memory")},
        {"prompt_cache_retention": "in_memory"},
    ),
    ("a forced one that the model refuses", {"settings": CacheSettings(retention="12h")}, {}),
]


@pytest.mark.parametrize(("case", "given", "expected"), CASES, ids=[case[0] for case in CASES])
def test_what_is_done_for_the_cache(
    deciding: Deciding, case: str, given: dict[str, Any], expected: Mapping[str, str]
) -> None:
    decision = deciding(**given)
    assert changed(decision) == expected
    assert (decision.plan.caching == NO_CACHING) is not bool(expected)
    assert all(change.why for change in decision.changes)
    assert not decision.moved
    assert decision.shadow is None


GAPS: list[tuple[str, str, tuple[int, ...], bool, bool, str]] = [
    ("few gaps", "gpt-5.4", (0, 0, 19, 0, 0, 0), False, False, "19 gaps between calls seen, 20 tell"),
    ("short gaps", "gpt-5.4", (96, 2, 2, 0, 0, 0), False, False, "4 of 100 gaps"),
    ("one long gap in twenty", "gpt-5.4", (95, 5, 0, 0, 0, 0), True, False, "5 of 100 gaps"),
    ("gaps of days", "gpt-5.4", (0, 0, 0, 0, 0, 50), False, False, "0 of 50 gaps"),
    ("short gaps", "gpt-5.6-luna", (60, 0, 1, 0, 0, 0), False, True, "1 of 61 gaps"),
    ("gaps of an hour", "gpt-5.6-luna", (20, 0, 40, 0, 0, 0), True, True, "40 of 60 gaps"),
    ("gaps of days", "gpt-5.6-luna", (0, 0, 0, 0, 0, 50), False, False, "0 of 50 gaps"),
]


@pytest.mark.parametrize(("case", "model", "gaps", "kept", "marked", "why"), GAPS)
def test_retention_and_breakpoints_follow_the_gaps_and_say_so(
    deciding: Deciding, case: str, model: str, gaps: tuple[int, ...], kept: bool, marked: bool, why: str
) -> None:
    decision = deciding(model=model, cache=msgspec.structs.replace(WARMTH, gaps=gaps))
    caching = decision.plan.caching
    assert ((caching.retention is not None), (caching.mark is not None)) == (kept, marked)
    said = [change.why for change in decision.changes] + list(decision.reasons)
    assert any(why in one for one in said), said


def test_the_cache_step_reads_what_the_lever_reads_and_may_cost(deciding: Deciding) -> None:
    usage = Tokens(uncached=1_000, cached=4_000, output=100)
    better = deciding(usage=Tokens(uncached=5_000, output=100), readable=3_968)
    worse = deciding(usage=usage, readable=0)
    steps = {step.lever: step for step in better.steps}
    assert steps["cache"].tokens.cached == 3_968
    assert steps["tools"].cost - steps["cache"].cost == 3_968 * Decimal("2.25") / 1_000_000
    assert better.expected_saving > 0
    assert {step.lever: step for step in worse.steps}["cache"].tokens.cached == 0
    assert worse.expected_saving < 0


def test_writes_for_twelve_hours_are_counted_at_their_rate(deciding: Deciding) -> None:
    decision = deciding(model="gpt-5.6-luna", usage=Tokens(written=5_000, output=100), readable=4_000)
    last = decision.steps[-1].tokens
    assert (last.cached, last.written, last.written_12h) == (4_000, 0, 1_000)


def test_a_workload_stays_on_the_rung_where_its_shared_prefix_is_warm(deciding: Deciding) -> None:
    """A first turn of a new conversation: what other conversations left warm is part of the expected bill."""
    rung: dict[str, Any] = {"rung": "gpt-5.4", "usage": Tokens(uncached=2_000, cached=48_000, output=10)}
    here = {"model": "gpt-5.5", "readable": 48_000, "settings": CacheSettings(key=True)}
    cold = deciding(**rung, **here, kept_warm=0)
    warm = deciding(
        **rung, **here, kept_warm=0, cache=msgspec.structs.replace(WARMTH, warm={"gpt-5.4": 48_000})
    )
    assert cold.plan.rung.model == "gpt-5.5"
    assert warm.plan.rung.model == "gpt-5.4"
    assert warm.steps[-1].tokens.cached == 48_000


def test_a_rule_that_is_off_or_in_shadow_does_nothing_for_the_cache(
    deciding: Deciding, make_facts: Callable[..., Facts], catalog: Catalog
) -> None:
    for stage in ("off", "shadow"):
        rule = Rule(name="cache", cache=EVERYTHING, stage=stage)  # type: ignore[arg-type]
        policy = Policy(name="t", ladder=catalog.ladder(), rules=(rule,))
        state = State(usage=Tokens(uncached=5_000, output=1), sent=Sent(), cache=WARMTH)
        decision = decide(make_facts(model="gpt-5.4"), policy, state, catalog, NOW)
        assert decision.changes == ()
        assert decision.plan.caching == NO_CACHING


def test_equal_inputs_give_equal_bytes_also_out_of_a_ledger(
    deciding: Deciding, make_facts: Callable[..., Facts], catalog: Catalog
) -> None:
    assert canonical(deciding()) == canonical(deciding())
    state = State(usage=Tokens(uncached=5_000, output=1), sent=Sent(), cache=WARMTH)
    assert msgspec.json.decode(msgspec.json.encode(state), type=State) == state
    assert msgspec.json.decode(canonical(deciding()), type=Decision) == deciding()


FILE = """
version = 1
ladder = "gpt-5.4"
{limits}
[[rule]]
name = "cache"
match = {{ model = "gpt-5.4" }}
cache = {cache}
stage = "on"
[default]
stage = "off"
"""


@pytest.mark.parametrize(
    ("cache", "limits", "problem"),
    [
        ('{ key = true, retention = "auto", breakpoints = true, replicas = 3 }', "", None),
        ('{ retention = "forever" }', "", "expected 'auto' or one of in_memory, 30m, 12h, 24h"),
        (
            '{ retention = "24h" }',
            "[limits]\nzero_retention = true",
            "zero_retention of [limits] forbids 24h",
        ),
        ('{ retention = "auto" }', "[limits]\nzero_retention = true", None),
        ("{ replicas = 0 }", "", "expected a number from 1 to 1024"),
    ],
)
def test_the_file_says_what_may_be_done(
    cache: str, limits: str, problem: str | None, catalog: Catalog
) -> None:
    checked = parse_policy(FILE.format(cache=cache, limits=limits).encode(), catalog, now=NOW)
    if problem is None:
        assert checked.policy is not None, checked.problems
    else:
        assert problem in " ".join(map(str, checked.problems))
