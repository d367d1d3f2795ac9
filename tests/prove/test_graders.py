"""Each grader on a table of answers: plain, hostile, and in several languages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proving import asked, called, named, said

from tierwise.calls import Response
from tierwise.prove import Grader

TABLE = [
    # grader, candidate, reference, score
    ("exact", "a\n", "a", 1),
    ("exact", "A", "a", 0),
    ("text", "Hello,  World!", "hello world", 1),
    ("text", "ｆｕｌｌ　ｗｉｄｔｈ", "full width", 1),
    ("text", "STRASSE", "straße", 1),
    ("text", "e\u0301tait", "était", 1),
    ("text", "zero\u200bwidth", "zerowidth", 1),
    ("text", "3.5", "35", 0),
    ("text", "-5", "5", 0),
    ("text", "C++", "C", 0),
    ("text", "yes/no", "yesno", 0),
    ("text", "。", "、", 0),
    ("text", "\ud800", "\ud800", 1),
    ("text(case=true)", "Hello", "hello", 0),
    ("text(punctuation=true)", "hello!", "hello", 0),
    ("label", '"Billing".', "billing", 1),
    ("label", "**Billing**", "billing", 1),
    ("label", "category: billing", "billing", 0),
    ('label(labels="billing|refund")', "Category: Billing", "billing", 1),
    ('label(labels="billing|refund")', "not billing", "billing", 0),
    ('label(labels="Ja|Nein")', "NEIN.", "nein", 1),
    ('label(labels="是|否")', "「是」", "是", 1),
    ("number", "The answer is 42.", "42", 1),
    ("number", "Total: $1,234.50", "1234.5", 1),
    ("number", "1.234,50 €", "1234.50 EUR", 1),
    ("number", "1 234,50", "1234.5", 1),
    ("number", "1\u202f234\u202f567", "1234567", 1),
    ("number", "1'234'567", "1234567", 1),
    ("number", "12,34,567.5", "1234567.5", 0),
    ("number", "٤٢", "42", 1),
    ("number", "٣٫٥", "3.5", 1),
    ("number", "१२३", "123", 1),
    ("number", "４２", "42", 1),
    ("number", "共12個", "12", 1),
    ("number", "12%", "0.12", 1),
    ("number", "12 %", "12%", 1),
    ("number", "-7", "7", 0),
    ("number", "\u22127", "-7", 1),
    ("number", "-$5.00", "-5", 1),
    ("number", "$5", "€5", 0),
    ("number", "5 USD", "$5", 1),
    ("number", "1e3", "1000", 1),
    ("number", "gpt5 says none", "5", 0),
    ("number", ".5", "0.5", 1),
    ("number", "10-5", "5", 1),
    ("number", "1e999", "1e998", 0),
    ("number", "9" * 5_000, "9" * 5_000, 1),
    ("number", "no digits", "none", 0),
    ("number", "", "5", 0),
    ("number(tolerance=0.01)", "3.14", "3.1415", 1),
    ("number(tolerance=0.01)", "3.1", "3.1415", 0),
    ("number(relative=0.1)", "95", "100", 1),
    ("number(which=all)", "1, 2 and 3", "3 2 1", 1),
    ("number(which=all)", "1 and 2", "1, 2, 3, 4", 0.5),
    ("json", '{"a": 1, "b": "X"}', '{"b": "x", "a": 1.0}', 1),
    ("json", '```json\n{"a": 1}\n```', '{"a": 1}', 1),
    ("json", '{"a": 1, "b": 2}', '{"a": 1, "b": 3}', 0.5),
    ("json", '{"a": 1}', '{"a": 1, "b": 3}', 0.5),
    ("json", '{"a": 1, "b": 3}', '{"a": 1}', 0.5),
    ("json", '{"a": "1"}', '{"a": 1}', 0),
    ("json", '{"a": true}', '{"a": 1}', 0),
    ("json", '{"a": null}', '{"a": 0}', 0),
    ("json", '{"a": {"x": 1, "y": 2}, "b": 1}', '{"a": {"x": 1, "y": 0}, "b": 1}', 0.75),
    ("json", "[1, 2, 3]", "[1, 2]", 2 / 3),
    ("json", "{}", "{}", 1),
    ("json", '{"名": "東京"}', '{"名": "東京 "}', 1),
    ("json", '{"a": NaN}', '{"a": 1}', 0),
    ("json", "[" * 100_000, "[]", 0),
    ("json", "oops", '{"a": 1}', 0),
    ('json(ignore="note")', '{"a": 1, "note": "x"}', '{"a": 1, "note": "y"}', 1),
    ("json(tolerance=0.1)", '{"a": 1.05}', '{"a": 1}', 1),
    ('regex(pattern="^[A-D]$")', "B", "ignored", 1),
    ('regex(pattern="^[A-D]$")', "E", "ignored", 0),
    ('regex(pattern="(?i)answer: ([a-d])")', "The ANSWER: c", "answer: C", 1),
    ('regex(pattern="answer: ([a-d])")', "answer: a", "answer: b", 0),
    ('regex(pattern="answer: ([a-d])")', "none", "answer: b", 0),
    ('regex(pattern="\\\\d{4}-\\\\d{2}")', "on 2026-11", "", 1),
    ('regex(pattern="日(本|語)")', "日語と日本", "日語", 1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "candidate", "reference", "wanted"), TABLE)
def test_an_answer_beside_a_reference_scores_as_the_table_says(
    name: str, candidate: str, reference: str, wanted: float
) -> None:
    scored = named(name).grade(asked(), said(candidate), reference)

    assert scored.value == pytest.approx(wanted)
    assert not any(word in scored.reason for word in (candidate, reference) if len(word) > 3)


TOOLS = [
    (called(("f", {"a": 1}), ("g", {})), called(("g", {}), ("f", {"a": 1.0})), 1),
    (called(("f", {"a": 1})), called(("f", {"a": 2})), 0),
    (called(("f", {"a": 1, "b": 2})), called(("f", {"a": 1, "b": 3})), 0.5),
    (called(("f", {"a": 1})), called(("f", {"a": 1}), ("f", {"a": 1})), 0.5),
    (called(("f", {})), called(("g", {})), 0),
    (called(("f", "not json")), called(("f", "not json")), 1),
    (called(("f", "")), called(("f", {})), 1),
    (called(("f", {})), said("no tool"), 0),
    (said("Done."), said("done"), 1),
    (called(("天気", {"都市": "東京"})), '[{"name": "天気", "arguments": "{\\"都市\\": \\"東京\\"}"}]', 1),
]


@pytest.mark.parametrize(("candidate", "reference", "wanted"), TOOLS)
def test_tool_calls_score_by_names_and_arguments(candidate: Response, reference: Any, wanted: float) -> None:
    assert named("tools").grade(asked(), candidate, reference).value == pytest.approx(wanted)


def test_names_alone_may_count() -> None:
    one, other = called(("f", {"a": 1})), called(("f", {"a": 2}))

    assert named("tools(arguments=false)").grade(asked(), one, other).value == 1


COMPARING = ["exact", "text", "label", "number", "number(which=all)", "json", "tools", 'label(labels="a|b")']
SYMMETRIC = [*COMPARING, "number(relative=0.1,which=all)", "json(tolerance=1)"]
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
texts = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=60),
    st.text("0123456789.,' -+%$€eE٠١٢x", max_size=30),
    plain.map(json.dumps),
)
calls = st.lists(
    st.tuples(st.sampled_from(["f", "g"]), plain.filter(lambda v: isinstance(v, dict))), max_size=5
)
answers = st.one_of(texts.map(said), calls.map(lambda made: called(*made)))


@settings(max_examples=60)
@given(answers, answers, st.sampled_from(SYMMETRIC))
def test_scores_lie_in_range_and_do_not_depend_on_who_is_the_reference(
    one: Response, other: Response, name: str
) -> None:
    found: Grader = named(name)
    there, back = found.grade(asked(), one, other), found.grade(asked(), other, one)

    assert 0 <= there.value <= 1
    assert there.value == pytest.approx(back.value)


@settings(max_examples=60)
@given(answers, st.sampled_from(COMPARING))
def test_an_answer_beside_itself_scores_one(answer: Response, name: str) -> None:
    assert named(name).grade(asked(), answer, answer).value == 1


@settings(max_examples=40)
@given(calls, calls, st.randoms(use_true_random=False))
def test_the_order_of_parallel_tool_calls_does_not_matter(one: Any, other: Any, chance: Any) -> None:
    turned = chance.sample(one, len(one))

    before = named("tools").grade(asked(), called(*one), called(*other)).value
    after = named("tools").grade(asked(), called(*turned), called(*other)).value

    assert before == pytest.approx(after)


@pytest.mark.parametrize("count", [30, 200, 5_000])
def test_many_tool_calls_are_compared_in_bounded_time(count: int) -> None:
    many = called(*(("f", {"a": n}) for n in range(count)))

    assert named("tools").grade(asked(), many, many).value == 1


def test_a_run_of_numbers_as_long_as_an_answer_can_be_is_read() -> None:
    run = "1 2 3,4.5'6 " * 40_000

    assert named("number(which=all)").grade(asked(), said(run), run).value == 1
