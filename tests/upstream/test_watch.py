"""Usage, model and end of a stream, read along; and the whole reply for our own copy."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tierwise.calls import parse_response
from tierwise.errors import UpstreamCut, UpstreamGarbled
from tierwise.upstream import Event, EventSplitter, StreamWatch, stream_ended_cleanly, whole_reply

RECORDED = Path(__file__).parents[2] / "../shared/data/wire/openai_exchanges.jsonl.gz"


def event(data: object, name: str = "") -> Event:
    text = data if isinstance(data, str) else json.dumps(data, separators=(",", ":"))
    return Event((f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode())


def chunk(**fields: object) -> Event:
    return event({"id": "c1", "object": "chat.completion.chunk", "model": "gpt-5.4-2026-03-05", **fields})


def delta(**fields: object) -> Event:
    return chunk(choices=[{"index": 0, "delta": fields, "finish_reason": None}], usage=None)


def fed(endpoint, *events):
    watch = StreamWatch(endpoint)
    for each in events:
        watch.feed(each)
    return watch


DONE = event("[DONE]")
CASES = [
    ("chat, done", "chat", DONE, True),
    (
        "chat, finish without done",
        "chat",
        chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]),
        False,
    ),
    ("chat, usage without done", "chat", chunk(choices=[], usage={"prompt_tokens": 1}), False),
    ("chat, upstream's error", "chat", event({"error": {"message": "x", "code": "server_error"}}), True),
    ("chat, error null", "chat", chunk(choices=[], error=None), False),
    ("chat, nothing", "chat", None, False),
    ("completions, done", "completions", DONE, True),
    ("responses, completed", "responses", event({"type": "response.completed", "response": {}}), True),
    ("responses, incomplete", "responses", event({"type": "response.incomplete", "response": {}}), True),
    ("responses, failed", "responses", event({"type": "response.failed", "response": {"error": {}}}), True),
    ("responses, error", "responses", event({"type": "error", "code": "x", "message": "y"}), True),
    ("responses, created", "responses", event({"type": "response.created", "response": {}}), False),
    (
        "responses, delta that quotes",
        "responses",
        event({"type": "response.output_text.delta", "delta": '"error"'}),
        False,
    ),
    ("responses, done is not its word", "responses", DONE, False),
    ("responses, not JSON", "responses", event('{"type":"response.completed"'), False),
    ("responses, spaced", "responses", event('{"type": "response.completed", "response": {}}'), True),
    ("other endpoints end with the connection", "other", None, True),
]


@pytest.mark.parametrize(("endpoint", "last", "clean"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_which_last_event_is_an_end(endpoint, last, clean):
    assert stream_ended_cleanly(endpoint, last) is clean
    assert fed(endpoint, *([last] if last else [])).ended is (clean and last is not None)


def test_usage_is_read_from_any_chunk_and_the_last_wins():
    """Usage on a chunk that has choices (case 17), after an earlier, smaller one."""
    last = {"prompt_tokens": 16111, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 15872}}
    watch = fed(
        "chat",
        delta(content="a"),
        chunk(choices=[], usage={"prompt_tokens": 5, "completion_tokens": 1}),
        chunk(choices=[{"index": 0, "delta": {}}], usage=last),
        DONE,
    )
    watch.check_end()

    assert watch.usage == last
    assert watch.events == 4
    tokens = parse_response("chat", watch.summary()).tokens
    assert (tokens.cached, tokens.uncached, tokens.output) == (15872, 16111 - 15872, 2)


def test_the_model_and_tier_that_serve_are_the_last_named():
    watch = fed(
        "chat", delta(content="a"), chunk(choices=[], model="gpt-5.4-mini", service_tier="flex"), DONE
    )

    assert (watch.model, watch.service_tier, watch.id) == ("gpt-5.4-mini", "flex", "c1")


def test_a_responses_stream_ends_with_its_event_and_brings_its_usage():
    """Case 19: no [DONE], usage in the terminal event."""
    usage = {"input_tokens": 10, "output_tokens": 4}
    body = {"id": "resp_1", "model": "gpt-5.5", "service_tier": "default"}
    watch = fed(
        "responses",
        event({"type": "response.created", "response": body | {"usage": None}}, "response.created"),
        event({"type": "response.output_text.delta", "delta": "hi"}, "response.output_text.delta"),
        event({"type": "response.completed", "response": body | {"usage": usage}}, "response.completed"),
    )
    watch.check_end()

    assert (watch.usage, watch.model, watch.id) == (usage, "gpt-5.5", "resp_1")


@pytest.mark.parametrize("endpoint", ["chat", "responses"])
def test_a_stream_that_stops_is_cut_whatever_came_before(endpoint):
    watch = fed(endpoint, delta(content="a"), event({"type": "response.output_text.delta", "delta": "x"}))

    with pytest.raises(UpstreamCut, match="after 2 events"):
        watch.check_end()


def test_events_after_an_error_take_the_end_back():
    assert not fed("chat", event({"error": {"code": "x"}}), delta(content="a")).ended


def test_comments_and_junk_are_passed_over():
    watch = fed("chat", Event(b": ping\n\n"), Event(b"data: {bad\n\n"), Event(b"data: \xff\n\n"), DONE)

    assert (watch.ended, watch.usage, watch.events) == (True, None, 3)


def calls_of(*pieces):
    events = [delta(tool_calls=[piece]) for piece in pieces]
    reply = parse_response("chat", whole_reply(b"".join(e.raw for e in [*events, DONE])))
    return list(zip(reply.tool_calls, reply.arguments, strict=True))


def test_a_repeated_index_with_a_new_id_is_a_second_call():
    """Case 21, first input."""
    assert calls_of(
        {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"p":1}'}},
        {"index": 0, "id": "b", "function": {"name": "g", "arguments": '{"p":2}'}},
    ) == [("f", '{"p":1}'), ("g", '{"p":2}')]


def test_pieces_without_index_and_id_belong_to_the_last_call():
    """Case 21, second input."""
    assert calls_of(
        {"id": "a", "function": {"name": "f", "arguments": ""}},
        {"function": {"arguments": '{"p":'}},
        {"function": {"arguments": "1}"}},
    ) == [("f", '{"p":1}')]


def test_calls_that_are_woven_into_each_other_come_apart():
    assert calls_of(
        {"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}},
        {"index": 1, "id": "b", "function": {"name": "g", "arguments": ""}},
        {"index": 0, "function": {"arguments": "[1]"}},
        {"index": 1, "function": {"arguments": "[2]"}},
    ) == [("f", "[1]"), ("g", "[2]")]


def test_a_stream_without_an_object_has_no_reply():
    with pytest.raises(UpstreamGarbled):
        whole_reply(DONE.raw + b": ping\n\n" + b"data: 7\n\n")


@pytest.mark.skipif(not RECORDED.exists(), reason="shared data is absent")
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_recorded_streams_read_along_are_what_they_are_as_logs(size):
    """Every recorded stream, in pieces of a size: bytes unchanged, its end found, the same tokens and model."""
    count = 0
    with gzip.open(RECORDED, "rt", encoding="utf-8") as lines:
        for line in lines:
            kept = json.loads(line)
            text = kept["response"]
            if not isinstance(text, str) or "data:" not in text[:200]:
                continue
            endpoint = "responses" if kept["url"].endswith("/responses") else "chat"
            stream = text.encode()
            splitter, watch = EventSplitter(), StreamWatch(endpoint)
            events = [e for at in range(0, len(stream), size) for e in splitter.feed(stream[at : at + size])]
            events += splitter.end()
            for each in events:
                watch.feed(each)
            watch.check_end()
            expected = parse_response(endpoint, stream)
            assert b"".join(e.raw for e in events) + splitter.rest == stream
            assert parse_response(endpoint, whole_reply(b"".join(e.raw for e in events))) == expected
            assert (watch.model, watch.id) == (expected.model, expected.id)
            if expected.tokens is not None:
                assert parse_response("chat", watch.summary()).tokens == expected.tokens
            count += 1
    assert count >= 30
