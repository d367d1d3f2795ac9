"""A cascade on live calls: tried, checked, accepted or sent up; both requests are one call."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cascading import MINI, SNAPSHOTS, certificate, trial, workload_of, write_policy

from tierwise.calls import Call, Outgoing, encode_recorded, plan, read
from tierwise.catalog import Catalog, Tokens
from tierwise.online import Asked, Course, Entry, MemoryRecorder, Pipeline, Reply
from tierwise.policy import PaidCheck, Policy, Scoring, canonical, decide, load_policy

CLASSIFY = "Classify the ticket as one of: billing, shipping, other. Answer with the word alone."
DAY = dt.date(2026, 11, 25)
CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.open()


def chat(**more: Any) -> dict[str, Any]:
    return {
        "model": "gpt-5.5",
        "messages": [{"role": "system", "content": CLASSIFY}, {"role": "user", "content": "Twice!"}],
        **more,
    }


def reply(
    text: str | None = "bill", model: str = "gpt-5.4-nano", finish: str = "stop", **message: Any
) -> Reply:
    body = {
        "id": f"chatcmpl-{model}",
        "object": "chat.completion",
        "created": 1,
        "model": SNAPSHOTS.get(model, model),
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": text, **message},
            }
        ],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
    }
    return Reply(status=200, body=msgspec.json.encode(body))


LONG = "a very long answer that the score does not like"
UP = reply("shipping", "gpt-5.5")


class Bench:
    """A pipeline whose policy cascades, and what became of calls."""

    def __init__(
        self, catalog: Catalog, folder: Path, body: dict[str, Any] | None = None, **more: Any
    ) -> None:
        found = {
            name: more.pop(name) for name in list(more) if name in {"trials", "offer", "risk", "workload"}
        }
        workload = found.pop("workload", workload_of(chat() if body is None else body))
        self.policy: Policy = load_policy(
            write_policy(folder, certificate(workload, **found), **more), catalog
        )
        self.catalog, self.recorder = catalog, MemoryRecorder()
        self.pipeline = Pipeline(catalog, self.recorder, policy=self.policy)

    def call(
        self, body: dict[str, Any], *replies: Any, path: str = CHAT, **asked: Any
    ) -> tuple[list[str], Any]:
        """Models that were sent to, and the answer."""
        course = Course(
            self.pipeline, Asked(method="POST", path=path, body=msgspec.json.encode(body), **asked)
        )
        self.sent: list[Outgoing] = []
        coming = iter(replies)
        while course.outgoing is not None:
            self.sent.append(course.outgoing)
            one = next(coming)
            pieces: tuple[bytes, ...] = ()
            if isinstance(one, tuple):
                pieces, one = one, Reply(status=200, headers=(("content-type", "text/event-stream"),))
            course.came(one)
            rest = iter(pieces)
            while course.looks:
                course.piece(next(rest, None))
        self.rest = b"".join(rest)
        return [msgspec.json.decode(out.body)["model"] for out in self.sent], course.answer

    @property
    def entry(self) -> Entry:
        return self.recorder.entries[-1]


def test_an_answer_that_is_good_enough_is_the_callers_as_it_came(catalog: Catalog, tmp_path: Path) -> None:
    bench = Bench(catalog, tmp_path)
    one = reply("bill")
    models, answer = bench.call(chat(), one)
    assert models == ["gpt-5.4-nano"]
    assert answer.body == one.body
    told = dict(answer.headers)
    assert (told["x-tierwise-cascade"], told["x-tierwise-moved"]) == ("accepted", "true")
    assert bench.entry.line.spent == ()
    assert bench.entry.decision is not None
    assert bench.entry.decision.evidence == bench.policy.rules[0].cascade.certificate.digest  # type: ignore[union-attr]


BAD = {
    "a low score": reply(LONG),
    "an empty answer": reply(""),
    "a refusal": reply(None, refusal="I cannot"),
    "an answer cut at its length": reply("bill", finish="length"),
    "another snapshot": reply("bill", "gpt-5.4-nano-2027-01-01"),
    "no JSON": Reply(status=200, body=b"<html>"),
    "half of a body": Reply(status=200, body=reply("bill").body[:50]),  # type: ignore[index]
    "an error of the server": Reply(status=500, body=b'{"error":{"message":"x","code":"server_error"}}'),
    "text that is no Unicode": Reply(
        status=200, body=(reply("LONE").body or b"").replace(b"LONE", b"\\ud800 " + LONG.encode())
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_an_answer_that_is_not_goes_to_the_model_asked_for(
    catalog: Catalog, tmp_path: Path, name: str
) -> None:
    bench = Bench(catalog, tmp_path)
    models, answer = bench.call(chat(), BAD[name], UP)
    assert models == ["gpt-5.4-nano", "gpt-5.5"]
    assert bench.sent[1].body == msgspec.json.encode(chat())
    assert answer.body == UP.body
    told = dict(answer.headers)
    assert (told["x-tierwise-cascade"], told["x-tierwise-moved"]) == ("escalated", "false")
    assert told["x-tierwise-rung"] == "gpt-5.5 (medium)"
    assert bench.entry.attempts == 2
    assert (bench.entry.reason or "").startswith("its answer on gpt-5.4-nano was not accepted: ")


def test_both_requests_are_one_call_and_their_money_adds_up(catalog: Catalog, tmp_path: Path) -> None:
    bench = Bench(catalog, tmp_path)
    bench.call(chat(), reply(LONG), UP)
    entry, line = bench.entry, bench.entry.line
    tokens = Tokens(uncached=1000, output=100)
    cheap = catalog.rate_card("gpt-5.4-nano", at=DAY).total(tokens)
    strong = catalog.rate_card("gpt-5.5", at=DAY).total(tokens)
    (spent,) = line.spent
    assert (spent.what, spent.served, spent.tokens, spent.cost) == (
        "attempt", SNAPSHOTS["gpt-5.4-nano"], tokens, cheap,
    )  # fmt: skip
    assert (entry.cost, entry.as_asked) == (cheap + strong, strong)
    assert line.saved == {"tier": -cheap}
    assert line.tokens == tokens
    assert len(bench.recorder.entries) == 1


def test_an_audit_of_the_record_sees_both_requests(catalog: Catalog, tmp_path: Path) -> None:
    bench = Bench(catalog, tmp_path)
    bench.call(chat(), reply(LONG), UP)
    (tmp_path / "calls.jsonl").write_bytes(encode_recorded(bench.entry.line))
    records = [record for unit in plan([str(tmp_path / "calls.jsonl")]).units for record in read(unit)]
    found = [record for record in records if isinstance(record, Call)]
    assert [call.model_served for call in found] == [SNAPSHOTS["gpt-5.5"], SNAPSHOTS["gpt-5.4-nano"]]
    assert len({call.id for call in found}) == 2
    cost = sum(catalog.rate_card(c.model_served or "", at=DAY).total(c.tokens or Tokens()) for c in found)
    assert cost == bench.entry.cost


def test_an_attempt_without_usage_leaves_the_call_unpriced_never_free(
    catalog: Catalog, tmp_path: Path
) -> None:
    bench = Bench(catalog, tmp_path)
    bench.call(chat(), Reply(status=200, body=b"{}"), UP)
    assert bench.entry.cost is None
    assert "not accepted" in (bench.entry.unpriced or "")


def test_the_decision_counts_the_attempt_the_escalation_and_what_it_saves(
    catalog: Catalog, tmp_path: Path
) -> None:
    bench = Bench(catalog, tmp_path)
    bench.call(chat(), reply())
    decision = bench.entry.decision
    assert decision is not None
    steps = {step.lever: step for step in decision.steps}
    own = catalog.rate_card("gpt-5.4-nano", at=DAY).total(steps["tier"].tokens)
    assert steps["tier"].cost == own + Decimal("0.3") * steps["as asked"].cost
    assert decision.expected_cost == steps["lane"].cost


def test_decisions_of_both_steps_give_the_same_bytes_again(catalog: Catalog, tmp_path: Path) -> None:
    bench = Bench(catalog, tmp_path)
    bench.call(chat(), reply())
    bench.call(chat(), reply(LONG), UP)
    for entry in bench.recorder.entries:
        state = msgspec.json.decode(entry.line.state, type=type(entry.state))
        day = dt.datetime.fromtimestamp((entry.line.at or 0) / 1e6, dt.UTC).date()
        again = decide(entry.facts, bench.policy, state, catalog, day)  # type: ignore[arg-type]
        assert canonical(again) == bytes(entry.line.decision)


def test_a_cascade_that_does_not_pay_is_not_used(catalog: Catalog, tmp_path: Path) -> None:
    bench = Bench(catalog, tmp_path, trials=(trial(passes=1000),))
    models, _ = bench.call(chat(), UP)
    assert models == ["gpt-5.5"]
    assert any("too little or nothing" in reason for reason in bench.entry.decision.reasons)  # type: ignore[union-attr]


def test_rungs_are_tried_in_turn(catalog: Catalog, tmp_path: Path) -> None:
    trials = (trial(passes=500), trial(MINI, passes=200))
    bench = Bench(catalog, tmp_path, trials=trials)
    models, answer = bench.call(chat(), reply(LONG), reply("bill", "gpt-5.4-mini"))
    assert models == ["gpt-5.4-nano", "gpt-5.4-mini"]
    assert dict(answer.headers)["x-tierwise-cascade"] == "accepted"
    assert [spend.served for spend in bench.entry.line.spent] == [SNAPSHOTS["gpt-5.4-nano"]]
    models, _ = bench.call(chat(), reply(LONG), reply(LONG, "gpt-5.4-mini"), UP)
    assert models == ["gpt-5.4-nano", "gpt-5.4-mini", "gpt-5.5"]
    assert len(bench.entry.line.spent) == 2
    assert sum(bench.entry.line.saved.values()) == bench.entry.as_asked - bench.entry.cost  # type: ignore[operator]


JUDGE = PaidCheck(name="judge", model="gpt-5.4-mini", tokens=Tokens(uncached=500, output=10))
JUDGED = Scoring(offset=-5.0, weights={"judge": 10.0})


def judgement(chance: Any) -> Reply:
    body = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "model": SNAPSHOTS["gpt-5.4-mini"],
        "output": [
            {
                "type": "message",
                "role": "assistant",
                "content": [
                    {"type": "output_text", "text": msgspec.json.encode({"chance": chance}).decode()}
                ],
            }
        ],
        "usage": {"input_tokens": 400, "output_tokens": 20, "total_tokens": 420},
    }
    return Reply(status=200, body=msgspec.json.encode(body))


def test_a_judge_is_asked_and_paid_for(catalog: Catalog, tmp_path: Path) -> None:
    bench = Bench(catalog, tmp_path, trials=(trial(scoring=JUDGED, paid=(JUDGE,)),))
    models, _ = bench.call(chat(), reply(LONG), judgement(90))
    assert models == ["gpt-5.4-nano", "gpt-5.4-mini"]
    assert bench.sent[1].path == RESPONSES
    (check,) = bench.entry.line.spent
    assert (check.what, check.tokens) == ("check", Tokens(uncached=400, output=20))
    own = catalog.rate_card("gpt-5.4-nano", at=DAY).total(Tokens(uncached=1000, output=100))
    assert bench.entry.cost == own + (check.cost or 0)
    models, _ = bench.call(chat(), reply(LONG), judgement(10), UP)
    assert models[-1] == "gpt-5.5"
    assert [spend.what for spend in bench.entry.line.spent] == ["check", "attempt"]


@pytest.mark.parametrize(
    "odd", [judgement("ignore this and accept"), judgement(True), Reply(status=500, body=b"")]
)
def test_a_judge_that_says_nothing_accepts_nothing(catalog: Catalog, tmp_path: Path, odd: Reply) -> None:
    bench = Bench(catalog, tmp_path, trials=(trial(scoring=JUDGED, paid=(JUDGE,)),))
    assert bench.call(chat(), reply(), odd, UP)[0][-1] == "gpt-5.5"


AGREE = PaidCheck(name="agreement", model="gpt-5.4-nano", tokens=Tokens(uncached=100, output=10))


def test_a_second_answer_that_agrees_is_asked_for_unstreamed(catalog: Catalog, tmp_path: Path) -> None:
    scoring = Scoring(offset=-5.0, weights={"agreement": 10.0})
    bench = Bench(catalog, tmp_path, trials=(trial(scoring=scoring, paid=(AGREE,)),))
    assert bench.call(chat(), reply("bill"), reply("bill"))[0] == ["gpt-5.4-nano"] * 2
    assert bench.call(chat(), reply("bill"), reply("ship"), UP)[0] == ["gpt-5.4-nano"] * 2 + ["gpt-5.5"]


FUNCTION = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
DIRECT: dict[str, dict[str, Any]] = {
    "a stream": {"stream": True},
    "several answers": {"n": 2},
    "a conversation with a tool call that was released": {
        "messages": [
            *chat()["messages"],
            {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "find", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "found"},
        ],
    },
}  # fmt: skip


@pytest.mark.parametrize("name", DIRECT)
def test_what_cannot_be_checked_in_time_goes_as_asked(catalog: Catalog, tmp_path: Path, name: str) -> None:
    body = chat(**DIRECT[name])
    bench = Bench(catalog, tmp_path, body)
    models, _ = bench.call(body, UP)
    assert models == ["gpt-5.5"]
    assert any("nothing cascades" in reason for reason in bench.entry.decision.reasons)  # type: ignore[union-attr]


def test_who_sends_the_call_himself_is_not_told_to_try(catalog: Catalog, tmp_path: Path) -> None:
    bench = Bench(catalog, tmp_path)
    found = bench.pipeline.decided(Asked(method="POST", path=CHAT, body=msgspec.json.encode(chat())))
    assert "gpt-5.5" in str(found)
    assert "gpt-5.4-nano" not in str(found.get("body", found))


def chunks(text: str, model: str, *, done: bool = True, **delta: Any) -> tuple[bytes, ...]:
    name = SNAPSHOTS[model]
    base = {"id": f"chatcmpl-{model}", "object": "chat.completion.chunk", "created": 1, "model": name}
    events = [
        {**base, "choices": [{"index": 0, "delta": {"role": "assistant", "content": text, **delta}}]},
        {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {
            **base,
            "choices": [],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
        },
    ]
    found = [b"data: " + msgspec.json.encode(event) + b"\n\n" for event in events]
    return (*found, b"data: [DONE]\n\n") if done else tuple(found[:1])


def test_a_held_stream_is_passed_on_whole_once_it_is_accepted(catalog: Catalog, tmp_path: Path) -> None:
    bench = Bench(catalog, tmp_path, cascade='stream = "hold"')
    body = chat(stream=True, stream_options={"include_usage": True})
    pieces = chunks("bill", "gpt-5.4-nano")
    models, answer = bench.call(body, pieces)
    assert models == ["gpt-5.4-nano"]
    assert answer.held + bench.rest + answer.passage.end() == b"".join(pieces)
    assert dict(answer.headers)["x-tierwise-cascade"] == "accepted"
    assert len(bench.recorder.entries) == 1
    assert bench.entry.cost == catalog.rate_card("gpt-5.4-nano", at=DAY).total(
        Tokens(uncached=1000, output=100)
    )


@pytest.mark.parametrize("done", [True, False])
def test_of_a_held_stream_that_is_not_accepted_nobody_sees_a_byte(
    catalog: Catalog, tmp_path: Path, done: bool
) -> None:
    bench = Bench(catalog, tmp_path, cascade='stream = "hold"')
    body = chat(stream=True, stream_options={"include_usage": True})
    up = chunks("shipping", "gpt-5.5")
    models, answer = bench.call(body, chunks(LONG, "gpt-5.4-nano", done=done), up)
    assert models == ["gpt-5.4-nano", "gpt-5.5"]
    assert bench.sent[1].body == msgspec.json.encode(body)
    assert answer.held == b""
    out = b"".join(answer.passage.feed(piece) for piece in up) + answer.passage.end()
    assert out == b"".join(up)
    assert [spend.served for spend in bench.entry.line.spent] == [
        SNAPSHOTS["gpt-5.4-nano"] if done else bench.entry.line.spent[0].served
    ]
    assert (bench.entry.cost is None) == (not done)


class Lost(Exception):
    """A fault of the way."""

    def __init__(self, sent: bool | None) -> None:
        super().__init__("lost")
        self.sent = sent


@pytest.mark.parametrize(("sent", "status"), [(None, "unknown"), (False, "error")])
def test_a_fault_at_the_escalation_is_the_callers_and_the_attempt_is_taken_down(
    catalog: Catalog, tmp_path: Path, sent: bool | None, status: str
) -> None:
    bench = Bench(catalog, tmp_path)
    course = Course(bench.pipeline, Asked(method="POST", path=CHAT, body=msgspec.json.encode(chat())))
    course.came(reply(LONG))
    course.failed(Lost(sent))
    (entry,) = bench.recorder.entries
    assert entry.line.status == status
    assert len(entry.line.spent) == 1
    if status == "error":
        assert entry.cost == entry.line.spent[0].cost


def test_an_error_at_the_escalation_is_the_callers_never_the_answer_that_was_not_accepted(
    catalog: Catalog, tmp_path: Path
) -> None:
    bench = Bench(catalog, tmp_path)
    error = Reply(status=500, body=b'{"error":{"message":"x","code":"server_error"}}')
    models, answer = bench.call(chat(), reply(LONG), error)
    assert models == ["gpt-5.4-nano", "gpt-5.5"]
    assert (answer.status, answer.body) == (500, error.body)
    assert bench.entry.cost == bench.entry.line.spent[0].cost


def test_responses_cascade_as_chat_does(catalog: Catalog, tmp_path: Path) -> None:
    body = {"model": "gpt-5.5", "instructions": CLASSIFY, "input": "Twice!"}
    bench = Bench(catalog, tmp_path, workload=workload_of(body, "responses"))

    def answered(text: str, model: str) -> Reply:
        given = msgspec.json.decode(judgement(1).body or b"")
        given["model"], given["output"][0]["content"][0]["text"] = SNAPSHOTS[model], text
        return Reply(status=200, body=msgspec.json.encode(given))

    assert bench.call(body, answered("bill", "gpt-5.4-nano"), path=RESPONSES)[0] == ["gpt-5.4-nano"]
    models, answer = bench.call(
        body, answered(LONG, "gpt-5.4-nano"), answered("other", "gpt-5.5"), path=RESPONSES
    )
    assert models == ["gpt-5.4-nano", "gpt-5.5"]
    assert msgspec.json.decode(answer.body)["model"] == SNAPSHOTS["gpt-5.5"]


def test_a_snapshot_seen_on_an_attempt_ends_the_cascade(catalog: Catalog, tmp_path: Path) -> None:
    bench = Bench(catalog, tmp_path)
    other = reply("bill", "gpt-5.4-nano-2027-01-01")
    bench.call(chat(), other, UP)
    models, _ = bench.call(chat(), UP)
    assert models == ["gpt-5.5"]
    assert any("serves today" in reason for reason in bench.entry.decision.reasons)  # type: ignore[union-attr]
