"""Event streams put back together: cases 17, 19 and 21 of public bug reports, and cut streams."""

from __future__ import annotations

import json

import pytest

from tierwise.calls import parse_response
from tierwise.catalog import Tokens


def sse(*events: object, done: bool = False, end: str = "\n\n") -> str:
    text = "".join(f"data: {json.dumps(event)}{end}" for event in events)
    return text + ("data: [DONE]" + end if done else "")


def chunk(delta: dict | None = None, finish: str | None = None, **fields: object) -> dict:
    choices = [{"index": 0, "delta": delta or {}, "finish_reason": finish}]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "model": "gpt-5.4",
        "choices": choices,
        **fields,
    }


USAGE = {
    "prompt_tokens": 16111,
    "completion_tokens": 2,
    "prompt_tokens_details": {"cached_tokens": 15872},
}


def test_usage_on_a_chunk_that_has_choices_is_read():
    response = parse_response(
        "chat", sse(chunk({"content": "Hi"}), chunk({}, "stop", usage=USAGE), done=True)
    )

    assert response.tokens == Tokens(uncached=239, cached=15872, output=2)
    assert (response.text, response.status, response.finish) == ("Hi", "ok", "stop")


def test_the_last_usage_wins():
    early = {"prompt_tokens": 1, "completion_tokens": 1}
    stream = sse(
        chunk({"content": "Hi"}, usage=early),
        chunk({}, "stop", usage=None),
        chunk(choices=[], usage=USAGE),
        done=True,
    )

    assert parse_response("chat", stream).tokens == Tokens(uncached=239, cached=15872, output=2)


def test_a_responses_stream_ends_with_its_event_and_no_done():
    inner = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "model": "gpt-5.5",
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}],
        "usage": {
            "input_tokens": 10,
            "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 3},
        },
    }
    stream = "event: response.created\n" + sse(
        {
            "type": "response.created",
            "response": {**inner, "status": "in_progress", "output": [], "usage": None},
        },
        {"type": "response.output_text.delta", "delta": "Hi"},
        {"type": "response.completed", "response": inner},
    )
    response = parse_response("responses", stream)

    assert (response.status, response.text) == ("ok", "Hi")
    assert response.tokens == Tokens(uncached=10, output=2, reasoning=3)


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n"])
def test_both_line_endings_are_read(end):
    assert parse_response("chat", sse(chunk({"content": "Hi"}, "stop"), done=True, end=end)).text == "Hi"


def piece(**fields: object) -> dict:
    arguments = fields.pop("args", None)
    function = {"arguments": arguments} | ({"name": fields.pop("name")} if "name" in fields else {})
    return chunk({"tool_calls": [{**fields, "function": function}]})


def test_a_repeated_index_with_a_new_id_is_a_second_call():
    stream = sse(
        piece(index=0, id="a", name="f", args='{"p":1}'),
        piece(index=0, id="b", name="f", args='{"p":2}'),
        chunk({}, "tool_calls"),
        done=True,
    )
    response = parse_response("chat", stream)

    assert response.tool_calls == ("f", "f")
    assert response.arguments == ('{"p":1}', '{"p":2}')


def test_pieces_without_id_and_index_go_on_with_the_last_call():
    stream = sse(
        piece(id="a", name="f", args=""),
        piece(args='{"p":'),
        piece(args="1}"),
        chunk({}, "tool_calls"),
        done=True,
    )
    response = parse_response("chat", stream)

    assert (response.tool_calls, response.arguments) == (("f",), ('{"p":1}',))


def test_interleaved_calls_are_kept_apart_by_index():
    stream = sse(
        piece(index=0, id="a", name="f", args='{"p":'),
        piece(index=1, id="b", name="g", args='{"q":'),
        piece(index=0, args="1}"),
        piece(index=1, args="2}"),
        done=True,
    )
    response = parse_response("chat", stream)

    assert response.tool_calls == ("f", "g")
    assert response.arguments == ('{"p":1}', '{"q":2}')


@pytest.mark.parametrize(
    "stream",
    [
        sse(chunk({"content": "Hel"})),
        sse(chunk({"content": "Hel"})) + 'data: {"id": "chatcmpl-1", "choi',
        sse(
            {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}},
            {"type": "response.output_text.delta", "delta": "Hel"},
        ),
    ],
    ids=["chat", "chat cut in an event", "responses"],
)
def test_a_stream_that_just_stops_was_abandoned(stream):
    response = parse_response("", stream)

    assert (response.status, response.text, response.tokens) == ("abandoned", "Hel", None)


def test_an_error_inside_a_stream_is_an_error():
    stream = sse(
        {"type": "response.created", "response": {"id": "resp_1"}},
        {"type": "error", "code": "server_error", "message": "m"},
    )

    assert (parse_response("", stream).status, parse_response("", stream).error) == ("error", "server_error")
    stream = sse({"error": {"code": "server_error", "message": "m"}})
    assert parse_response("", stream).error == "server_error"


def test_two_choices_are_joined():
    pieces = [
        {"id": "c", "choices": [{"index": i, "delta": {"content": text}, "finish_reason": "stop"}]}
        for i, text in ((0, "a"), (1, "b"))
    ]

    assert parse_response("chat", sse(*pieces, done=True)).text == "a\nb"
