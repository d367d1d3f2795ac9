"""Whatever a third-party record holds, its reader gives records or a reason, never a traceback."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.calls import Call, Place, Skipped
from tierwise.calls._format import BadRecord, Sample
from tierwise.calls._formats import helicone, langfuse, langsmith, litellm, otlp

JUNK = (None, True, -1, 10**30, 1.5, "", "x", "-7", "[{", '{"a": [1]}', [], [[]], [None, "x"], {}, {"id": {}})
FORMATS = {
    "litellm": litellm.FORMAT,
    "langfuse": langfuse.FORMAT,
    "otlp": otlp.FORMAT,
    "langsmith": langsmith.FORMAT,
    "helicone": helicone.FORMAT,
}
RECORDS = (
    ("litellm", "litellm_row"),
    ("litellm", "litellm_payload"),
    ("langfuse", "langfuse_trace"),
    ("otlp", "otlp"),
    ("langsmith", "langsmith_run"),
    ("helicone", "helicone_request"),
)


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place inside a value, the value itself left out."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*here, key)
        yield from paths(item, (*here, key))


def damaged(value: Any, every: int) -> Iterator[tuple[str, Any]]:
    """The value with each place in it replaced by junk of each kind, or removed.

    Of all pairs of place and junk every so many-th is taken; every place has its turn.
    """
    for number, path in enumerate(paths(value)):
        for junk in (*JUNK, ...)[number % every :: every]:
            broken = copy.deepcopy(value)
            holder = broken
            for key in path[:-1]:
                holder = holder[key]
            if junk is ...:
                del holder[path[-1]]
            else:
                holder[path[-1]] = junk
            yield f"{path} = {junk!r}", broken


def opened(value: Any) -> Any:
    """A record with the JSON inside its strings opened, so that damage reaches into it."""
    if isinstance(value, dict):
        return {key: opened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [opened(item) for item in value]
    if isinstance(value, str) and value[:1] in ("{", "["):
        return json.loads(value)
    return value


def check(name: str, item: Any) -> None:
    assert FORMATS[name].read is not None
    seen = Sample(name="", shape="objects", objects=(item,) if isinstance(item, dict) else ())
    assert FORMATS[name].matches(seen) in (True, False)
    try:
        records = list(FORMATS[name].read(json.dumps(item).encode(), Place(file=0, line=1)))
    except BadRecord as bad:
        records = [Skipped(reason=bad.reason, detail=bad.detail, place=Place(file=0, line=1))]
    for record in records:
        assert isinstance(record, Call | Skipped)
        if isinstance(record, Skipped):
            assert 0 < len(record.reason) < 50
            continue
        # Every field has the type it says, request and response apart: these hold raw JSON.
        bare = msgspec.structs.replace(record, request=None, response=None)
        assert msgspec.json.decode(msgspec.json.encode(bare), type=Call) == bare
        if record.tokens is not None:
            assert min(msgspec.structs.astuple(record.tokens)) >= 0


@pytest.mark.parametrize(("name", "record"), RECORDS)
def test_damage_at_any_place_gives_records_or_a_reason(name, record, fixture):
    for case, broken in damaged(opened(fixture(record)), every=5 if name == "otlp" else 1):
        try:
            check(name, broken)
        except Exception as error:  # noqa: BLE001 - the case that broke is what one needs to see
            pytest.fail(f"{case}: {error!r}")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    (
        "type", "traceId", "observations", "trace", "data", "model", "usageDetails", "input", "output",
        "metadata", "call_type", "startTime", "cache_hit", "messages", "response", "resourceSpans",
        "scopeSpans", "spans", "attributes", "spanId", "key", "value", "run_type", "inputs", "outputs",
        "extra", "runs", "request_created_at", "request_body", "response_body", "choices", "usage",
    )
)  # fmt: skip
OBJECTS = st.dictionaries(NAMES, JSON | st.dictionaries(NAMES, JSON, max_size=4), max_size=6)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=60, deadline=None)
@given(item=OBJECTS)
def test_any_object_gives_records_or_a_reason(name, item):
    check(name, item)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("raw", [b"", b"null", b"[1]", b"{", b'{"a": NaN}', b"\xff\xfe{", b'"x"'])
def test_what_is_no_object_is_refused_by_reason(name, raw):
    reader = FORMATS[name].read
    assert reader is not None
    with pytest.raises(BadRecord):
        list(reader(raw, Place(file=0, line=1)))
