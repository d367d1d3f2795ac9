"""A Chat call sent by Responses and back: nothing lost, nothing made up, what cannot be said refused by name."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tierwise.calls import (
    ChatStream,
    failed_reply,
    parse_request,
    parse_response,
    reasoning_lost,
    to_chat,
    to_responses,
)
from tierwise.errors import RequestError
from tierwise.simulator import Settings, Simulator

SCHEMA = {"type": "object", "properties": {"zeta": {"type": "string"}, "alpha": {"type": "number"}}}
USER = {"role": "user", "content": "hi"}


def translated(**fields: Any) -> dict[str, Any]:
    body = {"model": "gpt-5.4", "messages": [USER], **fields}
    return json.loads(to_responses(json.dumps(body).encode()))  # type: ignore[no-any-return]


MESSAGES = {
    "system": (
        {"role": "system", "content": "Be brief."},
        [{"type": "message", "role": "system", "content": "Be brief."}],
    ),
    "developer parts": (
        {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
        [{"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]}],
    ),
    "image": (
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": "https://x/y", "detail": "low"}}],
        },
        [
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_image", "image_url": "https://x/y", "detail": "low"}],
            }
        ],
    ),
    "file": (
        {"role": "user", "content": [{"type": "file", "file": {"file_id": "file_1"}}]},
        [{"type": "message", "role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]}],
    ),
    "assistant": (
        {"role": "assistant", "content": "Yes.", "refusal": None},
        [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yes."}]}],
    ),
    "refusal": (
        {"role": "assistant", "content": None, "refusal": "No."},
        [{"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}],
    ),
    "tool calls": (
        {
            "role": "assistant",
            "content": "One moment.",
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"b": 1, "a": 2}'}},
                {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "x"}},
            ],
        },
        [
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "One moment."}],
            },
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"b": 1, "a": 2}'},
            {"type": "custom_tool_call", "call_id": "c2", "name": "g", "input": "x"},
        ],
    ),
    "tool answer": (
        {"role": "tool", "tool_call_id": "c1", "content": "18 C"},
        [{"type": "function_call_output", "call_id": "c1", "output": "18 C"}],
    ),
    "tool answer in parts": (
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "18 C"}]},
        [
            {
                "type": "function_call_output",
                "call_id": "c1",
                "output": [{"type": "input_text", "text": "18 C"}],
            }
        ],
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_each_kind_of_message_becomes_its_items(name: str) -> None:
    message, items = MESSAGES[name]
    assert translated(messages=[message])["input"] == items


FIELDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "effort and verbosity": (
        {"reasoning_effort": "low", "verbosity": "high"},
        {"reasoning": {"effort": "low"}, "text": {"verbosity": "high"}},
    ),
    "schema": (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": SCHEMA, "strict": True},
            }
        },
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}}},
    ),
    "JSON mode": (
        {"response_format": {"type": "json_object"}},
        {"text": {"format": {"type": "json_object"}}},
    ),
    "cap": ({"max_completion_tokens": 9}, {"max_output_tokens": 9}),
    "older cap": ({"max_tokens": 9}, {"max_output_tokens": 9}),
    "log probabilities": (
        {"logprobs": True, "top_logprobs": 3},
        {"include": ["message.output_text.logprobs"], "top_logprobs": 3},
    ),
    "stream": (
        {"stream": True, "stream_options": {"include_usage": True, "include_obfuscation": False}},
        {"stream": True, "stream_options": {"include_obfuscation": False}},
    ),
    "named tool": (
        {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        {"tool_choice": {"type": "function", "name": "f"}},
    ),
    "tool choice in a word": ({"tool_choice": "required"}, {"tool_choice": "required"}),
    "allowed tools": (
        {
            "tool_choice": {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
            }
        },
        {
            "tool_choice": {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "f"}],
            }
        },
    ),
    "what asks for nothing": ({"n": 1, "presence_penalty": 0, "stop": None, "logit_bias": {}}, {}),
    "what both have": (
        {"metadata": {"a": "b"}, "service_tier": "flex", "prompt_cache_key": "k", "temperature": 0.5},
        {"metadata": {"a": "b"}, "service_tier": "flex", "prompt_cache_key": "k", "temperature": 0.5},
    ),
}


@pytest.mark.parametrize("name", FIELDS)
def test_each_field_takes_its_place(name: str) -> None:
    given_fields, wanted = FIELDS[name]
    found = translated(**given_fields)
    assert found.pop("input")
    assert (found.pop("model"), found.pop("store")) == ("gpt-5.4", False)
    assert found == wanted


@pytest.mark.parametrize(("store", "kept"), [(None, False), (False, False), (True, True)])
def test_nothing_is_stored_unless_the_caller_said_so(store: bool | None, kept: bool) -> None:
    assert translated(**({} if store is None else {"store": store}))["store"] is kept


@pytest.mark.parametrize(("strict", "kept"), [(None, False), (False, False), (True, True)])
def test_strict_is_false_where_unset_and_true_where_set(strict: bool | None, kept: bool) -> None:
    """BerriAI/litellm#36979: unset is strict in Responses, and fills optional arguments in."""
    function = {"name": "f", "parameters": SCHEMA, **({} if strict is None else {"strict": strict})}
    (tool,) = translated(tools=[{"type": "function", "function": function}])["tools"]
    assert tool == {"type": "function", "name": "f", "parameters": SCHEMA, "strict": kept}


def test_the_bytes_of_a_schema_stay_as_they_are() -> None:
    schema = b'{"type" : "object","properties":{"zeta":{"type":"string"},"alpha":{"type":"number","x":1.0}}}'
    tool = b'{"type":"function","function":{"name":"f","parameters":' + schema + b"}}"
    body = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[' + tool + b"]}"
    assert schema in to_responses(body)


REFUSED = {
    "n": {"n": 2},
    "stop": {"stop": ["x"]},
    "seed": {"seed": 0},
    "frequency_penalty": {"frequency_penalty": 0.5},
    "presence_penalty": {"presence_penalty": -1},
    "logit_bias": {"logit_bias": {"50256": -100}},
    "prediction": {"prediction": {"type": "content", "content": "x"}},
    "audio": {"audio": {"voice": "alloy", "format": "wav"}},
    "modalities": {"modalities": ["text", "audio"]},
    "functions": {"functions": [{"name": "f"}]},
    "web_search_options": {"web_search_options": {}},
    "brand_new": {"brand_new": 1},
    "input_audio": {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
    "name": {"messages": [{"role": "user", "name": "ana", "content": "hi"}]},
    "robot": {"messages": [{"role": "robot", "content": "hi"}]},
    "messages": {"messages": None},
    "an array": {"messages": {"role": "user"}},
    "mcp": {"tools": [{"type": "mcp", "server_label": "x"}]},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_responses_has_no_form_for_is_refused_by_name(name: str) -> None:
    with pytest.raises(RequestError, match=name):
        translated(**REFUSED[name])


def test_turns_whose_reasoning_cannot_travel_are_counted() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turn = {"role": "assistant", "content": None, "tool_calls": [call]}
    body = {
        "messages": [
            USER,
            turn,
            {"role": "tool", "tool_call_id": "c", "content": "1"},
            turn,
            {**turn, "tool_calls": []},
        ]
    }
    assert reasoning_lost(json.dumps(body).encode()) == 2


WORDS = st.text(max_size=20)
PARTS = st.lists(WORDS.map(lambda text: {"type": "text", "text": text}), min_size=1, max_size=3)
TURNS = st.one_of(
    st.builds(
        lambda role, text: {"role": role, "content": text}, st.sampled_from(["system", "user"]), WORDS | PARTS
    ),
    st.builds(lambda text: {"role": "assistant", "content": text or "x"}, WORDS),
    st.builds(lambda text: {"role": "tool", "tool_call_id": "c", "content": text}, WORDS),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(TURNS, min_size=1, max_size=6),
    st.none() | st.integers(1, 10_000),
    st.none() | st.sampled_from(["none", "low", "high"]),
)
def test_the_translated_request_says_what_the_request_said(
    messages: list[Any], cap: int | None, effort: str | None
) -> None:
    body: dict[str, Any] = {"model": "gpt-5.4", "messages": messages, "temperature": 0.25}
    body |= {"max_completion_tokens": cap} if cap else {}
    body |= {"reasoning_effort": effort} if effort else {}
    raw = json.dumps(body).encode()
    chat, other = parse_request("chat", raw), parse_request("responses", to_responses(raw))
    said = [message.text for message in chat.messages if message.role != "tool"]
    assert [message.text for message in other.messages if message.type == "message"] == said
    answers = [message.text for message in chat.messages if message.role == "tool"]
    assert [
        json.loads(bytes(m.output)) for m in other.messages if m.type == "function_call_output"
    ] == answers
    assert (other.max_output_tokens, other.effort, other.temperature) == (cap, effort, 0.25)


def reply(**fields: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_795_600_000,
        "status": "completed",
        "model": "gpt-5.4-2026-03-05",
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {
                "type": "message",
                "role": "assistant",
                "content": [
                    {"type": "output_text", "text": "It is ", "annotations": []},
                    {"type": "output_text", "text": "18 C."},
                ],
            },
        ],
        "usage": {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 5},
            "output_tokens": 30,
            "output_tokens_details": {"reasoning_tokens": 20},
            "total_tokens": 130,
        },
        "service_tier": "default",
        **fields,
    }


def back(**fields: Any) -> ChatCompletion:
    return ChatCompletion.model_validate_json(to_chat(json.dumps(reply(**fields)).encode()))


def test_a_reply_comes_back_in_the_form_of_chat_with_all_of_its_usage() -> None:
    found = back()
    assert (found.object, found.model, found.created) == (
        "chat.completion",
        "gpt-5.4-2026-03-05",
        1_795_600_000,
    )
    assert found.choices[0].message.content == "It is 18 C."
    assert found.choices[0].finish_reason == "stop"
    assert found.usage is not None
    assert (found.usage.prompt_tokens, found.usage.completion_tokens, found.usage.total_tokens) == (
        100,
        30,
        130,
    )
    before = parse_response("responses", json.dumps(reply()).encode())
    assert parse_response("chat", to_chat(json.dumps(reply()).encode())).tokens == before.tokens


@pytest.mark.parametrize(
    ("fields", "finish"),
    [
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter"),
        (
            {"output": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]},
            "tool_calls",
        ),
    ],
)
def test_the_finish_reason_is_the_one_of_chat(fields: dict[str, Any], finish: str) -> None:
    assert back(**fields).choices[0].finish_reason == finish


def test_a_refusal_stays_one() -> None:
    output = [{"type": "message", "content": [{"type": "refusal", "refusal": "I cannot."}]}]
    message = back(output=output).choices[0].message
    assert (message.content, message.refusal) == (None, "I cannot.")


@pytest.mark.parametrize(
    ("code", "status"), [("rate_limit_exceeded", 429), ("server_error", 500), ("invalid_prompt", 400)]
)
def test_a_failed_reply_is_an_error_with_a_status(code: str, status: int) -> None:
    body = json.dumps(reply(status="failed", error={"code": code, "message": "no"})).encode()
    found = failed_reply(body)
    assert found is not None
    assert found[0] == status
    assert json.loads(found[1])["error"]["code"] == code
    assert failed_reply(json.dumps(reply()).encode()) is None


ASKS: dict[str, dict[str, Any]] = {
    "words": {"messages": [{"role": "user", "content": "Tell me about birch trees"}]},
    "a tool": {
        "messages": [{"role": "user", "content": "Use get_weather for Paris"}],
        "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}],
    },
    "a schema": {
        "messages": [{"role": "user", "content": "One ticket, please"}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {
                "name": "t",
                "strict": True,
                "schema": {
                    "type": "object",
                    "properties": {"kind": {"type": "string", "enum": ["a", "b"]}},
                    "required": ["kind"],
                    "additionalProperties": False,
                },
            },
        },
    },
}


@pytest.fixture(scope="module")
def client() -> Any:
    with (
        Simulator(Settings(seed=3)) as simulator,
        openai.OpenAI(base_url=simulator.base_url, api_key="sk-x") as found,
    ):
        yield found


def directly(client: Any, ask: dict[str, Any]) -> ChatCompletion:
    return client.chat.completions.create(model="gpt-5.4", **ask)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ASKS)
def test_the_detour_gives_what_the_direct_call_gives(client: Any, name: str) -> None:
    body = to_responses(json.dumps({"model": "gpt-5.4", **ASKS[name]}).encode())
    raw = client.responses.with_raw_response.create(**json.loads(body))
    found = ChatCompletion.model_validate_json(to_chat(raw.content)).choices[0]
    wanted = directly(client, ASKS[name]).choices[0]
    assert found.finish_reason == wanted.finish_reason
    assert bool(found.message.tool_calls) == bool(wanted.message.tool_calls)
    if wanted.message.tool_calls:
        assert found.message.tool_calls[0].function.name == wanted.message.tool_calls[0].function.name  # type: ignore[union-attr,index]
    else:
        assert found.message.content


def events(client: Any, ask: dict[str, Any]) -> list[bytes]:
    body = json.loads(to_responses(json.dumps({"model": "gpt-5.4", "stream": True, **ask}).encode()))
    return [event.model_dump_json(exclude_unset=True).encode() for event in client.responses.create(**body)]


@pytest.mark.parametrize("name", ASKS)
@pytest.mark.parametrize("usage", [False, True], ids=["plain", "usage"])
def test_a_translated_stream_is_one_that_the_sdk_reads(client: Any, name: str, usage: bool) -> None:
    stream = ChatStream(include_usage=usage)
    whole = b"".join(stream.feed(data) for data in events(client, ASKS[name])) + stream.end()
    assert whole.endswith(b"data: [DONE]\n\n")
    datas = [line.removeprefix(b"data: ") for line in whole.split(b"\n\n") if line][:-1]
    chunks = [ChatCompletionChunk.model_validate_json(data) for data in datas]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert (chunks[-1].usage is not None) == usage
    assert bool(chunks[-1].choices) != usage
    finished = [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason]
    assert finished == ["tool_calls" if name == "a tool" else "stop"]
    called = parse_response("chat", whole)
    if name == "a tool":
        assert called.tool_calls == ("get_weather",)
        assert json.loads(called.arguments[0])
        firsts = [c for c in chunks if c.choices and c.choices[0].delta.tool_calls]
        assert firsts[0].choices[0].delta.tool_calls[0].id  # type: ignore[index]
        assert all(c.choices[0].delta.tool_calls[0].id is None for c in firsts[1:])  # type: ignore[index]
    else:
        assert (
            called.text
            == client.responses.create(
                **json.loads(to_responses(json.dumps({"model": "gpt-5.4", **ASKS[name]}).encode()))
            ).output_text
        )


def test_a_stream_that_has_not_ended_is_not_ended_for_it(client: Any) -> None:
    found = events(client, ASKS["words"])
    stream = ChatStream(include_usage=True)
    for data in found[:-1]:
        assert b"[DONE]" not in stream.feed(data)
    assert not stream.ended
    assert stream.end() == b""


@pytest.mark.parametrize(
    "data",
    [
        b'{"type":"error","error":{"code":"server_error","message":"x"}}',
        b'{"type":"error","code":"server_error","message":"x","param":null}',
        b'{"type":"response.failed","response":{"id":"r","error":{"code":"server_error","message":"x"}}}',
    ],
)
def test_an_error_in_the_stream_is_one_for_chat_too(data: bytes) -> None:
    stream = ChatStream()
    told = json.loads(stream.feed(data).removeprefix(b"data: "))
    assert told["error"]["code"] == "server_error"
    assert stream.ended


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"not JSON", b"{}", b'{"type":7}', b'{"type":"response.new_thing"}']
)
def test_events_without_a_chat_form_are_passed_over(data: bytes) -> None:
    assert ChatStream().feed(data) == b""


def test_through_the_wrapped_client_tools_go_by_responses_and_back(tmp_path: Any) -> None:
    import tierwise

    policy = tmp_path / "tierwise.toml"
    policy.write_text(
        'version = 1\nladder = "gpt-5.4"\n[[rule]]\nname = "through"\nmatch = { model = "gpt-5.5" }\n'
        'rung = "gpt-5.4"\nthrough_responses = true\nstage = "on"\nunproven = true\napproved_by = "kim"\n'
        '[default]\nstage = "off"\n'
    )

    async def run(base_url: str) -> Any:
        async with openai.AsyncOpenAI(base_url=base_url, api_key="sk-x", max_retries=0) as bare:
            client = tierwise.wrap(bare, policy=policy)
            ask = {"model": "gpt-5.5", "reasoning_effort": "medium", **ASKS["a tool"]}
            whole = await client.chat.completions.create(**ask)
            pieces = [piece async for piece in await client.chat.completions.create(**ask, stream=True)]
            return whole, pieces, tierwise.recorder(client)

    with Simulator(Settings(seed=3, keep_requests=True)) as simulator:
        whole, pieces, recorder = asyncio.run(run(simulator.base_url))
        assert {seen.path for seen in simulator.received} == {"/v1/responses"}
        assert recorder.cost == simulator.bill_total
    assert whole.choices[0].message.tool_calls[0].function.name == "get_weather"
    assert whole.model.startswith("gpt-5.4-20")
    assert pieces[-1].choices[0].finish_reason == "tool_calls"
    assert all(piece.object == "chat.completion.chunk" for piece in pieces)
    for entry in recorder.entries:
        assert {change.parameter for change in entry.decision.changes} >= {
            "endpoint",
            "store",
            "tools[].strict",
        }
