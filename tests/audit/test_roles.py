"""Roles of the calls of a log, once its traces can be seen, and what they teach of workloads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from logs import audited, pair

from tierwise.audit import learned_of

PLAN = "Decide what there is to find out, and give it as a list."
FIND = "Find it out. Be brief."
WRITE = "Answer from what was found out."


def traces(count: int, *, seconds: float) -> list[dict[str, Any]]:
    """A planner, three calls that begin a second apart, and a writer, in each trace."""
    lines = []
    for n in range(count):
        for step, (instructions, at) in enumerate(
            ((PLAN, 0), (FIND, 60), (FIND, 61), (FIND, 62), (WRITE, 180))
        ):
            lines.append(
                pair(
                    id=f"{n}-{step}",
                    minute=n * 10 + at / 60,
                    instructions=instructions,
                    user=f"Question {n}, part {step}",
                    trace_id=f"trace {n}",
                    span_id=f"span {n} {step}",
                )
                | {"latency_ms": int(seconds * 1000)}
            )
    return lines


def roles(folder: Path, lines: list[dict[str, Any]]) -> dict[str, str]:
    return {row.label: row.role for row in audited(folder, lines).findings.workloads}


def test_work_at_once_between_two_others_is_that_of_sub_agents(tmp_path: Path) -> None:
    assert roles(tmp_path, traces(6, seconds=20)) == {
        PLAN: "orchestrator",
        FIND: "sub-agent",
        WRITE: "orchestrator",
    }


def test_the_same_calls_one_after_the_other_may_be_a_chat(tmp_path: Path) -> None:
    assert set(roles(tmp_path, traces(6, seconds=0.5)).values()) == {"unknown"}


def test_a_trace_of_one_call_or_of_one_agent_is_single_and_no_trace_tells_nothing(tmp_path: Path) -> None:
    lone = [pair(id=f"a{n}", minute=n, user=f"Mail {n}", trace_id=f"lone {n}") for n in range(5)]
    agent = [
        pair(id=f"b{n}-{turn}", minute=n, instructions=FIND, user=f"Mail {n}, {turn}", trace_id=f"agent {n}")
        for n in range(5)
        for turn in range(2)
    ]
    bare = [pair(id=f"c{n}", minute=n, instructions=WRITE, user=f"Mail {n}") for n in range(5)]
    found = roles(tmp_path, [*lone, *agent, *bare])
    assert sorted(found.values()) == ["single", "single", "unknown"]
    assert found[WRITE] == "unknown"


def test_roles_are_learned_by_workload(tmp_path: Path) -> None:
    learned = learned_of(audited(tmp_path, traces(6, seconds=20)).analysis)
    assert sorted(learned.roles.values()) == ["orchestrator", "orchestrator", "sub-agent"]
