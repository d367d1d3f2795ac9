"""The examples of docs/graders.md are true, and every grader is described there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from proving import asked, named, said

from tierwise.prove._judge_text import LONGEST_ANSWER
from tierwise.prove._named import _KINDS

PAGE = (Path(__file__).parent.parent.parent / "docs" / "graders.md").read_text("utf-8")
EXAMPLES = re.findall(r"^\| `(.+?)` \| `(.+?)` \| `(.+?)` \| ([\d.]+) \|$", PAGE, re.MULTILINE)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 10


@pytest.mark.parametrize(("name", "answer", "reference", "score"), EXAMPLES)
def test_an_example_is_true(name: str, answer: str, reference: str, score: str) -> None:
    found = named(name.replace("\\|", "|")).grade(asked(), said(answer), reference)

    assert found.value == pytest.approx(float(score))


@pytest.mark.parametrize("name", sorted(_KINDS))
def test_every_grader_is_described(name: str) -> None:
    assert re.search(rf"^\| `{name}\b", PAGE, re.MULTILINE)


def test_bounds_in_the_page_are_those_of_the_program() -> None:
    assert f"{LONGEST_ANSWER:,} characters" in PAGE
