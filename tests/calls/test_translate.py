"""A Chat request as one of Responses: nothing lost, nothing made up, what cannot be said refused by name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.calls import parse_request, reasoning_lost, to_responses
from tierwise.errors import RequestError

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
    "an answer of nothing": (
        {"role": "assistant", "content": ""},
        [{"type": "message", "role": "assistant", "content": ""}],
    ),
    "assistant parts": (
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "Yes."}, {"type": "refusal", "refusal": "But no."}],
            "annotations": [],
            "audio": None,
        },
        [
            {
                "type": "message",
                "role": "assistant",
                "content": [
                    {"type": "output_text", "text": "Yes."},
                    {"type": "refusal", "refusal": "But no."},
                ],
            }
        ],
    ),
    "a mark for the cache, and no detail": (
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "See.", "prompt_cache_breakpoint": {"mode": "explicit"}},
                {"type": "image_url", "image_url": {"url": "https://x/y"}},
            ],
        },
        [
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "See.", "prompt_cache_breakpoint": {"mode": "explicit"}},
                    {"type": "input_image", "image_url": "https://x/y"},
                ],
            }
        ],
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


def test_an_answer_of_a_custom_tool_is_said_to_be_one() -> None:
    call = {"id": "c1", "type": "custom", "custom": {"name": "g", "input": "x"}}
    other = {"id": "c2", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    found = translated(
        messages=[
            {"role": "assistant", "content": None, "tool_calls": [call, other]},
            {"role": "tool", "tool_call_id": "c2", "content": "2"},
            {"role": "tool", "tool_call_id": "c1", "content": "1"},
        ]
    )["input"]
    assert [(item["type"], item["call_id"]) for item in found] == [
        ("custom_tool_call", "c1"),
        ("function_call", "c2"),
        ("function_call_output", "c2"),
        ("custom_tool_call_output", "c1"),
    ]


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
    "cap": ({"max_completion_tokens": 90}, {"max_output_tokens": 90}),
    "older cap": ({"max_tokens": 90}, {"max_output_tokens": 90}),
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
    "named custom tool": (
        {"tool_choice": {"type": "custom", "custom": {"name": "g"}}},
        {"tool_choice": {"type": "custom", "name": "g"}},
    ),
    "custom tool with a grammar": (
        {
            "tools": [
                {
                    "type": "custom",
                    "custom": {
                        "name": "g",
                        "format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": "a+"}},
                    },
                }
            ]
        },
        {
            "tools": [
                {
                    "type": "custom",
                    "name": "g",
                    "format": {"type": "grammar", "syntax": "regex", "definition": "a+"},
                }
            ]
        },
    ),
    "function without parameters": (
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"tools": [{"type": "function", "name": "f", "parameters": None, "strict": False}]},
    ),
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


def test_the_bytes_of_texts_and_arguments_stay_as_they_are() -> None:
    said, given = rb'"caf\u00e9 \ud83d\ude00"', rb'"{\"b\": 1.0,\"a\":\u0032}"'
    call = b'{"id":"c","type":"function","function":{"name":"f","arguments":' + given + b"}}"
    turn = b'{"role":"assistant","content":' + said + b',"tool_calls":[' + call + b"]}"
    answer = b'{"role":"tool","tool_call_id":"c","content":' + said + b"}"
    found = to_responses(b'{"messages":[' + turn + b"," + answer + b"]}")
    assert (found.count(said), found.count(given)) == (2, 1)


def test_the_fields_of_a_tool_keep_their_order() -> None:
    function = {"parameters": SCHEMA, "strict": True, "name": "f", "description": "Does."}
    (tool,) = translated(tools=[{"type": "function", "function": function}])["tools"]
    assert list(tool) == ["type", *function]


def test_what_is_nested_beyond_reading_is_refused() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    with pytest.raises(RequestError):
        to_responses(b'{"messages":[{"role":"user","content":"x"}],"metadata":' + deep + b"}")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"not JSON",
        b'{"messages":[1]}',
        b'{"messages":"x"}',
        rb'{"messages":[{"role":"user","content":"half \ud83d"}]}',
    ],
)
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError):
        to_responses(body)


def test_a_refusal_does_not_repeat_what_may_be_prompt_text() -> None:
    with pytest.raises(RequestError) as found:
        translated(messages=[{"role": "my secret, all of it", "content": "hi"}])
    assert "secret" not in str(found.value)


def test_many_tools_are_no_trouble() -> None:
    tools = [{"type": "function", "function": {"name": f"f{i}", "parameters": SCHEMA}} for i in range(5_000)]
    assert len(translated(tools=tools)["tools"]) == 5_000


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
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
    "found both": {"max_tokens": 90, "max_completion_tokens": 90},
    "below 16": {"max_completion_tokens": 15},
    "content": {"messages": [{"role": "user", "content": None}]},
    "neither": {"messages": [{"role": "assistant", "content": None}]},
    "role 'function'": {"messages": [{"role": "function", "name": "f", "content": "1"}]},
    "function_call": {"messages": [{"role": "assistant", "function_call": {"name": "f", "arguments": ""}}]},
    "'audio' in": {"messages": [{"role": "assistant", "audio": {"id": "a"}, "content": "hi"}]},
    "prompt_cache_breakpoint": {
        "messages": [
            {
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}},
                ],
            }
        ]
    },
    "future": {
        "messages": [
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x", "future": 1}}]}
        ]
    },
    "signature": {"messages": [{"role": "assistant", "tool_calls": [{**CALL, "signature": "x"}]}]},
    "include_future": {"stream": True, "stream_options": {"include_future": True}},
    "defer_loading": {"tools": [{"type": "function", "function": {"name": "f", "defer_loading": True}}]},
    "tool_choice": {"tool_choice": {"type": "hosted"}},
    "response_format": {"response_format": {"type": "grammar"}},
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
NAMES = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
CALLS = st.builds(
    lambda name, given: {"id": "c", "type": "function", "function": {"name": name, "arguments": given}},
    NAMES,
    WORDS,
)
TURNS = st.one_of(
    st.builds(
        lambda role, text: {"role": role, "content": text},
        st.sampled_from(["system", "developer", "user"]),
        WORDS | PARTS,
    ),
    st.builds(
        lambda text, calls: {"role": "assistant", "content": text or "x", "tool_calls": calls},
        WORDS,
        st.lists(CALLS, max_size=2),
    ),
    st.builds(lambda text: {"role": "tool", "tool_call_id": "c", "content": text}, WORDS),
)
TOOLS = st.builds(
    lambda name, strict: {
        "name": name,
        "parameters": SCHEMA,
        **({} if strict is None else {"strict": strict}),
    },
    NAMES,
    st.none() | st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(TURNS, min_size=1, max_size=6),
    st.none() | st.integers(16, 10_000),
    st.none() | st.sampled_from(["none", "low", "high"]),
    st.lists(TOOLS, max_size=3),
    st.booleans(),
)
def test_the_translated_request_says_what_the_request_said(
    messages: list[Any], cap: int | None, effort: str | None, tools: list[Any], schema: bool
) -> None:
    body: dict[str, Any] = {"model": "gpt-5.4", "messages": messages, "temperature": 0.25}
    body |= {"max_completion_tokens": cap} if cap else {}
    body |= {"reasoning_effort": effort} if effort else {}
    body |= {"tools": [{"type": "function", "function": tool} for tool in tools]} if tools else {}
    form = {"name": "n", "schema": SCHEMA, "strict": True}
    body |= {"response_format": {"type": "json_schema", "json_schema": form}} if schema else {}
    raw = json.dumps(body).encode()
    chat, other = parse_request("chat", raw), parse_request("responses", to_responses(raw))
    said = [message.text for message in chat.messages if message.role != "tool"]
    assert [message.text for message in other.messages if message.type == "message"] == said
    answers = [message.text for message in chat.messages if message.role == "tool"]
    assert [
        json.loads(bytes(m.output)) for m in other.messages if m.type == "function_call_output"
    ] == answers
    called = [call for message in messages for call in message.get("tool_calls", ())]
    assert [json.loads(bytes(m.arguments)) for m in other.messages if m.type == "function_call"] == [
        call["function"]["arguments"] for call in called
    ]
    assert (other.max_output_tokens, other.effort, other.temperature) == (cap, effort, 0.25)
    kept = [{"type": "function", **tool, "strict": tool.get("strict", False)} for tool in tools]
    assert json.loads(other.tools or b"[]") == kept
    assert json.loads(other.schema or b"{}") == ({"type": "json_schema", **form} if schema else {})
