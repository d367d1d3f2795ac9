"""Calls that wait: what they become when they begin to, and how their end is taken down."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tierwise.batch import Found, Outcome
from tierwise.catalog import Catalog
from tierwise.online import Asked, Course, Deferred, Labels, Later, MemoryRecorder, Pipeline, Reply
from tierwise.policy import Defer, Policy, Window, parse_policy

POLICY = b"""
version = 1
ladder = "gpt-5.4"
[default]
stage = "on"
lanes = ["batch", "flex"]
deadline = "24h"
"""
BODY: dict[str, Any] = {
    "model": "gpt-5.4",
    "input": "Say yes. " * 50,
    "background": True,
    "service_tier": "auto",
}
NOW = 1_795_600_000


@pytest.fixture(scope="module")
def prices() -> Catalog:
    return Catalog.open()


def policy_of(prices: Catalog, text: bytes = POLICY, **more: Any) -> Policy:
    found = parse_policy(text, prices).policy
    assert found is not None
    return msgspec.structs.replace(found, **more)


def pipeline_of(prices: Catalog, policy: Policy | None, recorder: MemoryRecorder) -> Pipeline:
    return Pipeline(prices, recorder, policy=policy, clock=lambda: NOW, project="p")


def begun(
    pipeline: Pipeline, path: str = "/v1/responses", later: Later | None = None, **fields: Any
) -> Course:
    body = msgspec.json.encode({**BODY, **fields})
    labels = Labels(deadline=fields.pop("seconds", None))
    asked = Asked(method="POST", path=path, body=body, labels=labels, later=later or Later(sender="key"))
    return Course(pipeline, asked)


def deferred(course: Course) -> Deferred:
    assert course.deferred is not None
    return course.deferred


def end_of(found: Deferred, lane: Any = "batch", **more: Any) -> tuple[Found, Outcome]:
    usage = {
        "input_tokens": 10_000,
        "input_tokens_details": {"cached_tokens": 8_000},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 10_000,
    }
    body = {
        "id": "resp_up",
        "object": "response",
        "status": "completed",
        "model": "gpt-5.4-2026-03-05",
        "output": [],
        "service_tier": "default" if lane == "batch" else lane,
        "usage": usage,
    }
    end = {"state": "done", "status": 200, "body": msgspec.json.encode(body), "lane": lane}
    return Found(item=found.item, state="sent"), Outcome(id=found.item.id, **{**end, **more})


def test_a_background_call_that_may_wait_is_kept_and_its_caller_gets_a_queued_response(
    prices: Catalog,
) -> None:
    recorder = MemoryRecorder()
    course = begun(pipeline_of(prices, policy_of(prices), recorder), metadata={"a": "b"})
    item, body = deferred(course).item, msgspec.json.decode(deferred(course).body)
    assert course.outgoing is None
    assert item.id.startswith("resp_tw_")
    assert (item.path, item.model, item.sender, item.then) == (
        "/v1/responses",
        "gpt-5.4",
        "key",
        ("flex", "standard"),
    )
    assert item.due - item.made == 86_400_000_000
    assert body.keys() == {"model", "input", "metadata"}, "how it travels is not in its body"
    assert item.tokens >= 100
    assert recorder.entries[0].line.status == "unknown", "it is written down before its caller hears of it"
    course.kept()
    shown = msgspec.json.decode(course.answer.body or b"")
    assert (course.answer.status, shown["id"], shown["status"]) == (200, item.id, "queued")
    assert (shown["background"], shown["metadata"], shown["output"]) == (True, {"a": "b"}, [])


@pytest.mark.parametrize(
    ("fields", "more"),
    [
        ({"background": False}, {}),
        ({"stream": True}, {}),
        ({"previous_response_id": "resp_1"}, {}),
        ({"conversation": "conv_1"}, {}),
        ({"background_options": {"completion_window": "8h"}}, {}),
        ({"metadata": {"deadline": "1h"}}, {}),
    ],
)
def test_calls_that_cannot_wait_are_sent(prices: Catalog, fields: dict[str, Any], more: Any) -> None:
    course = begun(pipeline_of(prices, policy_of(prices), MemoryRecorder()), **fields)
    assert course.deferred is None
    assert course.outgoing is not None


def test_zero_retention_keeps_nothing(prices: Catalog) -> None:
    policy = policy_of(prices)
    strict = msgspec.structs.replace(
        policy, limits=msgspec.structs.replace(policy.limits, zero_retention=True)
    )
    assert begun(pipeline_of(prices, strict, MemoryRecorder())).deferred is None


def test_its_end_is_priced_at_the_rate_of_the_batch_cached_rate_included(prices: Catalog) -> None:
    recorder = MemoryRecorder()
    pipeline = pipeline_of(prices, policy_of(prices), recorder)
    course = begun(pipeline)
    entry = pipeline.told(*end_of(deferred(course)), deferred(course).entry)
    assert entry.cost == Decimal("0.00354"), "2,000 at 1.25 and 8,000 at 0.13 a million"
    assert entry.line.lane == "batch"
    assert entry.as_asked is not None
    assert sum(entry.line.saved.values()) == entry.as_asked - entry.cost > 0
    assert set(entry.line.saved) == {"lane"}


@pytest.mark.parametrize(("lane", "saves"), [("flex", {"lane"}), ("standard", set())])
def test_what_came_by_another_lane_costs_and_saves_as_that_lane_does(
    prices: Catalog, lane: Any, saves: set[str]
) -> None:
    pipeline = pipeline_of(prices, policy_of(prices), MemoryRecorder())
    course = begun(pipeline)
    entry = pipeline.told(*end_of(deferred(course), lane), deferred(course).entry)
    rate = prices.rate_card("gpt-5.4", lane, at=dt.date(2026, 11, 25))
    assert entry.line.tokens is not None
    assert entry.cost == rate.total(entry.line.tokens)
    assert entry.as_asked is not None
    assert set(entry.line.saved) == saves
    assert sum(entry.line.saved.values()) == entry.as_asked - entry.cost


def test_an_end_that_is_told_twice_is_taken_down_once(prices: Catalog) -> None:
    recorder = MemoryRecorder()
    pipeline = pipeline_of(prices, policy_of(prices), recorder)
    course = begun(pipeline)
    for _ in range(3):
        pipeline.told(*end_of(deferred(course)), deferred(course).entry)
    assert (recorder.calls, recorder.cost) == (1, Decimal("0.00354"))


@pytest.mark.parametrize(
    ("end", "status", "cost"),
    [
        ({"state": "failed", "status": 400, "error": "bad", "body": b'{"error":{"code":"bad"}}'}, "error", 0),
        ({"state": "cancelled", "body": b""}, "error", 0),
        ({"state": "failed", "error": "deadline_passed", "body": b"{}"}, "error", 0),
        ({"state": "failed", "error": "outcome_unknown", "body": b"{}"}, "unknown", None),
        ({"state": "failed", "status": 500, "error": "x", "body": b"\xff not json"}, "error", 0),
        ({"body": b"\xff not json"}, "unknown", None),
    ],
)
def test_an_end_without_an_answer_costs_nothing_unless_nobody_knows(
    prices: Catalog, end: dict[str, Any], status: str, cost: int | None
) -> None:
    pipeline = pipeline_of(prices, policy_of(prices), MemoryRecorder())
    course = begun(pipeline)
    entry = pipeline.told(*end_of(deferred(course), **end), deferred(course).entry)
    assert (entry.line.status, entry.cost) == (status, cost)


def test_a_line_of_a_job_waits_whatever_the_policy_says_and_saves_nothing_by_its_lane(
    prices: Catalog,
) -> None:
    job = Later(sender="key", job="j", lane="batch", always=True)
    fields = {"background": False, "messages": [{"role": "user", "content": "Yes?"}]}
    for policy in (None, policy_of(prices)):
        pipeline = pipeline_of(prices, policy, MemoryRecorder())
        course = begun(pipeline, "/v1/chat/completions", job, **fields)
        item = deferred(course).item
        assert (item.job, item.id.startswith("chatcmpl_tw_")) == ("j", True)
        assert item.due - item.made == 86_400_000_000
        entry = pipeline.told(*end_of(deferred(course)), deferred(course).entry)
        assert entry.line.lane == "batch"
        assert entry.cost == entry.as_asked == Decimal("0.00354")
        assert "standard" not in item.then, "it would cost more than as asked"


def test_what_is_late_goes_by_no_lane_that_costs_more_than_the_owner_allows(prices: Catalog) -> None:
    policy = policy_of(prices, defer=Defer(late_cost=Decimal("0.6")))
    course = begun(pipeline_of(prices, policy, MemoryRecorder()))
    assert deferred(course).item.then == ("flex",)


def test_a_window_holds_batches_back_as_long_as_the_deadline_allows(prices: Catalog) -> None:
    # 2026-11-25 05:06:40 UTC: a window from 06:00 opens in 53 minutes and 20 seconds.
    policy = policy_of(prices, defer=Defer(window=Window(begins=360, ends=420)))
    now = dt.datetime.fromtimestamp(NOW, dt.UTC)
    opens = (now.replace(hour=6, minute=0, second=0) - now).total_seconds() % 86_400
    pipeline = pipeline_of(prices, policy, MemoryRecorder())
    assert begun(pipeline).deferred is None, "a batch from then on may take until after the deadline"
    item = deferred(begun(pipeline, metadata={"deadline": "2d"})).item
    assert item.start == item.made + int(opens) * 1_000_000


@pytest.mark.parametrize(
    ("at", "seconds"),
    [
        ("2026-11-25T21:30:00+01:00", 1_800),
        ("2026-11-25T22:00:00+01:00", 0),
        ("2026-11-26T05:59:59+01:00", 0),
        ("2026-11-26T06:00:00+01:00", 16 * 3_600),
        # The night in which clocks go back has an hour more, the one in which they go on an hour less.
        ("2026-10-25T01:30:00+02:00", 0),
        ("2026-10-24T06:00:00+02:00", 16 * 3_600),
        ("2027-03-28T06:00:00+02:00", 16 * 3_600),
    ],
)
def test_a_window_over_midnight_goes_by_the_clocks_of_its_zone(at: str, seconds: int) -> None:
    night = Window(begins=22 * 60, ends=6 * 60, zone="Europe/Berlin")
    assert night.opens_in(int(dt.datetime.fromisoformat(at).timestamp() * 1e6)) == seconds


def test_a_window_over_a_change_of_clocks_opens_at_its_hour() -> None:
    morning = Window(begins=5 * 60, ends=6 * 60, zone="Europe/Berlin")
    back = int(dt.datetime.fromisoformat("2026-10-25T00:00:00+02:00").timestamp() * 1e6)
    on = int(dt.datetime.fromisoformat("2027-03-28T00:00:00+01:00").timestamp() * 1e6)
    assert (morning.opens_in(back), morning.opens_in(on)) == (6 * 3_600, 4 * 3_600)


LONG: dict[str, Any] = {
    "model": "gpt-5.4",
    "instructions": "Sort what you are told. " * 900,
    "input": "a",
    "background": True,
}


@pytest.mark.parametrize(
    ("lanes", "warm", "cold"),
    [
        # Flex and Batch have the same rates: what is warm now, only flex reads.
        ('["batch", "flex"]', "flex", "batch"),
        # With nine tenths of its input warm, even the standard price is below that of a batch that reads none.
        ('["batch"]', "standard", "batch"),
    ],
)
def test_the_cheapest_lane_has_the_cache_in_the_sum(
    prices: Catalog, lanes: str, warm: str, cold: str
) -> None:
    text = POLICY.replace(b'["batch", "flex"]', lanes.encode())
    pipeline = pipeline_of(prices, policy_of(prices, text), MemoryRecorder())
    first = begun(pipeline, **{**LONG, "background": False})
    assert first.outgoing is not None
    usage = {
        "input_tokens": 4_520,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 4_525,
    }
    body = {
        "id": "r",
        "object": "response",
        "status": "completed",
        "model": "gpt-5.4-2026-03-05",
        "output": [],
        "usage": usage,
    }
    first.came(Reply(status=200, body=msgspec.json.encode(body)))
    for expected, instructions in ((warm, LONG["instructions"]), (cold, "Translate it. " * 900)):
        course = begun(
            pipeline, **{**LONG, "input": "b", "instructions": instructions, "max_output_tokens": 16}
        )
        lane = "batch" if course.deferred is not None else course.outgoing.lane if course.outgoing else None
        assert lane == expected


@pytest.mark.parametrize(("policy", "then"), [(False, ("flex",)), (True, ("flex", "standard"))])
def test_a_kept_call_goes_by_the_lane_that_it_asked_for(prices: Catalog, policy: bool, then: Any) -> None:
    pipeline = pipeline_of(prices, policy_of(prices) if policy else None, MemoryRecorder())
    held = Later(sender="key", always=True)
    defer = Defer(late_cost=Decimal(2))
    if policy:
        pipeline = pipeline_of(prices, policy_of(prices, defer=defer), MemoryRecorder())
    item = deferred(begun(pipeline, later=held, background=False, service_tier="flex")).item
    assert (item.then, item.due) == (then, item.made)
