"""Whatever stands in a line, reading it never raises."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tierwise.calls import Call, Place, Skipped, formats, plan, read
from tierwise.calls._format import BadRecord
from tierwise.calls._formats import all_formats
from tierwise.errors import LogError

PLACE = Place(file=0, line=1)
OBJECTS = [known for known in all_formats() if known.read is not None]
KEYS = (
    "request", "response", "model", "messages", "input", "content", "role", "usage", "prompt_tokens",
    "completion_tokens", "input_tokens", "output_tokens", "cached_tokens", "input_tokens_details", "choices",
    "message", "output", "type", "text", "tools", "tool_calls", "function", "name", "arguments", "error", "code",
    "status", "url", "custom_id", "body", "data", "results", "object", "start_time", "amount", "value", "created",
    "created_at", "at", "id", "metadata", "service_tier", "response_format", "format", "reasoning", "prompt",
    "conversation", "tool_choice", "spans", "attributes", "observations", "headers", "scores", "tags",
)  # fmt: skip
WORDS = (
    "chat.completion",
    "response",
    "list",
    "page",
    "bucket",
    "message",
    "function",
    "gpt-5.4",
    "user",
    "ok",
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(WORDS),
    st.sampled_from(["{}", "[]", '{"a": 1}', "data: {}\n\n", "2026-11-05T10:00:00Z", "/v1/responses"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=25,
)
objects = st.dictionaries(st.sampled_from(KEYS), values, max_size=8)


@pytest.mark.parametrize("fmt", [known for known in OBJECTS if known.name.startswith(("openai", "tierwise"))],
                         ids=lambda known: known.name)  # fmt: skip
@settings(max_examples=150, deadline=None)
@given(source=objects)
def test_any_object_is_read_or_refused_by_reason(fmt, source):
    reason = "read"
    try:
        for record in fmt.read(json.dumps(source).encode(), PLACE):
            assert record.place == PLACE
    except BadRecord as fault:
        reason = fault.reason
    assert 0 < len(reason) < 40


@settings(max_examples=100, deadline=None)
@given(source=st.lists(objects, max_size=3), name=st.sampled_from(["", "a.json", "cost_x.csv"]))
def test_asking_a_format_never_raises(source, name):
    from tierwise.calls._format import Sample

    for known in all_formats():
        known.matches(Sample(name=name, shape="objects", objects=tuple(source)))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), good=st.booleans())
def test_any_bytes_as_a_file_are_read_or_refused(content, good, tmp_path):
    line = b'{"model": "gpt-5.4", "input_tokens": 1}\n'
    path = tmp_path / "log"
    path.write_bytes(line + content if good else content)
    try:
        found = plan([path])
    except LogError:
        assert not good
        return
    records = [record for unit in found.units for record in read(unit)]
    assert not good or isinstance(records[0], Call)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200), name=st.sampled_from([name for name, _, _ in formats()]))
def test_any_bytes_in_any_forced_format_are_skipped_by_reason(content, name, tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b'{"a": 1}\n' + content)
    try:
        found = plan([path], format=name)
    except LogError:
        return
    for unit in found.units:
        for record in read(unit):
            assert isinstance(record, Skipped | Call)
