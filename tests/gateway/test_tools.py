"""Tool definitions left out behind the gateway: the ledger adds up, by lever too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tierwise.calls import parse_request
from tierwise.cli import main
from tierwise.policy import Learned, save_learned
from tierwise.simulator import ToolUse
from tierwise.tools import Sent, Unused
from tierwise.workloads import Recogniser, tool_digest

POLICY = """
version = 1
ladder = "gpt-5.4"
learned = "learned"
[[rule]]
name = "down"
match = { model = "gpt-5.5" }
rung = "gpt-5.4-mini"
tools = { drop_unused = true }
stage = "on"
unproven = true
approved_by = "kim"
[default]
tools = { drop_unused = true }
stage = "on"
"""
SCHEMA = {"type": "object", "properties": {"day": {"type": "string", "description": "As in a calendar."}}}
TOOLS: list[Any] = [
    {
        "type": "function",
        "name": f"look_{n}",
        "description": "Looks it up.",
        "parameters": SCHEMA,
        "strict": False,
    }
    for n in range(60)
]
CALL: dict[str, Any] = {"model": "gpt-5.4", "input": "Please look_3 for me.", "tools": TOOLS}


def learn(folder: Path) -> None:
    facts = Recogniser(b"").recognise(parse_request("responses", msgspec.json.encode(CALL)))
    unused = tuple(
        Unused(tool=Sent(tool_digest(tool["name"]), tool["name"], 9), sessions=90, risk=1 / 30)
        for tool in TOOLS[10:]
    )
    save_learned(Learned(unused={facts.workload: unused}), folder / "learned")


def test_savings_by_lever_add_up_in_the_ledger(start: Any, tmp_path: Path, capsys: Any) -> None:
    learn(tmp_path)
    path = tmp_path / "by.toml"
    path.write_text(POLICY, "utf-8")
    bench = start(policy=path)
    client = bench.client()
    plain = client.responses.create(**CALL)
    moved = client.responses.create(**{**CALL, "model": "gpt-5.5"})
    streamed = list(client.responses.create(**CALL, stream=True))
    assert plain.output[-1].name == moved.output[-1].name == streamed[-1].response.output[-1].name == "look_3"
    total = bench.settled(3)
    saved = bench.ledger.saved()
    assert set(saved) == {"tools", "tier"}
    assert min(saved.values()) > 0
    assert sum(saved.values()) == total.as_asked - total.cost
    assert total.cost == bench.simulator.bill_total
    assert main(["spend", "--by", "lever", "--ledger", str(tmp_path / "ledger.db")]) == 0
    assert f"{saved['tools']:f}" in capsys.readouterr().out


SEARCH = """
version = 1
ladder = "gpt-5.4"
[default]
tools = { search = "client" }
stage = "on"
"""


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("api", ["chat", "responses"])
def test_tools_are_searched_for_behind_the_gateway(
    start: Any, tmp_path: Path, api: str, stream: bool
) -> None:
    path = tmp_path / "by.toml"
    path.write_text(SEARCH, "utf-8")
    bench = start(policy=path)
    left = iter([ToolUse("find_tools", {"need": "look_55"})])
    bench.simulator.teach("put it away", lambda _: next(left, ToolUse("look_55", {"day": "today"})), "no")
    client = bench.client()
    if api == "chat":
        chat: list[Any] = [
            {
                "type": "function",
                "function": {key: tool[key] for key in ("name", "description", "parameters")},
            }
            for tool in TOOLS
        ]
        messages: list[Any] = [{"role": "user", "content": "Now put it away."}]
        answer = client.chat.completions.create(model="gpt-4.1", messages=messages, tools=chat, stream=stream)
        text = "".join(chunk.to_json() for chunk in answer) if stream else answer.to_json()
    else:
        found = client.responses.create(
            model="gpt-5.4-nano", input="Now put it away.", tools=TOOLS, stream=stream
        )
        text = "".join(event.to_json() for event in found) if stream else found.to_json()
    assert '"look_55"' in text
    assert "find_tools" not in text
    total = bench.settled(1)
    assert total.calls == 1
    assert total.cost == bench.simulator.bill_total
    assert bench.simulator.requests == 2
    assert sum(bench.ledger.saved().values()) == total.as_asked - total.cost


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_deferred_behind_the_gateway_and_the_search_is_not_seen(
    start: Any, tmp_path: Path, stream: bool
) -> None:
    path = tmp_path / "by.toml"
    path.write_text(SEARCH.replace("client", "hosted"), "utf-8")
    bench = start(policy=path)
    found: Any = bench.client().responses.create(**CALL, store=False, stream=stream)
    events = list(found) if stream else [found]
    text = "".join(event.to_json() for event in events)
    assert '"look_3"' in text
    assert not any(mark in text for mark in ("tool_search", '"namespace"', "defer_loading"))
    sent = msgspec.json.decode(bench.simulator.received[-1].body)["tools"]
    assert {tool["type"] for tool in sent} == {"tool_search", "namespace"}
    total = bench.settled(1)
    assert total.cost == bench.simulator.bill_total
    assert bench.ledger.saved() == {"tools": total.as_asked - total.cost}
    assert total.as_asked > total.cost
