"""The life of jobs: looked through, handed in, put together again, whatever stops in between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tierwise.batch import (
    BatchSettings,
    Found,
    Job,
    JobLife,
    JobLine,
    Sealer,
    Stored,
    Waiting,
    Writer,
    item_of,
    progress,
    read_pieces,
    shown,
)
from tierwise.ledger import Files, Jobs, Ledger

NOW = 1_795_600_000
DAY = 86_400


class FakeDesk:
    """Requests in memory; `answer` ends them."""

    def __init__(self) -> None:
        self.found: dict[str, Found] = {}
        self.bodies: dict[str, bytes] = {}
        self.taken: list[str] = []
        self.cleared: list[str] = []
        self.released: list[str] = []
        self.breaks_after: int | None = None

    def take(self, job: Job, lines: Sequence[JobLine]) -> None:
        for line in lines:
            identity = item_of(job.id, line.number)
            if identity in self.found:
                continue
            if self.breaks_after == len(self.taken):
                raise OSError("the disk is full")
            self.taken.append(line.custom_id)
            item = Waiting(
                id=identity, call=f"c{identity}", job=job.id, path=line.path, model=line.model,
                tokens=1, size=1, made=job.made, due=job.due,
            )  # fmt: skip
            self.found[identity] = Found(item=item, state="waiting")

    def release(self, job: str) -> None:
        self.released.append(job)

    def counts(self, job: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for one in self.found.values():
            found[one.state] = found.get(one.state, 0) + (one.item.job == job)
        return found

    def unended(self, job: str) -> int:
        return sum(one.item.job == job and one.ended is None for one in self.found.values())

    def ends(self, job: Job, lines: Sequence[JobLine]) -> dict[str, tuple[Found, bytes | None]]:
        items = [item_of(job.id, line.number) for line in lines]
        return {name: (self.found[name], self.bodies.get(name)) for name in items if name in self.found}

    def cancel(self, job: str) -> None:
        for name, one in self.found.items():
            if one.item.job == job and one.ended is None:
                self.found[name] = msgspec.structs.replace(one, state="cancelled", ended=1)

    def clear(self, job: str) -> None:
        self.cleared.append(job)

    def answer(self, body: bytes = b'{"ok":true}', **changed: Any) -> None:
        """Every request that waits ends so."""
        end = {"state": "done", "status": 200, "ended": 1, **changed}
        for name, one in self.found.items():
            if one.ended is None:
                self.found[name] = msgspec.structs.replace(one, **end)
                self.bodies[name] = body


class Office:
    """A ledger's jobs and files, and who looks after them."""

    def __init__(self, folder: Path) -> None:
        self.ledger = Ledger(str(folder / "l.db"))
        self.jobs, self.files = Jobs(self.ledger), Files(self.ledger)
        self.sealer, self.desk, self.now = Sealer(b"k" * 32), FakeDesk(), float(NOW)

    def life(self, name: str = "first") -> JobLife:
        return JobLife(self.jobs, self.files, self.desk, self.sealer, BatchSettings(), name, lambda: self.now)

    def job(self, content: bytes, name: str = "batch_tw1", **more: Any) -> Job:
        made = NOW * 1_000_000
        file = Stored(
            id=f"file-tw{name}", name="in.jsonl", purpose="batch", made=made, until=made + 40 * DAY * 10**6
        )
        writer = Writer(self.files, self.sealer, file)
        writer.write(content)
        writer.close()
        job = Job(
            **{
                "id": name, "endpoint": "/v1/responses", "input": file.id, "made": made,
                "due": made + DAY * 10**6, **more,
            }
        )  # fmt: skip
        assert self.jobs.add(job)
        return job

    def see(self, name: str = "batch_tw1") -> Job:
        found = self.jobs.find(name)
        assert found is not None
        return found

    def lines(self, file: str | None) -> list[dict[str, Any]]:
        content = b"".join(read_pieces(self.files, self.sealer, file or ""))
        return [msgspec.json.decode(line) for line in content.splitlines()]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.ledger.close()


def lines(count: int) -> bytes:
    return b"".join(
        b'{"custom_id":"c%d","url":"/v1/responses","body":{"model":"m","input":"%d"}}\n' % (n, n)
        for n in range(count)
    )


def go_on(life: JobLife, office: Office, looks: int = 30) -> None:
    for _ in range(looks):
        asyncio.run(life.tend())
        office.now += 1


def test_every_line_comes_back_in_the_order_of_the_file_with_its_custom_id(office: Office) -> None:
    office.job(lines(250))
    life = office.life()
    go_on(life, office)
    assert office.see().state == "in_progress"
    assert shown(office.see(), progress(office.desk.counts("batch_tw1")))["request_counts"]["total"] == 250
    office.desk.answer()
    go_on(life, office)
    job = office.see()
    assert (job.state, job.completed, job.failed, job.errors) == ("completed", 250, 0, None)
    found = office.lines(job.output)
    assert [line["custom_id"] for line in found] == [f"c{n}" for n in range(250)]
    assert found[0]["response"]["body"] == {"ok": True}
    assert office.desk.released == ["batch_tw1"]
    assert set(found[0]) == {"id", "custom_id", "response", "error"}
    assert office.desk.cleared == ["batch_tw1"]


def test_lines_that_are_no_requests_stand_in_the_error_file_and_the_rest_is_answered(office: Office) -> None:
    office.job(lines(2) + b"{\n" + lines(1))
    life = office.life()
    go_on(life, office)
    office.desk.answer()
    go_on(life, office)
    job = office.see()
    assert (job.state, job.completed, job.failed) == ("completed", 2, 2)
    errors = office.lines(job.errors)
    assert [(line["error"]["line"], line["error"]["code"]) for line in errors] == [
        (3, "invalid_json_line"),
        (4, "duplicate_custom_id"),
    ]
    data = shown(job)["errors"]["data"]
    assert [(one["line"], one["code"]) for one in data] == [
        (3, "invalid_json_line"),
        (4, "duplicate_custom_id"),
    ]


def test_a_file_of_which_nothing_can_be_sent_fails_with_each_line_named(office: Office) -> None:
    office.job(b"{\n[]\n")
    go_on(office.life(), office, 3)
    seen = shown(office.see())
    assert seen["status"] == "failed"
    assert [one["line"] for one in seen["errors"]["data"]] == [1, 2]
    assert seen["failed_at"] is not None
    assert office.desk.taken == []


def test_a_job_goes_on_where_a_process_left_it_and_hands_nothing_in_twice(office: Office) -> None:
    office.job(lines(250))
    office.desk.breaks_after = 130
    go_on(office.life("gone"), office, 5)
    office.desk.breaks_after = None
    office.now += 60
    other = office.life("other")
    go_on(other, office)
    office.desk.answer()
    go_on(other, office)
    assert office.see().completed == 250
    assert sorted(office.desk.taken) == sorted({f"c{n}" for n in range(250)})


def test_a_job_that_somebody_has_is_left_to_them(office: Office) -> None:
    office.job(lines(3))
    first, second = office.life("first"), office.life("second")
    asyncio.run(first.tend())
    asyncio.run(second.tend())
    assert asyncio.run(second.step("batch_tw1")) == BatchSettings().lease
    assert office.see().taken == 0


def test_what_no_lane_brought_in_time_is_expired_and_what_was_answered_is_kept(office: Office) -> None:
    office.job(lines(3))
    life = office.life()
    go_on(life, office)
    name = item_of("batch_tw1", 2)
    one = office.desk.found[name]
    office.desk.found[name] = msgspec.structs.replace(one, state="failed", error="deadline_passed", ended=1)
    office.desk.answer()
    go_on(life, office)
    job = office.see()
    assert (job.state, job.completed, job.failed) == ("expired", 2, 1)
    (line,) = office.lines(job.errors)
    assert (line["custom_id"], line["response"], line["error"]["code"]) == ("c1", None, "batch_expired")


def test_a_refusal_by_upstream_keeps_its_status_and_body(office: Office) -> None:
    office.job(lines(1))
    life = office.life()
    go_on(life, office)
    office.desk.answer(b'{"error":{"message":"no"}}', state="failed", status=400, error="x")
    go_on(life, office)
    job = office.see()
    assert (job.state, job.output, job.failed) == ("completed", None, 1)
    (line,) = office.lines(job.errors)
    assert (line["response"]["status_code"], line["response"]["body"]) == (400, {"error": {"message": "no"}})


def test_a_cancelled_job_ends_with_what_was_answered_before(office: Office) -> None:
    office.job(lines(4))
    life = office.life()
    go_on(life, office)
    name = item_of("batch_tw1", 1)
    one = office.desk.found[name]
    office.desk.found[name] = msgspec.structs.replace(one, state="done", status=200, ended=1)
    office.desk.bodies[name] = b"{}"
    office.jobs.cancel("batch_tw1", 1)
    assert shown(office.see())["status"] == "cancelling"
    go_on(life, office)
    job = office.see()
    assert (job.state, job.completed, job.failed) == ("cancelled", 1, 3)
    assert {line["error"]["code"] for line in office.lines(job.errors)} == {"batch_cancelled"}


def test_a_job_cancelled_before_it_began_sends_nothing(office: Office) -> None:
    office.job(lines(4))
    office.jobs.cancel("batch_tw1", 1)
    go_on(office.life(), office)
    job = office.see()
    assert (job.state, job.failed, office.desk.taken) == ("cancelled", 4, [])


def test_an_input_file_that_is_deleted_stays_for_the_job_that_reads_it(office: Office) -> None:
    job = office.job(lines(4))
    assert office.files.delete(job.input, NOW * 10**6)
    assert office.files.find(job.input) is None
    life = office.life()
    go_on(life, office)
    office.desk.answer()
    go_on(life, office)
    assert office.see().completed == 4
    office.files.purge(int(office.now * 1e6))
    assert list(office.files.pieces(job.input)) == []


def test_nothing_of_a_file_is_readable_in_the_database(office: Office, tmp_path: Path) -> None:
    office.job(lines(4))
    office.ledger.close()
    for file in tmp_path.iterdir():
        assert b"custom_id" not in file.read_bytes()
