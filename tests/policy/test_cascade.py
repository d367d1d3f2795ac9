"""A rule's cascade: its certificate is checked when the policy is read, and again at each call."""

from __future__ import annotations

import datetime as dt
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "cascade"))

from cascading import MINI, STRONG, certificate, policy_text, trial, write_policy

from tierwise.calls import parse_request
from tierwise.catalog import Catalog, Tokens
from tierwise.policy import (
    Cascading,
    Decision,
    PaidCheck,
    Policy,
    Rung,
    Sent,
    State,
    certificate_bytes,
    check_policy,
    decide,
    load_policy,
    parse_policy,
)
from tierwise.workloads import Facts, Recogniser

NOW = dt.date(2026, 11, 25)
REQUEST = parse_request(
    "chat",
    msgspec.json.encode(
        {
            "model": "gpt-5.5",
            "messages": [
                {"role": "system", "content": "Classify the ticket. Answer with the word alone."},
                {"role": "user", "content": "Twice!"},
            ],
        }
    ),
)
FACTS: Facts = Recogniser(b"").recognise(REQUEST)
WORKLOAD = f"{FACTS.workload:016x}"
USAGE = Tokens(uncached=1_000, output=100)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.open()


def policy_of(
    catalog: Catalog, folder: Path, *, rule: str = 'stage = "on"', cascade: str = "", **more: Any
) -> Policy:
    found = certificate(WORKLOAD, **more)
    return load_policy(write_policy(folder, found, rule=rule, cascade=cascade), catalog, now=NOW)


def decided(catalog: Catalog, policy: Policy, now: dt.date = NOW, **state: Any) -> Decision:
    facts = state.pop("facts", FACTS)
    return decide(facts, policy, State(**{"usage": USAGE, "sent": Sent(), **state}), catalog, now)


def test_a_policy_of_before_keeps_its_digest(catalog: Catalog) -> None:
    text = b"""version = 1
ladder = "gpt-5.4"
[[rule]]
name = "r"
match = { task = "chat" }
rung = "gpt-5.4-nano"
stage = "shadow"
cascade = { risk = 0.1, to = "gpt-5.4" }
[default]
"""
    policy = parse_policy(text, catalog).policy
    assert policy is not None
    assert policy.digest == "69c7bb0741421ecdec51c0c05d4672028fa8d65fadff28caf91906a295dd2369"


FAULTS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "expired": ({"expires": dt.date(2026, 11, 1)}, {}, "expired on 2026-11-01"),
    "of another workload": ({"workload": "0" * 16}, {}, "of workload 0000000000000000"),
    "a larger risk": ({"risk": Decimal("0.1")}, {}, "bounds the risk by 0.1, the rule allows 0.05"),
    "a joint risk": ({"offer": "joint"}, {}, "set offer = 'joint'"),
    "less confidence": ({"confidence": Decimal("0.8")}, {}, "confidence is 0.8"),
    "nothing accepted": ({"verdict": "accepts nothing", "trials": ()}, {}, "'accepts nothing'"),
    "does not pay": ({"verdict": "does not pay"}, {}, "'does not pay'"),
    "another rung": ({"trials": (trial(MINI),)}, {}, "tries gpt-5.4-mini (none) first"),
    "another snapshot": ({"trials": (trial(snapshot="gpt-5.4-mini-2026-03-17"),)}, {}, "which is no gpt-5.4-nano"),
    "a check that it lacks": ({}, {"cascade": 'checks = ["judge"]'}, "without the check 'judge'"),
    "a check that there is not": ({}, {"cascade": 'checks = ["magic"]'}, "expected checks among"),
    "another way up": ({}, {"cascade": 'to = "gpt-5.4"'}, "only the rung as asked was compared with"),
    "a lane that waits": ({}, {"rule": 'stage = "on"\nlanes = ["batch"]\ndeadline = "24h"'}, "before it is answered"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_certificate_that_does_not_carry_its_rule_is_refused_with_the_reason(
    catalog: Catalog, tmp_path: Path, name: str
) -> None:
    changed, more, words = FAULTS[name]
    found = certificate(**{"workload": WORKLOAD, **changed})
    path = write_policy(tmp_path, found, **more)
    path.write_text(path.read_text().replace(f'"{found.workload}"', f'"{WORKLOAD}"'))
    checked = check_policy(path, catalog, now=NOW)
    assert checked.policy is None
    assert any(words in problem.text for problem in checked.problems), checked.problems


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "found none that reads"),
        (b"{}", "found none that reads"),
        (b"\xff\xfe", "found none that reads"),
        (b"[" * 10_000, "found none that reads"),
        (certificate_bytes(certificate(WORKLOAD)).replace(b'"calls": 500', b'"calls": 900'), "was changed"),
    ],
)
def test_a_file_that_is_no_certificate_is_refused(
    catalog: Catalog, tmp_path: Path, data: bytes | None, words: str
) -> None:
    if data is not None:
        (tmp_path / "cascade.json").write_bytes(data)
    checked = parse_policy(policy_text(WORKLOAD).encode(), catalog, folder=tmp_path, now=NOW)
    assert checked.policy is None
    assert any(words in problem.text for problem in checked.problems), checked.problems


def test_a_selective_certificate_serves_a_rule_that_asks_for_the_joint_risk(
    catalog: Catalog, tmp_path: Path
) -> None:
    assert policy_of(catalog, tmp_path, cascade='offer = "joint"').rules[0].cascade is not None


def test_it_tries_the_rung_then_goes_as_asked(catalog: Catalog, tmp_path: Path) -> None:
    policy = policy_of(catalog, tmp_path)
    first = decided(catalog, policy)
    assert first.plan.rung == Rung("gpt-5.4-nano", "none")
    assert isinstance(first.plan.cascade, Cascading)
    assert (first.plan.cascade.trial, first.plan.cascade.passes, first.unproven) == (0, 300, False)
    then = decided(catalog, policy, tried=1)
    assert (then.plan.rung, then.moved, then.plan.cascade) == (STRONG, False, msgspec.UNSET)


def test_paid_checks_and_later_rungs_are_in_what_it_is_expected_to_cost(
    catalog: Catalog, tmp_path: Path
) -> None:
    judge = PaidCheck(name="judge", model="gpt-5.4-mini", tokens=Tokens(uncached=2_000, output=50))
    trials = (trial(passes=500, paid=(judge,)), trial(MINI, passes=400))
    decision = decided(catalog, policy_of(catalog, tmp_path, trials=trials))
    steps = {step.lever: step for step in decision.steps}

    def price(model: str, tokens: Tokens) -> Decimal:
        return catalog.rate_card(model, at=NOW).total(tokens)

    use = steps["tier"].tokens
    expected = price("gpt-5.4-nano", use) + price("gpt-5.4-mini", judge.tokens)
    expected += Decimal("0.5") * price("gpt-5.4-mini", use) + Decimal("0.2") * steps["as asked"].cost
    assert steps["tier"].cost == expected


DAYS: dict[str, dict[str, Any]] = {
    "expired on 2030-01-01": {"now": dt.date(2030, 1, 2)},
    "gpt-5.4-nano-2027-01-01 serves today": {"snapshots": {"gpt-5.4-nano": "gpt-5.4-nano-2027-01-01"}},
    "gpt-5.5-2027-01-01 serves today": {"snapshots": {"gpt-5.5": "gpt-5.5-2027-01-01"}},
    "against gpt-5.5, not gpt-5.4": {"facts": msgspec.structs.replace(FACTS, model="gpt-5.4")},
    "hosted tools": {"facts": msgspec.structs.replace(FACTS, needs=frozenset({"hosted_tools"}))},
    "sends streams as asked": {"sent": Sent(stream=True)},
    "is with its caller": {"sent": Sent(released=True)},
    "the call waits": {"sent": Sent(background=True)},
    "conversation hold more": {"sent": Sent(linked="conversation")},
    "one is checked": {"sent": Sent(n=3)},
    "nobody checks answers here": {"unchecked": True},
}


@pytest.mark.parametrize("words", DAYS)
def test_a_call_that_the_certificate_does_not_carry_goes_as_asked_and_says_why(
    catalog: Catalog, tmp_path: Path, words: str
) -> None:
    decision = decided(catalog, policy_of(catalog, tmp_path), **DAYS[words])
    assert not decision.moved
    assert any(words in reason for reason in decision.reasons), decision.reasons


def test_a_shadow_records_what_would_be_tried_and_a_canary_draws(catalog: Catalog, tmp_path: Path) -> None:
    shadow = decided(catalog, policy_of(catalog, tmp_path, rule='stage = "shadow"'))
    assert not shadow.moved
    assert shadow.plan.cascade is msgspec.UNSET
    assert shadow.shadow is not None
    assert isinstance(shadow.shadow.cascade, Cascading)
    canary = policy_of(catalog, tmp_path, rule='stage = "canary"\nshare = 0.5')
    assert decided(catalog, canary, arm=0).moved
    assert not decided(catalog, canary, arm=999_999).moved


def test_what_no_room_is_left_for_falls_back_without_a_cascade(catalog: Catalog, tmp_path: Path) -> None:
    policy = policy_of(catalog, tmp_path, rule='stage = "on"\nfallback = ["proven", "up"]')
    facts = msgspec.structs.replace(FACTS, model="gpt-5.5")
    decision = decided(catalog, policy, facts=facts, full=frozenset({"gpt-5.5"}), tried=1)
    assert decision.plan.cascade is msgspec.UNSET


def test_it_does_not_wait_longer_than_the_rule_lets_it(catalog: Catalog, tmp_path: Path) -> None:
    policy = policy_of(catalog, tmp_path, rule='stage = "on"\nmax_latency = "1800ms"')
    assert not decided(catalog, policy).moved
    assert decided(catalog, policy_of(catalog, tmp_path)).moved


def test_a_conversation_that_went_up_stays_there_while_that_is_warm(catalog: Catalog, tmp_path: Path) -> None:
    policy = policy_of(catalog, tmp_path)
    usage = Tokens(uncached=100, cached=60_000, output=10)
    state = {"usage": usage, "session_rung": STRONG, "session_warm": 60_000, "kept_warm": 0}
    decision = decided(catalog, policy, **state)
    assert not decision.moved or decision.plan.cascade is not msgspec.UNSET
    assert any("warm" in reason for reason in decision.reasons), decision.reasons
