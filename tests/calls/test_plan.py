"""Finding logs: files, folders, patterns, what is left out and what is refused."""

from __future__ import annotations

import json

import pytest

from tierwise.calls import formats, plan
from tierwise.errors import NoSuchLog, UnknownFormat

LINE = json.dumps({"model": "gpt-5.4", "input_tokens": 10})


@pytest.fixture
def folder(tmp_path):
    for name in ("b.jsonl", "a.jsonl", "deep/er/c.jsonl"):
        path = tmp_path / "logs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(LINE + "\n", encoding="utf-8")
    return tmp_path / "logs"


def names(found, folder):
    return [found.files[unit.file].removeprefix(str(folder) + "/") for unit in found.units]


def test_a_folder_is_read_with_everything_below_it(folder):
    assert names(plan([folder]), folder) == ["a.jsonl", "b.jsonl", "deep/er/c.jsonl"]


def test_a_pattern_finds_what_matches(folder):
    assert names(plan([f"{folder}/*.jsonl"]), folder) == ["a.jsonl", "b.jsonl"]
    assert len(plan([f"{folder}/**/*.jsonl"]).units) == 3


def test_a_file_named_twice_is_read_once(folder):
    (folder / "link.jsonl").symlink_to(folder / "a.jsonl")
    found = plan([folder / "a.jsonl", str(folder), f"{folder}/a.jsonl"])

    assert len(found.units) == 3


def test_files_that_are_no_logs_are_named_with_their_reason(folder):
    (folder / "README.md").write_text("# Logs, one folder, per source\n\nText.\n", encoding="utf-8")
    (folder / ".DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1")
    (folder / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    (folder / "empty.jsonl").write_bytes(b"")
    (folder / "old.zip").write_bytes(b"PK\x03\x04" + b"\x00" * 30)
    (folder / "other.json").write_text('{"name": "package", "version": "1"}', encoding="utf-8")
    found = plan([folder])

    assert len(found.units) == 3
    skipped = {found.files[s.place.file].rpartition("/")[2]: (s.reason, s.place.line) for s in found.skipped}
    assert skipped == {
        "README.md": ("not a log", 0),
        ".DS_Store": ("hidden file", 0),
        "photo.png": ("not a log", 0),
        "empty.jsonl": ("empty file", 0),
        "old.zip": ("unsupported compression", 0),
        "other.json": ("unknown format", 0),
    }


def test_nothing_but_empty_files_is_an_empty_plan(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b"")
    (tmp_path / "b.jsonl").write_bytes(b"\n \n")
    found = plan([tmp_path])

    assert (found.units, found.bytes) == ((), 0)
    assert [skip.reason for skip in found.skipped] == ["empty file", "empty file"]


def test_nothing_readable_is_refused_with_reasons_and_formats(tmp_path):
    (tmp_path / "a.txt").write_text("hello\n", encoding="utf-8")

    with pytest.raises(UnknownFormat, match=r"a\.txt: not a log.*openai-pairs"):
        plan([tmp_path])


@pytest.mark.parametrize("path", ["missing.jsonl", "no/such/*.jsonl", "empty-folder", "a\x00b", ""])
def test_nothing_there_is_refused(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty-folder").mkdir()

    with pytest.raises(NoSuchLog):
        plan([path])


def test_a_format_can_be_forced(folder, everything):
    assert {unit.format for unit in plan([folder], format="openai-pairs").units} == {"openai-pairs"}
    assert {record.reason for record in everything(folder, format="openai-pairs")} == {
        "neither request nor response"
    }


def test_a_format_that_does_not_exist_is_refused_with_the_list(folder):
    with pytest.raises(UnknownFormat, match="tierwise"):
        plan([folder], format="carrier-pigeon")


def test_a_forced_format_of_another_shape_is_refused(folder):
    with pytest.raises(UnknownFormat, match="not in the forced format"):
        plan([folder], format="openai-usage-csv")


def test_formats_have_one_name_each():
    found = formats()

    assert len({name for name, _, _ in found}) == len(found)
    assert {"openai-pairs", "openai-batch", "openai-stored", "tierwise"} <= {name for name, _, _ in found}


def test_bad_first_lines_do_not_hide_the_format(log, everything):
    path = log("2026-11-05 started", '{"broken": ', LINE)

    assert [getattr(record, "reason", "read") for record in everything(path)] == [
        "not JSON",
        "not JSON",
        "read",
    ]


@pytest.mark.parametrize(
    "first", ['{"broken": ', '{"broken": "te', "[INFO] started", "[2026-11-05] started", "\x00" * 9]
)
def test_one_damaged_first_line_before_one_good_line_is_damage(first, log, everything):
    records = everything(log(first, LINE))

    assert type(records[-1]).__name__ == "Call"
    assert [record.place.line for record in records] == [1, 2]


def test_text_of_two_bytes_without_a_mark_is_named(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes((LINE + "\n").encode("utf-16-le"))

    with pytest.raises(UnknownFormat, match="wrong encoding"):
        plan([path])


def test_a_pipe_inside_a_folder_is_not_waited_for(folder):
    import os

    os.mkfifo(folder / "pipe")
    found = plan([folder])

    assert [(skip.reason) for skip in found.skipped] == ["cannot be opened"]


def test_a_link_to_nothing_is_named(tmp_path):
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "gone.jsonl")

    with pytest.raises(UnknownFormat, match="cannot be opened"):
        plan([tmp_path / "link.jsonl"])


def test_an_archive_with_nothing_readable_is_named(tmp_path):
    import gzip

    (tmp_path / "log.gz").write_bytes(gzip.compress(LINE.encode())[:10])

    with pytest.raises(UnknownFormat, match="truncated gzip"):
        plan([tmp_path / "log.gz"])
