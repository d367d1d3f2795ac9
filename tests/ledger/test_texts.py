"""Text in the ledger: in once with its call, gone in time, on demand, and not back with an old spool."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import zstandard

from tierwise.calls import RECORDER_VERSION, Recorded
from tierwise.catalog import Tokens
from tierwise.ledger import Closed, Ledger, Opened, Spool, forget, lines_with_text, purge
from tierwise.ledger._store import open_engine
from tierwise.ledger._tables import STEPS, migrate
from tierwise.ledger._texts import now
from tierwise.policy import Text

AT = now()
LATER = AT + 86_400_000_000


@pytest.fixture
def ledger(database: str) -> Iterator[Ledger]:
    found = Ledger(database)
    yield found
    found.close()


def packed(value: Any) -> bytes:
    return zstandard.ZstdCompressor().compress(json.dumps(value).encode())


def closed(
    identity: str, *, until: int = LATER, request: Any = "ask", reply: Any = "say", **more: Any
) -> Closed:
    usual: dict[str, Any] = {"status": "ok", "project": "p", "key": "app", "at": AT}
    call = Recorded(
        recorder=RECORDER_VERSION, endpoint="chat", tokens=Tokens(uncached=5, output=2), **{**usual, **more}
    )
    text = Text(
        until=until, request=packed(request) if request else b"", reply=packed(reply) if reply else b""
    )
    return Closed(id=identity, call=call, text=text)


def kept(ledger: Ledger) -> list[tuple[str, str | None]]:
    """Requests and replies that an export has."""
    found = [json.loads(line).get("text") for line in lines_with_text(ledger.engine)]
    return [(text["request"], text.get("reply")) for text in found if text]


def fold(ledger: Ledger, folder: Path, *lines: Any) -> Path:
    spool = Spool(folder)
    for line in lines:
        spool.append(line)
    ledger.fold(spool.path)
    spool.close()
    return spool.path


def test_text_comes_in_once_with_its_call_and_is_exported_only_when_asked_for(
    ledger: Ledger, tmp_path: Path
) -> None:
    path = fold(ledger, tmp_path, Opened(id="a", at=AT), closed("a"), closed("a"))
    ledger.fold(path)
    assert kept(ledger) == [("ask", "say")]
    assert all(b'"text"' not in line for line in ledger.lines())


def test_the_reply_of_a_background_call_joins_its_request(ledger: Ledger, tmp_path: Path) -> None:
    first = closed("a", reply=None, status="unknown")
    fold(ledger, tmp_path / "one", Opened(id="a", at=AT), first)
    assert kept(ledger) == [("ask", None)]
    fold(ledger, tmp_path / "two", closed("a", request=None))
    assert kept(ledger) == [("ask", "say")]
    fold(
        ledger,
        tmp_path / "three",
        closed("b", reply=None, status="unknown"),
        closed("b", request=None, reply="end"),
    )
    assert kept(ledger) == [("ask", "say"), ("ask", "end")]


def test_what_is_past_its_time_is_neither_exported_nor_kept(ledger: Ledger, tmp_path: Path) -> None:
    fold(ledger, tmp_path, closed("a"), closed("old", until=AT - 1))
    assert purge(ledger.engine, LATER - 1) == 0
    assert purge(ledger.engine, LATER) == 1
    assert kept(ledger) == []
    assert ledger.totals()[0].calls == 2, "what calls cost stays"


@pytest.mark.parametrize("of", [{"call": "a"}, {"key": "app"}, {"project": "p"}])
def test_what_is_forgotten_is_gone_noted_and_does_not_come_back_from_a_spool(
    ledger: Ledger, tmp_path: Path, of: dict[str, str]
) -> None:
    path = fold(ledger, tmp_path / "one", closed("a"), closed("other", key="x", project="q"))
    assert forget(ledger.engine, "user:kim", **of) == 1
    with ledger.engine.begin() as connection:
        # As after a crash between the last fold of a file and its end.
        connection.execute(sa.text("delete from folded"))
    ledger.fold(path)
    # And what lay in another file still, of calls that were sent before.
    fold(ledger, tmp_path / "two", closed("a" if "call" in of else "b"))
    assert [
        json.loads(line).get("project") for line in lines_with_text(ledger.engine) if b'"text"' in line
    ] == ["q"]
    (note,) = ledger.notes()
    assert (note[1], "1 calls" in note[2]) == ("user:kim", True)


def test_a_ledger_of_the_version_before_gets_its_tables(database: str) -> None:
    engine = open_engine(database)
    assert migrate(engine, 2) == 2
    engine.dispose()
    again = Ledger(database)
    assert again.version == len(STEPS)
    assert kept(again) == []
    again.close()


def test_damaged_text_costs_no_record(ledger: Ledger, tmp_path: Path) -> None:
    fold(ledger, tmp_path, closed("a"))
    with ledger.engine.begin() as connection:
        connection.execute(sa.text("update texts set request = :no"), {"no": b"nonsense"})
    (line,) = lines_with_text(ledger.engine)
    assert "text" not in json.loads(line)


def test_a_spool_that_turns_leaves_a_file_that_goes_once_it_is_folded(ledger: Ledger, tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(closed("a"))
    first = spool.path
    spool.turn()
    assert first != spool.path
    ledger.fold(first, orphan=True)
    assert not first.exists()
    assert kept(ledger) == [("ask", "say")]
    spool.close()
