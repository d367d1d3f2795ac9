"""What waits in numbers, and how long lanes take by what the ledger has seen."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tierwise.batch import Batch, Waiting
from tierwise.ledger import Ledger, Queue, completion, waiting_now
from tierwise.ledger._tables import batches, calls

SECOND = 1_000_000


def over(ledger: Ledger, number: int, seconds: int, status: str = "completed") -> None:
    """A batch that took so long."""
    made = number * SECOND
    batch = Batch(
        id=f"b{number}",
        sender="",
        path="/v1/responses",
        model="m",
        items=1,
        tokens=1,
        made=made,
        due=0,
        status=status,
    )
    row = {"id": batch.id, "made": made, "ended": made + seconds * SECOND, "until": 0}
    with ledger.engine.begin() as connection:
        connection.execute(batches.insert().values(**row, line=msgspec.json.encode(batch)))


def test_a_lane_takes_what_99_of_100_took_once_enough_is_known(tmp_path: Path) -> None:
    ledger = Ledger(str(tmp_path / "l.db"))
    for number in range(19):
        over(ledger, number, 100 + number)
    assert completion(ledger) == {}
    over(ledger, 19, 5_000)
    assert completion(ledger) == {"batch": 5_001}
    for number in range(20, 120):
        over(ledger, number, 60)
        # One that was cancelled early tells nothing of how long a batch takes.
        over(ledger, number + 1_000, 1, "cancelled")
    assert completion(ledger) == {"batch": 119}, "the longest but one of 120"
    usual = {
        "endpoint": "chat",
        "moved": False,
        "unproven": False,
        "attempts": 1,
        "input": 0,
        "cached": 0,
        "output": 0,
    }
    rows = [
        {
            **usual,
            "id": f"c{n}",
            "at": n,
            "day": "2026-11-25",
            "lane": lane,
            "status": "ok",
            "estimated": False,
            "latency": took,
        }
        for lane, took, numbers in (("flex", 30 * SECOND, range(25)), ("standard", SECOND, range(25, 50)))
        for n in numbers
    ]
    with ledger.engine.begin() as connection:
        connection.execute(calls.insert(), rows)
    assert completion(ledger)["flex"] == 31
    assert set(completion(ledger)) == {"batch", "flex"}
    ledger.close()


def test_what_waits_is_counted_by_state_and_batches_by_status(tmp_path: Path) -> None:
    ledger = Ledger(str(tmp_path / "l.db"))
    queue = Queue(ledger)
    queue.add(
        [
            (
                Waiting(
                    id=f"i{n}",
                    call=f"c{n}",
                    path="/v1/responses",
                    model="m",
                    tokens=1,
                    size=1,
                    made=1,
                    due=10,
                ),
                b"sealed",
                b"{}",
            )
            for n in range(5)
        ]
    )
    made = Batch(id="b", sender="", path="/v1/responses", model="m", items=0, tokens=0, made=2, due=10)
    assert queue.form(made, 3, 100, 100, 2) is not None
    queue.ask("i4")
    found = waiting_now(ledger)
    assert (found.requests, found.batches) == ({"waiting": 2, "sent": 2}, {"new": 1})
    ledger.close()
