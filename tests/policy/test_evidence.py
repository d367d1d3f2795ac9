"""Evidence: what it must be to carry a rule, when the file is read and when a call is decided."""

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
    Checked,
    Evidence,
    Lengths,
    Rung,
    State,
    decide,
    evidence_bytes,
    evidence_digest,
    load_policy,
    parse_policy,
)
from tierwise.workloads import Facts

NOW = dt.date(2026, 11, 24)
USAGE = Tokens(uncached=1000, output=100, reasoning=200)
TEXT = """ladder = "gpt-5.4"

[[rule]]
name = "tickets"
match = { workload = "00000000000000a1" }
rung = { model = "gpt-5.4-nano", effort = "none" }
stage = "STAGE"
SHARE
evidence = "proof.json"

[default]
"""


def read(folder: Path, catalog: Catalog, stage: str = "on") -> Checked:
    text = TEXT.replace("STAGE", stage).replace("SHARE", "share = 0.1" if stage == "canary" else "")
    return parse_policy(text.encode(), catalog, folder=folder, now=NOW)


def test_evidence_that_holds_lets_a_rule_go_on_and_its_moves_are_not_unproven(
    catalog: Catalog, evidence_file: Callable[..., Path], make_facts: Callable[..., Facts]
) -> None:
    proof = msgspec.json.decode(evidence_file().read_bytes(), type=Evidence)
    checked = read(evidence_file().parent, catalog)
    assert checked.policy is not None, checked.problems
    decision = decide(make_facts(), checked.policy, State(usage=USAGE), catalog, NOW)
    assert (decision.moved, decision.unproven, decision.evidence) == (True, False, proof.digest)


WRONG: list[tuple[str, str, dict[str, Any], str]] = [
    ("falls short", "on", {"verdict": "falls short"}, "'falls short', which does not carry stage 'on'"),
    ("agrees is a judge's word only", "on", {"verdict": "agrees"}, "does not carry stage 'on'"),
    ("per step is for canaries", "on", {"verdict": "holds per step"}, "does not carry stage 'on'"),
    ("a bound at 0", "on", {"lower_bound": Decimal(0)}, "only above 0"),
    ("expired", "on", {"expires": dt.date(2026, 11, 23)}, "expired on 2026-11-23"),
    ("another workload", "on", {"workload": "00000000000000a2"}, "the rule matches 00000000000000a1"),
    ("another rung", "on", {"rung": Rung("gpt-5.4-mini", "none")}, "of rung gpt-5.4-mini (none)"),
    ("another effort", "on", {"rung": Rung("gpt-5.4-nano", "low")}, "of rung gpt-5.4-nano (low)"),
    ("another snapshot", "on", {"snapshot": "gpt-5.4-mini-2026-03-17"}, "which is no gpt-5.4-nano"),
    ("a wider margin", "on", {"margin": Decimal("0.1")}, "is lower than the policy's"),
    ("less confidence", "on", {"confidence": Decimal("0.9")}, "is lower than the policy's"),
    ("off too", "off", {"verdict": "undecided"}, "does not carry stage 'off'"),
]  # fmt: skip


@pytest.mark.parametrize(("stage", "changes", "words"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_evidence_that_does_not_carry_its_rule_is_an_error_with_its_line(
    stage: str, changes: dict[str, Any], words: str, catalog: Catalog, evidence_file: Callable[..., Path]
) -> None:
    checked = read(evidence_file(**changes).parent, catalog, stage)
    assert checked.policy is None
    (problem,) = checked.problems
    assert words in problem.text
    assert (problem.line, problem.key) == (9, "rule[1].evidence")


def test_holds_per_step_carries_a_canary(catalog: Catalog, evidence_file: Callable[..., Path]) -> None:
    assert read(evidence_file(verdict="holds per step").parent, catalog, "canary").policy is not None


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.unlink(), "none that reads: No such file"),
        (lambda path: path.write_bytes(b"{"), "none that reads"),
        (lambda path: path.write_bytes(b"\xff"), "none that reads"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b"412", b"9999")), "was changed after"),
        (lambda path: (path.unlink(), path.mkdir()), "none that reads"),
    ],
    ids=["missing", "cut", "not UTF-8", "edited", "a folder"],
)
def test_evidence_that_cannot_be_read_is_an_error_with_its_line(
    damage: Callable[[Path], object], words: str, catalog: Catalog, evidence_file: Callable[..., Path]
) -> None:
    path = evidence_file()
    damage(path)
    checked = read(path.parent, catalog)
    assert any(words in p.text and p.line == 9 for p in checked.problems), checked.problems


LATER = [
    ("after it expired", {}, {}, dt.date(2027, 2, 2), "expired on 2027-02-01"),
    ("against another baseline", {"model": "gpt-4o"}, {}, NOW, "is against gpt-5.5, not gpt-4o"),
    ("once another snapshot serves", {}, {"snapshots": {"gpt-5.4-nano": "gpt-5.4-nano-2026-12-01"}}, NOW, "2026-12-01 serves today"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "state", "now", "words"), [row[1:] for row in LATER], ids=[row[0] for row in LATER]
)
def test_a_call_that_the_evidence_does_not_cover_goes_as_asked(
    facts: dict[str, Any],
    state: dict[str, Any],
    now: dt.date,
    words: str,
    catalog: Catalog,
    evidence_file: Callable[..., Path],
    make_facts: Callable[..., Facts],
) -> None:
    policy = read(evidence_file().parent, catalog).policy
    assert policy is not None
    decision = decide(make_facts(**facts), policy, State(usage=USAGE, **state), catalog, now)
    assert not decision.moved
    assert words in decision.reasons[0]


def test_only_the_rung_that_was_proved_is_taken_not_the_next_above(
    catalog: Catalog, evidence_file: Callable[..., Path], make_facts: Callable[..., Facts]
) -> None:
    policy = read(evidence_file().parent, catalog).policy
    assert policy is not None
    call = make_facts(needs=("computer_use",))
    decision = decide(call, policy, State(usage=USAGE), catalog, NOW)
    assert (decision.plan.rung.model, decision.plan.rung.effort) == ("gpt-5.5", "medium")


def test_measured_lengths_replace_the_assumed_ones(
    catalog: Catalog, evidence_file: Callable[..., Path], make_facts: Callable[..., Facts]
) -> None:
    lengths = Lengths(output=500, reasoning=800, learned=True)
    policy = read(evidence_file(lengths=lengths).parent, catalog).policy
    assert policy is not None
    decision = decide(make_facts(), policy, State(usage=USAGE), catalog, NOW)
    assert decision.plan.lengths == lengths
    assert decision.steps[-1].tokens.output == 50


def test_the_digest_seals_everything_but_itself(evidence_file: Callable[..., Path]) -> None:
    proof = msgspec.json.decode(evidence_file().read_bytes(), type=Evidence)
    assert (
        proof.digest == evidence_digest(proof) == evidence_digest(msgspec.structs.replace(proof, digest="x"))
    )
    assert evidence_digest(msgspec.structs.replace(proof, calls=1)) != proof.digest
    assert evidence_bytes(proof) == evidence_file().read_bytes()


def test_evidence_paths_start_from_the_policys_folder(
    catalog: Catalog, evidence_file: Callable[..., Path]
) -> None:
    path = evidence_file().parent / "tierwise.toml"
    path.write_text(TEXT.replace("STAGE", "on").replace("SHARE", ""), "utf-8")
    assert load_policy(path, catalog, now=NOW).rules[0].evidence
