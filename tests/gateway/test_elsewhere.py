"""Calls that somebody else sends: decided here, and told of when they are over."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from decimal import Decimal
from typing import Any

import pytest

CLASSIFY = "Classify the ticket as one of: billing, shipping, other. Answer with the word alone."
BODY: dict[str, Any] = {
    "model": "gpt-5.5",
    "messages": [
        {"role": "system", "content": CLASSIFY},
        {"role": "user", "content": "I was charged twice."},
    ],
}
CALL: dict[str, Any] = {"endpoint": "/v1/chat/completions", "body": BODY}
USAGE = {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100}


def post(bench: Any, path: str, key: str, data: Any) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(
        f"{bench.base_url}/{path}",
        data=json.dumps(data).encode(),
        headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request) as found:
            return found.status, json.load(found)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def over(model: str = "gpt-5.4-nano", **other: Any) -> dict[str, Any]:
    """A call that is over, as it is told."""
    response = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": model,
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "billing"}}
        ],
        "usage": USAGE,
    }
    return {**CALL, "at": time.time_ns() // 1_000, "latency": 1_500_000, "response": response, **other}


def row(bench: Any, identity: str) -> dict[str, Any]:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        found = bench.ledger.call(identity)
        if found is not None:
            return dict(found)
        time.sleep(0.02)
    raise AssertionError(f"{identity} is not in the ledger")


def test_a_call_that_went_as_decided_is_priced_and_written_down(bench: Any) -> None:
    key = bench.key()
    decided = post(bench, "tierwise/decide", key, CALL)[1]
    status, told = post(bench, "tierwise/calls", key, over(decision=decided["id"], carried=True))
    assert (status, told["id"]) == (200, decided["id"])
    found = row(bench, told["id"])
    # 1,000 tokens at 0.20 and 100 at 1.25 dollars a million.
    assert Decimal(found["cost"]) == Decimal(told["cost"]) == Decimal("0.000325")
    assert Decimal(found["as_asked"]) > Decimal(found["cost"])
    expected = {"asked": "gpt-5.5", "rung": "gpt-5.4-nano (none)", "rule": "small work", "status": "ok"}
    assert {name: found[name] for name in expected} == expected
    assert (found["moved"], found["latency"], found["key"]) == (True, 1_500_000, "app")
    assert bench.simulator.requests == 0


def test_a_call_that_was_tried_twice_is_two_calls(bench: Any) -> None:
    key = bench.key()
    decided = post(bench, "tierwise/decide", key, CALL)[1]["id"]
    failed = over(decision=decided, carried=True, response=None, status="error", error="RateLimitError")
    first = post(bench, "tierwise/calls", key, failed)[1]
    second = post(bench, "tierwise/calls", key, over(decision=decided, carried=True))[1]
    assert (first, second["id"]) == ({"id": decided, "cost": "0"}, f"{decided}.2")
    assert (row(bench, decided)["status"], row(bench, second["id"])["status"]) == ("error", "ok")


def test_a_call_that_did_not_go_as_decided_says_why(bench: Any) -> None:
    key = bench.key()
    decided = post(bench, "tierwise/decide", key, CALL)[1]["id"]
    told = post(bench, "tierwise/calls", key, over("gpt-5.5", decision=decided, reason="no entry"))[1]
    found = row(bench, told["id"])
    assert (found["moved"], found["reason"], found["cost"]) == (False, "no entry", found["as_asked"])
    without = row(bench, post(bench, "tierwise/calls", key, over("gpt-5.5", reason="not in time"))[1]["id"])
    assert (without["reason"], without["workload"]) == ("not in time", found["workload"])


def test_a_decision_of_another_project_is_not_known(bench: Any) -> None:
    decided = post(bench, "tierwise/decide", bench.key(), CALL)[1]["id"]
    other = bench.key("other", project="other")
    told = post(bench, "tierwise/calls", other, over(decision=decided, carried=True))[1]
    assert told["id"] != decided
    found = row(bench, told["id"])
    assert (found["project"], found["reason"]) == ("other", "its decision is not remembered here")


def test_what_is_told_counts_towards_budgets_whatever_is_left(bench: Any) -> None:
    key = bench.key(budget={"day": "0.0004"})
    for _ in range(2):
        assert post(bench, "tierwise/calls", key, over())[0] == 200
    status, found = post(bench, "chat/completions", key, BODY)
    assert (status, found["error"]["code"]) == (429, "budget_exceeded")
    assert "and 0 are left" in found["error"]["message"]


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("no time", {"at": None}, "at"),
    ("a time to come", {"at": 4_000_000_000_000_000}, "ahead"),
    ("a negative latency", {"latency": -1}, "latency"),
    ("no status of ours", {"status": "fine"}, "status"),
    ("a path that calls no model", {"endpoint": "/v1/files"}, "calls a model"),
]


@pytest.mark.parametrize(("how", "word"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_what_cannot_be_taken_down_is_refused_in_openais_form(
    bench: Any, how: dict[str, Any], word: str
) -> None:
    status, found = post(bench, "tierwise/calls", bench.key(), over(**how))
    assert (status, found["error"]["code"]) == (400, "invalid_request")
    assert word in found["error"]["message"]


def test_only_gateway_keys_tell_of_calls(bench: Any) -> None:
    assert post(bench, "tierwise/calls", "sk-own", over())[0] == 403
