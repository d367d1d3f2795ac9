"""The grader that is chosen follows from what the answers are."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from proving import asked, call, called, said, schema

from tierwise.calls import Call, Response
from tierwise.prove import choose_grader

PROSE = "A long answer in words that goes on and on, number {n} of its kind, with reasons and examples."


def answers(make: Callable[[int], Response], count: int = 40) -> list[Call]:
    return [call(f"question {n}", make(n)) for n in range(count)]


CASES: list[tuple[str, Callable[[int], Response], str]] = [
    ("labels", lambda n: said(["Billing", "refund.", "other"][n % 3]), "label(of=3"),
    ("labels in Japanese", lambda n: said(["請求", "返金"][n % 2]), "label(of=2"),
    ("numbers", lambda n: said(f"{n * 7}.50 €"), "number(tolerance=0,relative=0,which=last)"),
    ("few numbers", lambda n: said(str(n % 5)), "number(tolerance=0,relative=0,which=last)"),
    ("names", lambda n: said(f"name {chr(65 + n)}x"), "text(case=false,punctuation=false)"),
    ("json", lambda n: said(json.dumps({"a": n, "b": "x"})), "json(tolerance=0,relative=0)"),
    ("json of prose", lambda n: said(json.dumps({"a": PROSE.format(n=n)})), "judge"),
    ("tools", lambda n: called(("f", {"a": n})), "tools(arguments=true)"),
    ("tools half the time", lambda n: called(("f", {})) if n % 2 else said("done"), "tools(arguments=true)"),
    ("prose", lambda n: said(PROSE.format(n=n)), "judge"),
    ("prose without spaces", lambda n: said("長い文章が続いていて、" * 6 + str(n)), "judge"),
]


@pytest.mark.parametrize(("make", "name"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_grader_fits_the_answers_and_says_why(make: Callable[[int], Response], name: str) -> None:
    chosen = choose_grader(answers(make))

    assert chosen.name.startswith(name)
    assert str(chosen.answers) in chosen.reason
    assert PROSE[:20] not in chosen.reason


def test_a_schema_is_named_in_the_reason() -> None:
    request = asked(schema=schema({"type": "object"}))
    calls = [Call(endpoint="chat", request=request, response=said('{"a": 1}')) for _ in range(20)]

    assert choose_grader(calls).reason == "20 of 20 answers are JSON, 20 by a schema"


def test_answers_of_no_use_are_passed_over_and_too_few_choose_nothing() -> None:
    useless = [said("", refusal=True), said("x", finish="length"), said("")]
    calls = answers(lambda n: useless[n % 3]) + answers(lambda n: said("yes"), 9)

    chosen = choose_grader(calls)

    assert chosen.grader is None
    assert chosen.reason == "only 9 usable answers, 10 are needed to tell"
    assert choose_grader([]).grader is None
