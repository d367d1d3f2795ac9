"""Request and response bodies of both endpoints."""

from __future__ import annotations

import json

import pytest

from tierwise.calls import parse_request, parse_response, request_from, response_from
from tierwise.catalog import Tokens
from tierwise.errors import RequestError


def chat(**fields: object) -> bytes:
    return json.dumps(
        {"model": "gpt-5.4", "messages": [{"role": "user", "content": "Hi"}], **fields}
    ).encode()


def responses(**fields: object) -> bytes:
    return json.dumps({"model": "gpt-5.4", "input": "Hi", **fields}).encode()


FIELDS = [
    (chat(reasoning_effort="high"), "effort", "high"),
    (responses(reasoning={"effort": "low", "summary": "auto"}), "effort", "low"),
    (chat(verbosity="low"), "verbosity", "low"),
    (responses(text={"verbosity": "high"}), "verbosity", "high"),
    (chat(max_tokens=5), "max_output_tokens", 5),
    (chat(max_completion_tokens=6), "max_output_tokens", 6),
    (responses(max_output_tokens=7), "max_output_tokens", 7),
    (chat(temperature=1), "temperature", 1.0),
    (chat(top_p=0.5), "top_p", 0.5),
    (chat(n=3), "n", 3),
    (chat(logprobs=True), "logprobs", True),
    (responses(top_logprobs=2), "logprobs", True),
    (responses(include=["message.output_text.logprobs"]), "logprobs", True),
    (responses(include=["reasoning.encrypted_content"]), "logprobs", False),
    (chat(stream=True), "stream", True),
    (responses(background=True), "background", True),
    (chat(store=False), "store", False),
    (chat(service_tier="flex"), "service_tier", "flex"),
    (chat(tool_choice="none"), "tool_choice", "none"),
    (chat(tool_choice={"type": "function", "function": {"name": "f"}}), "tool_choice", "forced"),
    (responses(tool_choice={"type": "allowed_tools", "mode": "auto", "tools": []}), "tool_choice", "auto"),
    (
        responses(tool_choice={"type": "allowed_tools", "mode": "required", "tools": []}),
        "tool_choice",
        "required",
    ),
    (responses(previous_response_id="resp_1"), "previous_response_id", "resp_1"),
    (responses(conversation="conv_1"), "conversation", "conv_1"),
    (responses(conversation={"id": "conv_1"}), "conversation", "conv_1"),
    (chat(prompt_cache_key="k"), "prompt_cache_key", "k"),
    (chat(user="u"), "user", "u"),
    (chat(safety_identifier="u"), "user", "u"),
    (chat(metadata={"a": "b"}), "metadata", {"a": "b"}),
    (chat(response_format={"type": "text"}), "schema", b""),
    (chat(response_format={"type": "json_object"}), "schema", b'{"type": "json_object"}'),
    (responses(text={"format": {"type": "text"}}), "schema", b""),
    (responses(text={"format": {"type": "json_schema"}}), "schema", b'{"type": "json_schema"}'),
    (chat(tools=[]), "tools", b""),
    (chat(tools=None), "tools", b""),
    (chat(tools=[{"a": 1}]), "tools", b'[{"a": 1}]'),
    (chat(functions=[{"name": "f"}]), "tools", b'[{"name": "f"}]'),
    (chat(stop=["x"], seed=0, logit_bias={"1": 2}), "extras", {"stop", "seed", "logit_bias"}),
    (chat(presence_penalty=0, frequency_penalty=0.0, logit_bias={}, stop=None), "extras", set()),
    (
        chat(presence_penalty=0.5, prediction={"type": "content"}),
        "extras",
        {"presence_penalty", "prediction"},
    ),
    (chat(modalities=["text", "audio"], audio={"voice": "x"}), "extras", {"modalities", "audio"}),
    (chat(modalities=["text"]), "extras", set()),
    (responses(tools=[{"type": "computer_use_preview"}]), "extras", {"computer"}),
    (responses(background_options={"completion_window": "2h"}), "extras", {"background_options"}),
    (responses(prompt={"id": "pmpt_1"}), "extras", {"prompt"}),
]


@pytest.mark.parametrize(("body", "name", "value"), FIELDS, ids=[f"{b[20:90]!r}" for b, _, _ in FIELDS])
def test_a_field_is_read_from_either_endpoint(body, name, value):
    """And the lenient way, through plain values, reads the same."""
    assert getattr(parse_request("", body), name) == value
    lenient = getattr(request_from("", json.loads(body)), name)
    assert (json.loads(lenient) if lenient and isinstance(lenient, bytes) else lenient) == (
        json.loads(value) if value and isinstance(value, bytes) else value
    )


@pytest.mark.parametrize(
    ("named", "body", "endpoint"),
    [
        ("", chat(), "chat"),
        ("", responses(), "responses"),
        ("", b'{"model": "text-embedding-3-small", "input": "x"}', "embeddings"),
        ("", b'{"model": "m", "prompt": "x"}', "completions"),
        ("", b"{}", "other"),
        ("/v1/chat/completions", b"{}", "chat"),
        ("https://api.example/v1/responses?stream=false", b"{}", "responses"),
        ("responses", b"{}", "responses"),
        ("/v1/responses/compact", b"{}", "responses"),
        ("/v1/responses/input_tokens", b"{}", "other"),
        ("/openai/deployments/d/chat/completions", b"{}", "chat"),
        ("/v1/decisions", b"{}", "decisions"),
        ("/v1/audio/speech", b"{}", "other"),
    ],
)
def test_the_endpoint_is_told_by_path_or_by_fields(named, body, endpoint):
    assert parse_request(named, body).endpoint == endpoint


def test_instructions_come_first_as_a_developer_message():
    request = parse_request("responses", responses(instructions="Be brief."))

    assert [(m.role, m.text) for m in request.messages] == [("developer", "Be brief."), ("user", "Hi")]


def test_items_of_a_conversation_with_tools_keep_their_kinds():
    items = [
        {
            "role": "user",
            "content": [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "x"}],
        },
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"p": 1}'},
        {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_text", "text": "b"}]},
        {"type": "tool_search_call", "call_id": None, "arguments": {"q": 1}},
        {"type": "reasoning", "summary": [], "encrypted_content": "zzz"},
    ]
    messages = parse_request("responses", responses(input=items)).messages

    assert [m.type for m in messages] == [
        None, "function_call", "function_call_output", "tool_search_call", "reasoning",
    ]  # fmt: skip
    assert messages[0].text == "a"
    assert [part.type for part in messages[0].content] == ["input_text", "input_image"]
    assert (messages[1].name, bytes(messages[1].arguments)) == ("f", b'"{\\"p\\": 1}"')
    assert bytes(messages[2].output).startswith(b"[")
    assert bytes(messages[3].arguments) == b'{"q": 1}'


ODD_MESSAGES = [
    ("a text", "Hi", ["Hi"]),
    ("texts", ["a", "b"], ["a", "b"]),
    ("one message", {"role": "user", "content": "Hi"}, ["Hi"]),
    ("wrapped", {"messages": [{"role": "user", "content": "Hi"}]}, ["Hi"]),
    ("a list in a list", [[{"role": "user", "content": "Hi"}]], ["Hi"]),
    ("JSON in a string", '[{"role": "user", "content": "Hi"}]', ["Hi"]),
    ("numbers as roles", [{"role": 7, "content": "Hi"}], ["Hi"]),
    ("content object", [{"role": "user", "content": {"text": "Hi"}}], ["Hi"]),
    ("parts of texts", [{"role": "user", "content": ["a", {"text": "b"}, {"type": "text", "text": {"value": "c"}}]}],
     ["a\nb\nc"]),
    ("no content", [{"role": "assistant", "content": None, "tool_calls": "x"}], [""]),
    ("a number", 7, ["7"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "texts"), [row[1:] for row in ODD_MESSAGES], ids=[r[0] for r in ODD_MESSAGES]
)
def test_messages_of_odd_shapes_keep_their_text(given, texts):
    request = request_from("chat", {"model": "gpt-5.4", "messages": given})

    assert [message.text for message in request.messages] == texts


def test_unknown_fields_and_deep_nesting_are_passed_over():
    deep = "[" * 300 + "]" * 300
    body = chat(later={"a": 1}).decode().replace('{"a": 1}', deep)

    assert parse_request("", body).model == "gpt-5.4"


def test_half_a_character_is_replaced_not_refused():
    body = chat().decode().replace('"Hi"', r'"a\ud83d"')

    assert parse_request("chat", body).messages[0].text == "a\ufffd"
    assert request_from("chat", {"messages": [{"content": "a\ud83d"}]}).messages[0].text == "a\ufffd"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"[]", "not an object"),
        (b'{"model": ', "not JSON"),
        (b'{"temperature": NaN}', "not a number"),
        (b'{"model": "\xff"}', "wrong encoding"),
        (b'{"model": "m", "messages": [], "tools": ["\xff"]}', "wrong encoding"),
        (b"[" * 100_000, "nested too deeply"),
    ],
    ids=["empty", "array", "cut", "NaN", "encoding", "encoding of tools", "nested"],
)
def test_what_is_no_request_is_refused_by_name(body, said):
    with pytest.raises(RequestError, match=said):
        parse_request("/v1/chat/completions", body)


RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1_780_000_000.5,
    "model": "gpt-5.5-2026-04-23",
    "status": "completed",
    "output": [
        {"type": "reasoning", "summary": []},
        {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}},
        {"type": "web_search_call", "status": "completed", "action": {"type": "open_page"}},
        {"type": "file_search_call", "queries": ["q"]},
        {"type": "code_interpreter_call", "container_id": "c1", "code": "1"},
        {"type": "code_interpreter_call", "container_id": "c1", "code": "2"},
        {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "1"},
        {"type": "custom_tool_call", "name": "g", "input": "x", "call_id": "2"},
        {
            "type": "message",
            "content": [{"type": "output_text", "text": "A"}, {"type": "output_text", "text": "B"}],
        },
    ],
    "usage": {"input_tokens": 5, "output_tokens": 3, "output_tokens_details": {"reasoning_tokens": 1}},
}


def test_a_response_tells_text_tools_and_billed_hosted_calls():
    response = parse_response("responses", RESPONSE)

    assert response == parse_response("", json.dumps(RESPONSE).encode()) == response_from("", RESPONSE)
    assert response.text == "A\nB"
    assert response.tool_calls == (
        "web_search", "web_search", "file_search", "code_interpreter", "code_interpreter", "f", "g",
    )  # fmt: skip
    assert response.arguments[-2:] == ("{}", "x")
    assert response.hosted == {"web_search": 1, "file_search": 1, "code_interpreter": 1}
    assert (response.created, response.tokens) == (1_780_000_000, Tokens(uncached=5, output=2, reasoning=1))


@pytest.mark.parametrize(
    ("change", "status", "finish"),
    [
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "incomplete",
         "max_output_tokens"),
        ({"status": "failed", "error": {"code": "server_error"}}, "error", None),
        ({"status": "cancelled"}, "abandoned", None),
        ({"status": "queued"}, "unknown", None),
        ({"status": None}, "unknown", None),
    ],
)  # fmt: skip
def test_how_a_response_ended(change, status, finish):
    response = parse_response("", {**RESPONSE, **change})

    assert (response.status, response.finish) == (status, finish)


def test_refusals_are_seen_on_both_endpoints():
    chat_refusal = {"choices": [{"message": {"content": None, "refusal": "No."}, "finish_reason": "stop"}]}
    refusal = {"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}]}

    assert parse_response("", chat_refusal).refusal
    assert parse_response("", {**refusal, "status": "completed"}).refusal


def test_free_text_in_an_error_is_not_kept():
    """It may quote the prompt."""
    assert parse_response("", {"error": "User Ada wrote something private"}).error == "error"
    assert parse_response("", {"error": {"code": None, "type": None, "message": "private"}}).error == "error"


def test_impossible_usage_of_a_response_is_refused_by_name():
    with pytest.raises(RequestError, match="impossible usage"):
        parse_response("", {**RESPONSE, "usage": {"input_tokens": 5, "output_tokens": -3}})
