"""Roles on labelled traces: planner, three researchers, writer; with ids and without."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tierwise.workloads import Span, TraceMemory
from tierwise.workloads._role_words import told_role


def scored(half: str) -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location("score_roles", Path(__file__).parent / "score_roles.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["score_roles"] = module
    spec.loader.exec_module(module)
    return module.score(half)  # type: ignore[no-any-return]


@pytest.mark.parametrize("half", ["DEV", "HELDOUT"])
def test_nine_of_ten_roles_are_right_and_no_planner_or_writer_is_taken_for_a_sub_agent(half: str) -> None:
    found = scored(half)
    assert found["calls"] == 125
    # 'alone': without ids; 'live': with the ids of what came before; 'whole': with all ids.
    for form in ("alone", "live", "whole"):
        assert found[form] >= 0.9 * found["calls"], found["wrong"]
    assert "lowered" not in found


@pytest.mark.parametrize(
    "text",
    [
        "You are a helpful assistant.",
        "Classify the ticket as billing, shipping or other.",
        "Summarize the report in three sentences.",
        "Translate the text into German. Keep names as they are.",
        "Write a function that splits a list into parts of equal length.",
        "Answer the customer's question from the help pages below.",
        "Extract all results of the laboratory report as JSON.",
    ],
)
def test_ordinary_instructions_tell_no_role(text: str) -> None:
    assert told_role(text) == "unknown"


def test_no_ordinary_prompt_is_taken_for_a_sub_agents() -> None:
    rows = [
        json.loads(line)
        for path in sorted((Path(__file__).parent / "labelled").glob("*.jsonl"))
        for line in path.read_text("utf-8").splitlines()
    ]
    others = [row for row in rows if row["task"] != "sub-agent step"]
    assert len(others) > 500
    assert [row for row in others if told_role(row["instructions"], row["tools"]) == "sub-agent"] == []


def test_a_trace_is_remembered_as_it_goes_and_forgotten_when_there_are_too_many() -> None:
    memory = TraceMemory()
    assert memory.role("t", Span(id="a", role="orchestrator", template=1)) == "orchestrator"
    assert memory.role("t", Span(id="b", parent="a", template=2)) == "sub-agent"
    assert memory.role("t", Span(id="c", parent="a", template=2)) == "sub-agent"
    # Of a template of its own, after several alike: it may be the one that joins their answers.
    assert memory.role("t", Span(id="d", parent="a", template=3)) == "unknown"
    assert memory.role("t", Span(id="e", parent="gone", template=1)) == "orchestrator"
    for number in range(6_000):
        memory.role(f"other {number}", Span(id="x"))
    assert memory.role("t", Span(id="f", parent="a", template=2)) == "unknown"


def test_a_role_costs_microseconds_even_in_a_long_trace() -> None:
    memory = TraceMemory()
    memory.role("t", Span(id="0", role="orchestrator", template=1))
    start = time.process_time()
    for number in range(1, 2_000):
        memory.role("t", Span(id=str(number), parent=str(number - 1), template=number + 1))
    assert (time.process_time() - start) / 2_000 < 0.000_5


def test_hostile_instructions_take_no_time() -> None:
    start = time.process_time()
    for text in (
        "split " * 100_000,
        "combine results of " * 50_000,
        "a" * 1_000_000,
        "you are given " * 80_000,
    ):
        told_role(text)
    assert time.process_time() - start < 1
