"""Exports are found out by their content among all formats, in every container."""

from __future__ import annotations

import csv
import gzip
import json
import sqlite3

import pytest

from tierwise.calls import Call, formats, plan, read

OBJECTS = {
    "litellm_row": "litellm",
    "litellm_payload": "litellm",
    "langfuse_trace": "langfuse",
    "otlp": "otlp",
    "langsmith_run": "langsmith",
    "helicone_request": "helicone",
}


def calls_in(path, expected):
    found = plan([path])
    assert {unit.format for unit in found.units} == {expected}
    return [r for unit in found.units for r in read(unit) if isinstance(r, Call)]


@pytest.mark.parametrize("record", OBJECTS)
def test_lines_arrays_documents_and_gzip_tell_the_same_calls(record, fixture, tmp_path):
    item = fixture(record)
    line = json.dumps(item)
    (tmp_path / "lines.jsonl").write_text(f"{line}\n{line}\n", "utf-8")
    (tmp_path / "array.json").write_text(json.dumps([item, item], indent=1), "utf-8")
    (tmp_path / "document.json").write_text(json.dumps(item, indent=1), "utf-8")
    (tmp_path / "lines.jsonl.gz").write_bytes(gzip.compress(f"{line}\n{line}\n".encode()))
    one = [call.id for call in calls_in(tmp_path / "document.json", OBJECTS[record])]
    assert one
    for name in ("lines.jsonl", "array.json", "lines.jsonl.gz"):
        assert [call.id for call in calls_in(tmp_path / name, OBJECTS[record])] == one + one


@pytest.mark.parametrize(
    ("record", "key"), [("litellm_row", "data"), ("helicone_request", "data"), ("langsmith_run", "runs")]
)
def test_a_page_of_an_api_is_found_out(record, key, fixture, tmp_path):
    (tmp_path / "page.json").write_text(json.dumps({key: [fixture(record)] * 3, "next": None}), "utf-8")
    assert len(calls_in(tmp_path / "page.json", OBJECTS[record])) == 3


@pytest.mark.parametrize("record", ["litellm_row", "helicone_request", "langsmith_run"])
def test_csv_with_json_in_its_cells_tells_the_same_call(record, fixture, tmp_path):
    item = fixture(record)
    cells = {k: v if isinstance(v, str) else "" if v is None else json.dumps(v) for k, v in item.items()}
    with (tmp_path / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=cells)
        writer.writeheader()
        writer.writerow(cells)
    (tmp_path / "rows.json").write_text(json.dumps(item), "utf-8")
    (from_csv,) = calls_in(tmp_path / "rows.csv", OBJECTS[record])
    (from_json,) = calls_in(tmp_path / "rows.json", OBJECTS[record])
    assert from_csv.tokens == from_json.tokens
    assert (from_csv.id, from_csv.lane, from_csv.request) == (from_json.id, from_json.lane, from_json.request)


@pytest.mark.parametrize("script", ["llm_new", "llm_old"])
def test_a_database_is_found_out_by_its_tables(script, request, tmp_path):
    sql = (request.path.parent / "fixtures" / f"{script}.sql").read_text("utf-8")
    connection = sqlite3.connect(tmp_path / "logs.db")
    connection.executescript(sql)
    connection.close()
    assert len(calls_in(tmp_path / "logs.db", "llm")) == 2


def test_formats_without_a_sample_say_so():
    assert {name for name, _, best_effort in formats() if best_effort} >= {"langsmith", "helicone"}
