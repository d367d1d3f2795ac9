"""Holdback: who is held back, what is said of it, what it costs; and alarms, which send a workload back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tierwise.catalog import Catalog, Tokens
from tierwise.policy import (
    ARMS,
    HOLDBACK_SALT,
    Alarm,
    Decision,
    Plan,
    Policy,
    Rung,
    Sent,
    State,
    arm_of,
    canonical,
    decide,
    parse_policy,
)
from tierwise.workloads import Facts

NOW = dt.date(2026, 11, 24)
USAGE = Tokens(uncached=1000, output=100, reasoning=200)
PROVED = """ladder = "gpt-5.4"
[[rule]]
name = "tickets"
match = { workload = "00000000000000a1" }
rung = { model = "gpt-5.4-nano", effort = "none" }
stage = "on"
evidence = "proof.json"
MORE
[default]
"""
Make = Callable[..., Policy]


@pytest.fixture
def proved(catalog: Catalog, evidence_file: Callable[..., Path]) -> Make:
    """A policy with one rule on evidence, and more lines."""

    def make(more: str = "") -> Policy:
        folder = evidence_file().parent
        checked = parse_policy(PROVED.replace("MORE", more).encode(), catalog, folder=folder, now=NOW)
        assert checked.policy is not None, checked.problems
        return checked.policy

    return make


def deciding(policy: Policy, catalog: Catalog, facts: Facts, **state: Any) -> Decision:
    return decide(facts, policy, State(**({"usage": USAGE} | state)), catalog, NOW)


DRAWS = [
    # id, lines of the rule, draw, held back, propensity
    ("the usual hundredth", "", 9_999, True, "0.01"),
    ("the first beyond it", "", 10_000, False, "0.99"),
    ("a share of its own", "holdback = 0.2", 199_999, True, "0.2"),
    ("beyond a share of its own", "holdback = 0.2", 200_000, False, "0.8"),
    ("none where it says so", "holdback = 0", 0, False, None),
    ("no draw, no part", "", None, False, None),
    ("unproven rules hold back nothing by themselves", "unproven = true\napproved_by = 'me'", 0, False, None),
    ("but may", "unproven = true\napproved_by = 'me'\nholdback = 0.5", 0, True, "0.5"),
]


@pytest.mark.parametrize(
    ("lines", "draw", "held", "propensity"), [d[1:] for d in DRAWS], ids=[d[0] for d in DRAWS]
)
def test_the_draw_of_a_session_says_whether_it_is_held_back(
    lines: str, draw: int | None, held: bool, propensity: str | None,
    proved: Make, catalog: Catalog, make_facts: Callable[..., Facts],
) -> None:  # fmt: skip
    policy = proved(lines)
    decision = deciding(policy, catalog, make_facts(), draw=draw)
    assert decision.moved is not held
    assert decision.propensity == (Decimal(propensity) if propensity is not None else None)
    assert isinstance(decision.held, Plan) is held
    if isinstance(decision.held, Plan):
        assert decision.held.rung == Rung("gpt-5.4-nano", "none")
        assert decision.changes == ()
        assert "held back" in decision.reasons[-1]
    routed = deciding(policy, catalog, make_facts(), draw=ARMS - 1)
    if held:
        # What it costs is what the others are expected to save.
        assert decision.held_back == routed.expected_saving > 0
        assert decision.held_cost == routed.expected_cost
    else:
        assert decision.held_back == 0


def test_a_canary_has_its_other_sessions_and_holds_back_none(
    proved: Make, catalog: Catalog, make_facts: Callable[..., Facts]
) -> None:
    policy = proved("holdback = 0.5")
    canary = msgspec.structs.replace(policy.rules[0], stage="canary", share=Decimal("0.9"))
    policy = msgspec.structs.replace(policy, rules=(canary, *policy.rules[1:]))
    decision = deciding(policy, catalog, make_facts(), draw=0, arm=0)
    assert (decision.moved, decision.propensity) == (True, Decimal("0.9"))


def test_a_call_that_would_not_have_been_moved_is_not_held_back(
    proved: Make, catalog: Catalog, make_facts: Callable[..., Facts]
) -> None:
    for facts in (make_facts(model="gpt-5.4-nano"), make_facts(workload=0xB2)):
        decision = deciding(proved(), catalog, facts, draw=0)
        assert decision.held is msgspec.UNSET
        assert decision.propensity is None


@pytest.mark.parametrize("linked", [None, "previous_response_id"])
def test_every_turn_of_a_session_that_is_held_back_is_held_back(
    linked: str | None, proved: Make, catalog: Catalog, make_facts: Callable[..., Facts]
) -> None:
    """Its conversation runs on the rung as asked, which must not make its later turns look as if nothing were held."""
    state = {"session_rung": Rung("gpt-5.5"), "session_warm": 900, "sent": Sent(linked=linked)}
    second = deciding(proved(), catalog, make_facts(turn=1), draw=0, **state)
    assert isinstance(second.held, Plan)
    assert second.held.rung.model == "gpt-5.4-nano"
    assert second.propensity == Decimal("0.01")


def test_once_the_month_has_cost_its_cap_nobody_is_held_back(
    proved: Make, catalog: Catalog, make_facts: Callable[..., Facts]
) -> None:
    policy = proved("holdback_cap = 5")
    below = deciding(policy, catalog, make_facts(), draw=0, held_back={"tickets": Decimal("4.99")})
    above = deciding(policy, catalog, make_facts(), draw=0, held_back={"tickets": Decimal(5)})
    others = deciding(policy, catalog, make_facts(), draw=0, held_back={"letters": Decimal(500)})
    assert (below.moved, above.moved, others.moved) == (False, True, False)
    # With no draw that could have gone the other way, nothing is measured by it.
    assert above.propensity is None


def test_a_share_of_sessions_is_held_back_whatever_they_are_called(proved: Make) -> None:
    policy = proved()
    draws = [arm_of(f"session {n}", policy, HOLDBACK_SALT) for n in range(20_000)]
    assert 0.008 < sum(draw < ARMS // 100 for draw in draws) / len(draws) < 0.0125
    canary = [arm_of(f"session {n}", policy) for n in range(20_000)]
    both = sum(a < ARMS // 2 and b < ARMS // 2 for a, b in zip(draws, canary, strict=True))
    assert 0.24 < both / len(draws) < 0.26


def test_rules_that_say_nothing_of_holdback_keep_their_policy_s_digest_and_decisions_their_bytes(
    proved: Make, catalog: Catalog, make_facts: Callable[..., Facts]
) -> None:
    plain, said = proved(), proved("holdback = 0.01")
    assert plain.digest != said.digest
    assert b"holdback" not in msgspec.json.encode(plain.rules[0].holdback)
    decision = deciding(plain, catalog, make_facts())
    assert b'"held' not in canonical(decision)
    again = msgspec.json.decode(canonical(deciding(plain, catalog, make_facts(), draw=0)), type=Decision)
    assert canonical(again) == canonical(deciding(plain, catalog, make_facts(), draw=0))


ALARM = {"rule": "tickets", "why": "quality fell"}


def test_an_alarm_sends_the_workload_back_until_it_is_proved_again(
    proved: Make, catalog: Catalog, make_facts: Callable[..., Facts], evidence_file: Callable[..., Path]
) -> None:
    policy = proved()
    digest = policy.rules[0].evidence[0].digest
    alarm = Alarm(evidence=digest, **ALARM)
    decision = deciding(policy, catalog, make_facts(), alarms=(alarm,), draw=ARMS - 1)
    assert (decision.moved, decision.evidence, decision.propensity) == (False, None, None)
    assert decision.reasons[0] == "stays: alarm on rule tickets: quality fell"
    evidence_file(created=dt.date(2026, 11, 24))
    checked = parse_policy(
        PROVED.replace("MORE", "").encode(), catalog, folder=evidence_file(calls=500).parent, now=NOW
    )
    assert checked.policy is not None
    assert deciding(checked.policy, catalog, make_facts(), alarms=(alarm,)).moved


def test_an_alarm_holds_for_unproven_rules_and_in_a_fallback_too_and_for_no_other_rule(
    proved: Make, catalog: Catalog, make_facts: Callable[..., Facts]
) -> None:
    policy = proved("unproven = true\napproved_by = 'me'\nholdback = 0.5")
    bare = msgspec.structs.replace(policy.rules[0], evidence=())
    policy = msgspec.structs.replace(policy, rules=(bare, *policy.rules[1:]))
    assert not deciding(policy, catalog, make_facts(), alarms=(Alarm(**ALARM),), draw=0).moved
    other = Alarm(rule="letters", why="quality fell")
    assert deciding(policy, catalog, make_facts(), alarms=(other,), draw=ARMS - 1).moved
    falling = proved('fallback = "proven"\nholdback = 0')
    digest = falling.rules[0].evidence[0].digest
    full = {"full": frozenset({"gpt-5.5"})}
    assert deciding(falling, catalog, make_facts(), **full).moved
    assert not deciding(
        falling, catalog, make_facts(), alarms=(Alarm(evidence=digest, **ALARM),), **full
    ).moved


WRONG = [
    ("holdback = 1.5", "from 0 to 1"),
    ("holdback = -0.1", "from 0 to 1"),
    ('holdback = "1 %"', "holdback"),
    ("holdback_cap = -1", "0 or more"),
    ("holdback = 0\nholdback_cap = 5", "beside its cap"),
]


@pytest.mark.parametrize(("lines", "words"), WRONG)
def test_a_holdback_that_cannot_be_is_an_error(
    lines: str, words: str, catalog: Catalog, evidence_file: Callable[..., Path]
) -> None:
    text = PROVED.replace("MORE", lines)
    checked = parse_policy(text.encode(), catalog, folder=evidence_file().parent, now=NOW)
    assert checked.policy is None
    assert any(words in str(problem) for problem in checked.problems), checked.problems
