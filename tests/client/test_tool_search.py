"""Tools by a search of ours: `find_tools` is answered here, and the caller sees one answer to its call."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import openai
import pytest

import tierwise
import tierwise.tools
from tierwise.calls import Outgoing
from tierwise.catalog import Catalog
from tierwise.online import Asked, Pipeline
from tierwise.policy import decide, load_policy, parse_policy
from tierwise.simulator import Fault, ToolUse

SYSTEM = "You run the back office of a shop. Use the tools where they help, and be brief."
PARTS = [
    "order", "parcel", "refund", "invoice", "address", "voucher", "stock", "supplier", "return", "claim",
    "customer", "driver", "shelf", "warehouse", "tax", "label", "pallet", "discount", "review", "newsletter",
]  # fmt: skip
VERBS = ["find", "change", "close", "print", "archive"]
HEAD = """
version = 1
ladder = "gpt-5.4"
[[rule]]
name = "tools"
match = { tools = true }
tools = { search = "client" }
stage = "on"
"""


def definition(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "description": f"Lets the back office {name.replace('_', ' ')} once somebody has looked at it.",
        "parameters": {
            "type": "object",
            "properties": {
                "reference": {"type": "string", "description": f"What to {name.replace('_', ' ')} by."},
                "amount": {"type": "number", "description": "In cents, taxes included."},
            },
            "required": ["reference"],
        },
    }


NAMES = [f"{verb}_{part}" for part in PARTS for verb in VERBS]
CHAT: list[Any] = [{"type": "function", "function": definition(name)} for name in NAMES]
FLAT: list[Any] = [{"type": "function", "strict": False, **definition(name)} for name in NAMES]


def body(api: str, text: str, **more: Any) -> dict[str, Any]:
    if api == "chat":
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
        return {"model": "gpt-4.1", "messages": messages, "tools": CHAT, **more}
    return {"model": "gpt-5.4-nano", "instructions": SYSTEM, "input": text, "tools": FLAT, **more}


def create(client: openai.OpenAI, api: str, asked: dict[str, Any]) -> Any:
    return client.chat.completions.create(**asked) if api == "chat" else client.responses.create(**asked)


def called(api: str, answer: Any) -> list[str]:
    """Names of the tools that an answer, or the events of a stream, call."""
    if isinstance(answer, list):
        if api == "chat":
            pieces = [
                call for chunk in answer for choice in chunk.choices for call in choice.delta.tool_calls or []
            ]
            assert [piece.index for piece in pieces] == sorted(piece.index for piece in pieces)
            return [piece.function.name for piece in pieces if piece.function.name]
        assert [event.sequence_number for event in answer] == list(range(len(answer)))
        answer = answer[-1].response
    if api == "chat":
        return [call.function.name for call in answer.choices[0].message.tool_calls or []]
    return [item.name for item in answer.output if item.type == "function_call"]


def sent(bench: Any, at: int = -1) -> list[str]:
    return [tool.get("name") or tool["function"]["name"] for tool in bench.bodies[at]["tools"]]


def entry(client: Any, at: int = -1) -> Any:
    return tierwise.recorder(client).entries[at]


def wrapped(bench: Any, **more: Any) -> Any:
    return bench.wrapped("", HEAD, **more)


def in_turn(*says: Any) -> Callable[[str], Any]:
    """Answers, one after another; the last again and again."""
    left: Iterator[Any] = iter(says)
    last = says[-1]
    return lambda _: next(left, last)


FIND = ToolUse("find_tools", {"need": "archive a pallet"})
WANTED = ToolUse("archive_pallet", {"reference": "7"})


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_call_goes_out_with_what_a_search_finds_and_usage_falls_as_predicted(bench: Any, api: str) -> None:
    asked = body(api, "Please find_parcel 7")
    plain = create(bench.bare(), api, asked)
    client = wrapped(bench)
    answer = create(client, api, asked)
    assert called(api, answer) == called(api, plain) == ["find_parcel"]
    names = sent(bench)
    assert names[-1] == "find_tools"
    assert names[:-1] == [name for name in NAMES if name in names]
    assert len(names) == 21
    found = entry(client)
    count = (lambda u: u.prompt_tokens) if api == "chat" else (lambda u: u.input_tokens)
    fell = count(plain.usage) - count(answer.usage)
    predicted = found.decision.steps[0].tokens.input_total - found.decision.steps[1].tokens.input_total
    assert abs(predicted - fell) <= 0.02 * fell
    asked_cost, billed = (line.cost for line in bench.simulator.bill)
    assert found.cost == billed
    assert abs(found.as_asked - asked_cost) <= Decimal("0.02") * asked_cost
    assert found.line.saved == {"tools": found.as_asked - found.cost}
    assert any(said.startswith("lets tools be searched for, 20 of 100 ") for said in found.decision.reasons)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("api", ["chat", "responses"])
def test_find_tools_is_answered_here_and_the_caller_sees_one_answer(
    bench: Any, api: str, stream: bool
) -> None:
    bench.simulator.teach("put it away", in_turn(FIND, WANTED), "no")
    asked = body(api, "The order is done, put it away.", **({"stream": True} if stream else {}))
    client = wrapped(bench)
    answer = create(client, api, asked)
    answer = list(answer) if stream else answer
    assert called(api, answer) == ["archive_pallet"]
    assert "find_tools" not in json.dumps(
        [event.to_dict() for event in answer] if stream else answer.to_dict()
    )
    first, second = sent(bench, -2), sent(bench, -1)
    # The list begins as it began; what was found stands behind, and in the history stands nothing.
    assert second[: len(first)] == first
    assert "archive_pallet" in second[len(first) :]
    assert len(second) == len(first) + 40
    history = "messages" if api == "chat" else "input"
    assert bench.bodies[-1][history] == bench.bodies[-2][history] == asked[history]
    found = entry(client)
    assert found.attempts == 2
    assert found.cost == sum(line.cost for line in bench.simulator.bill)
    assert found.line.tokens.output_total == sum(line.used.output for line in bench.simulator.bill)
    assert found.line.saved["tools"] == found.as_asked - found.cost
    assert len(tierwise.recorder(client).entries) == 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("api", ["chat", "responses"])
def test_an_answer_that_names_a_tool_not_sent_gets_it(bench: Any, api: str, stream: bool) -> None:
    bench.simulator.teach("put it away", WANTED, "no")
    client = wrapped(bench)
    asked = body(api, "The order is done, put it away.", **({"stream": True} if stream else {}))
    answer = create(client, api, asked)
    assert called(api, list(answer) if stream else answer) == ["archive_pallet"]
    assert "archive_pallet" in sent(bench, -1)
    assert "archive_pallet" not in sent(bench, -2)
    assert entry(client).attempts == 2


def test_the_steps_of_a_call_are_bounded_and_the_last_has_every_tool(bench: Any) -> None:
    bench.simulator.teach("put it away", in_turn(FIND), "no")
    client = wrapped(bench)
    asked = body("chat", "The order is done, put it away.")
    answer = create(client, "chat", asked)
    assert called("chat", answer) == []
    assert answer.choices[0].finish_reason == "stop"
    assert entry(client).attempts == 4
    assert bench.bodies[-1]["tools"] == CHAT
    assert entry(client).cost == bench.simulator.bill_total


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_search_beside_other_output_of_a_stream_is_taken_out_of_it(bench: Any, api: str) -> None:
    both = (ToolUse("find_order", {"reference": "7"}), FIND, ToolUse("close_order", {"reference": "7"}))
    bench.simulator.teach("order", both, "no")
    client = wrapped(bench)
    answer = list(create(client, api, body(api, "Look at order 7 and close the order.", stream=True)))
    assert called(api, answer) == ["find_order", "close_order"]
    assert "find_tools" not in json.dumps([event.to_dict() for event in answer])
    assert entry(client).attempts == 1


def test_a_conversation_keeps_its_tools_so_that_its_prefix_stays_warm(bench: Any) -> None:
    client = wrapped(bench)
    asked = body("chat", "Please find_parcel 7")
    answer = create(client, "chat", asked)
    messages = [*asked["messages"], answer.choices[0].message.to_dict()]
    messages.append(
        {"role": "tool", "tool_call_id": messages[-1]["tool_calls"][0]["id"], "content": "on its way"}
    )
    first = create(client, "chat", {**asked, "messages": messages})
    assert sent(bench, -1) == sent(bench, -2)
    messages += [
        first.choices[0].message.to_dict(),
        {"role": "user", "content": "Thanks. And print_tax now?"},
    ]
    create(client, "chat", {**asked, "messages": messages})
    before, after = sent(bench, -2), sent(bench, -1)
    assert after[: len(before)] == before
    assert "print_tax" in after[len(before) :]


LEFT_ALONE: list[tuple[str, dict[str, Any], str]] = [
    ("few tools", {"tools": CHAT[:30]}, "30 functions are few"),
    (
        "find_tools is there",
        {"tools": [*CHAT, {"type": "function", "function": {"name": "find_tools"}}]},
        "named find_tools already",
    ),
    ("nothing may be called", {"tool_choice": "none"}, "tool_choice is none"),
    ("several answers", {"n": 2}, "several answers"),
    ("names twice", {"tools": CHAT[:50] * 2}, "0 functions are few"),
]


@pytest.mark.parametrize(
    ("more", "why"), [case[1:] for case in LEFT_ALONE], ids=[case[0] for case in LEFT_ALONE]
)
def test_lists_that_a_search_would_not_help_go_as_asked_and_the_reason_says_why(
    bench: Any, more: dict[str, Any], why: str
) -> None:
    client = wrapped(bench)
    asked = body("chat", "Please look at it.", **more)
    create(client, "chat", asked)
    assert bench.bodies[-1]["tools"] == asked["tools"]
    assert any(why in said for said in entry(client).decision.reasons), entry(client).decision.reasons


def test_a_warm_list_that_is_read_cheaply_is_left_alone(bench: Any) -> None:
    """4,500 tokens of which nearly all are read at a tenth of the price cost less than 1,000 read anew."""
    client = wrapped(bench)
    asked = body("responses", "Please find_parcel 7")
    with tierwise.labels(route=False):
        for _ in range(3):
            create(client, "responses", asked)
    assert entry(client).line.tokens.cached > 4_000
    create(client, "responses", asked)
    assert sent(bench) == NAMES
    assert any("no search for tools: it would not pay" in said for said in entry(client).decision.reasons)


def test_five_thousand_definitions_are_searched_and_deciding_takes_no_longer(bench: Any) -> None:
    many = [{"type": "function", "function": definition(f"{name}_{n}")} for n in range(50) for name in NAMES]
    client = wrapped(bench)
    create(client, "chat", body("chat", "Please find_parcel_7 now", tools=many))
    assert len(sent(bench)) == 21
    found = entry(client)
    catalog, policy = Catalog.open(), load_policy(bench.folder / "tierwise.toml", Catalog.open())
    day, times = dt.date(2026, 11, 25), []
    for _ in range(50):
        began = time.perf_counter()
        decide(found.facts, policy, found.state, catalog, day)
        times.append(time.perf_counter() - began)
    # 35 us measured; a decision that looked at every definition would take over 200.
    assert sorted(times)[25] < 0.000_15


def test_the_asynchronous_client_searches_too(bench: Any) -> None:
    bench.simulator.teach("put it away", in_turn(FIND, WANTED, FIND, WANTED), "no")

    async def run() -> None:
        async with bench.bare_async() as bare:
            client = tierwise.wrap(bare, policy=bench.policy("", HEAD))
            asked = body("chat", "The order is done, put it away.")
            assert called("chat", await client.chat.completions.create(**asked)) == ["archive_pallet"]
            stream = await client.chat.completions.create(**asked, stream=True)
            assert called("chat", [chunk async for chunk in stream]) == ["archive_pallet"]
            assert [found.attempts for found in tierwise.recorder(client).entries] == [2, 2]

    asyncio.run(run())


@pytest.mark.parametrize("kind", ["cut", "close_early", "malformed"])
@pytest.mark.parametrize("after", [1, 3])
def test_a_stream_that_breaks_is_one_call_whatever_was_looked_into(start: Any, kind: Any, after: int) -> None:
    bench = start(faults=[Fault(kind=kind, at=(1, 2), after=after)])
    bare, client = bench.bare(), wrapped(bench)
    told = []
    for one in (bare, client):
        try:
            list(create(one, "chat", body("chat", "Please find_parcel 7", stream=True)))
            told.append("ended")
        except Exception as error:  # noqa: BLE001 - whatever the SDK makes of it
            told.append(type(error).__name__)
    assert told[0] == told[1]
    (found,) = tierwise.recorder(client).entries
    assert found.line.status in {"abandoned", "unknown", "ok"}


HOSTILE: list[tuple[str, Any]] = [
    (
        "other scripts",
        [
            {"type": "function", "function": {"name": f"ツール_{n}", "description": "説明" * 40}}
            for n in range(60)
        ],
    ),
    ("empty descriptions", [{"type": "function", "function": {"name": n, "description": ""}} for n in NAMES]),
    (
        "schemas without end",
        [
            {
                "type": "function",
                "function": {"name": n, "parameters": {"type": "object", "properties": {"a": {"$ref": "#"}}}},
            }
            for n in NAMES
        ],
    ),
    ("odd entries between", [*CHAT, None, 7, {"type": "function"}, {"type": "function", "function": None}]),
    (
        "surrogates",
        json.loads('[{"type": "function", "function": {"name": "a\\\\ud800", "description": "\\\\udfff"}}]')
        * 60,
    ),
]


@pytest.mark.parametrize("how", ["client", "hosted"])
@pytest.mark.parametrize("tools", [case[1] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_hostile_lists_never_break_a_call(tools: Any, how: str) -> None:
    """Whatever stands in the list, every entry that is not a plain function goes out as it came."""
    catalog = Catalog.open()
    policy = parse_policy(
        (HEAD.replace("client", how) + '[default]\nstage = "off"\n').encode(), catalog
    ).policy
    assert policy is not None
    recorder = tierwise.MemoryRecorder()
    pipeline = Pipeline(catalog, recorder, policy=policy)
    raw = json.dumps({"model": "gpt-5.4", "input": "Please.", "store": False, "tools": tools}).encode()
    outgoing = next(pipeline.follow(Asked(method="POST", path="/v1/responses", body=raw)))
    assert isinstance(outgoing, Outgoing)
    left = json.loads(outgoing.body)["tools"]
    odd = [tool for tool in tools if not isinstance(tool, dict) or not isinstance(tool.get("function"), dict)]
    assert [tool for tool in left if tool in odd and tool != {"type": "tool_search"}] == odd


def test_a_budget_can_hold_money_for_every_step_that_a_search_may_take() -> None:
    catalog = Catalog.open()
    policy = parse_policy((HEAD + '[default]\nstage = "off"\n').encode(), catalog).policy
    steps: list[int] = []

    class Holds:
        """Lets calls go and looks at what they may take."""

        def open(self, identity: str, call: Any, routed: Any) -> None:
            steps.append(routed.steps)

        def wait(self, identity: str, found: Any) -> None: ...

        def close(self, identity: str, found: Any) -> None: ...

    pipeline = Pipeline(catalog, tierwise.MemoryRecorder(), policy=policy, gate=Holds())
    for tools in (CHAT, CHAT[:5]):
        raw = json.dumps(body("chat", "Please find_parcel 7", tools=tools)).encode()
        next(pipeline.follow(Asked(method="POST", path="/v1/chat/completions", body=raw)))
    assert steps == [4, 1]
