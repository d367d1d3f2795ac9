"""Graders by name: what is written is what is made, and mistakes are named with their place."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proving import asked, named, said

from tierwise.errors import ConfigurationError, GraderError
from tierwise.prove import EmbeddingNamed, JudgeNamed, Score, grader

SAME = [
    "exact",
    "text(case=false,punctuation=false)",
    "number(tolerance=0.01,relative=0,which=all)",
    "json(tolerance=0,relative=0.1)",
    'json(tolerance=0,relative=0,ignore="a|b")',
    "tools(arguments=false)",
    'regex(pattern="^\\"a\\\\d$")',
]


@pytest.mark.parametrize("text", SAME)
def test_a_name_makes_the_grader_of_that_name(text: str) -> None:
    assert named(text).name == text


def test_defaults_space_and_order_are_free() -> None:
    assert (
        named(" number ( which = all , tolerance = 1 ) ").name == "number(tolerance=1,relative=0,which=all)"
    )
    assert named("number()").name == named("number").name


def test_the_labels_of_a_closed_set_do_not_stand_in_its_name() -> None:
    found = named('label(labels="Secret project|other")')

    assert re.fullmatch(r"label\(of=2,set=[0-9a-f]{8}\)", found.name)
    assert found.grade(asked(), said("new"), "other") == Score(
        value=0, hard=True, reason="none of the labels"
    )


def test_models_are_named_for_later() -> None:
    assert grader("embedding") == EmbeddingNamed(model="text-embedding-3-small")
    assert grader("judge(model=gpt-5.4-2026-03-05,effort=low)") == JudgeNamed(
        model="gpt-5.4-2026-03-05", effort="low"
    )


WRONG = [
    ("", 1, "expected the name"),
    ("numbr", 1, "did you mean number?"),
    ("zzz", 1, "there are label"),
    ("number(tolerence=1)", 8, "did you mean tolerance?"),
    ("number(tolerance=-1)", 18, "a number from 0"),
    ("number(tolerance=NaN)", 18, "a number from 0"),
    ("number(tolerance=1e99)", 18, "a number from 0"),
    ("number(tolerance=1", 19, "expected , or )"),
    ("number(tolerance)", 17, "expected tolerance=value"),
    ("number(tolerance=)", 18, "expected a value"),
    ("number(tolerance=1,tolerance=2)", 20, "given twice"),
    ("number(which=first)", 14, "last or all"),
    ("text(case=yes)", 11, "true or false"),
    ("exact(a=1)", 7, "it takes none"),
    ("exact x", 7, "nothing more"),
    ("regex", 6, "needs pattern"),
    ('regex(pattern="\\q")', 15, "text in quotes"),
    ("judge(effort=low)", 18, "needs model"),
    ('json(ignore="|")', 13, "words with |"),
    ("x" * 3_000, 2_001, "at most 2000"),
]


@pytest.mark.parametrize(("text", "at", "why"), WRONG)
def test_a_mistake_is_named_with_its_character_and_a_remedy(text: str, at: int, why: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"at character {at}: .*{re.escape(why)}"):
        grader(text)


@given(st.text('numberjson(=,)"\\|. 01abc\ud800', max_size=30))
def test_any_text_is_a_grader_or_a_mistake(text: str) -> None:
    with suppress(ConfigurationError):
        grader(text)


@pytest.fixture
def mine() -> Iterator[types.ModuleType]:
    module = types.ModuleType("mine_for_a_test")
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


def own(name: str) -> str:
    return f'function(call="mine_for_a_test:{name}")'


def test_the_owners_function_gives_the_score(mine: types.ModuleType) -> None:
    mine.half = lambda request, candidate, reference: 0.5  # type: ignore[attr-defined]
    mine.yes = lambda *all: True  # type: ignore[attr-defined]
    mine.whole = lambda a, b, c, d=1: Score(value=0.25, hard=True)  # type: ignore[attr-defined]

    scores = [named(own(name)).grade(asked(), said("x"), "y") for name in ("half", "yes", "whole")]

    assert scores == [Score(value=0.5), Score(value=1.0), Score(value=0.25, hard=True)]
    assert named(own("half")).name == own("half")


@pytest.mark.parametrize("given_back", [2, -0.1, float("nan"), "1", None, [0.5]])
def test_a_function_that_gives_no_score_is_an_error_that_names_the_call(
    mine: types.ModuleType, given_back: object
) -> None:
    mine.odd = lambda *all: given_back  # type: ignore[attr-defined]

    with pytest.raises(GraderError, match=r"mine_for_a_test:odd gave .* for the answer resp_1"):
        named(own("odd")).grade(asked(), said("x"), "y")


def test_a_function_that_fails_is_an_error_that_names_the_call_and_no_text(mine: types.ModuleType) -> None:
    def fails(request: object, candidate: object, reference: object) -> float:
        raise KeyError("a secret of the answer")

    mine.fails = fails  # type: ignore[attr-defined]

    with pytest.raises(GraderError, match=r"fails failed on the answer resp_1: KeyError at line") as caught:
        named(own("fails")).grade(asked(), said("x"), "y")
    assert "secret" not in str(caught.value)


def test_a_function_that_cannot_be_called_is_refused_before_any_call(mine: types.ModuleType) -> None:
    async def waits(a: object, b: object, c: object) -> float:
        return 1

    mine.two = lambda a, b: 1  # type: ignore[attr-defined]
    mine.waits = waits  # type: ignore[attr-defined]
    mine.number = 3  # type: ignore[attr-defined]

    for name, why in (
        ("two", "cannot be called with"),
        ("waits", "asynchronous"),
        ("number", "no function"),
        ("none", "no function"),
    ):
        with pytest.raises(ConfigurationError, match=why):
            grader(own(name))
    with pytest.raises(ConfigurationError, match="cannot be imported"):
        grader('function(call="no_such_module_here:f")')
    with pytest.raises(ConfigurationError, match="expected module:function"):
        grader('function(call="os.system")')
