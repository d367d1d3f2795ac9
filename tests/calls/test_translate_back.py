"""A reply of Responses, whole or streamed, as the Chat reply that was asked for, read by the official SDK."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

import tierwise
from tierwise.calls import ChatStream, failed_reply, parse_response, to_chat, to_responses
from tierwise.errors import UpstreamGarbled
from tierwise.simulator import Fault, Settings, Simulator
from tierwise.upstream import EventSplitter

SCHEMA = {"type": "object", "properties": {"zeta": {"type": "string"}, "alpha": {"type": "number"}}}


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


def test_an_answer_that_was_all_reasoning_is_empty_and_cut() -> None:
    found = back(
        output=[{"type": "reasoning", "id": "rs_1", "summary": []}],
        status="incomplete",
        incomplete_details={"reason": "max_output_tokens"},
    ).choices[0]
    assert (found.message.content, found.finish_reason) == ("", "length")


def test_calls_of_both_kinds_come_back_with_the_ids_that_answer_them() -> None:
    message = (
        back(
            output=[
                {
                    "type": "function_call",
                    "id": "fc_1",
                    "call_id": "c1",
                    "name": "f",
                    "arguments": '{"b": 1}',
                },
                {"type": "custom_tool_call", "id": "ct_1", "call_id": "c2", "name": "g", "input": "x"},
            ]
        )
        .choices[0]
        .message
    )
    assert message.content is None
    assert [call.model_dump(exclude_unset=True) for call in message.tool_calls or ()] == [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"b": 1}'}},
        {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "x"}},
    ]


TOKEN = {"token": "Hi", "bytes": [72, 105], "logprob": -0.25, "top_logprobs": []}
CITATION = {"type": "url_citation", "url": "https://x/y", "title": "Y", "start_index": 0, "end_index": 2}


def test_log_probabilities_and_citations_come_back() -> None:
    other = {"type": "file_citation", "file_id": "file_1", "filename": "f", "index": 0}
    part = {"type": "output_text", "text": "Hi", "annotations": [CITATION, other], "logprobs": [TOKEN]}
    choice = back(output=[{"type": "message", "content": [part]}]).choices[0]
    assert choice.logprobs is not None
    assert [token.model_dump() for token in choice.logprobs.content or ()] == [TOKEN]
    (cited,) = choice.message.annotations or ()
    assert cited.url_citation.url == "https://x/y"


RESULT = {
    "type": "moderation_result",
    "model": "omni-moderation-latest",
    "flagged": False,
    "categories": {},
    "category_scores": {},
    "category_applied_input_types": {},
}


def test_moderation_comes_back_as_chat_has_it() -> None:
    failed = {"type": "error", "code": "unavailable", "message": "no"}
    found = back(moderation={"input": RESULT, "output": failed}).moderation
    assert found is not None
    assert (found.input.type, found.output.type) == ("moderation_results", "error")


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


def test_an_error_body_passes_as_it_is() -> None:
    body = b'{"error" : {"message": "no", "type": "x", "param": null, "code": null}}'
    assert to_chat(body) == body
    assert failed_reply(body) is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"7", b"\xff"])
def test_what_is_no_reply_is_upstreams_fault(body: bytes) -> None:
    with pytest.raises(UpstreamGarbled):
        to_chat(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ODD = st.one_of(
    JSON,
    st.lists(
        st.fixed_dictionaries(
            {"type": st.sampled_from(["message", "function_call", "custom_tool_call"]) | JSON},
            optional={
                name: JSON | st.lists(st.fixed_dictionaries({"type": st.just("output_text"), "text": JSON}))
                for name in ("content", "name", "call_id", "arguments", "input")
            },
        ),
        max_size=2,
    ),
)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(
        [
            "output",
            "usage",
            "status",
            "error",
            "incomplete_details",
            "created_at",
            "moderation",
            "service_tier",
        ]
    ),
    ODD,
)
def test_an_odd_reply_still_becomes_one(field: str, value: Any) -> None:
    found = json.loads(to_chat(json.dumps(reply(**{field: value})).encode()))
    assert "choices" in found or "error" in found


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(
        [
            "response.created",
            "response.output_item.added",
            "response.output_item.done",
            "response.output_text.delta",
            "response.function_call_arguments.delta",
            "response.completed",
            "response.failed",
            "error",
        ]
    ),
    st.dictionaries(
        st.sampled_from(["item", "response", "delta", "output_index", "error", "logprobs", "code"]), ODD
    ),
)
def test_an_odd_event_breaks_no_stream(kind: str, fields: dict[str, Any]) -> None:
    stream = ChatStream(include_usage=True)
    for _ in range(2):
        for block in stream.feed(json.dumps({"type": kind, **fields}).encode()).split(b"\n\n")[:-1]:
            assert json.loads(block.removeprefix(b"data: "))


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
    assert found.message.content == wanted.message.content
    assert called_by(found) == called_by(wanted)
    assert bool(called_by(found)) == (name == "a tool")


def called_by(choice: Any) -> list[tuple[str, str]]:
    return [(call.function.name, call.function.arguments) for call in choice.message.tool_calls or ()]


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


def chunks_of(*events: dict[str, Any], include_usage: bool = False) -> list[ChatCompletionChunk]:
    stream = ChatStream(include_usage=include_usage)
    whole = b"".join(stream.feed(json.dumps(event).encode()) for event in events)
    return [
        ChatCompletionChunk.model_validate_json(block.removeprefix(b"data: "))
        for block in whole.split(b"\n\n")[:-1]
    ]


CREATED = {
    "type": "response.created",
    "response": reply(status="in_progress", usage=None, service_tier="auto"),
}
BEGUN = {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "content": []}}
DELTA = {"type": "response.output_text.delta", "output_index": 0, "delta": "Hi"}
ENDED = {"type": "response.completed", "response": reply()}


def test_the_first_chunk_comes_with_the_first_word_and_says_what_chat_says() -> None:
    assert chunks_of(CREATED) == []
    first, second = chunks_of(CREATED, BEGUN, DELTA)
    assert first.choices[0].delta.model_dump(exclude_unset=True) == {
        "role": "assistant",
        "content": "",
        "refusal": None,
    }
    assert second.choices[0].delta.model_dump(exclude_unset=True) == {"content": "Hi"}


def test_log_probabilities_and_what_hides_the_length_are_passed_on() -> None:
    bare = {"token": "Hi", "logprob": -0.25}
    *_, said = chunks_of(CREATED, BEGUN, {**DELTA, "logprobs": [bare], "obfuscation": "xyz"})
    assert said.obfuscation == "xyz"
    assert said.choices[0].logprobs is not None
    assert [token.logprob for token in said.choices[0].logprobs.content or ()] == [-0.25]
    assert chunks_of(CREATED, BEGUN, DELTA)[-1].choices[0].logprobs is None


def test_the_tier_is_told_once_it_is_known() -> None:
    """A response says 'auto' until it ends."""
    tiers = [chunk.service_tier for chunk in chunks_of(CREATED, BEGUN, DELTA, ENDED)]
    assert tiers == [None, None, "default"]


CALLED = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": ""}


def test_a_stream_that_begins_with_a_call_has_no_content() -> None:
    piece = {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "{}"}
    added = {"type": "response.output_item.added", "output_index": 0, "item": CALLED}
    first, second, end = chunks_of(CREATED, added, piece, ENDED)
    assert first.choices[0].delta.content is None
    assert first.choices[0].delta.role == "assistant"
    (called,) = first.choices[0].delta.tool_calls or ()
    assert (called.index, called.id, called.type) == (0, "c1", "function")
    assert (second.choices[0].delta.tool_calls or ())[0].model_dump(exclude_unset=True) == {
        "index": 0,
        "function": {"arguments": "{}"},
    }
    assert end.choices[0].finish_reason == "tool_calls"


def test_arguments_that_come_with_the_finished_item_alone_are_not_lost() -> None:
    added = {"type": "response.output_item.added", "output_index": 1, "item": CALLED}
    done = {"type": "response.output_item.done", "output_index": 1, "item": {**CALLED, "arguments": "{}"}}
    pieces = [
        call.function.arguments
        for chunk in chunks_of(CREATED, added, done)
        for call in chunk.choices[0].delta.tool_calls or ()
        if call.function
    ]
    assert pieces == ["", "{}"]
    assert len(chunks_of(CREATED, done)) == 1


def test_usage_is_told_where_it_came_and_moderation_last() -> None:
    found = {**ENDED, "response": reply(moderation={"input": RESULT, "output": RESULT})}
    *_, finish, usage, moderated = chunks_of(CREATED, BEGUN, found, include_usage=True)
    assert finish.choices[0].finish_reason == "stop"
    assert usage.usage is not None
    assert usage.usage.prompt_tokens == 100
    assert moderated.moderation is not None
    assert (moderated.choices, moderated.usage) == ([], None)
    silent = {**ENDED, "response": reply(usage=None)}
    assert all(chunk.choices for chunk in chunks_of(CREATED, BEGUN, silent, include_usage=True))


def test_nothing_follows_the_end() -> None:
    assert chunks_of(CREATED, BEGUN, ENDED, DELTA) == chunks_of(CREATED, BEGUN, ENDED)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=40))
def test_a_stream_split_anywhere_gives_the_same_chunks(sizes: list[int]) -> None:
    events = (CREATED, BEGUN, {**DELTA, "delta": "caf\u00e9 \U0001f600"}, ENDED)
    sent = b"".join(
        f"event: {e['type']}\ndata: {json.dumps(e, ensure_ascii=False)}\n\n".encode() for e in events
    )
    whole, split, splitter = ChatStream(), ChatStream(), EventSplitter()
    wanted = b"".join(whole.feed(json.dumps(event).encode()) for event in events)
    got, at = b"", 0
    for size in [*sizes, len(sent)]:
        got += b"".join(split.feed(event.data) for event in splitter.feed(sent[at : at + size]))
        at += size
    assert got == wanted


@pytest.mark.parametrize(
    "data",
    [
        b'{"type":"error","error":{"code":"server_error","message":"x"}}',
        b'{"type":"error","code":"server_error","message":"x","param":null}',
        b'{"type":"response.failed","response":{"id":"r","error":{"code":"server_error","message":"x"}}}',
        b'{"type":"response.cancelled","response":{"id":"r","error":{"code":"server_error"}}}',
    ],
)
def test_an_error_in_the_stream_is_one_for_chat_too(data: bytes) -> None:
    stream = ChatStream()
    told = json.loads(stream.feed(data).removeprefix(b"data: "))
    assert told["error"]["message"] in {"x", "The response was cancelled."}
    assert (told["error"]["code"], told["error"]["type"]) == ("server_error", "server_error")
    assert stream.ended


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"not JSON", b"{}", b'{"type":7}', b'{"type":"response.new_thing"}']
)
def test_events_without_a_chat_form_are_passed_over(data: bytes) -> None:
    assert ChatStream().feed(data) == b""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """One rule: what asks for gpt-5.5 goes to gpt-5.4, through Responses where Chat refuses its tools."""
    found = tmp_path / "tierwise.toml"
    found.write_text(
        'version = 1\nladder = "gpt-5.4"\n[[rule]]\nname = "through"\nmatch = { model = "gpt-5.5" }\n'
        'rung = "gpt-5.4"\nthrough_responses = true\nstage = "on"\nunproven = true\napproved_by = "kim"\n'
        '[default]\nstage = "off"\n'
    )
    return found


def test_through_the_wrapped_client_tools_go_by_responses_and_back(policy: Path) -> None:
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


@pytest.mark.parametrize(("stream", "raised"), [(False, openai.InternalServerError), (True, openai.APIError)])
def test_a_response_that_failed_under_200_is_raised_as_chat_raises(
    policy: Path, stream: bool, raised: type[Exception]
) -> None:
    ask = {"model": "gpt-5.5", "reasoning_effort": "medium", "stream": stream, **ASKS["a tool"]}
    with (
        Simulator(Settings(seed=3), faults=[Fault(kind="failed", at=(1,))]) as simulator,
        openai.OpenAI(base_url=simulator.base_url, api_key="sk-x", max_retries=0) as bare,
    ):
        client = tierwise.wrap(bare, policy=policy)
        with pytest.raises(raised) as found:
            list(client.chat.completions.create(**ask))
        (entry,) = tierwise.recorder(client).entries
    assert found.value.code == "server_error"  # type: ignore[attr-defined]
    assert entry.line.status == "error"


def test_a_call_that_cannot_be_translated_goes_as_asked_and_says_why(policy: Path) -> None:
    ask = {**ASKS["a tool"], "messages": [{"role": "user", "name": "ana", "content": "Use get_weather"}]}
    with (
        Simulator(Settings(seed=3, keep_requests=True)) as simulator,
        openai.OpenAI(base_url=simulator.base_url, api_key="sk-x", max_retries=0) as bare,
    ):
        client = tierwise.wrap(bare, policy=policy)
        with pytest.raises(openai.BadRequestError):
            # As asked, gpt-5.5 refuses tools in Chat at its own effort: the caller's own error.
            client.chat.completions.create(model="gpt-5.5", reasoning_effort="medium", **ask)
        assert [seen.path for seen in simulator.received] == ["/v1/chat/completions"]
        (entry,) = tierwise.recorder(client).entries
    assert entry.reason == "routing failed: Responses has no 'name' in messages[0]"
