"""Traces of teams at work, each in two forms: with ids, and each request alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from tierwise.calls import Request, parse_request

SHAPES = ("under the plan", "agent spans", "two rounds", "flat", "trace only")


class Step(NamedTuple):
    """One call of a trace, and what it is."""

    request: Request
    span: str
    parent: str | None
    calls_model: bool
    label: str
    """'orchestrator' for planner and writer, 'sub-agent' for a researcher; '' for what is no call."""
    name: str | None = None
    lasts: float = 0.8
    """In steps: beyond 1, the next step begins before this one has ended."""


def traces(teams: Any) -> Iterator[tuple[str, list[Step]]]:
    """Every team in two of the shapes."""
    for number, team in enumerate(teams):
        for shape in (SHAPES[number % 5], SHAPES[(number + 2) % 5]):
            yield f"{team[0]}, {shape}", list(_trace(team, shape, chat=(number + len(shape)) % 2 == 0))


def _trace(team: Any, shape: str, *, chat: bool) -> Iterator[Step]:
    _, planner, handing, researcher, tools, writer = team
    question = "What would it take to enter the Nordic market with our cookware next year?"
    parts = ("How large is the market?", "Who are the competitors?", "What does transport cost?")

    def call(
        instructions: str, names: Any, turn: str, more: Any, span: str, parent: str | None, label: str
    ) -> Step:
        request = _request(instructions, names, turn, more, chat=chat)
        above = None if shape == "trace only" else "root" if shape == "flat" else parent
        return Step(request, span, above, calls_model=True, label=label)

    root = "root" if shape in {"agent spans", "flat"} else None
    if root is not None:
        yield Step(_request("", (), "", [], chat=chat), "root", None, calls_model=False, label="")
    yield call(planner, handing, question, [], "plan", root, "orchestrator")
    for number, part in enumerate(parts):
        above = "plan"
        if shape == "agent spans":
            yield Step(
                _request("", (), "", [], chat=chat), f"tool{number}", "root", calls_model=False, label=""
            )
            yield Step(
                _request("", (), "", [], chat=chat),
                f"agent{number}",
                f"tool{number}",
                calls_model=False,
                label="",
            )
            above = f"agent{number}"
        yield call(researcher, tools, part, [], f"part{number}", above, "sub-agent")
    answers = [f"Findings on: {part} The figures are as expected." for part in parts]
    if shape == "two rounds" or writer is None:
        yield call(planner, handing, question, answers, "plan2", root or "plan", "orchestrator")
    if writer is not None:
        brief = "\n\n".join((question, *answers))
        yield call(writer, (), brief, [], "write", root or "plan", "orchestrator")


def played(turns: Any, *, chat: bool) -> Iterator[Step]:
    """The steps of a scene."""
    for turn in turns:
        request = _request(
            turn.told,
            turn.tools,
            turn.says,
            list(turn.answers),
            chat=chat,
            history=turn.history,
            agent=turn.agent,
        )
        yield Step(request, turn.span, turn.parent, bool(turn.label), turn.label, turn.name, turn.lasts)


def _request(
    instructions: str,
    names: Any,
    turn: str,
    answers: list[str],
    *,
    chat: bool,
    history: tuple[str, ...] = (),
    agent: str | None = None,
) -> Request:
    schema = {"type": "object", "properties": {"task": {"type": "string"}}}
    said = [
        {"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate((*history, turn))
    ]
    more: dict[str, Any] = {"metadata": {"agent": agent}} if agent else {}
    if chat:
        messages: list[Any] = [{"role": "system", "content": instructions}, *said]
        for number, answer in enumerate(answers):
            function = {"name": names[0] if names else "worker", "arguments": "{}"}
            messages += [
                {
                    "role": "assistant",
                    "tool_calls": [{"id": f"c{number}", "type": "function", "function": function}],
                },
                {"role": "tool", "tool_call_id": f"c{number}", "content": answer},
            ]
        tools = [{"type": "function", "function": {"name": name, "parameters": schema}} for name in names]
        body: dict[str, Any] = {
            "model": "gpt-5.5",
            "messages": messages,
            **({"tools": tools} if tools else {}),
            **more,
        }
        return parse_request("chat", json.dumps(body).encode())
    items: list[Any] = [*said]
    for number, answer in enumerate(answers):
        items += [
            {
                "type": "function_call",
                "call_id": f"c{number}",
                "name": names[0] if names else "worker",
                "arguments": "{}",
            },
            {"type": "function_call_output", "call_id": f"c{number}", "output": answer},
        ]
    tools = [{"type": "function", "name": name, "parameters": schema} for name in names]
    body = {
        "model": "gpt-5.5",
        "instructions": instructions,
        "input": items,
        **({"tools": tools} if tools else {}),
        **more,
    }
    return parse_request("responses", json.dumps(body).encode())
