"""OpenAI's tool search for callers who did not ask for it: fewer tokens, the same reply, the history put back."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

import tierwise
from tierwise.tools import namespaces

SYSTEM = "You run the back office of a shop. Use the tools where they help, and be brief."
PARTS = [
    "order", "parcel", "refund", "invoice", "address", "voucher", "stock", "supplier", "return", "claim",
    "customer", "driver", "shelf", "warehouse", "tax", "label", "pallet", "discount", "review", "newsletter",
]  # fmt: skip
NAMES = [f"{verb}_{part}" for part in PARTS for verb in ("find", "change", "close", "print", "archive")]
HEAD = """
version = 1
ladder = "gpt-5.4"
[[rule]]
name = "tools"
match = { tools = true }
tools = { search = "hosted" }
stage = "on"
%s
"""


def definition(name: str) -> dict[str, Any]:
    about = name.replace("_", " ")
    return {
        "name": name,
        "description": f"Lets the back office {about} once somebody has looked at it.",
        "parameters": {
            "type": "object",
            "properties": {
                "reference": {"type": "string", "description": f"What to {about} by."},
                "amount": {"type": "number", "description": "In cents, taxes included."},
            },
            "required": ["reference"],
        },
    }


TOOLS: list[Any] = [{"type": "function", "strict": False, **definition(name)} for name in NAMES]
CHAT: list[Any] = [{"type": "function", "function": definition(name)} for name in NAMES]


def asked(text: Any, **more: Any) -> dict[str, Any]:
    return {"model": "gpt-5.4", "instructions": SYSTEM, "input": text, "tools": TOOLS, "store": False, **more}


def wrapped(bench: Any, more: str = "") -> Any:
    return bench.wrapped("", HEAD % more)


def entry(client: Any, at: int = -1) -> Any:
    return tierwise.recorder(client).entries[at]


def kinds(bench: Any, at: int = -1) -> list[str]:
    return [tool["type"] for tool in bench.bodies[at]["tools"]]


def test_definitions_are_deferred_and_usage_falls_as_predicted(bench: Any) -> None:
    body = asked("Good morning to all of you.")
    plain = bench.bare().responses.create(**body)
    client = wrapped(bench)
    answer = client.responses.create(**body)
    tools = bench.bodies[-1]["tools"]
    assert kinds(bench) == ["tool_search"] + ["namespace"] * 15
    assert [tool["name"] for tool in bench.bodies[-1]["tools"][1]["tools"]] == [
        f"find_{part}" for part in PARTS[:9]
    ]
    assert all(each["defer_loading"] for tool in tools[1:] for each in tool["tools"])
    assert all(0 < len(tool["tools"]) < 10 for tool in tools[1:])
    assert {each["name"] for tool in tools[1:] for each in tool["tools"]} == set(NAMES)
    found = entry(client)
    fell = plain.usage.input_tokens - answer.usage.input_tokens
    predicted = found.decision.steps[0].tokens.input_total - found.decision.steps[1].tokens.input_total
    assert fell > 2_000
    assert abs(predicted - fell) <= 0.02 * fell
    asked_cost, billed = (line.cost for line in bench.simulator.bill)
    assert found.cost == billed
    assert abs(found.as_asked - asked_cost) <= Decimal("0.02") * asked_cost
    assert found.line.saved == {"tools": found.as_asked - found.cost}
    assert found.decision.plan.tools.search == "hosted"


@pytest.mark.parametrize("stream", [False, True])
def test_the_search_is_taken_out_of_the_reply_and_put_back_in_the_next_turn(bench: Any, stream: bool) -> None:
    client, body = wrapped(bench), asked([{"role": "user", "content": "Please archive_pallet 7"}])
    if stream:
        events = list(client.responses.create(**body, stream=True))
        assert [event.sequence_number for event in events] == list(range(len(events)))
        indexes = [event.output_index for event in events if hasattr(event, "output_index")]
        assert set(indexes) == set(range(len(set(indexes))))
        text = json.dumps([event.to_dict() for event in events])
        answer = events[-1].response
    else:
        answer = client.responses.create(**body)
        text = answer.to_json()
    assert not any(mark in text for mark in ("tool_search", '"namespace"', "defer_loading"))
    (call,) = [item for item in answer.output if item.type == "function_call"]
    assert call.name == "archive_pallet"
    assert [tool.name for tool in answer.tools] == NAMES
    found = entry(client)
    whole = bench.simulator.bill[-1]
    assert found.cost == whole.cost
    bare = bench.bare().responses.create(**body)
    assert (
        abs(found.as_asked - bench.simulator.bill[-1].cost) <= Decimal("0.03") * bench.simulator.bill[-1].cost
    )
    assert bare.usage.input_tokens > answer.usage.input_tokens

    history = [*body["input"], *(item.to_dict() for item in answer.output)]
    history.append({"type": "function_call_output", "call_id": call.call_id, "output": "archived"})
    client.responses.create(**{**body, "input": history})
    sent = bench.bodies[-1]
    types = [item.get("type", "message") for item in sent["input"]]
    at = types.index("function_call")
    assert types[at - 2 : at] == ["tool_search_call", "tool_search_output"]
    assert sent["input"][at]["namespace"] == sent["input"][at - 2]["arguments"]["paths"][0]
    loaded = sent["input"][at - 1]["tools"][0]["tools"]
    assert "archive_pallet" in [tool["name"] for tool in loaded]
    # The tools are those of the first turn, byte for byte, so that the prefix survives.
    assert json.dumps(sent["tools"]) == json.dumps(bench.bodies[0]["tools"])
    assert history == [*body["input"], *(item.to_dict() for item in answer.output), history[-1]]


def test_a_tool_of_a_history_that_is_not_remembered_stays_direct(bench: Any) -> None:
    client = wrapped(bench)
    call = {"type": "function_call", "call_id": "c9", "name": "print_tax", "arguments": "{}"}
    done = {"type": "function_call_output", "call_id": "c9", "output": "printed"}
    client.responses.create(**asked([{"role": "user", "content": "Go on."}, call, done]))
    tools = bench.bodies[-1]["tools"]
    assert [tool["name"] for tool in tools if tool["type"] == "function"] == ["print_tax"]
    assert [item.get("type") for item in bench.bodies[-1]["input"]] == [
        None,
        "function_call",
        "function_call_output",
    ]
    forced = {"type": "function", "name": "find_tax"}
    answer = wrapped(bench).responses.create(**asked("Go on.", tool_choice=forced))
    assert [tool["name"] for tool in bench.bodies[-1]["tools"] if tool["type"] == "function"] == ["find_tax"]
    assert answer.output[-1].name == "find_tax"


ALONE: list[tuple[str, dict[str, Any], str]] = [
    ("stored", {"store": True}, "stored upstream"),
    ("stored by default", {"store": None}, "stored upstream"),
    ("few", {"tools": TOOLS[:9]}, "9 functions are few"),
    ("nothing may be called", {"tool_choice": "none"}, "tool_choice is none"),
    ("searches itself", {"tools": [{"type": "tool_search"}, *TOOLS]}, "searches by itself"),
    ("nano has none", {"model": "gpt-5.4-nano"}, "gpt-5.4-nano has none there"),
]


@pytest.mark.parametrize(("more", "why"), [case[1:] for case in ALONE], ids=[case[0] for case in ALONE])
def test_calls_that_cannot_be_deferred_go_as_asked_and_the_reason_says_why(
    bench: Any, more: dict[str, Any], why: str
) -> None:
    client = wrapped(bench)
    body = {key: value for key, value in asked("Good morning.", **more).items() if value is not None}
    client.responses.create(**body)
    assert bench.bodies[-1] == body
    assert any(why in said for said in entry(client).decision.reasons), entry(client).decision.reasons


@pytest.mark.parametrize("stream", [False, True])
def test_chat_through_responses_is_searched_too_and_answers_as_chat(bench: Any, stream: bool) -> None:
    more = 'rung = { model = "gpt-5.4", effort = "low" }\nthrough_responses = true\nunproven = true\napproved_by = "kim"'
    client = wrapped(bench, more)
    messages: list[Any] = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "Please archive_pallet 7"},
    ]
    body: dict[str, Any] = {
        "model": "gpt-5.5",
        "reasoning_effort": "low",
        "messages": messages,
        "tools": CHAT,
    }
    if stream:
        chunks = list(client.chat.completions.create(**body, stream=True))
        calls = [
            call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or []
        ]
        assert {call.index for call in calls} == {0}
        name, identity = calls[0].function.name, calls[0].id
        arguments = "".join(call.function.arguments or "" for call in calls)
    else:
        (call,) = client.chat.completions.create(**body).choices[0].message.tool_calls
        name, identity, arguments = call.function.name, call.id, call.function.arguments
    assert name == "archive_pallet"
    assert "tool_search" in kinds(bench)
    history = {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}
    turn = [
        {"role": "assistant", "content": None, "tool_calls": [history]},
        {"role": "tool", "tool_call_id": identity, "content": "archived"},
    ]
    client.chat.completions.create(**{**body, "messages": [*messages, *turn]})
    assert "tool_search_output" in [item.get("type") for item in bench.bodies[-1]["input"]]


def test_namespaces_hold_fewer_than_ten_and_have_names_of_their_own() -> None:
    names = [f"get_{n}" for n in range(25)] + ["alone", "éa", "123", "get_tools", "x" * 90]
    found = namespaces(names, {*names, "get_tools"})
    assert sorted(at for space in found for at in space.members) == list(range(len(names)))
    assert all(len(space.members) < 10 and space.description for space in found)
    assert len({space.name for space in found}) == len(found)
    assert not {space.name for space in found} & set(names)
    assert all(space.name.isascii() and len(space.name) <= 64 for space in found)
