"""The first difference between two prompts, and what kind of thing it is."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.caching import first_difference, first_parting, outline, passages, shared_share

CASES = [
    ("timestamp", "Now: 2026-11-20 14:05:11. Answer.", "Now: 2026-11-21 09:00:02. Answer."),
    ("timestamp", "It is 14:05. Answer.", "It is 09:01. Answer."),
    ("timestamp", "t=1795568742 go", "t=1795570000 go"),
    ("date", "Today is 2026-11-20, a Friday", "Today is 2026-11-21, a Friday"),
    ("date", "Heute ist der 20.11.2026.", "Heute ist der 21.11.2026."),
    ("id", "Request 3f2b9a10-1111-4222-8333-444455556666 begins", "Request 9c2b9a10-1111-4222-8333-444455556666 begins"),
    ("id", "Order AX12-77B: ship", "Order QX98-11C: ship"),
    ("email", "User ana@example.com asks", "User bob@example.com asks"),
    ("number", "You have 7 items", "You have 9 items"),
    ("name", "You help Maria Lopez today", "You help Anton Weber today"),
    ("text", "Be brief and kind.", "Be thorough and kind."),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "a", "b"), CASES, ids=[f"{kind}: {a[:24]}" for kind, a, _ in CASES])
def test_the_kind_of_difference_is_named(kind: str, a: str, b: str) -> None:
    found = first_difference(a, b)
    assert found is not None
    assert found.kind == kind
    assert found.example[0] != found.example[1]


def test_equal_texts_have_none() -> None:
    assert first_difference("same", "same") is None


@given(st.text(), st.text())
def test_any_two_texts_are_compared(a: str, b: str) -> None:
    found = first_difference(a, b)
    assert (found is None) == (a == b)
    if found is not None:
        assert a[: found.position] == b[: found.position]
        assert all(len(example) <= 60 for example in found.example)
    assert 0 <= shared_share(outline(a), outline(b)) <= 1
    parting = first_parting(outline(a), outline(b))
    assert (parting is None) == (a == b)
    if parting is not None:
        assert a[: parting.position] == b[: parting.position]


@pytest.mark.parametrize(
    "text", ["(" * 500_000, "a1-" * 300_000, "9" * 900_000, "A b " * 200_000, "@" * 500_000]
)
def test_hostile_text_takes_no_time(text: str) -> None:
    start = time.process_time()
    first_difference("x" + text, "y" + text)
    shared_share(outline("x" + text[:6_000]), outline("y" + text[:6_000]))
    passages(outline("x " + text[:6_000]), outline("y " + text[:6_000]))
    assert time.process_time() - start < 1


DOCUMENTS = ["one word after another " * 12, "quite something else here " * 12]
STABLE = "\nAnswer from the documents alone, and say so where they do not tell what was asked."


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (DOCUMENTS[0] + STABLE, DOCUMENTS[1] + STABLE, True),
        ("Now 10:00." + STABLE, "Now 11:30." + STABLE, False),
        (DOCUMENTS[0], DOCUMENTS[1], False),
        (STABLE, DOCUMENTS[1] + STABLE, False),
        (STABLE + DOCUMENTS[0], STABLE + DOCUMENTS[1], False),
        (STABLE, STABLE, False),
        ("", "", False),
    ],
    ids=[
        "documents first",
        "a time first",
        "nothing behind",
        "only in one",
        "documents last",
        "equal",
        "empty",
    ],
)
def test_documents_are_long_passages_that_differ_before_what_both_share(
    a: str, b: str, expected: bool
) -> None:
    assert passages(outline(a), outline(b)) is expected
    assert passages(outline(b), outline(a)) is expected


def test_an_excerpt_marks_what_differs_and_no_more() -> None:
    found = first_difference("Be brief and kind to all, ever.", "Be thorough and kind to all, ever.")
    assert found is not None
    assert found.excerpt == (
        "Be [[brief]] and kind to all, ever.",
        "Be [[thorough]] and kind to all, ever.",
    )


def test_what_two_texts_share_counts_lines_and_their_ends() -> None:
    a = "Now 10:00.\n" + "rule\n" * 99
    b = "Now 11:30.\n" + "rule\n" * 99
    assert shared_share(outline(a), outline(a)) == 1
    assert 0.98 < shared_share(outline(a), outline(b)) < 1
    assert shared_share(outline("abc"), outline("xyz")) == 0


@pytest.mark.parametrize(("kind", "a", "b"), CASES, ids=[f"{kind}: {a[:24]}" for kind, a, _ in CASES])
def test_an_outline_tells_the_kind_of_difference_too(kind: str, a: str, b: str) -> None:
    found = first_parting(outline(a, b"key"), outline(b, b"key"))
    assert found is not None
    # Word by word: a time of two words is told by its first, and one stuck to other text is text.
    words = {"Now: 2026-11-20 14:05:11. Answer.": "date", "t=1795568742 go": "text"}
    assert found.kind == words.get(a, kind)


def test_no_word_stands_in_an_outline_and_another_key_gives_another() -> None:
    made = outline("pineapple pineapple", b"one")
    assert b"pineapple" not in made
    assert made != outline("pineapple pineapple", b"two")
