"""Batches through the SDK: states, files, order, expiry, limits and failures."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import openai
import pytest

from tierwise.simulator import Fault, Limits, Settings


def line(
    custom_id: str, text: str = "Sort this ticket", model: str = "gpt-5.4-mini", **more: Any
) -> dict[str, Any]:
    body = {"model": model, "messages": [{"role": "user", "content": f"{text}: {custom_id}"}], **more}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}


def submit(bench: Any, lines: Sequence[Any], endpoint: str = "/v1/chat/completions") -> Any:
    content = "\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines).encode()
    file = bench.client.files.create(file=("in.jsonl", io.BytesIO(content)), purpose="batch")
    return bench.client.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h")


def at(bench: Any, batch: Any, seconds: float) -> Any:
    bench.clock.now += seconds
    return bench.client.batches.retrieve(batch.id)


def output(bench: Any, file_id: str) -> list[dict[str, Any]]:
    return [json.loads(each) for each in bench.client.files.content(file_id).text.splitlines()]


def test_a_batch_goes_through_its_states_and_costs_half(bench: Any) -> None:
    batch = submit(bench, [line(f"r{n}") for n in range(20)])
    assert batch.status == "validating"
    assert at(bench, batch, 0.2).status == "in_progress"
    middle = at(bench, batch, 0.4)
    assert 0 < middle.request_counts.completed < middle.request_counts.total == 20
    assert at(bench, batch, 0.35).status == "finalizing"
    done = at(bench, batch, 0.1)
    assert done.status == "completed"
    assert (done.request_counts.completed, done.request_counts.failed, done.error_file_id) == (20, 0, None)
    answers = output(bench, done.output_file_id)
    ids = [answer["custom_id"] for answer in answers]
    assert sorted(ids) == sorted(f"r{n}" for n in range(20))
    assert ids != [f"r{n}" for n in range(20)]
    bodies = [answer["response"]["body"] for answer in answers]
    assert {body["service_tier"] for body in bodies} == {"default"}
    assert done.usage.input_tokens == sum(body["usage"]["prompt_tokens"] for body in bodies)
    bill = bench.simulator.bill
    assert {entry.lane for entry in bill} == {"batch"}
    used = done.usage
    expected = (used.input_tokens * Decimal("0.375") + used.output_tokens * Decimal("2.25")) / 1_000_000
    assert bench.simulator.bill_total == expected


def test_lines_that_the_model_refuses_go_to_the_error_file(bench: Any) -> None:
    done = at(bench, submit(bench, [line("good"), line("bad", max_tokens=5)]), 5)
    done = at(bench, done, 5)
    assert (done.status, done.request_counts.completed, done.request_counts.failed) == ("completed", 1, 1)
    (failed,) = output(bench, done.error_file_id)
    assert failed["custom_id"] == "bad"
    assert failed["response"]["status_code"] == 400
    assert failed["response"]["body"]["error"]["code"] == "unsupported_parameter"
    assert [entry.custom_id for entry in bench.simulator.bill] == ["good"]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([line("a"), line("a")], "duplicate_custom_id"),
        ([line("a"), line("b", model="gpt-5.4")], "mismatched_model"),
        ([line("a"), "{not json"], "invalid_json_line"),
        ([line("a") | {"url": "/v1/responses"}], "invalid_url"),
        ([{"custom_id": "a"}], "missing_required_parameter"),
        ([line("a", model="gpt-99")], "model_not_found"),
        ([""], "empty_file"),
    ],
    ids=["same id twice", "two models", "no json", "other url", "no body", "no such model", "empty"],
)
def test_a_bad_file_fails_later_with_its_reason(bench: Any, lines: list[Any], code: str) -> None:
    batch = submit(bench, lines)
    assert batch.status == "validating"
    failed = at(bench, batch, 0.2)
    assert failed.status == "failed"
    assert failed.errors.data[0].code == code
    assert failed.failed_at
    assert bench.simulator.bill == ()


def test_over_the_enqueued_limit_a_batch_fails_after_it_was_accepted(start: Callable[..., Any]) -> None:
    bench = start(Settings(seed=1, limits=Limits(enqueued_tokens=30)))
    first, second = submit(bench, [line("a")]), submit(bench, [line("b"), line("c")])
    assert at(bench, first, 0.2).status == "in_progress"
    failed = at(bench, second, 0)
    assert failed.status == "failed"
    assert failed.errors.data[0].code == "token_limit_exceeded"
    assert at(bench, at(bench, first, 1), 1).status == "completed"
    third = submit(bench, [line("d")])
    assert at(bench, third, 0.2).status == "in_progress"


def test_a_cancelled_batch_keeps_and_bills_what_was_done(bench: Any) -> None:
    batch = at(bench, submit(bench, [line(f"r{n}") for n in range(10)]), 0.2)
    at(bench, batch, 0.3)
    assert bench.client.batches.cancel(batch.id).status == "cancelling"
    done = at(bench, batch, 1)
    assert done.status == "cancelled"
    finished = len(output(bench, done.output_file_id))
    assert 0 < finished < 10
    assert len(bench.simulator.bill) == finished
    errors = output(bench, done.error_file_id)
    assert len(errors) == 10 - finished
    assert {e["error"]["code"] for e in errors} == {"batch_cancelled"}


def test_an_expired_batch_has_both_files(start: Callable[..., Any]) -> None:
    bench = start(faults=[Fault(kind="batch_expired", at=(1,), share=0.3)])
    batch = at(bench, submit(bench, [line(f"r{n}") for n in range(10)]), 5)
    done = at(bench, batch, 5)
    assert (done.status, done.request_counts.completed, done.request_counts.failed) == ("expired", 7, 3)
    assert {e["error"]["code"] for e in output(bench, done.error_file_id)} == {"batch_expired"}
    assert all(e["response"] is None for e in output(bench, done.error_file_id))


def test_duplicate_and_failing_lines_on_demand(start: Callable[..., Any]) -> None:
    bench = start(
        faults=[
            Fault(kind="batch_duplicate", at=(1,), share=1),
            Fault(kind="batch_line_error", at=(2,), share=1),
        ]
    )
    twice = at(bench, at(bench, submit(bench, [line("a"), line("b")]), 5), 5)
    assert sorted(e["custom_id"] for e in output(bench, twice.output_file_id)) == ["a", "a", "b", "b"]
    failing = at(bench, at(bench, submit(bench, [line("a")]), 5), 5)
    assert failing.output_file_id is None
    assert output(bench, failing.error_file_id)[0]["response"]["status_code"] == 500


def test_responses_and_embeddings_travel_by_batch(bench: Any) -> None:
    response = {
        "custom_id": "r",
        "method": "POST",
        "url": "/v1/responses",
        "body": {"model": "gpt-5.5", "input": "Hello"},
    }
    embedding = {"custom_id": "e", "method": "POST", "url": "/v1/embeddings", "body": {"model": "text-embedding-3-small", "input": "Hello"}}  # fmt: skip
    for sent, endpoint in ((response, "/v1/responses"), (embedding, "/v1/embeddings")):
        done = at(bench, at(bench, submit(bench, [sent], endpoint), 5), 5)
        body = output(bench, done.output_file_id)[0]["response"]["body"]
        assert body["object"] in {"response", "list"}


def test_files_and_batches_are_listed_and_deleted(bench: Any) -> None:
    batches = [submit(bench, [line("a")]).id for _ in range(3)]
    assert [b.id for b in bench.client.batches.list(limit=2)] == batches[::-1]
    assert len(bench.client.batches.list(limit=2).data) == 2
    files = bench.client.files.list(purpose="batch").data
    assert len(files) == 3
    assert bench.client.files.delete(files[0].id).deleted
    with pytest.raises(openai.NotFoundError):
        bench.client.files.retrieve(files[0].id)
    with pytest.raises(openai.NotFoundError):
        bench.client.batches.retrieve("batch_none")
    with pytest.raises(openai.BadRequestError):
        submit(bench, [line("a")], "/v1/decisions")


def test_before_gpt_5_batch_gives_no_cache_discount(bench: Any) -> None:
    text = "word " * 2_000
    lines = [line(f"r{n}", model="gpt-4.1") for n in range(3)]
    for each in lines:
        each["body"]["messages"] = [{"role": "system", "content": text}, *each["body"]["messages"]]
    at(bench, at(bench, submit(bench, lines), 5), 5)
    bill = bench.simulator.bill
    assert bill[1].used.cached >= 1_024
    assert bill[1].cost == (bill[1].used.input * Decimal(1) + bill[1].used.output * 4) / 1_000_000


def test_a_batch_that_takes_longer_than_a_day_expires(start: Callable[..., Any]) -> None:
    bench = start(Settings(seed=1, batch_seconds=2 * 86_400))
    batch = at(bench, submit(bench, [line(f"r{n}") for n in range(10)]), 0.2 * 86_400)
    assert at(bench, batch, 0.2 * 86_400).status == "in_progress"
    done = at(bench, batch, 0.7 * 86_400)
    assert done.status == "expired"
    assert done.request_counts.completed + done.request_counts.failed == 10
    assert 0 < done.request_counts.completed == len(bench.simulator.bill) < 10


def test_odd_lines_are_refused_one_by_one(bench: Any) -> None:
    lines = [line("good"), line("odd", tools=[{"type": "function", "function": {"name": "x", "parameters": {"type": "object", "properties": {"a": {"enum": 3}}}}}], tool_choice={"type": [], "x": 1})]  # fmt: skip
    done = at(bench, at(bench, submit(bench, lines), 5), 5)
    assert (done.request_counts.completed, done.request_counts.failed) == (1, 1)
