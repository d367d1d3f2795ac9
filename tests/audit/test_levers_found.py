"""Each lever is found where it is, and not where it is not."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from logs import audited, pair

from tierwise.audit import Findings, WorkloadRow

LONG = "Follow the house rules of the shop in every answer, and keep to the tone of the brand. " * 120


def only(findings: Findings) -> WorkloadRow:
    assert len(findings.workloads) == 1
    return findings.workloads[0]


def found(findings: Findings, kind: str) -> int:
    return sum(f.calls for f in findings.findings if f.kind == kind)


# --- waste


def test_a_repeat_within_a_day_is_waste_and_the_first_answer_is_not(tmp_path: Path) -> None:
    lines = [pair(id=str(i), minute=i, user="Same?", input=1000, output=0) for i in range(3)]
    findings = audited(tmp_path, lines).findings
    assert findings.levers["waste"] == 2 * Decimal("0.005")
    assert found(findings, "identical") == 2
    assert findings.lever_shares[0].basis == "measured"


@pytest.mark.parametrize("repeats", [2, 10, 40, 1200])
def test_the_low_of_waste_is_half_of_the_repeats_however_many(repeats: int, tmp_path: Path) -> None:
    lines = [pair(id=str(i), minute=i / 10, user="Same?", input=1000, output=0) for i in range(repeats + 1)]
    (waste,) = [s for s in audited(tmp_path, lines).findings.lever_shares if s.lever == "waste"]
    assert (waste.low, waste.saves) == (waste.high / 2, waste.high)


BORDERS: list[tuple[str, dict[str, Any]]] = [
    ("another project", {"project": "b"}),
    ("another key", {"key": "b"}),
    ("another user", {"user": "b"}),
    ("other instructions", {"instructions": "Answer as a pirate."}),
    ("another question", {"user_text": "Other?"}),
    ("another model", {"model": "gpt-5.4"}),
    ("other sampling", {"request": {"temperature": 0.9}}),
    ("two days later", {"minute": 2 * 24 * 60}),
]


@pytest.mark.parametrize("change", [b[1] for b in BORDERS], ids=[b[0] for b in BORDERS])
def test_a_repeat_across_a_border_is_no_repeat(change: dict[str, Any], tmp_path: Path) -> None:
    """Case 43: answers never cross from one key, user, prompt or sampling to another."""
    change = dict(change)
    usual: dict[str, Any] = {"project": "a", "key": "a"}
    second = usual | change
    text = second.pop("user_text", "My balance?")
    who = second.pop("user", "a")
    first_line = pair(id="1", user="My balance?", **usual) | {"user": "a"}
    second_line = pair(id="2", **({"minute": 1} | second | {"user": text})) | {"user": who}
    assert found(audited(tmp_path, [first_line, second_line]).findings, "identical") == 0


def test_the_failed_try_is_the_waste_and_the_retry_is_not(tmp_path: Path) -> None:
    cut = pair(id="1", finish="length", text="", input=1000, output=500)
    again = pair(id="2", minute=1, input=1000, output=20)
    findings = audited(tmp_path, [cut, again]).findings
    assert (found(findings, "failed"), found(findings, "identical"), found(findings, "retries")) == (1, 0, 1)
    assert findings.levers["waste"] == Decimal("0.02")


def test_a_loop_is_found_and_its_first_two_steps_stay(tmp_path: Path) -> None:
    step = {"called": [("track", '{"parcel": 7}')], "input": 1000, "output": 0}
    lines = [pair(id=str(i), minute=i, user=f"step {i}", session_id="s", **step) for i in range(6)]
    assert found(audited(tmp_path, lines).findings, "loop") == 4


def test_the_same_tool_with_other_arguments_is_no_loop(tmp_path: Path) -> None:
    lines = [
        pair(
            id=str(i),
            minute=i,
            user=f"step {i}",
            session_id="s",
            called=[("track", json.dumps({"parcel": i}))],
        )
        for i in range(6)
    ]
    assert found(audited(tmp_path, lines).findings, "loop") == 0


# --- tools


def tools(*names: str) -> dict[str, Any]:
    return {
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": name,
                    "description": f"Does what {name} says, for one customer at a time.",
                    "parameters": {
                        "type": "object",
                        "properties": {"id": {"type": "string"}},
                        "required": ["id"],
                    },
                },
            }
            for name in names
        ],
        "reasoning_effort": "none",
    }


def tool_log(sessions: int) -> list[dict[str, Any]]:
    return [
        pair(
            id=str(i),
            minute=i,
            user=f"Where is parcel {i}?",
            session_id=f"s{i}",
            request=tools("track", "refund", "cancel"),
            called=[("track", json.dumps({"id": str(i)}))],
            input=400,
        )
        for i in range(sessions)
    ]


def test_definitions_that_no_session_used_could_go(tmp_path: Path) -> None:
    row = only(audited(tmp_path, tool_log(40)).findings)
    assert set(row.tools_unused) == {"refund", "cancel"}
    assert row.tools_sent == 3
    assert row.levers["tools"] > 0


def test_on_few_sessions_nothing_is_said_of_them(tmp_path: Path) -> None:
    row = only(audited(tmp_path, tool_log(20)).findings)
    assert row.tools_unused == ()
    assert row.levers["tools"] == 0


# --- cache


def test_a_timestamp_at_the_start_breaks_the_prefix_and_is_shown(tmp_path: Path) -> None:
    lines = [
        pair(
            id=str(i),
            minute=i,
            instructions=f"Now: 2026-11-16 09:{i:02d}.\n{LONG}",
            user=f"Ticket {i}",
            input=2600,
        )
        for i in range(30)
    ]
    findings = audited(tmp_path, lines).findings
    row = only(findings)
    assert row.levers["cache"] > 0
    (breaker,) = row.breakers
    assert breaker.kind == "timestamp"
    assert breaker.where.startswith("instructions, character")
    assert all(example.startswith("2026-11-16") or ":" in example for example in breaker.example)
    assert breaker.saves > 0


def test_a_stable_prefix_that_was_cached_leaves_nothing_to_save(tmp_path: Path) -> None:
    lines = [
        pair(
            id=str(i),
            minute=i,
            instructions=LONG,
            user=f"Ticket {i}",
            input=2500,
            cached=0 if i == 0 else 2048,
        )
        for i in range(30)
    ]
    row = only(audited(tmp_path, lines).findings)
    assert row.levers["cache"] == 0
    assert row.breakers == ()


def test_a_stable_prefix_that_was_missed_could_be_read(tmp_path: Path) -> None:
    lines = [pair(id=str(i), minute=i, instructions=LONG, user=f"Ticket {i}", input=2400) for i in range(30)]
    row = only(audited(tmp_path, lines).findings)
    assert row.cacheable_share > 0.8
    assert row.levers["cache"] > 0


def test_shuffled_tools_break_the_prefix(tmp_path: Path) -> None:
    names = [f"tool_{chr(97 + i)}" for i in range(24)]
    lines = [
        pair(
            id=str(i),
            minute=i,
            user=f"Ticket {i}",
            request=tools(*(names[i % 24 :] + names[: i % 24])),
            instructions=LONG,
            input=5000,
        )
        for i in range(30)
    ]
    row = only(audited(tmp_path, lines).findings)
    assert [b.kind for b in row.breakers] == ["tool order"]


# --- tier and effort


def test_an_unknown_depth_stays_where_it_is(tmp_path: Path) -> None:
    """Case 35: no signal is not 'simple'."""
    lines = [pair(id=str(i), minute=i, instructions="", user=f"xqz {i} vbn", input=100) for i in range(5)]
    findings = audited(tmp_path, lines).findings
    assert findings.levers["tier"] == 0
    assert all(row.proposed is None for row in findings.workloads)


def test_closed_labelling_on_the_top_tier_could_go_down_unproven(tmp_path: Path) -> None:
    lines = [pair(id=str(i), minute=i, user=f"Ticket {i}: my parcel is late.") for i in range(10)]
    findings = audited(tmp_path, lines).findings
    row = only(findings)
    assert (row.depth, row.proposed) == ("commodity", "gpt-5.4-nano")
    assert findings.levers["tier"] > 0
    assert any("unproven" in note for note in findings.notes)


def test_a_later_trivial_turn_stays_on_its_conversation_s_rung(tmp_path: Path) -> None:
    hard = "Prove that the lock-free queue below is linearizable, and find a counterexample if it is not."
    lines = [
        pair(id="1", instructions="You are a research mathematician.", user=hard, session_id="s", input=900),
        pair(
            id="2",
            minute=1,
            instructions="You are a research mathematician.",
            messages=[
                {"role": "user", "content": hard},
                {"role": "assistant", "content": "It is."},
                {"role": "user", "content": "Thanks!"},
            ],
            session_id="s",
            input=1000,
        ),
    ]
    findings = audited(tmp_path, lines).findings
    assert {row.proposed for row in findings.workloads} == {None}


def test_a_proposed_model_that_ends_itself_is_said_so(tmp_path: Path) -> None:
    lines = [pair(id=str(i), minute=i, user=f"Ticket {i}: my parcel is late.") for i in range(10)]
    (finding,) = [f for f in audited(tmp_path, lines).findings.findings if f.kind == "proposed-ends"]
    assert "gpt-5.4-nano" in finding.text
    assert "2027-04-01" in finding.text
    assert "--ladder gpt-6" in finding.advice


def test_only_approved_models_are_proposed(tmp_path: Path) -> None:
    from tierwise.policy import Limits

    lines = [pair(id=str(i), minute=i, user=f"Ticket {i}: my parcel is late.") for i in range(10)]
    approved = Limits(models=frozenset({"gpt-5.4-2026-03-05", "gpt-5.5"}))
    row = only(audited(tmp_path, lines, limits=approved).findings)
    assert row.proposed in {"gpt-5.4", None}


# --- lane


def test_a_nightly_burst_could_wait_and_office_traffic_could_not(tmp_path: Path) -> None:
    burst = [
        pair(
            id=f"b{i}",
            minute=900 + i / 20,
            instructions="Summarize the product review in one sentence.",
            user=f"Review {i}",
        )
        for i in range(200)
    ]
    office = [
        pair(
            id=f"o{i}",
            minute=i * 15,
            instructions="You answer questions of shop customers politely.",
            user=f"Where is order {i}?",
        )
        for i in range(200)
    ]
    findings = audited(tmp_path, burst + office).findings
    lanes = {row.proposed_lane: row.calls for row in findings.workloads}
    assert lanes == {"batch": 200, None: 200}
    assert findings.levers["lane"] > 0


def test_a_streamed_burst_is_waited_for(tmp_path: Path) -> None:
    lines = [
        pair(id=f"b{i}", minute=900 * (i > 0) + i / 20, user=f"Review {i}", request={"stream": True})
        for i in range(200)
    ]
    assert audited(tmp_path, lines).findings.levers["lane"] == 0
