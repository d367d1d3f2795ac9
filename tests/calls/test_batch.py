"""Batch files: halves joined by custom_id, expired and failed lines (cases 25, 27, 29)."""

from __future__ import annotations

import pytest

from tierwise.calls import Call
from tierwise.catalog import Tokens


def asked(name: str) -> dict:
    body = {
        "model": "gpt-5.4-nano",
        "input": f"question {name}",
        "tools": [{"type": "function", "name": "f"}],
    }
    return {"custom_id": name, "method": "POST", "url": "/v1/responses", "body": body}


def answered(name: str, tokens: int = 10) -> dict:
    body = {
        "id": f"resp_{name}",
        "object": "response",
        "created_at": 1_780_000_000,
        "model": "gpt-5.4-nano-2026-03-17",
        "status": "completed",
        "service_tier": "default",
        "output": [{"type": "message", "content": [{"type": "output_text", "text": f"answer {name}"}]}],
        "usage": {"input_tokens": tokens, "output_tokens": 1},
    }
    response = {"status_code": 200, "request_id": "req_1", "body": body}
    return {"id": f"batch_req_{name}", "custom_id": name, "response": response, "error": None}


def expired(name: str) -> dict:
    error = {"code": "batch_expired", "message": "This request could not be executed before the window."}
    return {"id": f"batch_req_{name}", "custom_id": name, "response": None, "error": error}


def refused(name: str) -> dict:
    body = {"error": {"code": "model_not_found", "message": "no such model", "type": "invalid_request_error"}}
    response = {"status_code": 404, "request_id": "req_2", "body": body}
    return {"id": f"batch_req_{name}", "custom_id": name, "response": response, "error": None}


def test_halves_carry_what_joins_them_whatever_their_order(log, everything):
    into = everything(log(*map(asked, "abc"), name="in.jsonl"))
    out = everything(log(*map(answered, "cab"), name="out.jsonl"))

    assert [call.join for call in into] == ["a", "b", "c"]
    assert [call.join for call in out] == ["c", "a", "b"]
    assert {call.join: call.response.text for call in out}["a"] == "answer a"
    assert {call.join: call.request.messages[0].text for call in into}["a"] == "question a"
    assert {(call.lane, call.lane_basis) for call in into + out} == {("batch", "served")}


def test_an_input_line_has_no_tokens_and_no_identity_of_its_own(log, everything):
    (call,) = everything(log(asked("a")))

    assert (call.id, call.tokens, call.status, call.response) == (None, None, "unknown", None)
    assert (call.endpoint, call.model_asked) == ("responses", "gpt-5.4-nano")
    assert call.request.tools


def test_an_expired_batch_has_its_finished_part_and_free_failures(log, everything):
    out = everything(log(answered("a"), name="out.jsonl"))
    failed = everything(log(*[expired(str(n)) for n in range(9)], name="errors.jsonl"))

    assert [(call.status, call.tokens) for call in out] == [("ok", Tokens(uncached=10, output=1))]
    assert len(failed) == 9
    assert {(call.status, call.error, call.tokens) for call in failed} == {
        ("error", "batch_expired", Tokens())
    }


def test_a_batch_of_nothing_but_errors_keeps_each_reason(log, everything):
    failed = everything(log(*[refused(str(n)) for n in range(9)]))

    assert {(call.status, call.error, call.tokens) for call in failed} == {
        ("error", "model_not_found", Tokens())
    }
    assert len({call.join for call in failed}) == 9


@pytest.mark.parametrize(
    "line", [{**asked("a"), "body": "x"}, {**answered("a"), "response": [], "error": None}]
)
def test_a_half_without_a_body_is_skipped(line, log, everything):
    records = everything(log(asked("z"), line))

    assert isinstance(records[0], Call)
    assert records[1].reason == "neither request nor response"
