"""Calls of one trace: what came before tells the place of the next."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tierwise.catalog import Catalog
from tierwise.online import Asked, Course, Labels, MemoryRecorder, Pipeline, Reply
from tierwise.policy import parse_policy

POLICY = b"""
version = 1
ladder = "gpt-5.4"
baseline = "gpt-5.5"
[[rule]]
name = "sub-agents"
match = { role = "sub-agent" }
rung = { model = "gpt-5.4-mini", effort = "none" }
stage = "on"
unproven = true
approved_by = "kim"
[default]
stage = "off"
"""
SEARCH = {
    "type": "function",
    "function": {"name": "search", "parameters": {"type": "object", "properties": {}}},
}
PLANNER = "You are the orchestrator. Break the question into parts and hand each to a researcher."


@pytest.fixture
def pipeline() -> Pipeline:
    catalog = Catalog.open()
    checked = parse_policy(POLICY, catalog)
    assert checked.policy is not None, checked.problems
    return Pipeline(catalog, MemoryRecorder(), policy=checked.policy)


def served_by(pipeline: Pipeline, told: str, asks: str, span: str, parent: str | None, **more: Any) -> str:
    """The model that a step of the trace goes to."""
    messages = [{"role": "system", "content": told}, {"role": "user", "content": asks}]
    body = msgspec.json.encode({"model": "gpt-5.5", "messages": messages, **more})
    labels = Labels(trace="one", span=span, parent=parent)
    asked = Asked(method="POST", path="/v1/chat/completions", body=body, labels=labels)
    course = Course(pipeline, asked)
    assert course.outgoing is not None
    sent: str = msgspec.json.decode(course.outgoing.body)["model"]
    course.came(Reply(status=200, body=b"{}"))
    return sent


def test_a_step_with_tools_below_an_orchestrator_is_a_sub_agents(pipeline: Pipeline) -> None:
    assert served_by(pipeline, PLANNER, "Why do prices rise?", "plan", None) == "gpt-5.5"
    told = "Find facts on the web and list them with their sources."
    assert served_by(pipeline, told, "Rents since 2020", "a", "plan", tools=[SEARCH]) == "gpt-5.4-mini"
    assert served_by(pipeline, told, "Wages since 2020", "b", "plan", tools=[SEARCH]) == "gpt-5.4-mini"


def test_one_that_joins_answers_below_an_orchestrator_is_none(pipeline: Pipeline) -> None:
    assert served_by(pipeline, PLANNER, "Why do prices rise?", "plan", None) == "gpt-5.5"
    told = "Answer from the notes that you are given, in three paragraphs."
    assert served_by(pipeline, told, "Notes: rents, wages, energy", "end", "plan") == "gpt-5.5"


def test_the_same_step_outside_a_trace_stays(pipeline: Pipeline) -> None:
    told = "Find facts on the web and list them with their sources."
    assert served_by(pipeline, told, "Rents since 2020", "a", "plan", tools=[SEARCH]) == "gpt-5.5"
