"""What must always hold of decisions: no request raises, and replay gives the same bytes."""

from __future__ import annotations

import datetime as dt
import hashlib
import random
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tierwise
from tierwise.calls import Endpoint
from tierwise.catalog import LANES, Catalog, Tokens
from tierwise.policy import (
    Decision,
    Hints,
    Latency,
    Lengths,
    Policy,
    Rung,
    Sent,
    State,
    arm_of,
    canonical,
    decide,
    hints_of,
    parse_policy,
    proposal,
)
from tierwise.workloads import DEPTHS, ROLES, TASKS, Facts, ToolFact

NOW = dt.date(2026, 11, 24)
MODELS = ("gpt-5.5", "gpt-5.4", "gpt-5.4-mini", "gpt-5.4-nano", "gpt-4o", "gpt-4.1", "o3", "gpt-6-astra", "auto",
          "text-embedding-3-small", "gpt-9", "", None, "ft:gpt-4o:acme::x", "gpt-5.5-2026-04-23")  # fmt: skip
NEEDS = (
    "tools",
    "structured_output",
    "tool_search",
    "computer_use",
    "images",
    "audio",
    "sampling",
    "logprobs",
)
EXTRAS = ("stop", "seed", "logit_bias", "prediction", "presence_penalty")

FILE = """
ladder = "gpt-5.4"
baseline = { model = "gpt-5.4", effort = "low" }
trusts = ["key:jobs"]
[limits]
approved = ["gpt-5.4-nano", "gpt-5.4-mini", "gpt-5.4", "gpt-5.5", "gpt-4o"]
residency = "eu"
[[rule]]
name = "canary"
match = { task = "chat" }
rung = "gpt-5.4-mini"
stage = "canary"
share = 0.5
unproven = true
approved_by = "kim"
max_latency = "4s"
[[rule]]
name = "shadow"
match = { role = "sub-agent" }
rung = { model = "gpt-5.4-nano", effort = "low" }
stage = "shadow"
[[rule]]
name = "on"
match = { depth = ["commodity", "routine", "professional"] }
rung = { model = "gpt-5.4-nano", effort = "low" }
verbosity = "low"
lanes = ["batch", "flex"]
deadline = "24h"
may_drop = ["temperature", "top_p", "logit_bias"]
through_responses = true
stage = "on"
unproven = true
approved_by = "kim"
cache = { key = true }
tools = { drop_unused = true }
[default]
rung = { effort = "medium" }
stage = "on"
unproven = true
approved_by = "kim"
"""


@cache
def _catalog() -> Catalog:
    return Catalog.open()


@cache
def _policy() -> Policy:
    checked = parse_policy(FILE.encode(), _catalog(), now=NOW)
    assert checked.policy is not None, checked.problems
    return checked.policy


def _random_facts(rng: random.Random, make_facts: Callable[..., Facts]) -> Facts:
    tools = tuple(ToolFact(n, rng.randrange(500)) for n in range(rng.randrange(4)))
    needs = {need for need in NEEDS if rng.random() < 0.12} | ({"tools"} if tools else set())
    return make_facts(
        workload=rng.getrandbits(64),
        endpoint=rng.choice(get_args(Endpoint)[:2] if rng.random() < 0.9 else get_args(Endpoint)),
        model=rng.choice(MODELS),
        effort=rng.choice([None, None, "none", "minimal", "low", "high", "max", "odd", ""]),
        task="chat" if rng.random() < 0.3 else rng.choice(TASKS),
        depth=rng.choice(DEPTHS),
        role=rng.choice(ROLES),
        needs=needs,
        tools=tools,
        input_tokens=rng.randrange(400_000),
        max_output_tokens=rng.choice([None, 1, 500, 200_000]),
        turn=rng.randrange(5),
    )


def _random_state(rng: random.Random) -> State:
    most = 10 ** rng.randrange(7)
    counts = [rng.randrange(most) for _ in range(5)]
    session = rng.choice(
        [None, None, Rung("gpt-5.4-mini", "low"), Rung("gpt-5.5", "medium"), Rung("gone", "x")]
    )
    return State(
        usage=Tokens(
            uncached=counts[0], cached=counts[1], written=counts[2], output=counts[3], reasoning=counts[4]
        ),
        lane=rng.choice(LANES),
        unused_tools=frozenset(n for n in range(4) if rng.random() < 0.3),
        readable=rng.randrange(most),
        kept_warm=rng.randrange(1001),
        lengths={"gpt-5.4-nano": Lengths(output=rng.randrange(3000), learned=True)}
        if rng.random() < 0.3
        else {},
        waits=rng.random() < 0.3,
        warm={"gpt-5.4-mini": rng.randrange(most)} if rng.random() < 0.3 else {},
        lanes=rng.choice([None, frozenset({"standard", "flex"})]),
        deadline=rng.choice([None, 0, 3600, 10**6]),
        sent=Sent(
            temperature=rng.choice([None, 0.0, 0.2, 1.0]),
            top_p=rng.choice([None, 0.5, 1.0]),
            n=rng.choice([None, 1, 3]),
            verbosity=rng.choice([None, "low", "high", "odd"]),
            stream=rng.random() < 0.3,
            store=rng.choice([None, True, False]),
            parameters=frozenset(rng.sample(["max_tokens", "max_completion_tokens", "user"], 2)),
            extras=frozenset(e for e in EXTRAS if rng.random() < 0.15),
            linked=rng.choice([None, None, "conversation"]),
        )
        if rng.random() < 0.8
        else None,
        callers=frozenset(rng.sample(["key:jobs", "key:web", "project:a"], rng.randrange(3))),
        hints=Hints(task=rng.choice(TASKS), depth=rng.choice(DEPTHS)) if rng.random() < 0.3 else None,
        tags=frozenset(rng.sample("abcdef", rng.randrange(4))),
        arm=rng.choice([None, 0, 499_999, 500_000, 999_999]),
        session_rung=session,
        session_warm=rng.randrange(most),
        latency={"gpt-5.4-mini standard": Latency(first=10, token=rng.randrange(90_000))},
        completion={"batch": rng.randrange(200_000)} if rng.random() < 0.3 else {},
        snapshots={"gpt-5.4-nano": "gpt-5.4-nano-2026-03-17"} if rng.random() < 0.3 else {},
    )


def test_a_thousand_decisions_replay_to_the_same_bytes_from_what_is_stored(
    make_facts: Callable[..., Facts],
) -> None:
    rng = random.Random(4)
    policies = (_policy(), proposal(_catalog().ladder()))
    stages = set()
    for number in range(10_000):
        facts, state, policy = _random_facts(rng, make_facts), _random_state(rng), policies[number % 2]
        decision = decide(facts, policy, state, _catalog(), NOW)
        written = [msgspec.json.encode(each, order="deterministic") for each in (facts, state, policy)]
        again = decide(
            msgspec.json.decode(written[0], type=Facts),
            msgspec.json.decode(written[2], type=Policy),
            msgspec.json.decode(written[1], type=State),
            _catalog(),
            NOW,
        )
        first = canonical(decision)
        assert canonical(again) == first
        assert canonical(msgspec.json.decode(first, type=Decision)) == first
        stages.add((decision.rule, decision.moved))
    assert {(rule, moved) for rule, moved in stages if moved} >= {
        ("canary", True),
        ("on", True),
        ("default", True),
    }


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), st.text(max_size=30))
def test_no_request_makes_a_decision_raise(make_facts: Callable[..., Facts], seed: int, model: str) -> None:
    rng = random.Random(seed)
    facts, state = _random_facts(rng, make_facts), _random_state(rng)
    for each in (facts, msgspec.structs.replace(facts, model=model, effort=model)):
        decision = decide(each, _policy(), state, _catalog(), NOW)
        assert decision.reasons
        assert decision.stage != "shadow" or not decision.moved
        assert not decision.steps or all(step.cost >= 0 for step in decision.steps)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32))
def test_a_call_never_goes_outside_the_owners_limits_or_to_a_dearer_rung_unasked(
    make_facts: Callable[..., Facts], seed: int
) -> None:
    rng = random.Random(seed)
    facts, state = _random_facts(rng, make_facts), _random_state(rng)
    state = msgspec.structs.replace(state, session_rung=None)
    decision = decide(facts, _policy(), state, _catalog(), NOW)
    if decision.plan.rung.model != decision.baseline.model:
        assert decision.plan.rung.model in (_policy().limits.models or ())
        assert decision.expected_saving > 0
        assert decision.unproven


SOURCE = str(Path(tierwise.__file__).parent.parent)
HASHED = """
import datetime as dt, hashlib, sys
from tierwise.catalog import Catalog, Tokens
from tierwise.policy import State, canonical, decide, parse_policy
sys.path.insert(0, {here!r})
from conftest import make_facts
catalog = Catalog.open()
policy = parse_policy(sys.stdin.buffer.read(), catalog, now=dt.date(2026, 11, 24)).policy
facts = make_facts(needs=("tools", "images", "files"), endpoint="responses")
state = State(usage=Tokens(uncached=9), tags=frozenset("abcdefgh"), unused_tools=frozenset(range(50)))
print(hashlib.sha256(canonical(decide(facts, policy, state, catalog, dt.date(2026, 11, 24)))).hexdigest())
"""


@pytest.mark.parametrize("seed", ["0", "77"])
def test_bytes_are_the_same_in_every_process(seed: str, make_facts: Callable[..., Facts]) -> None:
    facts = make_facts(needs=("tools", "images", "files"), endpoint="responses")
    state = State(usage=Tokens(uncached=9), tags=frozenset("abcdefgh"), unused_tools=frozenset(range(50)))
    here = hashlib.sha256(canonical(decide(facts, _policy(), state, _catalog(), NOW))).hexdigest()
    done = subprocess.run(
        [sys.executable, "-c", HASHED.format(here=str(Path(__file__).parent))],
        input=FILE.encode(),
        capture_output=True,
        check=True,
        env={"PYTHONHASHSEED": seed, "PATH": "", "PYTHONPATH": SOURCE},
    )
    assert done.stdout.decode().strip() == here


def test_a_sessions_draw_is_uniform_and_changes_with_policy_and_salt() -> None:
    policy = _policy()
    other = msgspec.structs.replace(policy, name="other")
    draws = [arm_of(f"s{n}", policy) for n in range(4_000)]
    assert abs(sum(draw < 250_000 for draw in draws) - 1_000) < 150
    assert draws[0] == arm_of("s0", policy) != arm_of("s0", other)
    assert draws[0] != arm_of("s0", policy, salt="x")
    assert arm_of("\ud800", policy) >= 0


HINTED: list[tuple[str, dict[str, str], dict[str, str], Any]] = [
    ("metadata", {"task": "coding", "team": "x"}, {}, Hints(task="coding")),
    ("a header wins", {"task": "coding"}, {"x-tierwise-task": "chat"}, Hints(task="chat")),
    ("a word there is not", {"depth": "shallow"}, {}, Hints()),
    ("a workload's name", {"workload": "tickets"}, {}, Hints(workload="tickets")),
    ("nothing said", {"team": "x"}, {}, None),
    ("too long to be one", {"workload": "w" * 500}, {}, None),
]


@pytest.mark.parametrize(
    ("metadata", "headers", "hints"), [h[1:] for h in HINTED], ids=[h[0] for h in HINTED]
)
def test_hints_come_from_metadata_and_headers(
    metadata: dict[str, str], headers: dict[str, str], hints: Hints | None
) -> None:
    assert hints_of(metadata, headers) == hints
