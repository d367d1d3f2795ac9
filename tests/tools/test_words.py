"""Definitions and queries are cut into the same words."""

from __future__ import annotations

import pytest

from tierwise.tools._queries import clauses, implied
from tierwise.tools._words import LONGEST, _stem, stem, terms, words


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("getUserInfo", ["get", "user", "info"]),
        ("get_user-info", ["get", "user", "info"]),
        ("HTTPServer2", ["http", "server", "2"]),
        ("Größe", ["größe"]),
        ("必应搜索", ["必应", "应搜", "搜索"]),
        ("PPT文件", ["ppt", "文件"]),
        ("поиск по сайту", ["поиск", "по", "сайту"]),
        ("\ud800", []),
        ("", []),
    ],
)
def test_words_are_cut_where_names_are_joined(text: str, cut: list[str]) -> None:
    assert words(text) == cut


@pytest.mark.parametrize(
    "alike", [("search", "searches", "searching"), ("city", "cities"), ("convert", "converts", "converted")]
)
def test_forms_of_a_word_are_one(alike: tuple[str, ...]) -> None:
    assert len({stem(word) for word in alike}) == 1


@pytest.mark.parametrize("word", ["status", "analysis", "class", "bus", "id"])
def test_a_word_that_only_looks_like_a_plural_stays(word: str) -> None:
    assert stem(word) == word


def test_a_long_text_is_read_at_its_start() -> None:
    assert terms("word " * LONGEST + "last") == ["word"] * (LONGEST // 5)


def test_a_query_falls_into_clauses_and_short_pieces_join_the_one_before() -> None:
    assert clauses("Book a hotel in Rome and rent a car, please. Thanks!") == [
        ["book", "hotel", "rom"],
        ["rent", "car", "thank"],
    ]


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("Save it to /home/me/notes", "write a file to disk"),
        ("Read https://example.com/a", "fetch the content of a web page"),
        ("What is on tomorrow?", "get the current date and time"),
        ("make slides.pptx of it", "create a presentation, add slides, save the presentation"),
    ],
)
def test_the_form_of_a_text_implies_steps(text: str, step: str) -> None:
    assert step in implied(text)


def test_a_plain_sentence_implies_nothing() -> None:
    assert implied("Translate either of these words, and/or the other one.") == []


def test_what_is_too_long_for_a_word_is_neither_cut_nor_kept() -> None:
    before = _stem.cache_info().currsize

    assert stem("x" * 5_000 + "ing") == "x" * 5_000 + "ing"
    assert _stem.cache_info().currsize == before
