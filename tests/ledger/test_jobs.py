"""Jobs, their files and their requests, in either database."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from tierwise.batch import Batch, Job, Outcome, Stored, Waiting
from tierwise.ledger import Files, JobItems, Jobs, Ledger, Queue

NOW = 1_795_600_000_000_000
DAY = 86_400_000_000


@pytest.fixture
def ledger(database: str) -> Iterator[Ledger]:
    made = Ledger(database)
    yield made
    made.close()


def job(name: str, project: str = "p", at: int = 0) -> Job:
    return Job(
        id=name, project=project, endpoint="/v1/responses", input=f"file-{name}", made=NOW + at, due=NOW + DAY
    )


def file(name: str, project: str = "p", at: int = 0, purpose: str = "batch") -> Stored:
    return Stored(id=name, project=project, name="x", purpose=purpose, made=NOW + at, until=NOW + DAY)


def item(number: int, of: str = "j") -> Waiting:
    return Waiting(
        id=f"{of}-{number}", call=f"c{number}", job=of, path="/v1/responses", model="m",
        tokens=1, size=1, made=NOW, due=NOW + 2 * DAY,
    )  # fmt: skip


def test_a_job_is_kept_once_and_seen_by_project_newest_first(ledger: Ledger) -> None:
    jobs = Jobs(ledger)
    assert [jobs.add(job(f"j{n}", at=n)) for n in range(4)] == [True] * 4
    assert jobs.add(job("j1")) is False
    jobs.add(job("other", project="q"))
    assert [one.id for one in jobs.all("p")] == ["j3", "j2", "j1", "j0"]
    assert [one.id for one in jobs.all("p", after="j2", most=1)] == ["j1"]
    assert len(jobs.all()) == 5
    assert jobs.find("none") is None


def test_a_job_belongs_to_one_process_until_its_lease_is_over(ledger: Ledger) -> None:
    jobs = Jobs(ledger)
    jobs.add(job("j"))
    assert jobs.claim("j", "a", NOW, NOW + 10)
    assert not jobs.claim("j", "b", NOW + 5, NOW + 20)
    assert jobs.claim("j", "a", NOW + 5, NOW + 15)
    assert jobs.claim("j", "b", NOW + 16, NOW + 30)
    jobs.note(msgspec.structs.replace(job("j"), state="completed", ended=NOW))
    assert not jobs.claim("j", "b", NOW, NOW + 99)
    assert jobs.open() == []


def test_what_is_noted_of_a_job_does_not_take_back_that_it_is_to_be_cancelled(ledger: Ledger) -> None:
    jobs = Jobs(ledger)
    jobs.add(job("j"))
    before = jobs.find("j")
    assert before is not None
    seen = jobs.cancel("j", NOW + 1)
    assert seen is not None
    assert seen.cancel == NOW + 1
    jobs.note(msgspec.structs.replace(before, total=5))
    found = jobs.find("j")
    assert found is not None
    assert (found.total, found.cancel) == (5, NOW + 1)


def test_files_come_whole_in_pieces_and_go_with_their_time(ledger: Ledger) -> None:
    files = Files(ledger)
    made = file("f")
    files.begin(made)
    files.put("f", 0, b"one")
    assert files.find("f") is None, "not before it is whole"
    files.begin(made)
    for number, content in enumerate((b"one", b"\x00two")):
        files.put("f", number, content)
    files.finish(msgspec.structs.replace(made, size=7))
    found = files.find("f")
    assert found is not None
    assert (found.size, list(files.pieces("f"))) == (7, [(0, b"one"), (1, b"\x00two")])
    assert files.purge(NOW + DAY - 1) == 0
    assert files.purge(NOW + DAY) == 1
    assert (files.find("f"), list(files.pieces("f"))) == (None, [])


def test_lists_of_files_go_on_behind_one(ledger: Ledger) -> None:
    files = Files(ledger)
    for number in range(4):
        made = file(f"f{number}", at=number // 2, purpose="batch" if number else "batch_output")
        files.begin(made)
        files.finish(made)
    assert [one.id for one in files.all("p")] == ["f3", "f2", "f1", "f0"]
    assert [one.id for one in files.all("p", after="f3", most=2)] == ["f2", "f1"]
    assert [one.id for one in files.all("p", oldest_first=True, after="f0")] == ["f1", "f2", "f3"]
    assert [one.id for one in files.all("p", purpose="batch_output")] == ["f0"]
    assert files.all("q") == []


def test_requests_are_held_until_all_of_their_job_are_there(ledger: Ledger) -> None:
    items, queue = JobItems(ledger), Queue(ledger)
    refused = (item(3), Outcome(id="j-3", state="failed", status=403, error="refused"), b"sealed no")
    items.add([(item(n), b"body", b"entry") for n in (1, 2)], [refused], NOW)
    items.add([(item(1), b"other", b"other")], [refused], NOW)
    assert queue.groups(NOW, NOW) == []
    assert queue.body("j-1") == b"body", "what is there is left"
    assert items.counts("j") == {"waiting": 2, "failed": 1}
    items.release("j", NOW + 5)
    assert queue.groups(NOW, NOW) == []
    (group,) = queue.groups(NOW, NOW + 5)
    assert group.items == 2
    assert items.answers(["j-1", "j-3"]) == {"j-3": b"sealed no"}
    batch = Batch(
        id="b", sender="", path="/v1/responses", model="m", items=0, tokens=0, made=NOW + 5, due=NOW + DAY
    )
    queue.form(batch, NOW, 100, 100, 1)
    assert [one.id for one in items.batches("j")] == ["b"]
    items.cancel("j")
    assert (items.counts("j"), items.unended("j")) == ({"cancelled": 2, "failed": 1}, 2)
    items.clear("j")
    assert items.answers(["j-3"]) == {}
