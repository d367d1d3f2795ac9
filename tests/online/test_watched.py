"""What live calls leave for the living proof: who was held back, marks on answers, alarms that are gone by."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tierwise.catalog import Catalog
from tierwise.online import Asked, Course, Entry, Labels, MemoryRecorder, Pipeline, Reply, Watched
from tierwise.policy import Alarm, Plan, canonical, decide, parse_policy
from tierwise.workloads import facts_from

POLICY = """
version = 1
ladder = "gpt-5.4"
[[rule]]
name = "small"
match = { model = "gpt-5.5" }
rung = { model = "gpt-5.4-nano", effort = "none" }
stage = "on"
unproven = true
approved_by = "kim"
holdback = %s
[default]
stage = "off"
"""
CLASSIFY = "Classify the ticket as one of: billing, shipping, other. Answer with the word alone."
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "label",
        "schema": {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]},
    },
}
SNAPSHOTS = {"gpt-5.5": "gpt-5.5-2026-04-23", "gpt-5.4-nano": "gpt-5.4-nano-2026-03-17"}
PATH = "/v1/chat/completions"


def reply(
    text: str | None = "billing", finish: str = "stop", model: str = "gpt-5.5-2026-04-23", **message: Any
) -> Reply:
    choice = {
        "index": 0,
        "finish_reason": finish,
        "message": {"role": "assistant", "content": text, **message},
    }
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [choice],
        "usage": {"prompt_tokens": 1_000, "completion_tokens": 400, "total_tokens": 1_400},
    }
    return Reply(status=200, body=msgspec.json.encode(body))


class Calls:
    """A pipeline under the policy, and calls that it has followed."""

    def __init__(self, holdback: str = "0.5") -> None:
        self.catalog = Catalog.open()
        checked = parse_policy((POLICY % holdback).encode(), self.catalog)
        assert checked.policy is not None, checked.problems
        self.policy, self.recorder, self.now = checked.policy, MemoryRecorder(), 1_795_600_000.0
        self.pipeline = Pipeline(
            self.catalog, self.recorder, policy=self.policy, clock=lambda: self.now, name="tw_"
        )

    def call(
        self,
        user: str = "My parcel is late.",
        came: Reply | None = None,
        messages: tuple[Mapping[str, str], ...] = (),
        session: str | None = None,
        **body: Any,
    ) -> tuple[str, Entry]:
        """The model that a call went to, and its entry."""
        said = [{"role": "system", "content": CLASSIFY}, *messages, {"role": "user", "content": user}]
        whole = {"model": "gpt-5.5", "messages": said, **body}
        labels = Labels(session=session)
        course = Course(
            self.pipeline, Asked(method="POST", path=PATH, body=msgspec.json.encode(whole), labels=labels)
        )
        assert course.outgoing is not None
        model = msgspec.json.decode(course.outgoing.body)["model"]
        course.came(came or reply(model=SNAPSHOTS[model]))
        return model, self.recorder.entries[-1]


def test_sessions_are_held_back_by_their_share_and_every_decision_is_made_again_to_the_byte() -> None:
    calls = Calls("0.3")
    held = 0
    for number in range(200):
        model, entry = calls.call(f"ticket {number}")
        decision = entry.decision
        assert decision is not None
        assert entry.facts is not None
        assert entry.state is not None
        away = isinstance(decision.held, Plan)
        assert (model == "gpt-5.5") is away
        assert decision.propensity == Decimal("0.3" if away else "0.7")
        held += away
        facts = facts_from(bytes(entry.line.facts))
        again = decide(facts, calls.policy, entry.state, calls.catalog, dt.date(2026, 11, 25))
        assert canonical(again) == bytes(entry.line.decision)
    # 60 expected of 200, standard deviation 6.5: four of them to each side.
    assert 34 <= held <= 86


@pytest.mark.parametrize("session", [None, "a session"])
def test_all_turns_of_a_conversation_are_on_one_side(session: str | None) -> None:
    calls = Calls()
    sides = set()
    for number in range(12):
        messages: tuple[Mapping[str, str], ...] = ()
        said = []
        for turn in range(4):
            label = f"{session} {number}" if session is not None else None
            model, entry = calls.call(f"ticket {number}, turn {turn}", messages=messages, session=label)
            assert entry.decision is not None
            said.append((model, isinstance(entry.decision.held, Plan)))
            messages = (
                *messages,
                {"role": "user", "content": f"ticket {number}, turn {turn}"},
                {"role": "assistant", "content": "billing"},
            )
        assert len(set(said)) == 1
        sides |= set(said)
    assert sides == {("gpt-5.5", True), ("gpt-5.4-nano", False)}


MARKS = [
    ("a good answer", reply(), {}, False),
    ("a refusal", reply(None, refusal="I cannot."), {}, True),
    ("cut", reply("bil", "length"), {}, True),
    ("filtered", reply("bil", "content_filter"), {}, True),
    ("empty", reply(""), {}, True),
    ("of its schema", reply('{"label":"billing"}'), {"response_format": SCHEMA}, False),
    ("not of its schema", reply('{"tag":"billing"}'), {"response_format": SCHEMA}, True),
    ("torn JSON", reply('{"label":'), {"response_format": SCHEMA}, True),
    ("a lone surrogate", Reply(status=200, body=reply('{"label":"X"}').body.replace(b"X", b"\\\\ud800")), {"response_format": SCHEMA}, False),
    ("an error is no answer", Reply(status=500, body=b'{"error":{"message":"no"}}'), {}, False),
    ("no JSON at all", Reply(status=200, body=b"<html>"), {}, False),
]  # fmt: skip


@pytest.mark.parametrize(("came", "body", "useless"), [m[1:] for m in MARKS], ids=[m[0] for m in MARKS])
def test_an_answer_that_fails_a_check_that_costs_nothing_is_marked(
    came: Reply, body: dict[str, Any], useless: bool
) -> None:
    _, entry = Calls().call(came=came, **body)
    assert ("useless" in entry.line.flags) is useless
    assert b"billing" not in msgspec.json.encode(entry.line.flags)


def test_the_same_request_soon_after_its_answer_is_marked_as_asked_again() -> None:
    calls = Calls()
    first = calls.call()[1]
    calls.now += 30
    other = calls.call("Where is it?")[1]
    again = calls.call()[1]
    calls.now += 601
    late = calls.call()[1]
    assert [("again" in one.line.flags) for one in (first, other, again, late)] == [False, False, True, False]


def test_what_is_asked_twice_at_once_was_not_asked_again() -> None:
    calls = Calls()
    body = msgspec.json.encode({"model": "gpt-5.5", "messages": [{"role": "user", "content": "Hi"}]})
    asked = Asked(method="POST", path=PATH, body=body)
    courses = [Course(calls.pipeline, asked) for _ in range(3)]
    for course in courses:
        calls.now += 1
        course.came(reply())
    assert not any("again" in entry.line.flags for entry in calls.recorder.entries)


def test_alarms_and_caps_are_gone_by_from_the_next_call_on() -> None:
    calls = Calls("0.99")
    _, held = calls.call(session="one")
    assert held.facts is not None
    workload = f"{held.facts.workload:016x}"
    calls.pipeline.watched = Watched(held_back={"small": Decimal(3)})
    _, entry = calls.call(session="one")
    assert entry.state is not None
    # No cap is set, so what it cost changes nothing, and is in the state all the same.
    assert entry.state.held_back == {"small": Decimal(3)}
    calls.pipeline.watched = Watched(alarms={workload: (Alarm(rule="small", why="quality fell"),)})
    models = set()
    for number in range(10):
        model, entry = calls.call(f"ticket {number}")
        models.add(model)
        assert entry.decision is not None
        assert entry.decision.reasons[0] == "stays: alarm on rule small: quality fell"
        assert entry.decision.propensity is None
    assert models == {"gpt-5.5"}
    calls.pipeline.watched = Watched()
    assert {
        calls.call(f"ticket {number}", session=f"s{number}")[1].decision.propensity for number in range(3)
    } != {None}  # type: ignore[union-attr] # each has one
