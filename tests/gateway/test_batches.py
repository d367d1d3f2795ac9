"""Files and batches of ours through the official SDK: decided line by line, one batch to the caller."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest

from tierwise.batch import BatchSettings
from tierwise.gateway import Settings
from tierwise.simulator import Fault, Limits
from tierwise.simulator import Settings as Simulated

POLICY = """
version = 1
name = "batches"
ladder = "gpt-5.4"
[[rule]]
name = "tickets"
match = { depth = ["commodity", "routine"] }
rung = "gpt-5.4-nano"
lanes = ["batch"]
deadline = "24h"
stage = "on"
unproven = true
approved_by = "kim"
[default]
stage = "off"
"""
QUICK = BatchSettings(collect=0.3, first_look=0.2, most_look=0.5, lease=3.0)


@pytest.fixture
def begin(start: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Start a gateway whose policy lets calls wait."""

    def beginning(text: str = POLICY, **more: Any) -> Any:
        (tmp_path / "batches.toml").write_text(text, "utf-8")
        simulated = more.pop("simulated", {})
        settings = Settings(spool=tmp_path / "spool", fold_every=0.05, most_body=1 << 20)
        return start(
            policy=tmp_path / "batches.toml",
            simulated=Simulated(**{"seed": 1, "batch_seconds": 1.5, **simulated}),
            settings=settings,
            batches=QUICK,
            batch_key=b"k" * 32,
            **more,
        )

    return beginning


def line(name: object, url: str = "/v1/responses", **body: Any) -> bytes:
    given = {
        "input": f"Classify the ticket as billing, technical or other. Ticket: printer {name} is broken",
        "max_output_tokens": 20,
    }
    if url.endswith("completions"):
        said = [
            {
                "role": "user",
                "content": f"Classify the ticket as billing, technical or other. Ticket: printer {name} is broken",
            }
        ]
        given = {"messages": said, "max_completion_tokens": 20}
    whole = {"model": "gpt-5.4", **given, **body}
    return msgspec.json.encode({"custom_id": f"c{name}", "method": "POST", "url": url, "body": whole}) + b"\n"


def batch_of(client: openai.OpenAI, content: bytes, **more: Any) -> Any:
    file = client.files.create(file=("in.jsonl", content), purpose="batch")
    asked = {"endpoint": "/v1/responses", "completion_window": "24h", **more}
    return client.batches.create(input_file_id=file.id, **asked)


def ended(client: openai.OpenAI, batch: Any, within: float = 30) -> Any:
    end = time.monotonic() + within
    while batch.status not in {"completed", "failed", "expired", "cancelled"}:
        assert time.monotonic() < end, batch
        time.sleep(0.1)
        batch = client.batches.retrieve(batch.id)
    return batch


def content(client: openai.OpenAI, file: str | None) -> list[dict[str, Any]]:
    return [msgspec.json.decode(raw) for raw in client.files.content(file or "").content.splitlines()]


def test_a_file_of_any_models_is_one_batch_to_the_sdk(begin: Any) -> None:
    bench = begin()
    client = bench.client()
    models = ("gpt-5.4", "gpt-5.4-mini", "gpt-5.5")
    batch = batch_of(
        client, b"".join(line(n, model=models[n % 3]) for n in range(30)), metadata={"for": "us"}
    )
    assert (batch.object, batch.status, batch.metadata) == ("batch", "validating", {"for": "us"})
    batch = ended(client, batch)
    assert batch.status == "completed"
    assert (batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed) == (
        30,
        30,
        0,
    )
    assert batch.error_file_id is None
    found = content(client, batch.output_file_id)
    assert [one["custom_id"] for one in found] == [f"c{n}" for n in range(30)]
    assert {one["response"]["body"]["model"] for one in found} == {"gpt-5.4-nano-2026-03-17"}
    total = bench.settled(30)
    assert total.cost == bench.simulator.bill_total > 0
    assert {bill.lane for bill in bench.simulator.bill} == {"batch"}


def test_a_chat_line_comes_back_as_chat(begin: Any) -> None:
    bench = begin()
    client = bench.client()
    url = "/v1/chat/completions"
    batch = ended(client, batch_of(client, line(1, url), endpoint=url))
    (one,) = content(client, batch.output_file_id)
    assert one["response"]["body"]["object"] == "chat.completion"
    assert one["response"]["status_code"] == 200


def test_bad_lines_are_refused_with_line_and_reason_and_the_rest_is_answered(begin: Any) -> None:
    bench = begin()
    client = bench.client()
    lines = [
        line(1),
        b"{\n",
        line(1),
        line(2, stream=True),
        line(3, "/v1/chat/completions"),
        line(4, "/v1/decisions"),
        line(5, metadata={"deadline": "0s"}),
        line(6),
    ]
    batch = ended(client, batch_of(client, b"".join(lines)))
    assert (batch.status, batch.request_counts.completed, batch.request_counts.failed) == ("completed", 2, 6)
    assert [(one.line, one.code) for one in batch.errors.data] == [
        (2, "invalid_json_line"),
        (3, "duplicate_custom_id"),
        (4, "invalid_stream"),
        (5, "invalid_url"),
        (6, "invalid_url"),
        (7, "invalid_deadline"),
    ]
    assert len(content(client, batch.error_file_id)) == 6
    assert len(bench.simulator.bill) == 2


def test_a_file_of_which_nothing_is_a_request_fails(begin: Any) -> None:
    bench = begin()
    client = bench.client()
    for file, code in ((b"\n", "empty_file"), (b"{\n", "invalid_json_line")):
        batch = ended(client, batch_of(client, file))
        assert (batch.status, batch.errors.data[0].code) == ("failed", code)
        assert batch.failed_at is not None


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"endpoint": "/v1/decisions"}, "expected endpoint"),
        ({"endpoint": "/v1/moderations"}, "expected endpoint"),
        ({"completion_window": "1h"}, "completion_window"),
        ({"metadata": {"deadline": "0s"}}, "deadline ahead"),
        ({"metadata": {"deadline": "yesterday"}}, "deadline ahead"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "16 pairs"),
        ({"output_expires_after": {"anchor": "created_at", "seconds": 5}}, "output_expires_after"),
    ],
)
def test_a_batch_that_cannot_be_made_is_refused_with_its_reason(begin: Any, asked: Any, said: str) -> None:
    client = begin().client()
    with pytest.raises(openai.BadRequestError, match=said):
        batch_of(client, line(1), **asked)


def test_files_and_batches_are_their_projects_alone(begin: Any) -> None:
    bench = begin()
    mine, theirs = (bench.client(bench.key(name, project=name)) for name in ("mine", "theirs"))
    batch = ended(mine, batch_of(mine, line(1)))
    for look in (
        lambda: theirs.batches.retrieve(batch.id),
        lambda: theirs.batches.cancel(batch.id),
        lambda: theirs.files.retrieve(batch.input_file_id),
        lambda: theirs.files.content(batch.output_file_id),
        lambda: theirs.files.delete(batch.output_file_id),
        lambda: theirs.batches.create(
            input_file_id=batch.input_file_id, endpoint="/v1/responses", completion_window="24h"
        ),
    ):
        with pytest.raises(openai.NotFoundError):
            look()
    assert [one.id for one in theirs.batches.list()] == []
    assert [one.id for one in theirs.files.list()] == []
    assert [one.id for one in mine.batches.list()] == [batch.id]
    assert {one.id for one in mine.files.list()} == {batch.input_file_id, batch.output_file_id}
    assert [one.id for one in mine.files.list(purpose="batch")] == [batch.input_file_id]


def test_a_file_is_read_and_deleted_as_it_was_given(begin: Any) -> None:
    client = begin().client()
    given = b"".join(line(n) for n in range(3)) + bytes(range(256)) * 5_000
    file = client.files.create(
        file=("in ü.jsonl", given), purpose="batch", expires_after={"anchor": "created_at", "seconds": 3_600}
    )
    seen = client.files.retrieve(file.id)
    assert (seen.bytes, seen.filename, seen.purpose) == (len(given), "in ü.jsonl", "batch")
    assert seen.expires_at == seen.created_at + 3_600
    assert client.files.content(file.id).content == given
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)


def test_lists_go_on_from_ours_to_those_that_upstream_has(begin: Any) -> None:
    bench = begin()
    client = bench.client()
    theirs = [client.files.create(file=("a.txt", b"x"), purpose="user_data").id for _ in range(3)]
    ours = [client.files.create(file=("b.jsonl", line(n)), purpose="batch").id for n in range(3)]
    assert all(name.startswith("file-tw") for name in ours)
    assert not any(name.startswith("file-tw") for name in theirs)
    for limit in (1, 2, 3, 4, 7):
        found = [one.id for one in client.files.list(limit=limit)]
        assert found == [*reversed(ours), *reversed(theirs)], limit


def test_what_is_too_large_to_pass_on_may_still_be_a_file_for_batches(begin: Any) -> None:
    client = begin().client()
    large = line(1) + b"\n" * (2 << 20)
    assert client.files.create(file=("in.jsonl", large), purpose="batch").bytes == len(large)
    with pytest.raises(openai.APIStatusError) as refused:
        client.files.create(file=("in.bin", large), purpose="user_data")
    assert refused.value.status_code == 413


def test_a_repeat_under_one_idempotency_key_is_the_same_batch(begin: Any) -> None:
    client = begin().client()
    file = client.files.create(file=("in.jsonl", line(1)), purpose="batch")
    made = [
        client.batches.create(
            input_file_id=file.id,
            endpoint="/v1/responses",
            completion_window="24h",
            extra_headers={"Idempotency-Key": "once"},
        ).id
        for _ in range(2)
    ]
    assert made[0] == made[1]


def test_what_is_cancelled_keeps_what_was_answered_and_sends_no_more(begin: Any) -> None:
    bench = begin(simulated={"batch_seconds": 6})
    client = bench.client()
    batch = batch_of(client, b"".join(line(n) for n in range(20)))
    end = time.monotonic() + 20
    while not bench.simulator.bill:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert client.batches.cancel(batch.id).status == "cancelling"
    batch = ended(client, batch)
    assert batch.status == "cancelled"
    counts = batch.request_counts
    assert (counts.total, counts.completed + counts.failed) == (20, 20)
    assert counts.completed == len(bench.simulator.bill) < 20
    assert {one["error"]["code"] for one in content(client, batch.error_file_id)} == {"batch_cancelled"}
    with pytest.raises(openai.ConflictError):
        client.batches.cancel(batch.id)
    assert bench.settled(20).cost == bench.simulator.bill_total


def test_an_expired_batch_of_upstreams_is_completed_for_the_caller(begin: Any) -> None:
    """Case 27: what was done is delivered and paid at the batch rate once, the rest is sent again."""
    bench = begin(faults=[Fault(kind="batch_expired", at=(1,), share=0.9)])
    client = bench.client()
    batch = ended(client, batch_of(client, b"".join(line(n) for n in range(10))))
    assert (batch.status, batch.request_counts.completed) == ("completed", 10)
    assert len(bench.simulator.bill) == 10
    assert bench.settled(10).cost == bench.simulator.bill_total


def test_a_batch_of_nothing_but_errors_has_no_output_and_costs_nothing(begin: Any) -> None:
    """Case 29."""
    bench = begin(faults=[Fault(kind="batch_line_error", rate=1.0, share=1.0)])
    client = bench.client()
    batch = ended(client, batch_of(client, b"".join(line(n) for n in range(9))), within=60)
    assert (batch.status, batch.output_file_id, batch.request_counts.failed) == ("completed", None, 9)
    found = content(client, batch.error_file_id)
    assert {one["response"]["status_code"] for one in found} == {500}
    assert all("server had an error" in one["response"]["body"]["error"]["message"] for one in found)
    assert bench.settled(9).cost == Decimal(0)


def test_a_key_that_may_not_ask_for_a_model_gets_that_line_refused(begin: Any) -> None:
    bench = begin()
    client = bench.client(bench.key("narrow", models=("gpt-5.4",)))
    batch = ended(client, batch_of(client, line(1) + line(2, model="gpt-5.5")))
    assert (batch.request_counts.completed, batch.request_counts.failed) == (1, 1)
    (one,) = content(client, batch.error_file_id)
    assert (one["custom_id"], one["response"]["status_code"]) == ("c2", 403)


def test_without_a_batch_lane_files_and_batches_are_passed_on(begin: Any) -> None:
    bench = begin(POLICY.replace('lanes = ["batch"]\ndeadline = "24h"\n', ""))
    client = bench.client()
    batch = batch_of(client, line(1))
    assert not batch.input_file_id.startswith("file-tw")
    assert not batch.id.startswith("batch_tw")


def test_where_nothing_may_be_retained_no_batch_is_made(begin: Any) -> None:
    bench = begin(
        POLICY.replace('lanes = ["batch"]\ndeadline = "24h"\n', "") + "[limits]\nzero_retention = true\n"
    )
    with pytest.raises(openai.PermissionDeniedError, match="zero_retention"):
        batch_of(bench.client(), line(1))


def test_a_caller_with_an_openai_key_is_passed_on(begin: Any) -> None:
    bench = begin()
    batch = batch_of(bench.client("sk-own"), line(1))
    assert not batch.id.startswith("batch_tw")


def test_a_deadline_that_no_batch_meets_goes_by_flex_or_expires(begin: Any) -> None:
    bench = begin()
    client = bench.client()
    unknown = line(2, model="gpt-4.1", input="Hm.")
    near = {"metadata": {"deadline": "10m"}}
    batch = ended(client, batch_of(client, line(1, model="gpt-5.4") + unknown, **near))
    assert (batch.status, batch.request_counts.completed) == ("expired", 1)
    (one,) = content(client, batch.error_file_id)
    assert (one["custom_id"], one["response"], one["error"]["code"]) == ("c2", None, "batch_expired")
    assert [bill.lane for bill in bench.simulator.bill] == ["flex"]
    assert bench.settled(2).cost == bench.simulator.bill_total


def test_hundreds_of_mixed_requests_come_back_whole_from_batches_that_fail(begin: Any) -> None:
    faults = [
        Fault(kind="batch_expired", at=(2,), share=0.5),
        Fault(kind="batch_line_error", at=(1, 3), share=0.2),
        Fault(kind="batch_duplicate", rate=1.0, share=0.3),
        Fault(kind="batch_token_limit", at=(4,)),
        Fault(kind="lost", at=(2,), path="/v1/batches"),
    ]
    bench = begin(faults=faults, simulated={"limits": Limits(enqueued_tokens=20_000)})
    client = bench.client()
    url = "/v1/chat/completions"
    first = batch_of(client, b"".join(line(n) for n in range(150)))
    second = batch_of(client, b"".join(line(n, url, model="gpt-5.5") for n in range(150)), endpoint=url)
    for made in (first, second):
        batch = ended(client, made, within=90)
        assert (batch.status, batch.request_counts.completed) == ("completed", 150)
        found = content(client, batch.output_file_id)
        assert [one["custom_id"] for one in found] == [f"c{n}" for n in range(150)]
        own = {bill.custom_id: bill.response_id for bill in bench.simulator.bill}
        for place, one in enumerate(found, 1):
            assert one["response"]["body"]["id"] == own[f"{batch.id}-{place}"], "case 25: each its own"
    assert len(bench.simulator.bill) == len({bill.custom_id for bill in bench.simulator.bill}) == 300
    assert bench.settled(300).cost == bench.simulator.bill_total
