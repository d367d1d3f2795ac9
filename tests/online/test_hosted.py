"""MCP servers beside deferred functions: deferred with them, unless something speaks for them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tierwise.catalog import Catalog
from tierwise.online import Asked, Entry, MemoryRecorder, Pipeline, Reply
from tierwise.policy import parse_policy

POLICY = b"""
version = 1
ladder = "gpt-5.4"
[[rule]]
name = "tools"
match = { tools = true }
tools = { search = "hosted" }
stage = "on"
[default]
stage = "off"
"""
FUNCTIONS: list[dict[str, Any]] = [
    {
        "type": "function",
        "name": f"{verb}_{part}",
        "strict": False,
        "description": f"Lets the back office {verb} what concerns the {part}, once somebody has looked at it.",
        "parameters": {
            "type": "object",
            "properties": {"reference": {"type": "string", "description": "Which."}},
        },
    }
    for verb in ("find", "change", "close", "print")
    for part in (
        "order",
        "parcel",
        "refund",
        "invoice",
        "address",
        "voucher",
        "stock",
        "claim",
        "label",
        "tax",
    )
]
WIKI: dict[str, Any] = {
    "type": "mcp",
    "server_label": "wiki",
    "server_url": "https://wiki.test/mcp",
    "require_approval": "never",
}
MAIL: dict[str, Any] = {"type": "mcp", "server_label": "mail", "server_url": "https://mail.test/mcp"}
CALLED: dict[str, Any] = {
    "type": "mcp_call",
    "id": "m1",
    "server_label": "wiki",
    "name": "ask",
    "arguments": "{}",
    "output": "yes",
}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.open()


def sent(catalog: Catalog, **more: Any) -> tuple[dict[str, Any], dict[str, Any], Entry]:
    """What was asked, what went out, and what was decided."""
    body = {
        "model": "gpt-5.4",
        "input": "Good morning.",
        "tools": [WIKI, *FUNCTIONS, MAIL],
        "store": False,
        **more,
    }
    recorder = MemoryRecorder()
    pipeline = Pipeline(catalog, recorder, policy=parse_policy(POLICY, catalog).policy)
    steps = pipeline.follow(Asked(method="POST", path="/v1/responses", body=msgspec.json.encode(body)))
    out = next(steps)
    with pytest.raises(StopIteration):
        steps.send(Reply(status=200, body=b"{}"))
    return body, msgspec.json.decode(out.body), recorder.entries[-1]


def servers(body: dict[str, Any]) -> dict[str, Any]:
    return {tool["server_label"]: tool for tool in body["tools"] if tool["type"] == "mcp"}


def test_servers_are_deferred_beside_functions_and_all_else_of_them_is_kept(catalog: Catalog) -> None:
    _, out, entry = sent(catalog)
    assert servers(out) == {"wiki": WIKI | {"defer_loading": True}, "mail": MAIL | {"defer_loading": True}}
    assert entry.decision.plan.tools.search == "hosted"
    assert any(change.parameter == "tools" for change in entry.decision.changes)


NEEDED: list[tuple[str, dict[str, Any]]] = [
    ("tool_choice names it", {"tool_choice": {"type": "mcp", "server_label": "wiki", "name": "ask"}}),
    ("tool_choice allows it", {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp", "server_label": "wiki"}]}}),
    ("the conversation called it", {"input": [{"role": "user", "content": "Ask."}, CALLED, {"role": "user", "content": "Again."}]}),
]  # fmt: skip


@pytest.mark.parametrize("more", [case[1] for case in NEEDED], ids=[case[0] for case in NEEDED])
def test_a_server_that_is_needed_stays_as_it_came(catalog: Catalog, more: dict[str, Any]) -> None:
    _, out, _ = sent(catalog, **more)
    assert servers(out) == {"wiki": WIKI, "mail": MAIL | {"defer_loading": True}}


@pytest.mark.parametrize("own", [True, False])
def test_where_the_caller_set_it_nothing_is_deferred(catalog: Catalog, own: bool) -> None:
    body, out, entry = sent(catalog, tools=[WIKI | {"defer_loading": own}, *FUNCTIONS, MAIL])
    assert out == body
    assert any("the caller searches by itself" in reason for reason in entry.decision.reasons)


def test_servers_alone_are_left_alone(catalog: Catalog) -> None:
    """What they would save is not in the request."""
    body, out, entry = sent(catalog, tools=[WIKI, MAIL])
    assert out == body
    assert any("0 functions are few" in reason for reason in entry.decision.reasons)


@pytest.mark.parametrize(
    "odd", [{"input": [7, None, {"type": "mcp_call"}]}, {"tool_choice": {"type": "mcp", "tools": 7}}]
)
def test_odd_mentions_of_servers_cost_nothing(catalog: Catalog, odd: dict[str, Any]) -> None:
    _, out, _ = sent(catalog, **odd)
    assert {tool["server_label"] for tool in out["tools"] if tool["type"] == "mcp"} == {"wiki", "mail"}
