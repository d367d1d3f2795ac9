"""Values for schemas are valid; draws and token pieces hold together."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.simulator._draw import Dice, Ids
from tierwise.simulator._limits import span
from tierwise.simulator._tokens import Tokenizer
from tierwise.simulator._values import Values

TOKENIZER = Tokenizer()


def leaf() -> st.SearchStrategy[dict[str, Any]]:
    whole = st.integers(-50, 50)
    return st.one_of(
        st.just({"type": "boolean"}),
        st.just({"type": "null"}),
        st.builds(lambda low, width: {"type": "integer", "minimum": low, "maximum": low + width}, whole, st.integers(0, 9)),
        st.builds(lambda low: {"type": "number", "minimum": low, "maximum": low + 2}, whole),
        st.builds(lambda low, more: {"type": "string", "minLength": low, "maxLength": low + more}, st.integers(0, 9), st.integers(0, 9)),
        st.builds(lambda choices: {"type": "string", "enum": choices}, st.lists(st.text(max_size=5), min_size=1, max_size=4)),
        st.just({"const": "fixed"}),
    )  # fmt: skip


def branch(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    named = st.dictionaries(st.sampled_from("abcdef"), inner, min_size=1, max_size=4)
    return st.one_of(
        named.map(lambda p: {"type": "object", "properties": p, "required": list(p), "additionalProperties": False}),
        st.builds(lambda i, least: {"type": "array", "items": i, "minItems": least, "maxItems": least + 2}, inner, st.integers(0, 3)),
        st.lists(inner, min_size=1, max_size=3).map(lambda each: {"anyOf": each}),
    )  # fmt: skip


SCHEMAS = st.recursive(leaf(), branch, max_leaves=8)


def valid(value: Any, schema: dict[str, Any]) -> bool:
    """A small validator for what SCHEMAS makes."""
    if "anyOf" in schema:
        return any(valid(value, each) for each in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return value in schema.get("enum", [schema.get("const")])
    kind = schema["type"]
    if kind == "object":
        inner = schema["properties"]
        return (
            isinstance(value, dict)
            and set(value) == set(inner)
            and all(valid(value[k], inner[k]) for k in inner)
        )
    if kind == "array":
        return (
            isinstance(value, list)
            and schema["minItems"] <= len(value) <= schema["maxItems"]
            and all(valid(v, schema["items"]) for v in value)
        )
    if kind in {"integer", "number"}:
        right = (int, float) if kind == "number" else int
        return (
            isinstance(value, right)
            and not isinstance(value, bool)
            and schema["minimum"] <= value <= schema["maximum"]
        )
    if kind == "string":
        return isinstance(value, str) and schema["minLength"] <= len(value) <= schema["maxLength"]
    return value is None if kind == "null" else isinstance(value, bool)


@given(SCHEMAS, st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_a_value_is_valid_against_its_schema(schema: dict[str, Any], seed: int) -> None:
    value = Values(Dice(seed)).of(schema, "word")
    assert valid(value, schema), value
    assert json.loads(json.dumps(value)) == value == Values(Dice(seed)).of(schema, "word")


def test_recursive_schemas_end() -> None:
    tree = {
        "type": "object",
        "properties": {"left": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        "required": ["left"],
    }
    assert isinstance(Values(Dice(1)).of(tree, "x"), dict)


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_pieces_join_to_the_text_and_a_start_is_its_beginning(text: str) -> None:
    assert "".join(TOKENIZER.pieces(text)) == text
    assert text.startswith(TOKENIZER.start(text, 3))
    assert TOKENIZER.count(TOKENIZER.start(text, 3)) <= 4


def test_special_tokens_and_long_runs_count_as_plain_text() -> None:
    assert TOKENIZER.count("<|endoftext|>") > 1
    assert TOKENIZER.count("QUJD" * 20_000) > 10_000


@given(st.integers(), st.text(max_size=20))
@settings(max_examples=50, deadline=None)
def test_draws_depend_on_seed_and_words_only(seed: int, word: str) -> None:
    dice = Dice(seed)
    assert 0 <= dice.share(word) < 1
    assert dice.share(word) == Dice(seed).share(word)
    assert sorted(dice.shuffled(range(9), word)) == list(range(9))
    assert len(dice.letters(29, word)) == 29


def test_ids_are_all_different() -> None:
    ids = Ids(Dice(1))
    made = [ids.response() for _ in range(50)] + [ids.call() for _ in range(50)]
    assert len(set(made)) == 100


def test_spans_read_as_the_headers_write_them() -> None:
    assert [span(s) for s in (0, 0.02, 1, 1.5, 60, 361)] == ["0s", "20ms", "1s", "1.5s", "1m0s", "6m1s"]
