"""Odd and hostile requests: passed on as asked or refused clearly, never a crash."""

from __future__ import annotations

from typing import Any

import msgspec
import openai
import pytest

import tierwise
from tierwise.calls import Outgoing
from tierwise.catalog import Catalog
from tierwise.online import Asked, Course, MemoryRecorder, Pipeline, Reply
from tierwise.policy import proposal


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.open()


def nested(depth: int) -> bytes:
    return (
        b'{"model":"gpt-5.5","messages":[{"role":"user","content":"hi"}],"x":'
        + b"[" * depth
        + b"]" * depth
        + b"}"
    )


def tools(count: int) -> bytes:
    defined = [
        {
            "type": "function",
            "function": {
                "name": f"tool_{n}",
                "description": "Looks something up.",
                "parameters": {"type": "object", "properties": {"q": {"type": "string"}}},
            },
        }
        for n in range(count)
    ]
    return msgspec.json.encode(
        {"model": "gpt-5.5", "messages": [{"role": "user", "content": "hi"}], "tools": defined}
    )


def chat(content: str = "hi", **more: Any) -> bytes:
    return msgspec.json.encode(
        {"model": "gpt-5.5", "messages": [{"role": "user", "content": content}], **more}
    )


BODIES = {
    "nothing": b"",
    "not JSON": b"model=gpt-5.5&prompt=hi",
    "cut JSON": b'{"model":"gpt-5.5","messages":[{"role":"us',
    "an array": b"[1,2,3]",
    "a number": b"7",
    "not UTF-8": b'{"model":"gpt-5.5","messages":[{"role":"user","content":"\xff\xfe"}]}',
    "no model": b'{"messages":[{"role":"user","content":"hi"}]}',
    "model of another type": b'{"model":7,"messages":[]}',
    "null everywhere": b'{"model":null,"messages":null,"tools":null,"temperature":null}',
    "unknown fields": chat(new_field={"a": [1, {"b": None}]}, another="x"),
    "unknown message fields": b'{"model":"gpt-5.5","messages":[{"role":"user","content":"hi","mood":"good"}]}',
    "an unknown part": b'{"model":"gpt-5.5","messages":[{"role":"user","content":[{"type":"hologram","x":1}]}]}',
    "a lone surrogate": b'{"model":"gpt-5.5","messages":[{"role":"user","content":"\\ud800 alone"}]}',
    "10 MB of prompt": chat("All work and no play. " * 480_000),
    "10 MB without a space": chat("a" * 10_000_000),
    "5,000 tools": tools(5_000),
    "nested 200 deep": nested(200),
    "nested 100,000 deep": nested(100_000),
    "huge numbers": b'{"model":"gpt-5.5","messages":[],"max_tokens":' + b"9" * 400 + b',"temperature":1e999}',
    "negative cap": chat(max_completion_tokens=-1),
    "a key twice": b'{"model":"gpt-5.5","model":"gpt-5.4","messages":[{"role":"user","content":"hi"}]}',
    "NUL in the text": chat("a\0b"),
    "right to left": chat("\u202eevil\u202c \u05e9\u05dc\u05d5\u05dd"),
    "metadata of other types": chat(metadata={"task": 7, "session": None}),
    "a hint that is no word": chat(metadata={"task": "\u2603" * 10_000}),
}
PATHS = ("/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/completions")


def follow(pipeline: Pipeline, body: bytes, path: str) -> tuple[list[Outgoing], Any]:
    sent: list[Outgoing] = []
    course = Course(pipeline, Asked(method="POST", path=path, body=body))
    while course.outgoing is not None:
        sent.append(course.outgoing)
        course.came(Reply(status=400, body=b'{"error":{"message":"no","code":"bad"}}'))
    return sent, course.answer


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", BODIES)
def test_what_cannot_be_routed_goes_as_asked_byte_for_byte(catalog: Catalog, name: str, path: str) -> None:
    body = BODIES[name]
    recorder = MemoryRecorder()
    pipeline = Pipeline(catalog, recorder, policy=proposal(catalog.ladder()))
    sent, answer = follow(pipeline, body, path)
    # What was shaped and refused goes once more, as it came.
    assert sent[-1].body == body
    assert answer.status == 400
    assert recorder.calls == 1
    decoded = [msgspec.json.decode(out.body) for out in sent[:-1]]
    shaped = ("reasoning_effort", "prompt_cache_key")
    assert all(out["model"] != "gpt-5.5" or any(map(out.get, shaped)) for out in decoded)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=200, body=b""),
        Reply(status=200, body=b"<html>"),
        Reply(status=200, body=b'{"usage":{"prompt_tokens":-5}}'),
        Reply(status=200, body=b'{"usage":{"prompt_tokens":1,"prompt_tokens_details":{"cached_tokens":9}}}'),
        Reply(status=200, body=b"[" * 10_000),
        Reply(status=204),
        Reply(status=502, body=b"Bad Gateway"),
        Reply(status=200, headers=(("content-type", "audio/mpeg"),)),
    ],
    ids=["empty", "html", "negative usage", "impossible usage", "deep", "no body", "bad gateway", "audio"],
)
def test_odd_replies_reach_the_caller_as_they_are(catalog: Catalog, reply: Reply) -> None:
    pipeline = Pipeline(catalog, MemoryRecorder(), policy=proposal(catalog.ladder()))
    course = Course(pipeline, Asked(method="POST", path="/v1/chat/completions", body=chat()))
    course.came(reply)
    answer = course.answer
    assert answer.status == reply.status
    assert answer.body == reply.body
    if answer.passage is not None:
        assert answer.passage.feed(b"piece") == b"piece"
        answer.passage.left()


def test_a_fault_in_routing_leaves_the_call_as_asked_and_is_recorded(bench: Any, monkeypatch: Any) -> None:
    client = bench.wrapped()
    recorder = tierwise.recorder(client)

    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr("tierwise.online._route.decide", broken)
    found = client.chat.completions.create(model="gpt-5.5", messages=[{"role": "user", "content": "hi"}])
    assert found.model.startswith("gpt-5.5")
    assert recorder.entries[-1].reason == "routing failed: ZeroDivisionError"


def test_unknown_fields_reach_upstream_untouched(bench: Any) -> None:
    client = bench.wrapped()
    text = "Classify the ticket as one of: billing, shipping, other."
    with pytest.raises(openai.BadRequestError):
        # The simulator, like OpenAI, refuses a field that it does not know.
        client.chat.completions.create(
            model="gpt-5.5",
            messages=[{"role": "system", "content": text}, {"role": "user", "content": "Twice!"}],
            extra_body={"new_field": {"b": 1, "a": [1.50, None]}},
        )
    assert all(b'"new_field":{"b":1,"a":[1.5,null]}' in seen.body for seen in bench.simulator.received)
