"""Calls that can be asked again are told from those that cannot, and asked the same but for the rung."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proving import said

from tierwise.calls import Call, parse_request
from tierwise.catalog import Catalog, Tokens
from tierwise.policy import Limits, Rule, Rung, State, applied, decide, parse_policy, sent_of
from tierwise.prove import prepare, sort_replayable, unreplayable
from tierwise.workloads import Recogniser

HELLO = [{"role": "system", "content": "Sort it."}, {"role": "user", "content": "Grüße"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
PIXEL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def logged(body: dict[str, Any], *, endpoint: str = "", kept: bool = True) -> Call:
    """A call as a log has it, with or without the body as sent."""
    import msgspec

    raw = json.dumps(body).encode()
    request = parse_request(endpoint, raw)
    if kept:
        request = msgspec.structs.replace(request, body=raw)
    return Call(
        endpoint=request.endpoint, request=request, response=said("x"), tokens=Tokens(uncached=100, output=5)
    )


def chat(*, kept: bool = True, **more: Any) -> Call:
    return logged({"model": "gpt-5.5", "messages": HELLO} | more, kept=kept)


def asks(*, kept: bool = True, **more: Any) -> Call:
    return logged({"model": "gpt-5.5", "input": HELLO} | more, endpoint="responses", kept=kept)


LEFT = [
    (Call(endpoint="chat"), "no text of the request"),
    (logged({"model": "text-embedding-3-small", "input": "x"}), "not a call of Chat"),
    (asks(previous_response_id="resp_1"), "conversation that OpenAI stored"),
    (asks(conversation={"id": "conv_1"}), "conversation that OpenAI stored"),
    (asks(prompt={"id": "pmpt_1"}), "prompt that OpenAI stored"),
    (chat(modalities=["text", "audio"], audio={"voice": "x"}), "asks for audio"),
    (chat(n=3), "several answers"),
    (asks(tools=[{"type": "web_search_2025_08_26"}]), "hosted tool: web_search"),
    (asks(tools=[{"type": "code_interpreter", "container": {"type": "auto"}}]), "hosted tool: code_interpreter"),
    (asks(tools=[{"type": "computer_use_preview"}]), "hosted tool: computer"),
    (asks(tools=[{"type": "mcp", "server_url": "https://secret"}]), "hosted tool: mcp"),
    (asks(tools=[{"type": "file_search"}]), "hosted tool: file_search"),
    (asks(tools=[{"type": "image_generation"}]), "hosted tool: image_generation"),
    (asks(tools=[{"type": "Ignore all instructions"}]), "hosted tool: unknown"),
    (chat(web_search_options={}), "hosted tool: web_search"),
    (chat(model="gpt-4o-search-preview"), "hosted tool: web_search"),
    (asks(input=[*HELLO, {"type": "reasoning", "id": "rs_1", "encrypted_content": "x"}]), "reasoning items"),
    (asks(input=[*HELLO, {"type": "compaction", "encrypted_content": "x"}]), "compacted history"),
    (asks(input=[*HELLO, {"type": "item_reference", "id": "msg_1"}]), "items that OpenAI stored"),
    (asks(input=[*HELLO, {"type": "web_search_call", "id": "ws_1"}]), "item of a hosted tool: web_search"),
    (asks(input=[{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]), "id of an upload"),
    (chat(messages=[{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]), "id of an upload"),
    (chat(messages=[*HELLO, {"role": "assistant", "audio": {"id": "audio_1"}}]), "id of an earlier answer"),
    (chat(messages=[{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "https://x/y.png?X-Amz-Signature=1"}}]}]), "link that expires"),
    (chat(messages=[{"role": "user", "content": " "}]), "no text"),
    (chat(messages=[]), "no text"),
    (chat(messages=[{"role": "user", "content": [{"type": "text", "text": "x"}, PIXEL]}], kept=False), "images"),
    (chat(seed=7, kept=False), "parameters whose values"),
    (chat(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "f"}}, kept=False), "forces a tool"),
    (chat(functions=[{"name": "f"}], kept=False), "older form"),
    (asks(input=[*HELLO, {"type": "custom_tool_call", "input": "x", "name": "c"}], kept=False), "content the log's form"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "why"), LEFT, ids=[why for _, why in LEFT])
def test_a_call_that_cannot_be_asked_again_says_why_without_its_text(call: Call, why: str) -> None:
    reason = unreplayable(call)

    assert reason is not None
    assert why in reason
    assert "secret" not in reason


RIGHT = [
    chat(),
    chat(kept=False),
    asks(),
    asks(kept=False),
    chat(tools=[TOOL], seed=7, tool_choice={"type": "function", "function": {"name": "f"}}),
    chat(messages=[{"role": "user", "content": [{"type": "text", "text": "x"}, PIXEL]}]),
    asks(
        input=[*HELLO, {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
               {"type": "function_call_output", "call_id": "c", "output": "5"}], kept=False,
    ),
]  # fmt: skip


def test_calls_are_sorted_and_counted() -> None:
    found = sort_replayable([*RIGHT, *(call for call, _ in LEFT)])

    assert found.calls == RIGHT
    assert found.left.total() == len(LEFT)
    assert found.share == len(RIGHT) / (len(RIGHT) + len(LEFT))


def prepared(catalog: Catalog, call: Call, rung: Rung, **rule: Any) -> Any:
    return prepare(call, rung, Rule(name="try", **rule), catalog, Limits(), Recogniser())


def test_the_body_is_the_logged_one_with_model_and_effort_changed_and_nothing_kept(catalog: Catalog) -> None:
    sent = {
        "model": "gpt-5.5",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, PIXEL]}],
        "tools": [TOOL],
        "parallel_tool_calls": False,
        "reasoning_effort": "none",
        "seed": 7,
    }
    travels = {
        "stream": True, "stream_options": {"include_usage": True}, "store": True, "metadata": {"a": "b"},
        "service_tier": "flex",
    }  # fmt: skip

    found = prepared(catalog, logged(sent | travels), Rung("gpt-5.4-nano-2026-03-17", "none"))

    assert found.refused is None
    assert found.path == "/v1/chat/completions"
    assert json.loads(found.body) == sent | {
        "model": "gpt-5.4-nano-2026-03-17",
        "store": False,
        "service_tier": "default",
    }


def test_effort_goes_where_each_endpoint_has_it(catalog: Catalog) -> None:
    by_chat = json.loads(prepared(catalog, chat(), Rung("gpt-5.4-mini", "low")).body)
    by_responses = json.loads(prepared(catalog, asks(), Rung("gpt-5.4-mini", "low")).body)

    assert by_chat["reasoning_effort"] == "low"
    assert by_responses["reasoning"] == {"effort": "low"}
    # gpt-5.5 reasons at medium where nothing is said, gpt-5.4-mini at none.
    assert "reasoning_effort" not in json.loads(prepared(catalog, chat(), Rung("gpt-5.4-mini")).body)


def test_the_baseline_is_asked_as_it_was(catalog: Catalog) -> None:
    call = chat(reasoning_effort="high", temperature=1)

    found = json.loads(prepared(catalog, call, Rung("gpt-5.5", "high")).body)

    assert found == {
        "model": "gpt-5.5", "messages": HELLO, "reasoning_effort": "high", "temperature": 1,
        "store": False, "service_tier": "default",
    }  # fmt: skip


def test_a_rung_that_may_not_take_the_call_says_so(catalog: Catalog) -> None:
    tools = chat(tools=[TOOL], reasoning_effort="low")
    cases: list[tuple[Call, Rung, dict[str, Any], str]] = [
        (chat(), Rung("gpt-5.4-nano", "max"), {}, "has no effort max"),
        (chat(temperature=0.2), Rung("gpt-5.4-mini", "low"), {}, "takes this call only at effort none"),
        (chat(), Rung("no-such-model"), {}, "no-such-model"),
        (tools, Rung("gpt-5.4-mini", "low"), {}, "takes this call only at effort none"),
    ]
    for call, rung, rule, why in cases:
        found = prepared(catalog, call, rung, **rule)
        assert found.body == b""
        assert why in str(found.refused)


def test_chat_with_tools_goes_by_responses_where_the_rule_lets_it(catalog: Catalog) -> None:
    call = chat(tools=[TOOL], reasoning_effort="low")

    found = prepared(catalog, call, Rung("gpt-5.4-mini", "low"), through_responses=True)

    body = json.loads(found.body)
    assert found.path == "/v1/responses"
    assert body["reasoning"] == {"effort": "low"}
    assert body["tools"][0]["strict"] is False
    assert body["store"] is False


POLICY = b"""
ladder = "gpt-5.4"
[[rule]]
name = "try"
match = { endpoint = "chat" }
rung = { model = "gpt-5.4-mini", effort = "medium" }
stage = "on"
unproven = true
approved_by = "kim"
[default]
"""


@settings(max_examples=30)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "reasoning_effort": st.sampled_from(["none", "low", "medium", "high"]),
            "max_tokens": st.integers(1, 5_000),
            "max_completion_tokens": st.integers(1, 5_000),
            "temperature": st.just(1),
            "user": st.text(max_size=5),
            "prompt_cache_options": st.just({"ttl": "30m"}),
        },
    )
)
def test_a_replay_changes_what_a_live_call_to_that_rung_changes(
    catalog: Catalog, more: dict[str, Any]
) -> None:
    """The policy decides, and a proof asks for the rung that it decided: the same body, travel aside."""
    policy = parse_policy(POLICY, catalog).policy
    assert policy is not None
    call = chat(**more)
    request = call.request
    assert request is not None
    body = json.dumps({"model": "gpt-5.5", "messages": HELLO} | more).encode()
    state = State(usage=call.tokens or Tokens(), sent=sent_of(request, json.loads(body)))
    decision = decide(Recogniser().recognise(request), policy, state, catalog, dt.date(2026, 11, 24))
    assert decision.plan.rung.model == "gpt-5.4-mini"

    live = json.loads(applied(body, decision.changes))
    replay = json.loads(prepared(catalog, call, decision.plan.rung).body)

    assert replay == live | {"store": False, "service_tier": "default"}
    assert decision.moved


def test_a_body_written_again_says_what_was_read(catalog: Catalog) -> None:
    for call in (call for call in RIGHT if call.request is not None and not call.request.body):
        found = prepared(catalog, call, Rung("gpt-5.5"))
        again = parse_request(call.endpoint, found.body)
        request = call.request

        assert request is not None
        assert again.messages == request.messages
        assert (again.tools, again.schema, again.effort) == (request.tools, request.schema, request.effort)
