"""The plain format of our own, as docs/logs.md describes it."""

from __future__ import annotations

import pytest

from tierwise.calls import Call
from tierwise.catalog import Tokens

LINE = {
    "id": "c1",
    "at": "2026-11-05T10:00:00Z",
    "model": "gpt-5.4",
    "input_tokens": 2006,
    "cached_tokens": 1920,
    "output_tokens": 300,
    "reasoning_tokens": 100,
    "lane": "flex",
    "project": "proj_a",
    "tags": ["support"],
    "status": "ok",
}


def test_a_plain_line_becomes_a_call(log, everything):
    (call,) = everything(log(LINE))

    assert call.tokens == Tokens(uncached=86, cached=1920, output=200, reasoning=100)
    assert (call.id, call.model_asked, call.model_served) == ("c1", "gpt-5.4", "gpt-5.4")
    assert (call.lane, call.lane_basis, call.status) == ("flex", "served", "ok")
    assert (call.project, call.tags, call.at) == ("proj_a", ("support",), 1_793_872_800_000_000)
    assert (call.request, call.response) == (None, None)


def test_a_model_and_tokens_are_enough(log, everything):
    (call,) = everything(log({"model": "gpt-5.4", "input_tokens": 10}))

    assert (call.tokens, call.lane, call.lane_basis) == (Tokens(uncached=10), "standard", "assumed")


def test_a_line_may_be_a_request_body_too(log, everything):
    (call,) = everything(
        log(
            {
                "model": "gpt-5.4",
                "messages": [{"role": "user", "content": "Hi"}],
                "tools": [{"type": "function", "function": {"name": "f"}}],
                "input_tokens": 10,
                "answer": "Hello",
                "tool_calls": ["f"],
            }
        )
    )

    assert (call.endpoint, call.request.messages[0].text) == ("chat", "Hi")
    assert call.request.tools
    assert (call.response.text, call.response.tool_calls, call.status) == ("Hello", ("f",), "ok")


def test_csv_columns_are_the_same_keys(log, everything):
    (call,) = everything(
        log(
            "id,at,model,input_tokens,cached_tokens,output_tokens,tags,lane,status",
            "c1,2026-11-05T10:00:00Z,gpt-5.4,2006,1920,300,support;eu,batch,error",
            name="calls.csv",
        )
    )

    assert call.tokens == Tokens(uncached=86, cached=1920, output=300)
    assert (call.tags, call.lane, call.status) == (("support", "eu"), "batch", "error")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model": None}, "no model"),
        ({"input_tokens": None, "output_tokens": None}, "neither tokens nor request"),
        ({"input_tokens": -1}, "impossible usage"),
        ({"input_tokens": "many"}, "impossible usage"),
        ({"cached_tokens": 9999}, "impossible usage"),
        ({"lane": "teleport"}, "unknown lane"),
        ({"at": "0001-01-01T00:00:00Z"}, "impossible date"),
        ({"at": "9999-12-31"}, "impossible date"),
        ({"at": "yesterday"}, "impossible date"),
        ({"cost": "NaN"}, "impossible amount"),
    ],
)
def test_a_line_that_does_not_hold_is_skipped_by_reason(change, reason, log, everything):
    records = everything(log(LINE, {**LINE, **change}))

    assert isinstance(records[0], Call)
    assert (records[1].reason, records[1].place.line) == (reason, 2)


@pytest.mark.parametrize(
    ("change", "tokens"),
    [
        ({"input_tokens": "2006"}, 86),
        ({"input_tokens": 2006.0}, 86),
        ({"tags": "support"}, 86),
        ({"metadata": {"a": 1, "b": {"c": 2}}}, 86),
    ],
)
def test_values_of_other_types_are_read_where_their_sense_is_plain(change, tokens, log, everything):
    (call,) = everything(log({**LINE, **change}))

    assert call.tokens.uncached == tokens
