"""Masking: what varies goes, what tells templates apart stays, on any text, in linear time."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tierwise.workloads import mask
from tierwise.workloads._mask import MASK, MOST, loosen

SAME = {
    "iso date": ("Today is 2026-11-25.", "Today is 2025-01-02."),
    "iso time": ("now 2026-11-25T10:00:00Z end", "now 2026-01-01T23:59:59.123+02:00 end"),
    "written date": ("It is Monday, March 5, 2026 now", "It is Friday, 12 December 2025 now"),
    "german date": ("Heute ist der 5. März 2026.", "Heute ist der 12. Dezember 2025."),
    "chinese date": ("今天是2026年11月25日。", "今天是2025年1月2日。"),
    "clock": ("at 10:30 am sharp", "at 9:05 pm sharp"),
    "uuid": (
        "session 123e4567-e89b-12d3-a456-426614174000 ok",
        "session 00000000-0000-4000-8000-000000000001 ok",
    ),
    "hex": ("trace 4bf92f3577b34da6 ok", "trace 00f067aa0ba902b7 ok"),
    "base64": (
        "token dGhpcyBpcyBhIGxvbmcgdGV4dCB3aXRoIG5vIHNwYWNl ok",
        "token bm90aGVyIGxvbmcgdGV4dCB0aGF0IGhhcyBubyBzcGFjZXM= ok",
    ),
    "money": ("at most $1,299.00 a month", "at most $5 a month"),
    "email": ("write to anna.b@example.com now", "write to joe+x@mail.example.org now"),
    "url": ("see https://example.com/a?b=1 now", "see http://www.example.org now"),
    "phone": ("call +1 (555) 010-9999 today", "call 555-0100 today"),
    "order": ("order AB-99231 is late", "order KZ-1 is late"),
    "quoted": ('asked "Where is my parcel?" now', 'asked "Why so slow?" now'),
    "quoted german": ("fragte „Wo ist es?“ heute", "fragte „Warum so spät?“ heute"),
    "quoted japanese": ("「どこですか」と聞く", "「なぜですか」と聞く"),
    "label": ("Customer name: Anna Lopez", "Customer name: Bob"),
    "wide label": ("お客様\uff1a田中太郎", "お客様\uff1a鈴木花子"),
    "arabic digits": ("الطلب ٣٤٥ متأخر", "الطلب ١٢ متأخر"),
}

DIFFERENT = {
    "jobs": ("Translate the text to German.", "Classify the ticket."),
    "enumerated labels": ('Answer "positive" or "negative".', 'Answer "spam" or "ham".'),
    "other labels": ("Task: classify the ticket", "Task: translate the ticket"),
    "german jobs": ("Prüfe die Rechnung.", "Schreibe die Mahnung."),
    "chinese jobs": ("请翻译以下内容。", "请总结以下内容。"),
    "acronyms": ("Answer in JSON.", "Answer in XML."),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME.keys())
def test_texts_that_differ_in_a_value_are_masked_alike(one: str, other: str) -> None:
    assert mask(one) == mask(other)
    assert MASK in mask(one)


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_texts_that_ask_for_different_things_stay_apart(one: str, other: str) -> None:
    assert mask(one) != mask(other)


@pytest.mark.parametrize(
    "text", ["You are a helpful assistant.", "may we march on", "Don't use users' jargon"]
)
def test_text_without_values_is_left_alone(text: str) -> None:
    assert mask(text) == text


def test_loosening_takes_names_out_but_not_german_nouns() -> None:
    assert loosen("You speak with Anna Lopez in Lisbon") == loosen("You speak with Ben in Osaka")
    assert loosen("Prüfe die Rechnung für mich") != loosen("Prüfe die Mahnung für mich")
    assert loosen("Use SQL only") != loosen("Use XML only")


PIECES = st.sampled_from(
    [
        '"',
        "'",
        "“",
        "”",
        "1",
        "a1",
        "May",
        " ",
        ":",
        "Name: ",
        ".",
        "@",
        "a@b.c",
        "http://",
        MASK,
        "年",
        "«",
        "»",
        "$",
        "\n",
    ]
)


@given(st.one_of(st.text(), st.lists(PIECES).map("".join)))
@example("May 'x'")
@example('"1" May "Q R" 5 May')
def test_masking_twice_is_masking_once_and_never_raises(text: str) -> None:
    masked = mask(text)

    assert mask(masked) == masked
    assert len(masked) <= MOST
    loosen(masked)


@pytest.mark.parametrize(
    "text",
    [
        "(",
        "a",
        "1",
        "a1",
        "'",
        '"',
        '"a',
        "“",
        "May ",
        "1 May ",
        "a@",
        "a.",
        "http://",
        "<context>",
        "Name: ",
        ":",
        "\n",
        " ",
        "年",
    ],
    ids=repr,
)
def test_hostile_text_takes_linear_time(text: str) -> None:
    started = time.process_time()
    mask(text * 1_000_000)

    assert time.process_time() - started < 0.5
