"""A call shaped for the cache differs in the listed fields alone, and a turn's prompt begins with the one before."""

from __future__ import annotations

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.calls import parse_request
from tierwise.errors import RequestError
from tierwise.online._cache_fields import changed_for_cache
from tierwise.online._cache_state import mark_of
from tierwise.online._order import order_of, ordered
from tierwise.policy import MARK, ORDER, Change, applied

FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def change(parameter: str, after: str = "x") -> Change:
    return Change(parameter=parameter, before=None, after=after, why="test")


def tool(name: str, **more: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"zeta": {"type": "string"}, "alpha": {"type": "string"}}}
    return {"type": "function", "function": {"name": name, "parameters": schema}} | more


names = st.lists(st.text("abcäß\u2028 ", min_size=1, max_size=6), min_size=1, max_size=8, unique=True)
content = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.fixed_dictionaries({"type": st.just("text"), "text": st.text(max_size=9)}), min_size=1, max_size=3
    ),
)
turns = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": content}),
    min_size=1,
    max_size=6,
)


@given(names, content, turns, st.sampled_from(["messages", "input"]), st.booleans())
def test_only_listed_fields_differ_and_no_text_does(
    tools: list[str], fixed: Any, rest: list[Any], place: str, ascii_only: bool
) -> None:
    asked = {
        "model": "m",
        "extra": {"b": 1, "a": [1.50, None]},
        place: [{"role": "system", "content": fixed, "name": "x"}, *rest],
        "tools": [tool(name) for name in tools],
    }
    body = json.dumps(asked, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    if ascii_only is False and b"\xed\xa0" in body:
        return
    changes = [change(ORDER), change("prompt_cache_key", "tw-1"), change(f"{place}[0].{MARK}")]
    before, after = FIELDS.decode(body), FIELDS.decode(applied(body, changes, changed_for_cache))
    assert list(after) == [*before, "prompt_cache_key"]
    for name in set(before) - {"tools", place}:
        assert after[name] == before[name]
    lists = msgspec.json.Decoder(list[msgspec.Raw])
    assert sorted(map(bytes, lists.decode(after["tools"]))) == sorted(
        map(bytes, lists.decode(before["tools"]))
    )
    old, new = lists.decode(before[place]), lists.decode(after[place])
    assert list(map(bytes, new[1:])) == list(map(bytes, old[1:]))
    message = json.loads(bytes(new[0]))
    assert message["content"][-1].pop(MARK) == {"mode": "explicit"}
    if isinstance(fixed, str):
        kind = "text" if place == "messages" else "input_text"
        assert message.pop("content") == [{"type": kind, "text": fixed}]
        assert message == {"role": "system", "name": "x"}
    else:
        assert message == asked[place][0]


@given(names, turns, st.randoms())
def test_a_turns_shaped_prompt_is_byte_for_byte_the_start_of_the_next(
    tools: list[str], rest: list[Any], rng: Any
) -> None:
    """Also where the caller's list of tools comes in another order each time."""
    prompts = []
    for length in range(1, len(rest) + 1):
        rng.shuffle(tools)
        asked = {
            "tools": [tool(n) for n in tools],
            "messages": [{"role": "system", "content": "Rules."}, *rest[:length]],
        }
        shaped = FIELDS.decode(
            applied(
                json.dumps(asked).encode(), [change(ORDER), change(f"messages[0].{MARK}")], changed_for_cache
            )
        )
        prompts.append(bytes(shaped["tools"]) + bytes(shaped["messages"])[:-1])
    for earlier, later in itertools.pairwise(prompts):
        assert later.startswith(earlier)


def test_no_key_inside_a_definition_moves() -> None:
    raw = json.dumps([tool("b"), tool("a")]).encode()
    found = msgspec.json.decode(ordered(raw), type=list[msgspec.Raw])
    assert [json.loads(bytes(one))["function"]["name"] for one in found] == ["a", "b"]
    assert all(bytes(one).index(b"zeta") < bytes(one).index(b"alpha") for one in found)
    assert ordered(ordered(raw)) == ordered(raw)


STAY: list[tuple[str, Any]] = [
    ("tool search", [tool("b"), {"type": "tool_search"}, tool("a")]),
    ("a namespace", [{"type": "namespace", "name": "n", "tools": []}, tool("a")]),
    ("a deferred definition", [tool("b", defer_loading=True), tool("a")]),
    ("hosted tools", [{"type": "web_search"}, tool("a")]),
    ("two of one name", [tool("b"), tool("a"), tool("a")]),
    ("no name", [tool("b"), {"type": "function", "function": {}}]),
    ("no list", {"b": 1}),
    ("no objects", [2, 1]),
    ("too many", [tool(f"t{n}") for n in range(5_001)][::-1]),
]


@pytest.mark.parametrize(("case", "tools"), STAY, ids=[case for case, _ in STAY])
def test_a_list_whose_order_may_mean_something_stays(case: str, tools: Any) -> None:
    raw = json.dumps(tools).encode()
    assert order_of(raw) is None
    assert ordered(raw) == raw


def test_the_order_of_names_is_told_apart() -> None:
    one, other = (order_of(json.dumps([tool(n) for n in names]).encode()) for names in ("ab", "ba"))
    assert one is not None
    assert other is not None
    assert (one.canonical, other.canonical, one.digest == other.digest) == (True, False, False)
    assert order_of(b"[" * 5_000) is None
    assert order_of(b'[{"type":"function","name":"\xff"}]') is None


SYSTEM, USER = {"role": "system", "content": "R"}, {"role": "user", "content": "Q"}
MARKS: list[tuple[str, str, dict[str, Any], str | None]] = [
    ("one system message", "chat", {"messages": [SYSTEM, USER]}, "messages[0]"),
    ("two", "chat", {"messages": [SYSTEM, {**SYSTEM, "role": "developer"}, USER]}, "messages[1]"),
    ("none", "chat", {"messages": [USER]}, None),
    ("nothing after it", "chat", {"messages": [SYSTEM]}, None),
    ("items", "responses", {"input": [SYSTEM, USER]}, "input[0]"),
    ("instructions", "responses", {"instructions": "R", "input": [USER]}, None),
    ("instructions and items", "responses", {"instructions": "R", "input": [SYSTEM, USER]}, "input[0]"),
    ("a text", "responses", {"input": "Q"}, None),
    ("the caller's own", "chat", {"messages": [SYSTEM, {"role": "user", "content": [{"type": "text", "text": "Q", MARK: {"mode": "explicit"}}]}]}, None),
]  # fmt: skip


@pytest.mark.parametrize(("case", "endpoint", "body", "expected"), MARKS, ids=[case[0] for case in MARKS])
def test_where_a_breakpoint_may_stand(
    case: str, endpoint: Any, body: dict[str, Any], expected: str | None
) -> None:
    raw = json.dumps({"model": "m", **body}).encode()
    found = mark_of(parse_request(endpoint, raw), frozenset(body), raw)
    assert found == expected
    if found is not None:
        fields = FIELDS.decode(raw)
        assert changed_for_cache(fields, change(f"{found}.{MARK}"))


@pytest.mark.parametrize(
    "body", [b"{}", b'{"messages":[]}', b'{"messages":[1]}', b'{"messages":[{"content":null}]}', b'{"messages":[{}]}',
             b'{"messages":[{"content":[]}]}'],
)  # fmt: skip
def test_what_cannot_be_marked_is_refused_so_that_the_call_goes_as_asked(body: bytes) -> None:
    with pytest.raises(RequestError):
        applied(body, [change(f"messages[0].{MARK}")], changed_for_cache)
