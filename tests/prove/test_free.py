"""Free checks find answers of no use, and only those."""

from __future__ import annotations

import json
from typing import Any

import pytest
from proving import asked, called, named, said, schema

from tierwise.calls import Response, failure
from tierwise.prove import Score, score

SCHEMA = schema(
    {
        "type": "object",
        "properties": {
            "label": {"enum": ["a", "b"]},
            "n": {"type": ["integer", "null"], "minimum": 0},
            "tree": {"$ref": "#/$defs/node"},
        },
        "required": ["label", "n"],
        "additionalProperties": False,
        "$defs": {
            "node": {
                "type": "object",
                "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
            }
        },
    }
)
TOOLS = json.dumps(
    [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "required": ["q"], "properties": {"q": {"type": "string"}}}}},
        {"type": "custom", "custom": {"name": "free"}},
    ]
).encode()  # fmt: skip

CASES = [
    (said("fine"), b"", None),
    (said("", refusal=True), b"", "refused"),
    (said("half", finish="length"), b"", "cut at its length"),
    (said("half", finish="max_output_tokens", status="incomplete"), b"", "cut at its length"),
    (said("half", finish="content_filter"), b"", "filtered"),
    (said("", status="incomplete", finish=None), b"", "not complete"),
    (said("  \n"), b"", "empty"),
    (said("", error="server_error"), b"", "failed"),
    (said('{"label": "a", "n": 1}'), SCHEMA, None),
    (said('{"label": "a", "n": null, "tree": {"next": {"next": null}}}'), SCHEMA, None),
    (said('{"label": "c", "n": 1}'), SCHEMA, "does not fit the schema: a value that is not in the list"),
    (said('{"label": "a"}'), SCHEMA, "does not fit the schema: 1 required fields missing"),
    (said('{"label": "a", "n": 1.5}'), SCHEMA, "does not fit the schema: expected integer or null"),
    (said('{"label": "a", "n": true}'), SCHEMA, "does not fit the schema: expected integer or null"),
    (said('{"label": "a", "n": -1}'), SCHEMA, "does not fit the schema: a number outside its minimum"),
    (said('{"label": "a", "n": 1, "x": 1}'), SCHEMA, "does not fit the schema: a field that the schema does not have"),
    (said('{"label": "a", "n": 1, "tree": {"next": 5}}'), SCHEMA, "does not fit the schema: none of the alternatives fits"),
    (said("not json"), SCHEMA, "not JSON"),
    (said("[1]"), b'{"type": "json_object"}', "not a JSON object"),
    (said("anything"), b'{"type": "json_schema", "json_schema": 5}', "not JSON"),
    (said("anything"), b"\xff broken", None),
    (said('{"a": 1}'), schema({"$ref": "#"}), None),
    (said('{"a": 1}'), schema({"anyOf": "odd", "required": 3, "enum": None, "properties": []}), None),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "form", "wanted"), CASES)
def test_an_answer_is_of_use_or_the_reason_is_given(
    answer: Response, form: bytes, wanted: str | None
) -> None:
    assert failure(asked(schema=form), answer) == wanted


ARGUMENTS = [
    (("f", {"q": "x"}), None),
    (("f", {}), "tool arguments do not fit the tool: 1 required fields missing"),
    (("f", {"q": 1}), "tool arguments do not fit the tool: expected string"),
    (("f", "{broken"), "tool arguments that are no JSON object"),
    (("free", "any text"), None),
    (("web_search", ""), None),
]


@pytest.mark.parametrize(("one", "wanted"), ARGUMENTS)
def test_tool_arguments_fit_the_tool_or_the_reason_is_given(one: Any, wanted: str | None) -> None:
    assert failure(asked(tools=TOOLS), called(one)) == wanted


def test_a_failed_check_is_a_hard_failure_unless_the_reference_fails_alike() -> None:
    text = named("text")
    refused, cut = said("", refusal=True), said("half", finish="length")

    assert score(text, asked(), refused, said("fine")) == Score(value=0, hard=True, reason="refused")
    assert score(text, asked(), refused, "fine") == Score(value=0, hard=True, reason="refused")
    assert score(text, asked(), refused, refused) == Score(value=1, reason="both refused")
    assert score(text, asked(), refused, cut).hard
    assert score(text, asked(), cut, cut).value == 1
    assert score(text, asked(), said("fine"), said("fine")).value == 1


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_no_score_lies_outside_its_range(value: float) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        Score(value=value)
