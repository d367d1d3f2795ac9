"""Request and response pairs: the fast way, the other shapes, and that both say the same."""

from __future__ import annotations

import json

import msgspec
import pytest

from tierwise.calls import Call, Place, Skipped
from tierwise.calls._formats import openai_pairs
from tierwise.catalog import Tokens

PLACE = Place(file=0, line=1)


def one(line: object) -> Call:
    (call,) = openai_pairs.read(json.dumps(line).encode(), PLACE)
    assert isinstance(call, Call)
    return call


def test_a_pair_becomes_a_call_with_disjoint_tokens(pair):
    call = one(pair())

    assert call.id == "chatcmpl-1"
    assert call.endpoint == "chat"
    assert call.model_asked == "gpt-5.4"
    assert call.model_served == "gpt-5.4-2026-03-05"
    assert call.tokens == Tokens(uncached=86, cached=1920, output=200, reasoning=100)
    assert (call.lane, call.lane_basis) == ("standard", "served")
    assert call.status == "ok"
    assert call.at == 1_780_000_000_000_000
    assert [message.text for message in call.request.messages] == ["Answer.", "Where is my order?"]
    assert call.response.text == "On its way."
    assert call.place == PLACE


def test_what_stands_beside_a_pair_is_read(pair):
    call = one(
        pair(
            at="2026-11-05T10:00:00Z",
            latency_ms=812.5,
            project="proj_a",
            api_key_id="key_a",
            user_id="u1",
            session_id="s1",
            trace_id="t1",
            span_id="sp1",
            parent_span_id="sp0",
            name="answer",
            tags=["support"],
            metadata={"feature": "chat"},
            scores={"thumbs": 1},
            cost="0.0125",
        )
    )

    assert call.at == 1_793_872_800_000_000
    assert call.latency == 812_500
    assert (call.project, call.key, call.user, call.session) == ("proj_a", "key_a", "u1", "s1")
    assert (call.trace, call.span, call.parent, call.name) == ("t1", "sp1", "sp0", "answer")
    assert call.tags == ("support",)
    assert call.metadata == {"feature": "chat"}
    assert call.scores == {"thumbs": 1.0}
    assert str(call.logged_cost) == "0.0125"


SHAPES = {
    "other names": lambda q, r: {"req": q, "resp": r},
    "bodies in strings": lambda q, r: {"request": json.dumps(q), "response": json.dumps(r)},
    "bodies inside HTTP": lambda q, r: {
        "request": {"method": "POST", "url": "/v1/chat/completions", "body": q},
        "response": {"status_code": 200, "body": r},
    },
    "request beside its response": lambda q, r: {**q, "response": r},
    "with a path": lambda q, r: {"path": "/v1/chat/completions", "request": q, "response": r},
    "odd types": lambda q, r: {"request": {**q, "n": 1.0}, "response": r, "latency_ms": "12"},
    "content as parts": lambda q, r: {
        "request": {
            **q,
            "messages": [
                {"role": "system", "content": [{"type": "text", "text": "Answer."}]},
                {"role": "user", "content": ["Where is my order?"]},
            ],
        },
        "response": r,
    },
}


@pytest.mark.parametrize("shape", SHAPES)
def test_other_shapes_of_a_pair_say_the_same(shape, pair):
    plain = pair()
    call, same = one(SHAPES[shape](plain["request"], plain["response"])), one(plain)

    assert (call.endpoint, call.tokens, call.id, call.status) == ("chat", same.tokens, same.id, "ok")
    assert (call.model_asked, call.model_served) == (same.model_asked, same.model_served)
    assert [m.text for m in call.request.messages] == [m.text for m in same.request.messages]


@pytest.mark.parametrize(
    ("asked", "served", "lane", "basis"),
    [
        ("priority", "default", "standard", "served"),
        (None, "priority", "priority", "served"),
        ("flex", "flex", "flex", "served"),
        ("fast", None, "priority", "asked"),
        ("flex", None, "flex", "asked"),
        ("auto", None, "standard", "assumed"),
        ("auto", "auto", "standard", "assumed"),
        (None, None, "standard", "assumed"),
        ("flex", "ultrafast", "standard", "assumed"),
    ],
)
def test_the_tier_that_served_decides_the_lane(asked, served, lane, basis, pair):
    call = one(pair(request={"service_tier": asked}, response={"service_tier": served}))

    assert (call.lane, call.lane_basis) == (lane, basis)


@pytest.mark.parametrize(("window", "lane"), [("2h", "background-2h"), ("8h", "background-8h")])
def test_a_background_window_is_a_lane(window, lane):
    request = {
        "model": "gpt-5.5",
        "input": "x",
        "background": True,
        "background_options": {"completion_window": window},
    }
    response = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "service_tier": "default",
        "usage": {"input_tokens": 3},
    }

    assert (one({"request": request, "response": response}).lane) == lane
    assert one({"request": request, "response": {**response, "service_tier": "priority"}}).lane == "priority"


def test_tools_and_schema_are_the_same_bytes_whichever_way_a_line_was_read(pair):
    """One odd value elsewhere must not make a call look like it had other tools."""
    tools = '[{"type": "function",  "function": {"name": "f"}}]'
    line = json.dumps(pair(request={"tools": "HERE", "response_format": {"type": "json_object"}}))
    line = line.replace('"HERE"', tools)
    odd = line.replace('"model": "gpt-5.4"', '"model": "gpt-5.4", "max_tokens": 5.0')

    calls = [openai_pairs.read(text.encode(), PLACE)[0] for text in (line, odd)]

    assert calls[1].request.max_output_tokens == 5
    assert {call.request.tools for call in calls} == {tools.encode()}
    assert {call.request.schema for call in calls} == {b'{"type": "json_object"}'}


@pytest.mark.parametrize(
    ("status", "response", "error"),
    [
        (429, {"error": {"code": "rate_limit_exceeded", "message": "slow down"}}, "rate_limit_exceeded"),
        (400, {"error": {"type": "invalid_request_error", "code": None}}, "invalid_request_error"),
        (503, None, "http_503"),
        (500, "upstream sent no JSON", "http_500"),
    ],
)
def test_a_refused_request_is_an_error_that_costs_nothing(status, response, error, pair):
    line = {
        "url": "/v1/chat/completions",
        "status": status,
        "request": pair()["request"],
        "response": response,
    }
    call = one(line)

    assert (call.status, call.error, call.tokens) == ("error", error, Tokens())
    assert call.model_asked == "gpt-5.4"


def test_a_response_that_failed_with_http_200_is_an_error():
    response = {
        "id": "resp_1",
        "object": "response",
        "status": "failed",
        "error": {"code": "server_error", "message": "m"},
        "usage": None,
    }
    call = one({"status": 200, "request": {"model": "gpt-5.5", "input": "x"}, "response": response})

    assert (call.status, call.error, call.tokens) == ("error", "server_error", None)


def test_looking_up_a_background_response_joins_it_to_the_request():
    request = {"model": "gpt-5.5", "input": "x", "background": True}
    queued = {"id": "resp_9", "object": "response", "status": "queued", "usage": None}
    done = {**queued, "status": "completed", "usage": {"input_tokens": 9, "output_tokens": 1}}
    asked = one({"method": "POST", "url": "/v1/responses", "request": request, "response": queued})
    found = one({"method": "GET", "url": "/v1/responses/resp_9", "request": "", "response": done})

    assert asked.join == found.join == "resp_9"
    assert (asked.tokens, found.tokens) == (None, Tokens(uncached=9, output=1))
    assert (asked.request is not None, found.request) == (True, None)


@pytest.mark.parametrize(
    "url", ["/v1/files", "/v1/conversations", "/v1/responses/input_tokens", "/v1/moderations"]
)
def test_other_endpoints_are_calls_without_tokens(url):
    call = one(
        {
            "url": url,
            "status": 200,
            "request": {"model": "m", "input": "x"},
            "response": {"object": "thing", "input_tokens": 5},
        }
    )

    assert (call.endpoint, call.tokens, call.request, call.status) == ("other", None, None, "ok")


def test_embeddings_count_their_input():
    response = {
        "object": "list",
        "model": "text-embedding-3-small",
        "data": [{"object": "embedding", "embedding": [0.1]}],
        "usage": {"prompt_tokens": 8, "total_tokens": 8},
    }
    call = one({"request": {"model": "text-embedding-3-small", "input": ["a", "b"]}, "response": response})

    assert (call.endpoint, call.tokens, call.status) == ("embeddings", Tokens(uncached=8), "ok")
    assert [message.text for message in call.request.messages] == ["a", "b"]


def test_a_call_survives_the_way_to_another_process(pair):
    import pickle

    call = one(pair(request={"tools": [{"type": "function", "function": {"name": "f"}}]}))

    assert pickle.loads(pickle.dumps(call)) == call
    assert msgspec.json.encode(call)


def test_a_line_with_neither_half_is_skipped(log, everything, pair):
    records = everything(log(pair(), {"level": "info", "message": "started"}))

    assert isinstance(records[0], Call)
    assert records[1] == Skipped(
        reason="neither request nor response",
        detail="expected the keys 'request' and 'response'",
        place=Place(file=0, line=2),
    )


@pytest.mark.parametrize("url", ["https://gateway.internal/llm/invoke", "summarizer", "/proxy/v1/generate"])
def test_a_path_of_a_gateway_does_not_hide_a_call(url, pair):
    call, same = one(pair(url=url)), one(pair())

    assert (call.endpoint, call.tokens, call.model_asked) == ("chat", same.tokens, "gpt-5.4")
    assert call.request == same.request


@pytest.mark.parametrize(
    "beside", [{"time": 1.25}, {"user_id": 17, "user": None}, {"metadata": {"n": 1, "deep": {}}}]
)
def test_odd_values_beside_a_pair_do_not_lose_it(beside, pair):
    call = one(pair(**beside))

    assert call.at == 1_780_000_000_000_000
    assert call.user in (None, "17")
    assert call.metadata in ({}, {"n": "1"})
