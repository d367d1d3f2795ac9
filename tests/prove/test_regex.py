"""Expressions match as Python's do, in time linear in the text, and what has no linear form is refused."""

from __future__ import annotations

import re
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.errors import ConfigurationError
from tierwise.prove._graders.linear import LONGEST_TEXT, Expression

PATTERNS = [
    "a", "a*", "a+?b", "(a|b)*c", "^a$", "a{2,3}", "a{2}", "a{2,}", "[ab]c", "[^ab]", r"\d+", r"\bab\b", r"\Ba",
    "(ab)", "(?:ab)+", "x(a*)b", "a|b|", "()", "(a*)*b", "(a|ab)(c|bcd)", "(?i)AB", r"\.", "[]a]", r"[\]]", "a.c",
    "(a?){3}b", "$", "^", "{a", "a{,2}", "((a)b)?c",
]  # fmt: skip


@settings(max_examples=300)
@given(st.sampled_from(PATTERNS), st.text("abcABdx1. ]{\n", max_size=12))
def test_what_matches_and_where_is_as_in_python(pattern: str, text: str) -> None:
    if pattern == "a{,2}":  # Python counts from 0, here the sign stands for itself
        return
    python = re.compile(pattern).search(text)
    ours = Expression(pattern).search(text)

    assert (ours is None) == (python is None)
    if ours is not None and python is not None:
        assert ours[0] == python[0]
        if python.re.groups and pattern not in {
            "(a*)*b",
            "(a?){3}b",
        }:  # what an empty last turn leaves differs
            assert ours[1] == python[1]


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)*$", "(a*)*b", r"(\w+\s?)+$", "(.*)(.*)(.*)(.*)x", "(a|aa)+b"]
)
def test_expressions_that_blow_up_elsewhere_do_not_here(pattern: str) -> None:
    found, started = Expression(pattern), time.perf_counter()
    found.search("a" * 3_000 + "!")

    assert time.perf_counter() - started < 3


REFUSED = [
    (r"(a)\1", "at character 4"),
    ("(?=a)", "looks around"),
    ("(?<!a)b", "looks around"),
    ("(?P<x>a)", "named"),
    ("a**", "count of a count"),
    ("*a", "count of nothing"),
    ("(a", "without its )"),
    ("a)", "without its ("),
    ("[a", "without its ]"),
    ("[z-a]", "class that cannot be read"),
    ("a{3,2}", "below its start"),
    ("(a{50}){50}", "more than"),
    ("a" * 501, "1 to 500"),
    ("", "1 to 500"),
    ("\\", "escape"),
    (r"\p{L}", "escape"),
    ("(" * 60 + "a" + ")" * 60, "too deeply"),
]


@pytest.mark.parametrize(("pattern", "why"), REFUSED)
def test_what_has_no_linear_form_is_refused_with_its_place(pattern: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(why)):
        Expression(pattern)


def test_only_the_beginning_of_a_text_is_looked_at() -> None:
    assert Expression("b").search("a" * LONGEST_TEXT + "b") is None


@given(st.text("ab()[]{}|*+?\\^$.,0123-i:=", max_size=20))
def test_any_text_compiles_or_is_refused(pattern: str) -> None:
    with suppress(ConfigurationError):
        Expression(pattern).search("ab01")
