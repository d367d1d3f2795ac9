"""Roles on labelled traces: planner, three researchers, writer; with ids and without."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.workloads import ROLES, Role, Span, TraceMemory, roles_in_trace
from tierwise.workloads._role_words import told_role


def scored(half: str) -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location("score_roles", Path(__file__).parent / "score_roles.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["score_roles"] = module
    spec.loader.exec_module(module)
    return module.score(half)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("half", "calls", "least"),
    [
        # The plain shape: planner, three researchers, writer.
        ("DEV", 125, {"alone": 95, "taught": 99, "live": 97, "live taught": 99, "whole": 99}),
        ("HELDOUT", 125, {"alone": 97, "taught": 99, "live": 97, "live taught": 99, "whole": 99}),
        # Other shapes. The rules were corrected on SEEN; the errors in UNSEEN were never looked at.
        ("SEEN", 102, {"alone": 86, "taught": 94, "live": 92, "live taught": 94, "whole": 94}),
        ("UNSEEN", 104, {"alone": 67, "taught": 80, "live": 67, "live taught": 80, "whole": 80}),
    ],
)
def test_so_many_roles_are_right_and_nobody_else_is_taken_for_a_sub_agent(
    half: str, calls: int, least: dict[str, int]
) -> None:
    """Percent of roles that are right; 'unknown' counts as wrong. See `score_roles` for the forms."""
    found = scored(half)
    assert found["calls"] == calls
    for form, percent in least.items():
        assert 100 * found[form] >= percent * calls, found["wrong"]
    assert found["lowered"] == 0


def test_nine_of_ten_roles_are_right_on_all_traces_together() -> None:
    halves = [scored(half) for half in ("DEV", "HELDOUT", "SEEN", "UNSEEN")]
    calls = sum(half["calls"] for half in halves)
    for form in ("taught", "live", "live taught", "whole"):
        assert sum(half[form] for half in halves) >= 0.9 * calls


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
        "You are given the task of classifying emails into folders.",
        "You are given the question and a passage. Answer from the passage only.",
        "You receive the case and the customer's history. Decide whether to refund.",
        "You help members in a team chat. Report back to the user when a job is done.",
        "The function you document is called by a scheduler. Write its docstring.",
        "You review the question assigned to you by the ticket system.",
        "You are an assistant in a team of accountants. Answer questions about invoices.",
        "Write a report for the lead of the department about sales.",
        "You get one chapter of a book at a time. Summarize it.",
        "You are given the parts of a contract. Write the summary of the whole contract.",
        "You run the steps of the recipe. Your results are graded.",
        "Create this subtask in the tracker and assign it.",
        "State the price of one unit of the product.",
        "Look at one subset of the data and describe it.",
        "Check the tickets assigned by the supervisor.",
        "If you cannot help, hand the customer back to the supervisor.",
        "The figures are compared with those of other customers.",
        "You are one of several support agents of the shop.",
        "Nenne nur diese Teilnehmer.",
    ],
)
def test_ordinary_instructions_tell_no_role(text: str) -> None:
    assert told_role(text) == "unknown"


@pytest.mark.parametrize(
    "text",
    [
        "You plan the work and hand parts to subagents. Each subagent gets one part of the question.",
        "Tu planifies et tu confies chaque partie à un sous-agent, puis tu écris la réponse.",
        "Ti affido la gestione dei sottoagenti: dividi il lavoro.",
        "你负责把任务拆分并派发给 subagent。",
        "Plane die Arbeit und beauftrage je einen Unteragenten pro Frage.",
        "You were given the results of all workers; the overall question is below. Write the answer.",
        "You get the sub-answers and the whole question. Write the final answer.",
        "You are given the question and the findings of three researchers. Your report will be sent on.",
        "The planner agent gave you this task: write the final report from the notes.",
    ],
)
def test_who_directs_or_writes_up_is_never_taken_for_a_sub_agent(text: str) -> None:
    assert told_role(text) == "orchestrator"


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
    # With tools of its own; then by its template.
    assert memory.role("t", Span(id="b", parent="a", template=2, request=1, tools=True)) == "sub-agent"
    assert memory.role("t", Span(id="c", parent="b", template=2, turn=1)) == "sub-agent"
    assert memory.role("t", Span(id="d", parent="a", template=3, request=2)) == "unknown"
    assert memory.role("t", Span(id="e", parent="gone", template=1)) == "orchestrator"
    for number in range(6_000):
        memory.role(f"other {number}", Span(id="x"))
    assert memory.role("t", Span(id="f", parent="a", template=2, request=3)) == "unknown"


def test_work_in_parts_shows_at_the_third_part_and_a_request_sent_again_is_none() -> None:
    memory = TraceMemory()
    memory.role("t", Span(id="p", role="orchestrator", template=1))
    roles = [
        memory.role("t", Span(id=str(n), parent="p", template=2, request=request))
        for n, request in enumerate((5, 5, 5, 6, 7, 8))
    ]
    assert roles == ["unknown"] * 4 + ["sub-agent"] * 2


def test_a_chat_whose_turns_name_each_other_is_nobodys_sub_agent() -> None:
    memory = TraceMemory()
    turns = [Span(id=str(n), parent=str(n - 1), template=4, turn=n, request=n + 1) for n in range(5)]
    assert [memory.role("t", turn) for turn in turns] == ["unknown"] * 5


def test_a_role_costs_microseconds_even_in_a_long_trace() -> None:
    """About 3 microseconds, measured; the bound leaves room for a busy machine."""
    memory = TraceMemory()
    memory.role("t", Span(id="0", role="orchestrator", template=1))
    steps = [
        Span(id=str(n), parent=str(n - 1), template=n + 1, request=n, name="step") for n in range(1, 2_000)
    ]
    start = time.process_time()
    for step in steps:
        memory.role("t", step)
    assert (time.process_time() - start) / len(steps) < 0.000_05


@given(
    st.lists(
        st.tuples(
            st.integers(0, 7), st.integers(0, 7), st.integers(0, 3), st.sampled_from(ROLES), st.booleans()
        ),
        max_size=12,
    )
)
def test_what_a_call_says_of_itself_stands(rows: list[tuple[int, int, int, Role, bool]]) -> None:
    """Whatever the trace looks like; only calls told to be sub-agents may turn out to direct others."""
    spans = {
        str(n): Span(
            id=str(n), parent=str(up), template=template, role=role, at=i, request=i + 1, tools=tools
        )
        for i, (n, up, template, role, tools) in enumerate(rows)
    }
    whole, memory = roles_in_trace(spans.values()), TraceMemory()
    for span in spans.values():
        live = memory.role("t", span)
        if span.role == "orchestrator":
            assert whole[span.id] == live == "orchestrator"
        elif span.role == "sub-agent":
            assert live == "sub-agent"
            assert whole[span.id] in {"sub-agent", "orchestrator"}


def test_a_long_trace_takes_little_time() -> None:
    steps = [Span(id=f"s{n}", parent=f"s{n - 1}", calls_model=False) for n in range(64)]
    calls = [
        Span(id=str(n), parent=f"s{n % 64}", template=n % 7, at=n, turn=n % 3, request=n + 1)
        for n in range(500)
    ]
    start = time.process_time()
    roles_in_trace([*steps, *calls])
    assert time.process_time() - start < 1


def test_hostile_instructions_take_no_time() -> None:
    start = time.process_time()
    for text in (
        "split " * 100_000,
        "combine results of " * 50_000,
        "a" * 1_000_000,
        "you are given " * 80_000,
        "one of several " * 50_000,
        "you are a-b-c " * 50_000,
        "the answers of the research " * 50_000,
    ):
        told_role(text)
    assert time.process_time() - start < 1
