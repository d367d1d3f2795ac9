"""What a policy says of a call that upstream has no room for; and that the key changes nothing where it is absent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from tierwise.catalog import Catalog, Tokens
from tierwise.policy import Policy, Rung, State, decide, parse_policy
from tierwise.workloads import Facts

NOW = dt.date(2026, 11, 24)
USAGE = Tokens(uncached=1000, output=100, reasoning=200)
TEXT = """ladder = "gpt-5.4"
{top}

[[rule]]
name = "tickets"
match = {{ workload = "00000000000000a1" }}
rung = {{ model = "gpt-5.4-nano", effort = "none" }}
evidence = "proof.json"
stage = "off"
{rule}

[default]
stage = "off"
"""


def read(folder: Path, catalog: Catalog, top: str = "", rule: str = "") -> Policy:
    text = TEXT.format(top=top, rule=rule)
    checked = parse_policy(text.encode(), catalog, folder=folder, now=NOW)
    assert checked.policy is not None, checked.problems
    return checked.policy


def state(*full: str) -> State:
    return State(usage=USAGE, full=frozenset(full))


def test_a_policy_without_the_key_keeps_the_digest_that_it_had_before_there_was_one(catalog: Catalog) -> None:
    """Ledgers hold decisions and approvals by digest; this one was taken before the key was there."""
    policy = parse_policy(b'ladder="gpt-5.4"\n[default]\nstage="off"\n', catalog).policy
    assert policy is not None
    assert policy.digest == "67a31c0763e11272025b9bce41840f0abff9cd1bc58d2f1495caa6f22969ad30"


def test_the_key_is_part_of_the_digest_where_it_is_there(
    catalog: Catalog, evidence_file: Callable[..., Path]
) -> None:
    folder = evidence_file().parent
    ways = ("", 'fallback = "up"', 'fallback = "proven"', 'fallback = ["up", "proven"]')
    assert len({read(folder, catalog, way).digest for way in ways}) == 4


def test_proven_is_the_rung_that_was_proved_its_effort_too(
    catalog: Catalog, evidence_file: Callable[..., Path], make_facts: Callable[..., Facts]
) -> None:
    policy = read(evidence_file().parent, catalog, 'fallback = "proven"')
    decision = decide(make_facts(effort="high"), policy, state("gpt-5.5"), catalog, NOW)
    assert decision.plan.rung == Rung("gpt-5.4-nano", "none")
    assert decision.evidence == policy.rules[0].evidence[0].digest
    assert not decision.unproven


def test_a_step_up_rests_on_no_evidence_and_is_not_called_unproven(
    catalog: Catalog, evidence_file: Callable[..., Path], make_facts: Callable[..., Facts]
) -> None:
    policy = read(evidence_file().parent, catalog, 'fallback = "up"', "unproven = true\napproved_by = 'kim'")
    facts = make_facts(model="gpt-5.4")
    decision = decide(facts, policy, state("gpt-5.4"), catalog, NOW)
    assert (decision.plan.rung.model, decision.evidence, decision.unproven) == ("gpt-5.5", None, False)


STAY = [
    ("no way is named", "", "", {}),
    ("the rung is full too", 'fallback = "proven"', "", {"full": ("gpt-5.5", "gpt-5.4-nano")}),
    ("the rule does not hold yet", 'fallback = "proven"', "since = 2026-12-01", {}),
    ("the rule takes it back", 'fallback = "proven"', "fallback = []", {}),
    ("steps are proved, not the whole", 'fallback = "proven"', "", {"verdict": "holds per step"}),
    ("another snapshot serves", 'fallback = "proven"', "", {"snapshot": "gpt-5.4-nano-2026-12-01"}),
    ("the proof is of another baseline", 'fallback = "proven"', "", {"model": "gpt-5.4"}),
]  # fmt: skip


@pytest.mark.parametrize("row", STAY, ids=[row[0] for row in STAY])
def test_a_call_stays_where_nothing_else_may_take_it(
    row: tuple[str, str, str, dict[str, object]],
    catalog: Catalog,
    evidence_file: Callable[..., Path],
    make_facts: Callable[..., Facts],
) -> None:
    _, top, rule, other = row
    changes = {"verdict": other["verdict"]} if "verdict" in other else {}
    policy = read(evidence_file(**changes).parent, catalog, top, rule)
    model = other.get("model", "gpt-5.5")
    full = other.get("full", (model,))
    assert isinstance(full, tuple)
    snapshots = {"gpt-5.4-nano": str(other["snapshot"])} if "snapshot" in other else {}
    told = State(usage=USAGE, full=frozenset(full), snapshots=snapshots)
    decision = decide(make_facts(model=model), policy, told, catalog, NOW)
    assert not decision.moved
    assert decision.changes == ()


NEEDS = [
    ("a window that is too small", {"model": "gpt-5.4", "input_tokens": 5_000_000}),
    ("computer use that none above has", {"model": "gpt-5.4", "needs": ("computer_use", "audio")}),
    ("more output than the rung writes", {"model": "gpt-5.4", "max_output_tokens": 10**9}),
]


@pytest.mark.parametrize("facts", [row[1] for row in NEEDS], ids=[row[0] for row in NEEDS])
def test_a_step_up_is_for_rungs_that_can_take_the_call(
    facts: dict[str, object],
    catalog: Catalog,
    evidence_file: Callable[..., Path],
    make_facts: Callable[..., Facts],
) -> None:
    policy = read(evidence_file().parent, catalog, 'fallback = "up"')
    plain = decide(make_facts(model="gpt-5.4"), policy, state("gpt-5.4"), catalog, NOW)
    assert plain.plan.rung.model == "gpt-5.5", "one that fits goes up"
    told = State(usage=Tokens(), full=frozenset({"gpt-5.4"}))
    assert not decide(make_facts(**facts), policy, told, catalog, NOW).moved


def test_a_rule_that_is_on_does_not_send_a_call_again_to_where_it_was_turned_away(
    catalog: Catalog, evidence_file: Callable[..., Path], make_facts: Callable[..., Facts]
) -> None:
    text = TEXT.format(top="", rule="").replace('stage = "off"\n\n', 'stage = "on"\n\n', 1)
    checked = parse_policy(text.encode(), catalog, folder=evidence_file().parent, now=NOW)
    assert checked.policy is not None
    assert decide(make_facts(), checked.policy, state(), catalog, NOW).moved
    assert not decide(make_facts(), checked.policy, state("gpt-5.5"), catalog, NOW).moved
