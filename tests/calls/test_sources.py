"""The same calls out of every wrapping: compression, encodings, Parquet, pipes, ranges."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import zstandard

from tierwise.calls import Call, absolute_place, plan, read


def calls(count: int) -> list[dict]:
    return [
        {
            "request": {
                "model": "gpt-5.4",
                "messages": [{"role": "user", "content": f"Grüße {n} \U0001f600"}],
            },
            "response": {
                "id": f"chatcmpl-{n}",
                "object": "chat.completion",
                "created": 1_780_000_000 + n,
                "model": "gpt-5.4-2026-03-05",
                "choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 10 + n, "completion_tokens": 2},
            },
        }
        for n in range(count)
    ]


def texts(count: int) -> str:
    return "".join(json.dumps(call, ensure_ascii=False) + "\n" for call in calls(count))


def shown(records: list) -> list[tuple]:
    return [(r.id, r.tokens, r.request.messages[0].text) for r in records if isinstance(r, Call)]


WRAPPINGS = {
    "plain": lambda text: text.encode(),
    "no last line feed": lambda text: text.rstrip("\n").encode(),
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "UTF-8 with mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 big-endian": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "gzip": lambda text: gzip.compress(text.encode()),
    "gzip of UTF-16": lambda text: gzip.compress(text.encode("utf-16")),
    "gzip in members": lambda text: b"".join(
        gzip.compress(line.encode()) for line in text.splitlines(keepends=True)
    ),
    "zstd": lambda text: zstandard.compress(text.encode()),
    "zstd in frames": lambda text: b"".join(
        zstandard.compress(line.encode()) for line in text.splitlines(keepends=True)
    ),
    "array": lambda text: ("[" + ",".join(text.splitlines()) + "]").encode(),
    "indented array": lambda text: json.dumps(
        [json.loads(line) for line in text.splitlines()], indent=2
    ).encode(),
    "indented objects": lambda text: "\n".join(
        json.dumps(json.loads(line), indent=1) for line in text.splitlines()
    ).encode(),
    "blank lines": lambda text: text.replace("\n", "\n\n").encode(),
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_every_wrapping_gives_the_same_calls(wrapping, tmp_path, everything):
    path = tmp_path / "log"
    path.write_bytes(WRAPPINGS[wrapping](texts(30)))
    plain = tmp_path / "plain.jsonl"
    plain.write_text(texts(30), encoding="utf-8")

    assert len(shown(everything(path))) == 30
    assert shown(everything(path)) == shown(everything(plain))


@pytest.mark.parametrize("form", ["bodies as text", "bodies as structs"])
def test_parquet_gives_the_same_calls(form, tmp_path, everything):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = calls(30)
    if form == "bodies as text":
        rows = [
            {name: json.dumps(body) for name, body in row.items()} | {"project": "proj_a"} for row in rows
        ]
    path, plain = tmp_path / "log.parquet", tmp_path / "plain.jsonl"
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=7)
    plain.write_text(texts(30), encoding="utf-8")

    assert shown(everything(path)) == shown(everything(plain))
    if form == "bodies as text":
        assert {call.project for call in everything(path)} == {"proj_a"}


def test_parquet_may_hold_plain_columns(tmp_path, everything):
    from datetime import UTC, datetime

    import pyarrow as pa
    import pyarrow.parquet as pq

    at = datetime(2026, 11, 5, 10, tzinfo=UTC)
    rows = [{"at": at, "model": "gpt-5.4", "input_tokens": n, "cached_tokens": None} for n in range(3)]
    path = tmp_path / "log.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)

    assert [(c.at, c.tokens.uncached) for c in everything(path)] == [
        (1_793_872_800_000_000, n) for n in range(3)
    ]


def test_ranges_of_a_file_together_are_the_whole(tmp_path):
    """Each line is read once, whatever the size of the pieces, and places lead back to the file."""
    path = tmp_path / "log.jsonl"
    path.write_text("\n" + texts(60) + "{broken\n" + texts(1), encoding="utf-8")
    whole = [record for unit in plan([path]).units for record in read(unit)]
    for piece in (1, 333, 1000, 5000):
        units = pickle.loads(pickle.dumps(plan([path], piece=piece))).units
        found = [(record, absolute_place(record.place, unit)) for unit in units for record in read(unit)]

        assert len(units) > 1
        assert units[0].start == 0
        assert [unit.start for unit in units[1:]] == [unit.end for unit in units[:-1]]
        assert sum(unit.size for unit in units) == path.stat().st_size
        assert [place for _, place in found] == [record.place for record in whole]
        assert shown([record for record, _ in found]) == shown(whole)


def test_progress_adds_up_to_the_size_of_the_plan(tmp_path):
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(gzip.compress(texts(50).encode()))
    found = plan([path])
    told: list[int] = []
    for unit in found.units:
        list(read(unit, progress=told.append))

    assert sum(told) == found.bytes == path.stat().st_size


STDIN = """
import sys
from tierwise.calls import Call, plan, read
found = plan(["-"])
print(sum(isinstance(r, Call) for unit in found.units for r in read(unit)))
"""


@pytest.mark.parametrize("wrapping", ["plain", "gzip", "zstd", "UTF-16", "array"])
def test_standard_input_is_read_in_one_pass(wrapping):
    out = subprocess.run(
        [sys.executable, "-c", STDIN], input=WRAPPINGS[wrapping](texts(30)), capture_output=True, check=True
    )

    assert out.stdout.split() == [b"30"]


def test_a_table_on_standard_input_is_read(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "log.parquet"
    pq.write_table(pa.Table.from_pylist(calls(9)), path)
    out = subprocess.run(
        [sys.executable, "-c", STDIN], input=path.read_bytes(), capture_output=True, check=True
    )

    assert out.stdout.split() == [b"9"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_read_like_standard_input(tmp_path, everything):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: Path(pipe).write_bytes(texts(5).encode()))
    writer.start()
    try:
        assert len(everything(pipe)) == 5
    finally:
        writer.join()


def test_a_large_document_is_read_element_by_element(tmp_path, everything):
    """A page of one line over 32 MB: its records come one at a time."""
    item = calls(1)[0]["response"] | {"note": "x" * 1_000_000}
    path = tmp_path / "stored.json"
    path.write_text(
        json.dumps({"object": "list", "data": [item | {"id": f"chatcmpl-{n}"} for n in range(36)]}),
        encoding="utf-8",
    )
    (unit,) = plan([path]).units

    assert (unit.kind, unit.wrapped, unit.format) == ("document", True, "openai-stored")
    assert [call.place.line for call in read(unit)] == list(range(1, 37))


def test_a_small_archive_of_a_long_line_is_read(tmp_path, everything):
    """Few stored bytes, and no line ends in the first megabyte of what they hold."""
    call = calls(1)[0]
    call["request"]["messages"][0]["content"] = "x" * 3_000_000
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(gzip.compress((json.dumps(call) + "\n" + texts(2)).encode()))

    assert len(everything(path)) == 3
    path.write_bytes(
        gzip.compress(json.dumps({"object": "list", "data": [call["response"]] * 9000}).encode())
    )
    assert len(everything(path)) == 9000


def test_a_page_with_a_record_a_line_is_one_document(tmp_path, everything):
    records = [json.dumps(call["response"]) for call in calls(3)]
    path = tmp_path / "stored.json"
    path.write_text('{"object": "list", "data": [\n' + ",\n".join(records) + "\n]}\n", encoding="utf-8")

    assert [call.id for call in everything(path)] == ["chatcmpl-0", "chatcmpl-1", "chatcmpl-2"]
