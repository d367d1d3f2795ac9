"""Which calls are one workload, beyond what their template says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from logs import audited, pair

from tierwise.audit import WorkloadRow


def rows(folder: Path, lines: list[dict[str, Any]]) -> tuple[WorkloadRow, ...]:
    return audited(folder, lines).findings.workloads


def many(*outers: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        pair(id=f"{i}-{n}", minute=i, user=f"Ticket {i} of {n}", **outer)
        for n, outer in enumerate(outers)
        for i in range(10)
    ]


def test_one_template_is_one_workload(tmp_path: Path) -> None:
    assert [row.calls for row in rows(tmp_path, many({}, {}))] == [20]


def test_names_that_the_application_gives_divide_it(tmp_path: Path) -> None:
    found = rows(tmp_path, many({"name": "refunds"}, {"name": "complaints"}))
    assert sorted(row.label for row in found) == ["complaints", "refunds"]


def test_metadata_that_names_the_place_divides_it(tmp_path: Path) -> None:
    assert (
        len(rows(tmp_path, many({"metadata": {"feature": "refunds"}}, {"metadata": {"feature": "other"}})))
        == 2
    )


@pytest.mark.parametrize(
    "name", ["ChatOpenAI", "openai.chat", "ChatCompletion", "ai.generateText.doGenerate"]
)
def test_a_name_that_a_library_gives_to_every_call_does_not(name: str, tmp_path: Path) -> None:
    (row,) = rows(tmp_path, many({"name": name}, {"name": "openai.response"}))
    assert row.label.startswith("Sort the ticket")


def test_a_name_a_call_is_data_and_divides_nothing(tmp_path: Path) -> None:
    lines = [pair(id=str(i), minute=i, user=f"Ticket {i}", name=f"customer {i}") for i in range(100)]
    assert len(rows(tmp_path, lines)) == 1


def test_every_workload_has_its_own_signals_though_instructions_are_shared(tmp_path: Path) -> None:
    asks = ("Translate to French: {}", "Write a python function that does this: {}")
    lines = [
        pair(
            id=f"{i}-{n}",
            minute=i,
            instructions="You are a helpful assistant.",
            user=ask.format(f"item {i} here"),
        )
        for n, ask in enumerate(asks)
        for i in range(20)
    ]
    found = {row.task: row for row in rows(tmp_path, lines)}
    assert set(found) == {"translation", "coding"}
    assert all(row.signals for row in found.values())


def test_calls_without_a_request_are_grouped_by_name_the_same_in_any_order(tmp_path: Path) -> None:
    flat = [
        {
            "at": f"2026-11-20T10:{i:02d}:00Z",
            "model": "gpt-5.4",
            "input_tokens": 10,
            "output_tokens": 1,
            "name": n,
        }
        for i in range(10)
        for n in ("a", "b")
    ]
    (tmp_path / "x").mkdir()
    first = rows(tmp_path, flat)
    second = rows(tmp_path / "x", flat[::-1])
    assert {row.id for row in first} == {row.id for row in second}
    assert len(first) == 2
