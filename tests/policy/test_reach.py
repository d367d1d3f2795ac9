"""Rules that no call reaches are found, and no others: against every call of small spaces."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.catalog import Catalog, Tokens
from tierwise.policy import Match, Policy, Rule, Sent, State
from tierwise.policy._match import first_match
from tierwise.policy._reach import unreachable
from tierwise.workloads import DEPTHS, Facts, Template, ToolFact

TASKS = ("chat", "coding")
MODELS = ("gpt-5.5", "gpt-5.4", "o3")
TAGS = ("a", "b")


@cache
def _catalog() -> Catalog:
    return Catalog.open()


def _some(words: tuple[str, ...]) -> st.SearchStrategy[frozenset[Any]]:
    return st.frozensets(st.sampled_from(words), max_size=len(words))


MATCHES = st.builds(
    Match,
    depths=_some(DEPTHS),
    models=_some((*MODELS, "gpt-5.*", "*")),
    tags=_some(TAGS),
    tools=st.sampled_from([None, None, True, False]),
    tool_names=_some(("t",)),
    metadata=st.dictionaries(st.just("m"), st.sampled_from([frozenset("1"), frozenset("12")]), max_size=1),
)


def _facts(depth: str, model: str, tools: bool) -> Facts:
    template = Template(
        digest=1, base=1, segments=(), head="", instructions_tokens=0, tools_tokens=0, schema_tokens=0,
        tools=(ToolFact(1, 1),) if tools else (), needs=frozenset(), task="chat", depth="unknown",
        depth_score=0.0, signals=(),
    )  # fmt: skip
    return Facts(
        workload=1, template=template, opening=(), endpoint="chat", model=model, effort=None, task="chat",
        depth=depth, role="single", signals=(), needs=frozenset(), input_tokens=1, newest_tokens=1,
        max_output_tokens=None, blocks=(), turn=0, request=1,
    )  # fmt: skip


def _state(tags: frozenset[str], names: frozenset[str], m: str | None) -> State:
    metadata = {} if m is None else {"m": m}
    return State(usage=Tokens(), tags=tags, sent=Sent(tools=names), metadata=metadata)


@cache
def every_call() -> tuple[tuple[Facts, State, str], ...]:
    """Every call of the space; among its models those that only a pattern names, or no rule at all."""
    tag_sets = [frozenset(), *(frozenset({t}) for t in TAGS), frozenset(TAGS)]
    sent = [(False, frozenset()), (True, frozenset()), (True, frozenset({"t"}))]
    return tuple(
        (_facts(depth, model, tools), _state(tags, names, m), model)
        for depth, model, tags, (tools, names), m in product(
            DEPTHS, (*MODELS, "gpt-5.4-mini", "claude"), tag_sets, sent, (None, "1", "2", "3")
        )
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(MATCHES, min_size=2, max_size=4))
def test_exactly_the_rules_that_no_call_reaches_are_reported(matches: list[Match]) -> None:
    rules = tuple(Rule(name=str(n), match=match) for n, match in enumerate(matches))
    ladder = _catalog().ladder()
    policy = Policy(name="p", ladder=ladder, rules=(*rules, Rule(name="default")))
    reached = {first_match(facts, policy, state, model).name for facts, state, model in every_call()}
    reported = {str(number) for number, _ in unreachable(matches, _catalog())}
    empty = {str(n) for n, match in enumerate(matches) if match.tool_names and match.tools is False}
    assert reported - empty == {rule.name for rule in rules[1:]} - reached - empty


def test_a_narrower_pattern_is_hidden_by_a_wider_one() -> None:
    wide, narrow = Match(models=frozenset({"gpt-*"})), Match(models=frozenset({"gpt-5.*-mini", "gpt-4o"}))
    assert unreachable([wide, narrow], _catalog()) == [(1, (0,))]
    assert unreachable([narrow, wide], _catalog()) == []


def test_a_family_hides_its_snapshots_but_not_the_other_way_round() -> None:
    family = Match(models=frozenset({"gpt-5.5"}))
    snapshot = Match(models=frozenset({"gpt-5.5-2026-04-23"}))
    assert unreachable([family, snapshot], _catalog()) == [(1, (0,))]
    assert unreachable([snapshot, family], _catalog()) == []


def test_a_rule_for_everything_hides_all_after_it() -> None:
    later = [Match(tasks=frozenset({"chat"})), Match(workloads=frozenset({"w"}))]
    assert unreachable([Match(), *later], _catalog()) == [(1, (0,)), (2, (0,))]


def test_every_depth_taken_one_by_one_leaves_nothing() -> None:
    each = [Match(depths=frozenset({depth})) for depth in DEPTHS]
    assert unreachable([*each, Match(tags=frozenset({"x"}))], _catalog()) == [(5, (0, 1, 2, 3, 4))]


@pytest.mark.parametrize("count", [300])
def test_many_rules_by_workload_are_checked_quickly(count: int) -> None:
    rules = [Match(workloads=frozenset({f"{n:016x}"})) for n in range(count)]
    again = msgspec.structs.replace(rules[7], tasks=frozenset({"chat"}))
    assert unreachable([*rules, again], _catalog()) == [(count, (7,))]


def test_rules_with_many_tags_are_checked_with_bounded_work() -> None:
    rules = [
        Match(
            tags=frozenset(f"tag {n} {k}" for k in range(12)),
            tool_names=frozenset(f"tool {n} {k}" for k in range(8)),
        )
        for n in range(20)
    ]
    narrower = Match(tags=frozenset({"tag 3 1"}), tool_names=frozenset({"tool 3 2"}))
    assert unreachable([*rules, narrower], _catalog()) == [(20, (3,))]
