"""Damaged input: what is skipped, by which reason, where; and that the rest is still read."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import zstandard

from tierwise.calls import Call, Skipped, plan, read
from tierwise.calls._sources import LONGEST

GOOD = {
    "request": {"model": "gpt-5.4", "messages": [{"role": "user", "content": "Hi"}]},
    "response": {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_780_000_000,
        "model": "gpt-5.4-2026-03-05",
        "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2},
    },
}
TEXT = json.dumps(GOOD)


def changed(old: str, new: str) -> bytes:
    assert old in TEXT
    return TEXT.replace(old, new).encode()


LINES = {
    "cut in the middle": (TEXT[:100].encode(), "not JSON"),
    "no JSON at all": (b"2026-11-05 INFO started", "not JSON"),
    "an array": (b"[1, 2]", "not an object"),
    "a number": (b"42", "not an object"),
    "two objects": (TEXT.encode() + TEXT.encode(), "not JSON"),
    "NaN count": (changed('"prompt_tokens": 10', '"prompt_tokens": NaN'), "not a number"),
    "infinite count": (changed('"prompt_tokens": 10', '"prompt_tokens": Infinity'), "not a number"),
    "negative input": (changed('"prompt_tokens": 10', '"prompt_tokens": -10'), "impossible usage"),
    "negative output": (changed('"completion_tokens": 2', '"completion_tokens": -2'), "impossible usage"),
    "fraction": (changed('"prompt_tokens": 10', '"prompt_tokens": 10.5'), "impossible usage"),
    "boolean count": (changed('"prompt_tokens": 10', '"prompt_tokens": true'), "impossible usage"),
    "words": (changed('"prompt_tokens": 10', '"prompt_tokens": "ten"'), "impossible usage"),
    "huge count": (changed('"prompt_tokens": 10', '"prompt_tokens": 1' + "0" * 400), "impossible usage"),
    "float beyond range": (changed('"prompt_tokens": 10', '"prompt_tokens": 1e400'), None),
    "more cached than input": (
        changed(
            '"completion_tokens": 2', '"completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 11}'
        ),
        "impossible usage",
    ),
    "year 1": (changed('{"request"', '{"at": "0001-01-01T00:00:00Z", "request"'), "impossible date"),
    "year 1 in seconds": (changed('{"request"', '{"at": -62135596800, "request"'), "impossible date"),
    "year 33658": (changed("1780000000", "1000000000000"), "impossible date"),
    "date that is none": (changed('{"request"', '{"at": "soon", "request"'), "impossible date"),
    "latin-1": (changed('"Hi"', '"H\u00e9"').decode().encode("latin-1"), "wrong encoding"),
    "zero bytes": (b"\x00" * 40, "wrong encoding"),
    "nested beyond reading": (b'{"request": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
    "nested where nobody looks": (
        changed('{"request"', '{"x": ' + "[" * 100_000 + "]" * 100_000 + ', "request"'),
        "nested too deeply",
    ),
}


@pytest.mark.parametrize("name", LINES)
def test_a_damaged_line_is_skipped_by_reason_and_place(name, log, everything):
    line, reason = LINES[name]
    records = everything(log(TEXT, line, TEXT))

    assert [type(record) for record in (records[0], records[2])] == [Call, Call]
    assert isinstance(records[1], Skipped)
    assert reason in (records[1].reason, None)
    assert (records[1].place.file, records[1].place.line) == (0, 2)
    assert len(records[1].detail) <= 200
    assert records[2].place.line == 3


@pytest.mark.parametrize("line", [b"", b"   ", b"\r", b"\t \r"], ids=repr)
def test_blank_lines_are_no_records_but_count_as_lines(line, log, everything):
    records = everything(log(TEXT, line, TEXT))

    assert [record.place.line for record in records] == [1, 3]


def test_a_half_character_does_not_lose_a_call(log, everything):
    """Texts are cut in the middle of an emoji; the escape that is left is no character."""
    whole, half = TEXT.replace('"Hi"', r'"\ud83d\ude00 ok"'), TEXT.replace('"Hi"', r'"\\ud83d cut \ud83d"')
    calls = everything(log(whole, half))

    assert calls[0].response.text == "\U0001f600 ok"
    assert calls[1].response.text == "\\ud83d cut \ufffd"


def test_a_half_character_in_the_only_line_does_not_hide_the_format(log, everything):
    (call,) = everything(log(TEXT.replace('"Hi"', r'"cut \ud83d"')))
    assert call.response.text == "cut \ufffd"


@pytest.mark.parametrize("before", [1, 0])
def test_a_line_over_the_cap_is_skipped_without_its_content(before, tmp_path, everything):
    """Also where it is the first, and the format can only be told by what follows."""
    path = tmp_path / "long.jsonl"
    with path.open("wb") as file:
        file.write((TEXT.encode() + b"\n") * before)
        file.write(b'{"request": "')
        for _ in range(LONGEST // (1024 * 1024) + 1):
            file.write(b"x" * 1024 * 1024)
        file.write(b'"}\n' + TEXT.encode() + b"\n")
    records = everything(path)

    assert [type(record) for record in records] == [Call] * before + [Skipped, Call]
    assert (records[-2].reason, records[-2].place.line) == ("line too long", before + 1)
    assert sum(unit.size for unit in plan([path]).units) == path.stat().st_size


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_truncated_file_gives_what_it_holds(pack, tmp_path, everything):
    import random

    noise = random.Random(1)
    lines = [
        json.dumps({**GOOD, "note": "".join(noise.choices("abcdefghij", k=300))}).encode()
        for _ in range(2000)
    ]
    packed = pack(b"\n".join(lines))
    path = tmp_path / "log.jsonl.x"
    path.write_bytes(packed[: len(packed) // 2])
    records = everything(path)

    read_well = [record for record in records if isinstance(record, Call)]
    reasons = [record.reason for record in records if isinstance(record, Skipped)]
    assert len(read_well) > 200
    assert reasons[-1] == "truncated " + ("gzip" if pack is gzip.compress else "zstd")
    assert set(reasons[:-1]) <= {"not JSON"}


def test_a_gzip_damaged_inside_says_so(tmp_path, everything):
    packed = bytearray(gzip.compress("\n".join([TEXT] * 5000).encode()))
    packed[len(packed) // 2 :] = b"\xff" * (len(packed) - len(packed) // 2)
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(packed)

    assert everything(path)[-1].reason in ("damaged gzip", "truncated gzip")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda text: text[: len(text) - 40], "not JSON"),
        (lambda text: text.replace('"Hi"', "Hi", 1), "not JSON"),
        (lambda text: text.replace('{"request"', "[" * 100_000 + '{"request"', 1), "nested too deeply"),
    ],
    ids=["cut off", "broken inside", "nested"],
)
def test_a_damaged_document_gives_what_comes_before(damage, reason, tmp_path, everything):
    path = tmp_path / "log.json"
    good = ",".join([TEXT] * 200)
    path.write_text("[" + good + "," + damage(TEXT), encoding="utf-8")
    records = everything(path)

    assert [type(record) for record in records] == [Call] * 200 + [Skipped]
    assert (records[-1].reason, records[-1].place.line) == (reason, 201)


def test_a_nan_in_a_document_costs_one_record(tmp_path, everything):
    path = tmp_path / "log.json"
    path.write_text(f"[{TEXT}, {changed('10', 'NaN').decode()}, {TEXT}]", encoding="utf-8")

    assert [getattr(record, "reason", "read") for record in everything(path)] == [
        "read",
        "not a number",
        "read",
    ]


CSV = "id,model,input_tokens,output_tokens"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("c,gpt-5.4,1,2,3,4", "not CSV"),
        (b"c\xff,gpt-5.4,1,2", "wrong encoding"),
        ("c,gpt-5.4,one,2", "impossible usage"),
        ("c,,1,2", "no model"),
    ],
)
def test_a_damaged_row_is_skipped(row, reason, log, everything):
    records = everything(log(CSV, "a,gpt-5.4,1,2", row, "b,gpt-5.4,1,2", name="calls.csv"))

    assert [getattr(record, "reason", "read") for record in records] == ["read", reason, "read"]
    assert [record.place.line for record in records] == [2, 3, 4]


def test_a_database_that_is_none_is_named(tmp_path):
    from tierwise.errors import UnknownFormat

    path = tmp_path / "logs.db"
    path.write_bytes(b"SQLite format 3\x00" + b"\x07" * 5000)

    with pytest.raises(UnknownFormat, match="damaged database"):
        plan([path])


def test_a_parquet_that_is_none_is_named(tmp_path):
    from tierwise.errors import UnknownFormat

    path = tmp_path / "calls.parquet"
    path.write_bytes(b"PAR1" + b"\x07" * 500 + b"PAR1")

    with pytest.raises(UnknownFormat, match="damaged Parquet"):
        plan([path])


def test_a_file_that_goes_away_after_planning_is_a_skip(log):
    path: Path = log(TEXT)
    units = plan([path]).units
    path.unlink()

    assert [record.reason for unit in units for record in read(unit)] == ["cannot be read"]


def test_a_parquet_file_whose_first_row_holds_a_damaged_body_is_read_all_the_same(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "log.parquet"
    request, response = json.dumps(GOOD["request"]), json.dumps(GOOD["response"])
    table = {"request": ['{"model":', request], "response": [response, response]}
    parquet.write_table(arrow.table(table), path)
    found = [record for unit in plan([str(path)]).units for record in read(unit)]
    assert [type(record) for record in found] == [Skipped, Call]
