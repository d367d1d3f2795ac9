"""Recorded exchanges with OpenAI, translated: both endpoints' real bodies are what the translation is held to."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tierwise.calls import ChatStream, assembled, parse_request, parse_response, to_chat, to_responses
from tierwise.errors import RequestError

RECORDED = Path(__file__).parents[2] / "../shared/data/wire/openai_exchanges.jsonl.gz"
CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"


@cache
def exchanges() -> tuple[dict[str, Any], ...]:
    if not RECORDED.exists():
        pytest.skip("shared data is absent")
    with gzip.open(RECORDED, "rt") as lines:
        return tuple(json.loads(line) for line in lines)


def recorded(url: str, kind: type) -> list[dict[str, Any]]:
    return [
        one
        for one in exchanges()
        if one["url"] == url and one["status"] == 200 and isinstance(one["response"], kind)
    ]


def wire(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_each_recorded_chat_request_is_translated_or_its_audio_refused() -> None:
    for one in (*recorded(CHAT, dict), *recorded(CHAT, str)):
        raw = wire(one["request"])
        if b"input_audio" in raw:
            with pytest.raises(RequestError, match="input_audio"):
                to_responses(raw)
            continue
        body = to_responses(raw)
        chat, other = parse_request("chat", raw), parse_request("responses", body)
        assert [m.text for m in other.messages if m.type == "message" and m.text] == [
            m.text for m in chat.messages if m.role != "tool" and m.text
        ], one["recording"]
        tools = [tool["function"] for tool in json.loads(chat.tools or b"[]")]
        assert json.loads(other.tools or b"[]") == [
            {"type": "function", "strict": False, "parameters": None, **tool} for tool in tools
        ]
        assert (other.effort, other.verbosity, other.max_output_tokens, other.stream, other.tool_choice) == (
            chat.effort,
            chat.verbosity,
            chat.max_output_tokens,
            chat.stream,
            chat.tool_choice,
        )


TWINS = {
    "test_tool_choice_matrix[list_single-openai": ("tools", "tool_choice"),
    "test_tool_choice_matrix[required-openai": ("tool_choice", "model"),
}


@pytest.mark.parametrize("name", TWINS)
def test_a_translated_request_is_the_one_recorded_of_the_other_endpoint(name: str) -> None:
    def of(url: str) -> dict[str, Any]:
        found = next(one for one in exchanges() if name in one["recording"] and one["url"] == url)
        return found["request"]  # type: ignore[no-any-return]

    found, wanted = json.loads(to_responses(wire(of(CHAT)))), of(RESPONSES)
    assert {key: found[key] for key in TWINS[name]} == {key: wanted[key] for key in TWINS[name]}
    (said,) = found["input"]
    assert {key: said[key] for key in ("role", "content")} == wanted["input"][0]


def test_each_recorded_reply_becomes_one_that_the_sdk_takes_strictly() -> None:
    for one in recorded(RESPONSES, dict):
        before = wire(one["response"])
        after = to_chat(before)
        found = ChatCompletion.model_validate_json(after)
        was, now = parse_response("responses", before), parse_response("chat", after)
        assert (now.id, now.model, now.created, now.tokens) == (was.id, was.model, was.created, was.tokens)
        called = [item for item in one["response"]["output"] if item["type"] == "function_call"]
        assert now.tool_calls == tuple(item["name"] for item in called), one["recording"]
        assert now.arguments == tuple(item["arguments"] for item in called)
        assert "".join(now.text.split()) == "".join(was.text.split()), one["recording"]
        assert bool(found.choices[0].message.tool_calls) == (found.choices[0].finish_reason == "tool_calls")


def test_each_recorded_stream_becomes_chunks_that_add_up_to_the_reply() -> None:
    for one in recorded(RESPONSES, str):
        datas = [
            line.removeprefix("data: ") for line in one["response"].split("\n") if line.startswith("data: ")
        ]
        stream = ChatStream(include_usage=True)
        whole = b"".join(stream.feed(data.encode()) for data in datas) + stream.end()
        blocks = [block.removeprefix(b"data: ") for block in whole.split(b"\n\n")[:-1]]
        assert blocks.pop() == b"[DONE]"
        chunks = [ChatCompletionChunk.model_validate_json(block) for block in blocks]
        assert [bool(chunk.choices) for chunk in chunks] == [True] * (len(chunks) - 1) + [False]
        assert [chunk.choices[0].delta.role for chunk in chunks[:-1]] == ["assistant"] + [None] * (
            len(chunks) - 2
        )
        final = json.loads(to_chat(wire(json.loads(datas[-1])["response"])))
        (choice,), (wanted,) = assembled(whole)["choices"], final["choices"]
        assert choice["finish_reason"] == wanted["finish_reason"]
        assert choice["message"]["content"] == wanted["message"]["content"]
        assert choice["message"]["tool_calls"] == wanted["message"].get("tool_calls")
        assert json.loads(blocks[-1])["usage"] == final["usage"]


def keys(value: Any) -> Any:
    """The shape of a value: names, and for arrays the shape of the first element."""
    if isinstance(value, dict):
        return {name: keys(inner) for name, inner in value.items()}
    return [keys(value[0])] if isinstance(value, list) and value else None


@pytest.mark.parametrize("finish", ["stop", "tool_calls"])
def test_a_translated_reply_has_the_shape_of_a_recorded_one(finish: str) -> None:
    """`cache_write_tokens` and null `logprobs` are newer than some recordings."""

    def shape(reply: Any) -> Any:
        found = keys(reply)
        found["choices"][0].pop("logprobs", None)
        found["usage"]["prompt_tokens_details"].pop("cache_write_tokens", None)
        return found

    wanted = next(
        one["response"]
        for one in recorded(CHAT, dict)
        if one["response"]["choices"][0]["finish_reason"] == finish and "moderation" not in one["response"]
    )
    replies = (json.loads(to_chat(wire(one["response"]))) for one in recorded(RESPONSES, dict))
    found = next(
        reply
        for reply in replies
        if reply["choices"][0]["finish_reason"] == finish
        and reply["usage"]
        and (finish == "stop") == (reply["choices"][0]["message"]["content"] is not None)
    )
    assert shape(found) == shape(wanted)


def test_moderation_has_the_shape_that_chat_was_recorded_with() -> None:
    def moderated(url: str) -> Any:
        return next(one["response"] for one in recorded(url, dict) if one["response"].get("moderation"))

    found = json.loads(to_chat(wire(moderated(RESPONSES))))
    assert keys(found["moderation"]) == keys(moderated(CHAT)["moderation"])
