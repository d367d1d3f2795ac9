"""Spool files: begun, rotated, taken away, left behind, and folded by whoever comes, each line once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tierwise.calls import RECORDER_VERSION, Recorded
from tierwise.catalog import Tokens
from tierwise.ledger import Closed, Ledger, Opened, Spool, encode_line, orphans

AT = 1_795_600_000_000_000


def opened(identity: str) -> Opened:
    return Opened(id=identity, at=AT, key="app", project="p", reserved=Decimal("0.5"))


def closed(identity: str, **more: Any) -> Closed:
    usual: dict[str, Any] = {"endpoint": "chat", "asked": "gpt-5.5", "status": "ok", "cost": Decimal("0.25")}
    return Closed(id=identity, call=Recorded(recorder=RECORDER_VERSION, at=AT, **{**usual, **more}))


def sizes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


@pytest.fixture
def ledger(database: str) -> Any:
    found = Ledger(database)
    yield found
    found.close()


def test_a_full_spool_refuses_and_takes_calls_again_once_there_is_room(tmp_path: Path) -> None:
    folder, away = tmp_path / "spool", tmp_path / "away"
    spool = Spool(folder, room=2_000)
    count = 0
    while spool.size + len(encode_line(opened("x" * 9))) < 2_000:
        spool.append(opened(f"{count:09}"))
        count += 1
    # Root is refused nothing by permissions: a file stands where the folder was.
    folder.rename(away)
    folder.write_bytes(b"")
    for _ in range(3):
        with pytest.raises(OSError, match=r"directory|took the spool"):
            spool.append(opened("refused"))
        assert str(folder) in str(spool.tend())
    folder.unlink()
    away.rename(folder)
    assert spool.tend() is None
    spool.append(opened("taken"))
    ledger = Ledger(str(tmp_path / "l.db"))
    assert sum(ledger.fold(path) for path in spool.paths) == count + 1
    spool.close()
    ledger.close()


def test_a_spool_that_somebody_took_away_is_written_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.append(opened("a"))
    spool.path.unlink()
    (tmp_path / "spool").rmdir()
    assert spool.tend() is None
    spool.append(opened("b"))
    ledger = Ledger(str(tmp_path / "l.db"))
    assert ledger.fold(spool.path) == 2
    spool.close()
    ledger.close()


def test_a_spool_that_is_closed_refuses(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.close()
    with pytest.raises(OSError, match="closed"):
        spool.append(opened("a"))
    assert spool.tend() == "the spool is closed"


def test_rotation_under_writes_loses_no_line_and_disk_space_stays_bounded(
    ledger: Ledger, tmp_path: Path
) -> None:
    spool, room, most = Spool(tmp_path / "spool", room=20_000), 20_000, 0
    done = threading.Event()

    def write(name: int) -> None:
        for number in range(400):
            spool.append(opened(f"{name}-{number}"))
            spool.append(closed(f"{name}-{number}"))
            time.sleep(0.0005)

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, name) for name in range(3)]
        pool.submit(lambda: [one.result() for one in writers] and done.set())
        while not done.is_set():
            current = spool.path
            for path in spool.paths:
                ledger.fold(path, orphan=path < current)
    for path in spool.paths:
        ledger.fold(path, orphan=path < spool.path)
    most = sizes(spool.folder)
    (total,) = ledger.totals()
    assert (total.calls, total.cost, total.reserved) == (1_200, Decimal(300), 0)
    assert most <= room, "only the file that is being written is left"
    with ledger.engine.connect() as connection:
        assert connection.execute(sa.text("select count(*) from folded")).scalar() <= 1
    spool.close()


def test_what_a_dead_process_left_is_folded_once_by_replicas_that_start_together(
    database: str, tmp_path: Path
) -> None:
    folder = tmp_path / "spool"
    replicas = [Ledger(database) for _ in range(4)]
    for round_ in range(4):
        spool = Spool(folder, process=f"tw_dead{round_}_", room=100_000)
        for number in range(700):
            spool.append(opened(f"tw_dead{round_}_{number}"))
            if number % 2:
                spool.append(closed(f"tw_dead{round_}_{number}"))
        spool.close()
        with ThreadPoolExecutor(4) as pool:
            taken = list(pool.map(lambda one: one.fold_orphans(folder), replicas))
        assert sum(taken) == 1_050
        assert list(folder.iterdir()) == []
    found = {total.name: total.calls for total in replicas[0].totals("status")}
    assert found == {"ok": 1_400, "unknown": 1_400}
    with replicas[0].engine.connect() as connection:
        assert connection.execute(sa.text("select count(*) from folded")).scalar() == 0
    for one in replicas:
        one.close()


def test_a_file_that_is_being_begun_is_nobodys_orphan(tmp_path: Path) -> None:
    folder, stop = tmp_path / "spool", threading.Event()
    stolen: set[Path] = set()

    def look() -> None:
        while not stop.is_set():
            stolen.update(orphans(folder))

    spool = Spool(folder, room=2_000)
    thread = threading.Thread(target=look)
    thread.start()
    begun = set()
    for number in range(400):
        spool.append(opened(f"{number}"))
        begun.add(spool.path)
        # A file that is full is let go of: only the newest is the process's own.
        assert spool.path not in stolen
    stop.set()
    thread.join()
    assert spool.path not in stolen
    assert len(begun) > 10
    spool.close()


def test_a_torn_last_record_is_passed_over_and_the_call_is_unknown(ledger: Ledger, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", process="tw_dead_")
    spool.append(opened("tw_dead_1"))
    path = spool.path
    spool.close()
    with path.open("ab") as file:
        file.write(encode_line(closed("tw_dead_1"))[:-9] + b"\0" * 5_000)
    assert ledger.fold_orphans(tmp_path / "spool") == 1
    assert [(t.name, t.calls) for t in ledger.totals("status")] == [("unknown", 1)]
    assert not path.exists()


@pytest.mark.parametrize(
    "more",
    [
        {"asked": "gpt" * 500},
        {"asked": "gpt\0five"},
        {"error": "e" * 500},
        {"session": "s" * 500, "trace": "\0", "name": "\0" * 300},
        {"id": "resp_" + "x" * 400},
        {"tokens": Tokens(uncached=10**30, output=2**63)},
        {"latency": 10**25},
    ],
    ids=lambda more: next(iter(more)),
)
def test_no_line_holds_up_those_after_it_whatever_its_caller_wrote(
    ledger: Ledger, tmp_path: Path, more: dict[str, Any]
) -> None:
    spool = Spool(tmp_path / "spool")
    for line in (opened("a"), closed("a", **more), opened("b"), closed("b")):
        spool.append(line)
    assert ledger.fold(spool.path) == 4
    (total,) = ledger.totals()
    assert (total.calls, total.cost) == (2, Decimal("0.5"))
    assert len(list(ledger.lines())) == 2
    spool.close()
