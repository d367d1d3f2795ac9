"""Taught tasks: who is right how often, alike or apart, again or not, in words or in tool calls."""

from __future__ import annotations

import json
from typing import Any

import pytest

SKILL = {"gpt-5.4-nano": 0.6, "gpt-5.4-mini": 0.8, "gpt-5.4-mini:high": 0.95, "gpt-5.5": 1.0}


def taught(bench: Any, count: int = 300, **more: Any) -> dict[str, list[bool]]:
    """Which of `count` questions each model gets right, read from the bill's truth."""
    bench.simulator.teach("Sort ticket", "billing", "other", skill=SKILL, name="sorting", **more)
    service = bench.simulator._service
    found: dict[str, list[bool]] = {}
    from tierwise.simulator._service import Caller

    for model in ("gpt-5.4-nano", "gpt-5.4-mini", "gpt-5.5"):
        for n in range(count):
            body = {"model": model, "messages": [{"role": "user", "content": f"Sort ticket {n}"}]}
            service.chat(body, Caller(request_id=f"{model}{n}"))
        found[model] = [bool(line.right) for line in bench.simulator.bill[-count:]]
    return found


def test_each_model_is_right_about_as_often_as_stated(bench: Any) -> None:
    found = taught(bench, alike=0.0)
    assert abs(sum(found["gpt-5.4-nano"]) / 300 - 0.6) < 0.09
    assert abs(sum(found["gpt-5.4-mini"]) / 300 - 0.8) < 0.08
    assert all(found["gpt-5.5"])
    assert {line.task for line in bench.simulator.bill} == {"sorting"}


def test_alike_a_better_model_is_right_wherever_a_worse_one_is(bench: Any) -> None:
    found = taught(bench)
    pairs = list(zip(found["gpt-5.4-nano"], found["gpt-5.4-mini"], strict=True))
    assert (True, False) not in pairs
    assert (False, True) in pairs


def test_apart_the_two_also_differ_the_other_way(bench: Any) -> None:
    found = taught(bench, alike=0.0)
    assert (True, False) in list(zip(found["gpt-5.4-nano"], found["gpt-5.4-mini"], strict=True))


def test_the_answer_says_what_the_bill_calls_right(bench: Any) -> None:
    bench.simulator.teach("Sort", "billing", ["shipping", "other"], skill={"*": 0.5})
    for n in range(20):
        said = bench.ask(f"Sort {n}").choices[0].message.content
        assert (said == "billing") is bench.simulator.bill[-1].right
        assert said in {"billing", "shipping", "other"}


def test_effort_has_its_own_skill(bench: Any) -> None:
    bench.simulator.teach("Sort", "right", "wrong", skill={"gpt-5.4-mini": 0.0, "gpt-5.4-mini:high": 1.0})
    assert bench.ask("Sort").choices[0].message.content == "wrong"
    assert bench.ask("Sort", reasoning_effort="high").choices[0].message.content == "right"


def test_repeats_give_the_same_answer_unless_the_task_is_unsteady(bench: Any) -> None:
    bench.simulator.teach("Steady", "yes", "no", skill={"*": 0.5})
    assert len({bench.ask("Steady one").choices[0].message.content for _ in range(12)}) == 1
    bench.simulator.teach("Shaky", "yes", "no", skill={"*": 0.5}, steady=0.0)
    assert len({bench.ask("Shaky one").choices[0].message.content for _ in range(12)}) == 2


def test_several_choices_are_drawn_apart_and_all_billed(bench: Any) -> None:
    bench.simulator.teach("Shaky", "yes", "no", skill={"*": 0.5})
    found = bench.ask("Shaky", n=16)
    assert {choice.message.content for choice in found.choices} == {"yes", "no"}
    assert found.usage.completion_tokens == 16


def test_a_function_answers_by_the_question(bench: Any) -> None:
    bench.simulator.teach(lambda text: "reverse" in text, lambda question: question[::-1], "?")
    assert bench.ask("reverse me").choices[0].message.content == "em esrever"


def test_tool_calls_can_be_taught(bench: Any) -> None:
    from tierwise.simulator import ToolUse

    tool: Any = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
    bench.simulator.teach("order", ToolUse("look", {"id": 7}), ToolUse("stop"), skill={"gpt-5.4-nano": 0.0})
    right = bench.client.responses.create(model="gpt-5.4", input="Where is order 7?", tools=[tool]).output[-1]
    assert (right.name, json.loads(right.arguments)) == ("look", {"id": 7})
    wrong = bench.client.responses.create(
        model="gpt-5.4-nano", input="Where is order 7?", tools=[tool]
    ).output[-1]
    assert wrong.name == "stop"


def test_log_probabilities_are_lower_where_the_answer_is_wrong(bench: Any) -> None:
    bench.simulator.teach("Sort", "a plain answer", "a wrong answer", skill={"gpt-5.4-nano": 0.0})
    means = {}
    for model in ("gpt-5.4-nano", "gpt-5.4"):
        found = bench.ask("Sort this", model=model, logprobs=True, top_logprobs=3).choices[0]
        assert "".join(token.token for token in found.logprobs.content) == found.message.content
        assert all(len(token.top_logprobs) == 3 for token in found.logprobs.content)
        means[model] = sum(token.logprob for token in found.logprobs.content) / len(found.logprobs.content)
    assert means["gpt-5.4-nano"] < means["gpt-5.4"] < 0


def test_a_decision_follows_the_lesson(bench: Any) -> None:
    bench.simulator.teach("parcel", "shipping", "billing")
    question = {
        "type": "choice",
        "instructions": "Which?",
        "choices": [{"value": "billing"}, {"value": "shipping"}],
    }
    (answer,) = bench.client.decisions.create(
        model="gpt-6-luna", input="My parcel", questions=[question]
    ).answers
    assert answer.choice == "shipping"
    assert answer.confidence > 0.7


@pytest.mark.parametrize("effort", ["low", "medium", "high", "xhigh"])
def test_reasoning_grows_with_effort(bench: Any, effort: str) -> None:
    def mean(level: str) -> float:
        used = [
            bench.client.responses.create(
                model="gpt-5.5", input=f"Think {n}", reasoning={"effort": level}
            ).usage
            for n in range(6)
        ]
        return sum(u.output_tokens_details.reasoning_tokens for u in used) / 6

    below = {"low": "none", "medium": "low", "high": "medium", "xhigh": "high"}[effort]
    assert mean(below) < mean(effort)


def test_forgetting_takes_lessons_back(bench: Any) -> None:
    bench.simulator.teach("x", "taught", "no")
    assert bench.ask("x").choices[0].message.content == "taught"
    bench.simulator.forget()
    assert bench.ask("x").choices[0].message.content != "taught"
