"""Fewer tool definitions through `tierwise.wrap`: usage falls as predicted, and the reply stays the caller's."""

from __future__ import annotations

import contextlib
import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest

import tierwise
from tierwise.calls import parse_request
from tierwise.catalog import Catalog, Tokens
from tierwise.cli import main
from tierwise.policy import Learned, decide, load_policy, save_learned
from tierwise.simulator import ToolUse
from tierwise.tools import Sent, Unused
from tierwise.workloads import Recogniser, tool_digest

SYSTEM = "You run the back office of a shop. Use the tools where they help, and be brief."
PARTS = ["order", "parcel", "refund", "invoice", "address", "voucher", "stock", "supplier", "return", "claim"]


def definition(name: str) -> dict[str, Any]:
    """A function with enough of a schema to weigh something."""
    about = name.replace("_", " ")
    return {
        "name": name,
        "description": f"Lets the back office {about} after it was checked by somebody.",
        "parameters": {
            "type": "object",
            "properties": {
                "reference": {"type": "string", "description": f"The reference to {about} by."},
                "amount": {"type": "number", "description": "In cents, taxes included."},
                "channel": {"type": "string", "enum": ["mail", "phone", "shop"]},
            },
            "required": ["reference"],
        },
    }


NAMES = [f"{verb}_{part}" for part in PARTS for verb in ("find", "change", "close", "print")]
CHAT: list[Any] = [{"type": "function", "function": definition(name)} for name in NAMES]
FLAT: list[Any] = [{"type": "function", "strict": False, **definition(name)} for name in NAMES]
USED = ("find_order", "close_claim", "find_parcel")
HEAD = """
version = 1
ladder = "gpt-5.4"
learned = "learned"
"""
RULE = """
[[rule]]
name = "tools"
match = { tools = true }
tools = { %s }
stage = "on"
"""


def chat(text: str, **more: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
    return {"model": "gpt-4.1", "messages": messages, "tools": CHAT, **more}


def responses(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "gpt-5.4", "instructions": SYSTEM, "input": text, "tools": FLAT, **more}


def create(client: openai.OpenAI, api: str, body: dict[str, Any]) -> Any:
    return client.chat.completions.create(**body) if api == "chat" else client.responses.create(**body)


def learn(folder: Path, *bodies: tuple[str, dict[str, Any]], sessions: int = 300) -> None:
    """A file that says that all tools but three were used by no session of the bodies' workloads."""
    found = {}
    for api, body in bodies:
        facts = Recogniser(b"").recognise(parse_request(api, msgspec.json.encode(body)))
        found[facts.workload] = tuple(
            Unused(tool=Sent(tool_digest(name), name, 100), sessions=sessions, risk=3 / sessions)
            for name in NAMES
            if name not in USED
        )
    save_learned(Learned(unused=found), folder / "learned")


def wrapped(bench: Any, rule: str = "drop_unused = true", **more: Any) -> openai.OpenAI:
    return bench.wrapped(RULE % rule, HEAD, **more)


def entry(client: Any, at: int = -1) -> Any:
    return tierwise.recorder(client).entries[at]


def tools_sent(bench: Any, at: int = -1) -> list[str]:
    tools = bench.bodies[at].get("tools", [])
    return [tool.get("name") or tool.get("function", {}).get("name") for tool in tools]


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_unused_definitions_are_left_out_and_usage_falls_as_predicted(bench: Any, api: str) -> None:
    body = chat("Where is order 7?") if api == "chat" else responses("Where is order 7?")
    learn(bench.folder, (api, body))
    before = create(bench.bare(), api, body)
    client = wrapped(bench)
    after = create(client, api, body)
    assert tools_sent(bench) == [name for name in NAMES if name in USED]
    kept = bench.bodies[-1]["tools"]
    assert all(tool in body["tools"] for tool in kept)
    count = (lambda u: u.prompt_tokens) if api == "chat" else (lambda u: u.input_tokens)
    fell = count(before.usage) - count(after.usage)
    found = entry(client)
    predicted = found.decision.steps[0].tokens.input_total - found.decision.steps[1].tokens.input_total
    assert fell > 2_000
    assert abs(predicted - fell) <= 0.02 * fell
    assert [step.lever for step in found.decision.steps] == [
        "as asked",
        "tools",
        "cache",
        "tier",
        "effort",
        "lane",
    ]
    # What it would have cost as asked comes to what it did cost as asked.
    (asked, billed) = (line.cost for line in bench.simulator.bill)
    assert found.cost == billed
    assert abs(found.as_asked - asked) <= Decimal("0.02") * asked
    assert found.line.saved == {"tools": found.as_asked - found.cost}
    (reason,) = [said for said in found.decision.reasons if "leaves out" in said]
    assert reason.startswith("leaves out tools that no logged session used, 37 of 40 definitions, ")
    assert "at most 1.00% of sessions" in reason


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_stream_with_fewer_definitions_is_the_same_to_its_caller(bench: Any, api: str) -> None:
    body = (chat if api == "chat" else responses)("Please find_order 7", stream=True)
    learn(bench.folder, (api, {**body, "stream": False}))
    plain = list(create(bench.bare(), api, body))
    client = wrapped(bench)
    passed = list(create(client, api, body))
    assert [type(event) for event in passed] == [type(event) for event in plain]
    assert len(tools_sent(bench)) == 3
    found = entry(client)
    assert found.cost == bench.simulator.bill[-1].cost
    assert found.line.saved["tools"] == found.as_asked - found.cost > 0


def test_a_definition_that_the_call_names_or_the_conversation_called_stays_from_then_on(bench: Any) -> None:
    body = chat("Look at order 7.")
    learn(bench.folder, ("chat", body))
    client = wrapped(bench)
    forced = {"type": "function", "function": {"name": "print_voucher"}}
    answer = create(client, "chat", {**body, "tool_choice": forced})
    assert answer.choices[0].message.tool_calls[0].function.name == "print_voucher"
    assert "print_voucher" in tools_sent(bench)
    assert (
        "keeps tools: tool_choice names them, 1 of those unused in the log" in entry(client).decision.reasons
    )
    call = {"id": "c1", "type": "function", "function": {"name": "close_return", "arguments": "{}"}}
    history = [
        *body["messages"],
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "closed"},
    ]
    create(client, "chat", {**body, "messages": history})
    assert {"close_return", "print_voucher"} < set(tools_sent(bench))
    create(client, "chat", body)
    assert len(tools_sent(bench)) == 5


def test_an_answer_that_asks_for_a_tool_left_out_is_the_callers_and_brings_it_back(bench: Any) -> None:
    bench.simulator.teach("paper of that voucher", ToolUse("print_voucher", {"reference": "7"}), "no")
    body = chat("I need a paper of that voucher.")
    learn(bench.folder, ("chat", body))
    client = wrapped(bench)
    answer = create(client, "chat", body)
    assert answer.choices[0].message.tool_calls[0].function.name == "print_voucher"
    assert "print_voucher" not in tools_sent(bench)
    create(client, "chat", body)
    assert "print_voucher" in tools_sent(bench)
    assert (
        "keeps tools: an answer asked for them, 1 of those unused in the log"
        in entry(client).decision.reasons
    )


@pytest.mark.parametrize(
    ("said", "back"),
    [
        ("Error: unknown tool close_stock", True),
        ('{"error": "the tool you asked for is not available"}', True),
        ("function print_claim does not exist", True),
        ("Error: order 7 was not found", False),
        ("the power tool is in stock", False),
    ],
)
def test_a_result_that_says_a_tool_is_missing_brings_all_of_them_back(
    bench: Any, said: str, back: bool
) -> None:
    body = chat("Look at order 7.")
    learn(bench.folder, ("chat", body))
    client = wrapped(bench)
    call = {"id": "c1", "type": "function", "function": {"name": "find_order", "arguments": "{}"}}
    turn = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": said},
    ]
    create(client, "chat", {**body, "messages": [*body["messages"], *turn]})
    assert len(tools_sent(bench)) == (40 if back else 3)
    create(client, "chat", body)
    assert len(tools_sent(bench)) == (40 if back else 3)


def test_where_nothing_is_needed_the_fields_that_belong_to_tools_go_too(bench: Any) -> None:
    body = chat("Where is order 7?", tools=CHAT[-1:], tool_choice="auto", parallel_tool_calls=False)
    learn(bench.folder, ("chat", body))
    client = wrapped(bench)
    create(client, "chat", body)
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & bench.bodies[-1].keys()
    create(client, "chat", {**body, "tool_choice": "required"})
    assert len(tools_sent(bench)) == 1


def test_a_prompt_that_would_fall_below_the_cache_keeps_its_tools(bench: Any) -> None:
    """1,500 tokens of which 1,408 are cached cost less than 900 of which none are."""
    body = chat("Where is order 7?", tools=CHAT[:20])
    learn(bench.folder, ("chat", body))
    client = wrapped(bench, "drop_unused = false")
    for _ in range(3):
        create(client, "chat", body)
    assert entry(client).line.tokens.cached >= 1_024
    state = entry(client).state
    usage = Tokens(uncached=92, cached=1_408, output=state.usage.output)
    bench.policy(RULE % "drop_unused = true", HEAD)
    catalog = Catalog.open()
    policy = load_policy(bench.folder / "tierwise.toml", catalog)
    unused = frozenset(tool_digest(name) for name in NAMES[:20] if name not in USED)
    warm = msgspec.structs.replace(
        state, usage=usage, unused_tools=unused, unused_tokens=900, unused_sessions=300
    )
    decision = decide(entry(client).facts, policy, warm, catalog, dt.date(2026, 11, 25))
    assert decision.plan.drop_tools == frozenset()
    assert any(reason.startswith("keeps tools that no logged session used") for reason in decision.reasons)


ODD: list[tuple[str, Any]] = [
    ("not a list", {"name": "x"}),
    ("no names", [{"type": "function", "function": {}}] * 3),
    ("names twice", [*CHAT, *CHAT]),
    ("schema is a word", [{"type": "function", "function": {"name": n, "parameters": "x"}} for n in NAMES]),
    ("entries are words", ["a", 1, None]),
]


@pytest.mark.parametrize("tools", [odd[1] for odd in ODD], ids=[odd[0] for odd in ODD])
def test_lists_that_cannot_be_told_apart_go_as_asked(bench: Any, tools: Any) -> None:
    body = chat("Where is order 7?")
    learn(bench.folder, ("chat", body), ("chat", {**body, "tools": tools}))
    client = wrapped(bench)
    with contextlib.suppress(openai.BadRequestError):
        create(client, "chat", {**body, "tools": tools})
    assert bench.bodies[-1]["tools"] == tools


def test_an_audit_of_recorded_calls_teaches_what_live_calls_leave_out(bench: Any, tmp_path: Path) -> None:
    log, body = tmp_path / "calls.jsonl", chat("Where is order 7?")
    with bench.bare() as bare:
        observed = tierwise.wrap(bare, observe=True, record=log)
        for number in range(30):
            create(observed, "chat", chat(f"Where is order {number}? Please find_order."))
    tierwise.recorder(observed).close()
    key = f"{log}.key"
    assert main(["audit", str(log), "--key", key, "--learned", str(tmp_path / "learned"), "-q"]) == 0
    client = bench.wrapped(RULE % "drop_unused = true", HEAD + f'key = "{key}"\n')
    create(client, "chat", body)
    assert tools_sent(bench) == ["find_order"]
    assert "at most 10.00% of sessions" in entry(client).decision.reasons[-1]


def test_tools_left_out_and_the_cache_lever_go_together(bench: Any) -> None:
    """The lists come in two orders: what stays goes out by name under one key, and each lever has its share."""
    long = SYSTEM + " Every rule of the house counts, whoever asks." * 300
    bodies = []
    for number in range(12):
        body = chat(f"Where is order {number}?", tools=CHAT if number % 2 else CHAT[::-1])
        body["messages"][0] = {"role": "system", "content": long}
        bodies.append(body)
    learn(bench.folder, ("chat", bodies[1]), ("chat", bodies[0]))
    bare = bench.bare()
    for body in bodies:
        create(bare, "chat", body)
    asked = sum(line.cost for line in bench.simulator.bill)
    client = wrapped(bench, "drop_unused = true }\ncache = { key = true, order_tools = true")
    for body in bodies:
        create(client, "chat", body)
    assert tools_sent(bench) == sorted(USED)
    assert len({sent["prompt_cache_key"] for sent in bench.bodies[12:]}) == 1
    entries = tierwise.recorder(client).entries
    assert [found.cost for found in entries] == [line.cost for line in bench.simulator.bill[12:]]
    for found in entries:
        assert sum(found.line.saved.values(), Decimal(0)) == found.as_asked - found.cost
    assert abs(sum(found.as_asked for found in entries) - asked) <= Decimal("0.02") * asked
