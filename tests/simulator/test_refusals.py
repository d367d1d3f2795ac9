"""What is refused: parameters by model, keys, paths, forms; each in OpenAI's body and with the SDK's class."""

from __future__ import annotations

from typing import Any

import openai
import pytest

FUNCTION: Any = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {}}},
}
OPEN_SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}

CHAT = [
    ("max_tokens on a reasoning model", {"model": "gpt-5.4", "max_tokens": 50}, "max_tokens", "unsupported_parameter"),
    ("temperature while reasoning", {"model": "gpt-5.5", "temperature": 0.2}, "temperature", "unsupported_value"),
    ("temperature on gpt-5", {"model": "gpt-5-mini", "temperature": 0}, "temperature", "unsupported_value"),
    ("logprobs while reasoning", {"model": "gpt-5.4", "reasoning_effort": "low", "logprobs": True}, "logprobs", "unsupported_parameter"),
    ("an effort that is not there", {"model": "gpt-5.4", "reasoning_effort": "minimal"}, "reasoning_effort", "unsupported_value"),
    ("max effort in chat", {"model": "gpt-5.6-sol", "reasoning_effort": "max"}, "reasoning_effort", "unsupported_value"),
    ("none where it is not offered", {"model": "gpt-6-astra", "reasoning_effort": "none"}, "reasoning_effort", "unsupported_value"),
    ("effort on a model without", {"model": "gpt-4o", "reasoning_effort": "low"}, "reasoning_effort", "unsupported_parameter"),
    ("verbosity on an older model", {"model": "gpt-4o", "verbosity": "low"}, "verbosity", "unsupported_value"),
    ("tools while reasoning", {"model": "gpt-5.4", "reasoning_effort": "low", "tools": [FUNCTION]}, "reasoning_effort", None),
    ("tools where reasoning is the default", {"model": "gpt-5.5", "tools": [FUNCTION]}, "reasoning_effort", None),
    ("tools where chat never has them", {"model": "gpt-6.1-sol", "tools": [FUNCTION]}, "reasoning_effort", None),
    ("a hosted tool in chat", {"model": "gpt-5.4", "tools": [{"type": "web_search"}]}, "tools[0].type", "invalid_value"),
    ("tool_choice without tools", {"model": "gpt-5.4", "tool_choice": "auto"}, "tool_choice", None),
    ("stop on a reasoning model", {"model": "gpt-5.4", "stop": ["x"]}, "stop", "unsupported_parameter"),
    ("flex without a flex price", {"model": "gpt-4o", "service_tier": "flex"}, "service_tier", None),
    ("fast without a fast price", {"model": "gpt-5.4-nano", "service_tier": "priority"}, "service_tier", None),
    ("a tier that is none", {"model": "gpt-5.4", "service_tier": "cheap"}, "service_tier", "invalid_value"),
    ("in memory on gpt-5.5", {"model": "gpt-5.5", "prompt_cache_retention": "in_memory"}, "prompt_cache_retention", "unsupported_value"),
    ("too large a cap", {"model": "gpt-4o", "max_tokens": 20_000}, "max_tokens", "invalid_value"),
    ("stream options without a stream", {"model": "gpt-5.4", "stream_options": {"include_usage": True}}, "stream_options", None),
    ("an unknown argument", {"model": "gpt-5.4", "extra_body": {"shoe_size": 43}}, None, None),
    ("an open schema", {"model": "gpt-5.4", "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": OPEN_SCHEMA, "strict": True}}}, "response_format", None),
    ("messages of the wrong type", {"model": "gpt-5.4", "extra_body": {"messages": "hello"}}, "messages", "invalid_type"),
    ("no messages", {"model": "gpt-5.4", "extra_body": {"messages": []}}, "messages", "empty_array"),
    ("a tool's answer to nothing", {"model": "gpt-5.4", "messages": [{"role": "tool", "tool_call_id": "x", "content": "y"}]}, "messages.[0].role", None),
]  # fmt: skip

RESPONSES = [
    ("temperature while reasoning", {"model": "gpt-5.5", "temperature": 0.2}, "temperature", "unsupported_parameter"),
    ("an unknown parameter", {"model": "gpt-5.4", "extra_body": {"n": 2}}, "n", "unknown_parameter"),
    ("tool search on nano", {"model": "gpt-5.4-nano", "tools": [{"type": "tool_search"}]}, "tools", None),
    ("tool search on gpt-5.2", {"model": "gpt-5.2", "tools": [{"type": "tool_search"}]}, "tools", None),
    ("an effort that is not there", {"model": "gpt-5.1", "reasoning": {"effort": "xhigh"}}, "reasoning.effort", "unsupported_value"),
    ("too small a cap", {"model": "gpt-5.4", "max_output_tokens": 5}, "max_output_tokens", "integer_below_min_value"),
    ("breakpoints before gpt-5.6", {"model": "gpt-5.4", "prompt_cache_options": {"mode": "explicit"}}, "prompt_cache_options", "unsupported_parameter"),
    ("an unknown model", {"model": "gpt-99"}, "model", "model_not_found"),
    ("a response that is not there", {"model": "gpt-5.4", "previous_response_id": "resp_x"}, "previous_response_id", "previous_response_not_found"),
    ("a call without its output", {"model": "gpt-5.4", "input": [{"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}]}, "input", None),
    ("an open schema", {"model": "gpt-5.4", "text": {"format": {"type": "json_schema", "name": "x", "schema": OPEN_SCHEMA, "strict": True}}}, "text.format.schema", "invalid_json_schema"),
    ("a namespace without description", {"model": "gpt-5.4", "tools": [{"type": "namespace", "name": "x", "tools": []}]}, "tools[0].description", "missing_required_parameter"),
    ("a window with a stream", {"model": "gpt-5.4", "stream": True, "background": True, "extra_body": {"background_options": {"completion_window": "2h"}}}, "background_options", None),
]  # fmt: skip


def cases(table: list[tuple[str, dict[str, Any], str | None, str | None]]) -> Any:
    return pytest.mark.parametrize(
        ("asked", "param", "code"), [row[1:] for row in table], ids=[row[0] for row in table]
    )


@cases(CHAT)
def test_chat_refuses(bench: Any, asked: dict[str, Any], param: str | None, code: str | None) -> None:
    given = {"messages": [{"role": "user", "content": "Hello"}], **asked}
    with pytest.raises(openai.BadRequestError) as refused:
        bench.client.chat.completions.create(**given)
    assert (refused.value.param, refused.value.code) == (param, code)
    assert refused.value.type == "invalid_request_error"
    assert bench.simulator.bill == ()


@cases(RESPONSES)
def test_responses_refuse(bench: Any, asked: dict[str, Any], param: str | None, code: str | None) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        bench.client.responses.create(**{"input": "Hello", **asked})
    assert (refused.value.param, refused.value.code) == (param, code)
    assert bench.simulator.bill == ()


@pytest.mark.parametrize(
    "asked",
    [
        {"model": "gpt-5.4", "temperature": 0.2},
        {"model": "gpt-5.4", "logprobs": True, "top_logprobs": 2},
        {"model": "gpt-5.4", "tools": [FUNCTION]},
        {"model": "gpt-5.5", "reasoning_effort": "none", "tools": [FUNCTION]},
        {"model": "gpt-5", "tools": [FUNCTION]},
        {"model": "gpt-5.5", "temperature": 1},
        {"model": "gpt-4o", "max_tokens": 5, "stop": "x", "temperature": 0},
        {"model": "gpt-5.4", "max_completion_tokens": 5, "presence_penalty": 0},
    ],
    ids=[
        "sampling at none",
        "logprobs at none",
        "tools at none",
        "none set",
        "gpt-5",
        "default",
        "4o",
        "neutral",
    ],
)
def test_chat_accepts(bench: Any, asked: dict[str, Any]) -> None:
    assert bench.client.chat.completions.create(messages=[{"role": "user", "content": "Hello"}], **asked).id


def test_a_prompt_beyond_the_window_is_refused_in_the_words_of_each_endpoint(bench: Any) -> None:
    text = "word " * 130_000
    with pytest.raises(openai.BadRequestError, match="maximum context length is 128000 tokens") as chat:
        bench.ask(text, model="gpt-4o")
    assert chat.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError, match="exceeds the context window") as response:
        bench.client.responses.create(model="gpt-4o", input=text)
    assert response.value.code == "context_length_exceeded"


@pytest.mark.parametrize(
    ("model", "cap", "text"),
    [("gpt-5.5", 16, ""), ("gpt-4.1", 16, "some")],
    ids=["reasoning uses it up", "text is cut"],
)
def test_a_small_cap_gives_an_incomplete_billed_answer(bench: Any, model: str, cap: int, text: str) -> None:
    bench.simulator.teach("Explain", "one two three four " * 20, "no", reasoning=400)
    found = bench.client.responses.create(model=model, input="Explain", max_output_tokens=cap)
    assert found.status == "incomplete"
    assert found.incomplete_details.reason == "max_output_tokens"
    assert bool(found.output_text) is bool(text)
    assert found.usage.output_tokens == cap == bench.simulator.bill[0].used.output
    chat = bench.ask("Explain", model=model, max_completion_tokens=cap)
    assert chat.choices[0].finish_reason == "length"
    assert bool(chat.choices[0].message.content) is bool(text)


def test_keys_paths_methods_and_bodies_are_checked(bench: Any) -> None:
    url = bench.simulator.base_url
    with (
        openai.OpenAI(base_url=url, api_key="pk-wrong-key-123456", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError, match="Incorrect API key provided") as refused,
    ):
        client.models.list()
    assert refused.value.code == "invalid_api_key"
    assert "wrong-key" not in str(refused.value)
    with pytest.raises(openai.NotFoundError, match=r"Invalid URL \(POST /v1/nothing\)"):
        bench.client.post("/nothing", body={}, cast_to=object)
    with pytest.raises(openai.APIStatusError, match="Not allowed to GET"):
        bench.client.get("/embeddings", cast_to=object)
    for content in (b"{", b"[1]", b'"text"', b"[" * 100_000, b"\xff\xfe"):
        answer = bench.client._client.post(
            f"{url}/chat/completions",
            content=content,
            headers={"authorization": "Bearer sk-x", "content-type": "application/json"},
        )
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "body",
    [
        '{"model": "gpt-5.4", "messages": [{"role": "user", "content": "\\ud800 lone"}]}',
        '{"model": 3, "messages": 4}',
        '{"model": "gpt-5.4", "messages": [null]}',
        '{"model": "gpt-5.4", "messages": [{"role": "user", "content": [1, null, {"type": 3}]}]}',
        '{"model": "gpt-5.4", "messages": [{"role": "user", "content": "x"}], "tools": [3]}',
        '{"model": "gpt-5.4", "messages": [{"role": "user", "content": "x"}], "response_format": {"type": "json_schema"}}',
        '{"model": "gpt-5.4", "messages": [{"role": "assistant", "tool_calls": [7]}]}',
        '{"model": "gpt-5.4", "messages": [{"role": "assistant", "tool_calls": 7}]}',
        '{"model": "gpt-5.4", "messages": [{"role": "user", "content": "x"}], "reasoning_effort": {}}',
        '{"model": "gpt-5.4", "messages": [{"role": "user", "content": "x"}], "tool_choice": {"type": "function"}, "tools": []}',
        '{"model": "gpt-5.4", "messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function", "function": {"name": "x", "parameters": {"type": "object", "properties": {"a": 3}, "required": 4}}}], "tool_choice": "required"}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["chat/completions", "responses"])
def test_odd_bodies_are_answered_or_refused_and_never_crash(bench: Any, path: str, body: str) -> None:
    if path == "responses":
        body = body.replace('"messages"', '"input"').replace("response_format", "text")
    answer = bench.client._client.post(
        f"{bench.simulator.base_url}/{path}",
        content=body.encode(),
        headers={"authorization": "Bearer sk-x", "content-type": "application/json"},
    )
    assert answer.status_code in {200, 400}, answer.text


def test_five_thousand_tools_and_megabytes_of_prompt_are_answered_or_refused(bench: Any) -> None:
    tools: Any = [{"type": "tool_search"}]
    tools += [{"type": "function", "name": f"tool_{n}", "description": f"Do thing {n}.", "parameters": {"type": "object"}, "defer_loading": True} for n in range(5_000)]  # fmt: skip
    found = bench.client.responses.create(model="gpt-5.4", input="Use tool_4999", tools=tools)
    assert found.output[-1].name == "tool_4999"
    with pytest.raises(openai.BadRequestError, match="context window"):
        bench.client.responses.create(model="gpt-5.4-mini", input="word " * 400_000)
    assert bench.client.responses.create(model="gpt-5.4", input="A" * 400_000).usage.input_tokens > 40_000
