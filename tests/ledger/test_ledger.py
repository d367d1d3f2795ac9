"""Spool and ledger: each call once, whatever process died; sums to the last digit; keys that are no text."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.calls import RECORDER_VERSION, Recorded
from tierwise.catalog import Tokens
from tierwise.errors import CallerError, ConfigurationError
from tierwise.ledger import (
    Closed,
    Keys,
    Ledger,
    Opened,
    Scope,
    Spool,
    decode_line,
    encode_line,
    orphans,
)
from tierwise.ledger._tables import STEPS

AT = 1_795_600_000_000_000
DAY = dt.date(2026, 11, 25)


def opened(identity: str, **more: Any) -> Opened:
    return Opened(id=identity, at=AT, **{"reserved": Decimal("0.5"), "key": "app", **more})


def closed(identity: str, cost: str | None = "0.000001", **more: Any) -> Closed:
    call = Recorded(
        recorder=RECORDER_VERSION,
        id=f"resp_{identity}",
        at=AT,
        endpoint="responses",
        asked="gpt-5.5",
        served="gpt-5.4-nano-2026-03-17",
        tokens=Tokens(uncached=5, output=2),
        status="ok",
        project="p",
        key="app",
        cost=Decimal(cost) if cost is not None else None,
        as_asked=Decimal(cost) * 2 if cost is not None else None,
    )
    return Closed(
        id=identity, call=call, workload="00000000000000a1", moved=True, rung="gpt-5.4-nano (none)", **more
    )


@pytest.fixture
def ledger(database: str) -> Any:
    found = Ledger(database)
    yield found
    found.close()


@pytest.fixture
def spool(tmp_path: Path) -> Any:
    found = Spool(tmp_path / "spool")
    yield found
    found.close()


def test_a_call_is_unknown_until_its_end_is_folded_and_then_settled(ledger: Ledger, spool: Spool) -> None:
    spool.append(opened("a"))
    assert ledger.fold(spool.path) == 1
    (total,) = ledger.totals()
    assert (total.calls, total.cost, total.reserved, total.unpriced) == (1, 0, Decimal("0.5"), 1)
    spool.append(closed("a", "0.123456789012345678"))
    assert ledger.fold(spool.path) == 1
    (total,) = ledger.totals()
    assert (total.cost, total.reserved, total.unpriced) == (Decimal("0.123456789012345678"), 0, 0)
    row = ledger.call("a")
    assert row is not None
    assert (row["status"], row["workload"], row["rung"]) == ("ok", "00000000000000a1", "gpt-5.4-nano (none)")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=40), st.data())
def test_every_call_is_there_once_however_often_and_far_it_was_folded(
    tmp_path_factory: Any, lines: list[tuple[int, bool]], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("spools")
    ledger, spool = Ledger(str(folder / "l.db")), Spool(folder / "spool", room=2_000)
    paths = [spool.path]
    for number, end in lines:
        spool.append(closed(str(number)) if end else opened(str(number)))
        if spool.path not in paths:
            paths.append(spool.path)
        if data.draw(st.booleans()):
            for path in paths:
                ledger.fold(path) if path.exists() else None
    for path in paths:
        ledger.fold(path) if path.exists() else None
    spool.close()
    ended = {number for number, end in lines if end}
    (total,) = ledger.totals() or [None]
    if total is not None:
        assert total.calls == len({number for number, _ in lines})
        assert total.cost == len(ended) * Decimal("0.000001")
        assert total.reserved == sum(Decimal("0.5") for n in {n for n, _ in lines} - ended)
    ledger.close()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2_000))
def test_a_line_torn_anywhere_is_left_for_later_and_a_damaged_one_passed_over(cut: int) -> None:
    whole = encode_line(closed("a"))
    torn = whole[: cut % (len(whole) - 1)]
    assert decode_line(torn) is None
    assert decode_line(whole) == closed("a")


CHILD = """
import sys
from decimal import Decimal
sys.path.insert(0, {here!r})
from pathlib import Path
from test_ledger import opened, closed
from tierwise.ledger import Spool
spool = Spool(Path(sys.argv[1]))
number = 0
while True:
    number += 1
    spool.append(opened(f"{{sys.argv[2]}}-{{number}}"))
    spool.append(closed(f"{{sys.argv[2]}}-{{number}}"))
    if number % 50 == 0:
        print(number, flush=True)
"""


def test_what_a_killed_process_wrote_is_folded_by_the_next_one(ledger: Ledger, tmp_path: Path) -> None:
    folder, told = tmp_path / "spool", 0
    for name in ("one", "two", "three"):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD.format(here=str(Path(__file__).parent)), str(folder), name],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        said = [int(child.stdout.readline()) for _ in range(3)]
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        told += said[-1]
    assert len(orphans(folder)) == 3
    ledger.fold_orphans(folder)
    (total,) = ledger.totals()
    # Every call that was said to be written is there; at most one of each process has no end.
    assert total.calls >= told
    assert total.unpriced <= 3
    assert total.cost == (total.calls - total.unpriced) * Decimal("0.000001")
    assert list(folder.iterdir()) == []


def test_a_spool_in_use_is_nobodys_orphan(spool: Spool) -> None:
    spool.append(opened("a"))
    assert orphans(spool.folder) == []
    spool.close()
    assert orphans(spool.folder) == [spool.path]


def test_several_threads_may_append(ledger: Ledger, spool: Spool) -> None:
    def work(name: int) -> None:
        for number in range(200):
            spool.append(closed(f"{name}-{number}"))

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ledger.fold(spool.path)
    assert ledger.totals()[0].calls == 800


def test_sums_are_by_what_is_asked_for_and_add_up(ledger: Ledger, spool: Spool) -> None:
    for number in range(7):
        spool.append(closed(str(number), f"0.00000000{number}1"))
    ledger.fold(spool.path)
    whole = ledger.totals()[0].cost
    for by in ("workload", "model", "key", "project", "lane", "day", "rule", "status"):
        assert sum(total.cost for total in ledger.totals(by)) == whole
    assert ledger.totals(since="2027-01-01") == []


def test_the_ledger_opens_again_and_knows_its_version(tmp_path: Path) -> None:
    for _ in range(2):
        ledger = Ledger(str(tmp_path / "l.db"))
        assert ledger.version == len(STEPS)
        ledger.note("kim", "was here")
        ledger.close()
    ledger = Ledger(f"sqlite:///{tmp_path / 'l.db'}")
    assert [what for _, _, what in ledger.notes()] == ["was here"] * 2
    ledger.close()


@pytest.mark.parametrize(
    "url", ["nonsense://x", "/no/such/folder/l.db", "postgresql+nodriver://u:secret@h/d"]
)
def test_a_ledger_that_cannot_be_opened_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Ledger(url)
    assert "secret" not in str(caught.value)


def test_a_key_is_shown_once_and_kept_as_a_salted_digest(ledger: Ledger) -> None:
    keys = Keys(ledger)
    text = keys.make("app", Scope(project="support"))
    other = keys.make("other", Scope())
    found = keys.find(text)
    assert found is not None
    assert (found.name, found.scope.project) == ("app", "support")
    for wrong in (
        text[:-1] + "~",
        text.replace("tw-", ""),
        "tw-",
        "tw--",
        "",
        other[:16] + text[16:],
        "tw-" + "é" * 9,
    ):
        assert keys.find(wrong) is None
    with ledger.engine.connect() as connection:
        kept = str(connection.execute(sa.text("select * from keys")).all())
    assert text.rpartition("-")[2] not in kept
    keys.end("app")
    assert keys.find(text) is None
    with pytest.raises(CallerError, match="in use"):
        keys.end("app")
    with pytest.raises(CallerError, match="another name"):
        keys.make("other", Scope())
    assert [what.split(":")[0] for _, _, what in ledger.notes()] == ["made app", "made other", "ended app"]


@pytest.mark.parametrize("apart", [True, False], ids=["folded in between", "folded at once"])
def test_a_call_that_fell_back_and_never_ended_is_held_for_where_it_went_last(
    tmp_path: Path, database: str, apart: bool
) -> None:
    ledger, spool = Ledger(database), Spool(tmp_path / "spool")
    second = {"model": "gpt-5.4", "reserved": Decimal(2)}
    for identity in ("gone", "cut", "ended"):
        spool.append(opened(identity, model="gpt-5.4-mini"))
    if apart:
        ledger.fold(spool.path)
    for identity in ("gone", "cut", "ended"):
        spool.append(opened(identity, **second))
    spool.append(closed("ended"))
    end = closed("cut", cost=None)
    spool.append(msgspec.structs.replace(end, call=msgspec.structs.replace(end.call, status="unknown")))
    spool.close()
    ledger.fold_orphans(tmp_path / "spool")
    rows = {identity: ledger.call(identity) or {} for identity in ("gone", "cut", "ended")}
    assert {name: row["reserved"] for name, row in rows.items()} == {"gone": "2", "cut": "2", "ended": None}
    assert rows["gone"]["asked"] == "gpt-5.4"
    assert [row["status"] for row in rows.values()] == ["unknown", "unknown", "ok"]
    ledger.close()
