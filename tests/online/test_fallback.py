"""Calls that upstream has no room for: where their rule lets them go, and where it does not."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest

from tierwise.catalog import Catalog
from tierwise.online import Asked, Course, MemoryRecorder, Pipeline, Reply
from tierwise.policy import canonical, decide, parse_policy
from tierwise.workloads import facts_from

HEAD = """
version = 1
ladder = "gpt-5.4"
%s
[[rule]]
name = "small"
match = { depth = ["commodity", "routine"] }
rung = { model = "gpt-5.4-nano", effort = "none" }
stage = "on"
unproven = true
approved_by = "kim"
[default]
stage = "off"
"""
CLASSIFY = "Classify the ticket as one of: billing, shipping, other. Answer with the word alone."
FULL = Reply(status=429, body=b'{"error":{"code":"rate_limit_exceeded","message":"no room"}}')
REFUSED = Reply(status=400, body=b'{"error":{"code":"invalid_value","message":"bad"}}')
BROKE = Reply(status=429, body=b'{"error":{"code":"credit_balance_exhausted","type":"insufficient_quota"}}')
GOOD = Reply(
    status=200,
    body=b'{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"gpt-5.5-2026-04-23","choices":[{"index":0,'
    b'"finish_reason":"stop","message":{"role":"assistant","content":"x"}}],"usage":{"prompt_tokens":1000,'
    b'"completion_tokens":100,"total_tokens":1100}}',
)


class Rich:
    """A gate with money for a call as asked, and for more if it says so."""

    def __init__(self, more: bool) -> None:
        self._more = more

    def open(self, *_: Any) -> None:
        """Lets every call go."""

    def more(self, *_: Any) -> bool:
        return self._more

    def wait(self, *_: Any) -> None:
        """Nothing."""

    def close(self, *_: Any) -> None:
        """Nothing."""


def sent_for(
    top: str,
    model: str,
    *replies: Reply,
    gate: Rich | None = None,
    path: str = "/v1/chat/completions",
    **body: Any,
) -> tuple[list[str], int, Any]:
    """Models that a call was sent to, its status and its entry."""
    catalog = Catalog.open()
    checked = parse_policy((HEAD % top).encode(), catalog)
    assert checked.policy is not None, checked.problems
    recorder = MemoryRecorder()
    pipeline = Pipeline(catalog, recorder, policy=checked.policy, gate=gate)
    said = {"messages": [{"role": "user", "content": "Prove that there are infinitely many primes."}], **body}
    raw = msgspec.json.encode({"model": model, **said})
    course = Course(pipeline, Asked(method="POST", path=path, body=raw))
    sent, coming = [], iter(replies)
    while course.outgoing is not None:
        sent.append(msgspec.json.decode(course.outgoing.body)["model"])
        course.came(next(coming))
    entry = recorder.entries[-1]
    if entry.decision is not None:
        day = dt.datetime.fromtimestamp(entry.line.at / 1e6, dt.UTC).date()
        again = decide(facts_from(bytes(entry.line.facts)), checked.policy, entry.state, catalog, day)
        assert canonical(again) == canonical(entry.decision), "it can be replayed"
    return sent, course.answer.status, entry


WAYS: dict[str, tuple[str, str, tuple[Reply, ...], list[str], int]] = {
    "up, the next one first": (
        'fallback = "up"',
        "gpt-5.4-mini",
        (FULL, GOOD),
        ["gpt-5.4-mini", "gpt-5.4"],
        200,
    ),
    "one other way, no more": (
        'fallback = "up"',
        "gpt-5.4-mini",
        (FULL, FULL),
        ["gpt-5.4-mini", "gpt-5.4"],
        429,
    ),
    "nothing above the top": ('fallback = "up"', "gpt-5.5", (FULL,), ["gpt-5.5"], 429),
    "not without the owner's word": ("", "gpt-5.4-mini", (FULL,), ["gpt-5.4-mini"], 429),
    "never where the money is gone": ('fallback = "up"', "gpt-5.4-mini", (BROKE,), ["gpt-5.4-mini"], 429),
    "no proof, no proven rung": ('fallback = "proven"', "gpt-5.4-mini", (FULL,), ["gpt-5.4-mini"], 429),
    "only approved models": (
        'fallback = "up"\n[limits]\napproved = ["gpt-5.4-nano", "gpt-5.4-mini", "gpt-5.5"]',
        "gpt-5.4-mini",
        (FULL, GOOD),
        ["gpt-5.4-mini", "gpt-5.5"],
        200,
    ),
    "a model off the ladder stays": ('fallback = "up"', "gpt-4o", (FULL,), ["gpt-4o"], 429),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_call_as_asked_goes_where_its_policy_lets_it(name: str) -> None:
    top, model, replies, models, status = WAYS[name]
    sent, ended, entry = sent_for(top, model, *replies)
    assert (sent, ended) == (models, status)
    assert entry.attempts == len(models), "all attempts are one call's"
    assert entry.line.served == ("gpt-5.5-2026-04-23" if status == 200 else None)


def test_what_was_moved_goes_as_asked_first_and_then_where_its_rule_says() -> None:
    said = [{"role": "system", "content": CLASSIFY}, {"role": "user", "content": "Twice!"}]
    sent, status, _ = sent_for('fallback = "up"', "gpt-5.4-mini", FULL, FULL, GOOD, messages=said)
    assert sent == ["gpt-5.4-nano", "gpt-5.4-mini", "gpt-5.4"]
    assert status == 200


def test_only_within_the_budget() -> None:
    sent, status, _ = sent_for('fallback = "up"', "gpt-5.4-mini", FULL, gate=Rich(False))
    assert (sent, status) == (["gpt-5.4-mini"], 429)
    sent, status, _ = sent_for('fallback = "up"', "gpt-5.4-mini", FULL, GOOD, gate=Rich(True))
    assert (sent, status) == (["gpt-5.4-mini", "gpt-5.4"], 200)


def test_a_call_that_is_tied_to_the_model_that_answered_before_stays() -> None:
    tied = {"previous_response_id": "resp_1", "input": "Go on.", "messages": []}
    sent, status, _ = sent_for('fallback = "up"', "gpt-5.4-mini", FULL, path="/v1/responses", **tied)
    assert (sent, status) == (["gpt-5.4-mini"], 429)


def test_a_call_whose_fallback_is_refused_ends_with_what_was_said_where_it_was_asked_to_go() -> None:
    sent, status, entry = sent_for('fallback = "up"', "gpt-5.4-mini", FULL, REFUSED)
    assert (sent, status) == (["gpt-5.4-mini", "gpt-5.4"], 429)
    assert (entry.cost, entry.attempts, entry.line.error) == (0, 2, "rate_limit_exceeded")


@pytest.mark.parametrize("first", [FULL, REFUSED], ids=["full", "refused"])
def test_without_the_owners_word_nothing_goes_again_to_where_it_was_turned_away(first: Reply) -> None:
    said = [{"role": "system", "content": CLASSIFY}, {"role": "user", "content": "Twice!"}]
    sent, status, _ = sent_for("", "gpt-5.4-mini", first, FULL, messages=said)
    assert (sent, status) == (["gpt-5.4-nano", "gpt-5.4-mini"], 429)
