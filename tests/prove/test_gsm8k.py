"""The number grader beside published marks: 1,319 answers each of two models to GSM8K questions."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from proving import asked, named, said

ROOT = Path(__file__).parent.parent.parent
SHARED = ROOT / "../shared/data/routing/RouteLLM/gsm8k"

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="no shared answers beside the project")


@pytest.fixture
def wide_cells() -> Iterator[None]:
    before = csv.field_size_limit(10_000_000)
    yield
    csv.field_size_limit(before)


@pytest.mark.parametrize(
    ("model", "too_strict", "too_lenient"),
    [("mistralai/Mixtral-8x7B-Instruct-v0.1", 2, 5), ("gpt-4-1106-preview", 42, 0)],
)
def test_marks_differ_only_where_the_published_ones_are_wrong(
    wide_cells: None, model: str, too_strict: int, too_lenient: int
) -> None:
    """Too strict: '$20.00' beside 20, in all 44 of them. Too lenient: 0.5 beside 5, -54 beside 54 and the like."""
    with gzip.open(SHARED / "test.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    right = {row["question"]: row["answer"].rpartition("####")[2].strip() for row in rows}
    found: Counter[tuple[bool, bool]] = Counter()
    number = named("number")
    with gzip.open(SHARED / "gsm8k_responses.csv.gz", "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            scored = number.grade(asked(), said(row[f"{model}_response"]), right[row["prompt"]])
            found[scored.value == 1, row[model] == "True"] += 1

    assert (found[True, False], found[False, True]) == (too_strict, too_lenient)
    assert found.total() == 1_319
