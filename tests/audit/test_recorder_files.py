"""A recorder file comes to the money of its full log, to the last digit, whatever is in it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from logs import START, TRIAGE, pair, write
from recording import KEY, both, calls_of, lines_of, money, recorded

from tierwise.audit import audit
from tierwise.calls import Call, Skipped, encode_recorded, plan, read
from tierwise.errors import TierwiseError
from tierwise.online import Keeper

RULES = "You help customers of a shop, briefly and kindly. " * 210
BASE = int(START.timestamp())


def tool(name: str, words: int = 40) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"q": {"type": "string"}}}
    return {
        "type": "function",
        "function": {"name": name, "description": "word " * words, "parameters": schema},
    }


TOOLS = [tool("search"), tool("refund"), tool("ship")]


def called(count: int, name: str = "search", start: int = 0, **more: Any) -> list[dict[str, Any]]:
    """Calls that send three tools, every one in a session of its own, and call one of them."""
    return [
        pair(
            id=f"t{i}",
            minute=i,
            user=f"question {i}",
            session=f"s{i}",
            input=9000,
            called=[(name, json.dumps({"q": i}))],
            request={"tools": TOOLS, **more},
        )
        for i in range(start, start + count)
    ]


def varying(what: Callable[[int], str], before: str = "", count: int = 120) -> list[dict[str, Any]]:
    """Calls whose instructions hold something that varies, at their start or after `before`."""
    return [
        pair(
            id=f"v{i}",
            minute=i / 4,
            user=f"question {i}",
            instructions=f"{before}{what(i)}\n{RULES}",
            input=2400,
        )
        for i in range(count)
    ]


def answered(i: int, **request: Any) -> dict[str, Any]:
    """A call of Responses with hosted tools."""
    output: list[dict[str, Any]] = [{"type": "web_search_call", "id": f"ws{i}", "status": "completed"}] * (
        i % 3
    )
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "yes"}]}
    return {
        "started_at": BASE + 60 * i,
        "endpoint": "/v1/responses",
        "status": 200,
        "request": {
            "model": "gpt-5.4",
            "instructions": f"Now 2026-11-16T10:{i % 60:02d}:11Z\n{RULES}",
            "input": f"question {i}",
            **request,
        },
        "response": {
            "id": f"resp_{i}",
            "object": "response",
            "created_at": BASE + 60 * i,
            "status": "completed",
            "model": "gpt-5.4",
            "background": request.get("background", False),
            "output": [*output, message],
            "service_tier": "default",
            "usage": {"input_tokens": 2400, "output_tokens": 20, "total_tokens": 2420},
        },
    }


def polled(i: int) -> list[dict[str, Any]]:
    """A background call, and the look-up that brought its answer."""
    whole = answered(i, background=True)
    queued = {**whole["response"], "status": "queued", "usage": None, "output": []}
    look_up = {"endpoint": f"/v1/responses/resp_{i}", "method": "GET", "request": None}
    return [{**whole, "response": queued}, {**whole, **look_up}]


NAMES = ("Ana", "Bo", "Cyril", "Dora Maria")
CASES: dict[str, tuple[str | None, list[dict[str, Any]]]] = {
    "identical calls": ("waste", [pair(id=f"i{i}", minute=i, input=5000) for i in range(12)]),
    "identical calls of several users": ("waste", [pair(id=f"i{i}", minute=i, input=5000, request={"user": f"u{i % 3}"}) for i in range(12)]),
    "failed calls": (None, [pair(id=f"f{i}", minute=i, user=f"q{i}", status=500 if i % 3 == 0 else 200) for i in range(40)]),
    "answers cut before a word": ("waste", [pair(id=f"e{i}", minute=i, user=f"q{i}", text="", finish="length", input=3000, output=400) for i in range(40)]),
    "loops": ("waste", [pair(id=f"l{i}", minute=i, user=f"q{i}", called=[("search", '{"q":1}')], session=f"s{i // 8}", request={"tools": TOOLS}, input=9000) for i in range(64)]),
    "unused tools": ("tools", called(90)),
    "a tool without a name": ("tools", called(90, tools=[*TOOLS, {"odd": 1}])),
    "tools in two orders": ("tools", [line for i in range(90) for line in called(1, start=i, tools=TOOLS if i % 2 else TOOLS[::-1])]),
    "a tool whose text varies": ("tools", [line for i in range(90) for line in called(1, start=i, tools=[tool("search"), tool("refund", 40 + i // 5), tool("ship")])]),
    "a date first": ("cache", varying(lambda i: f"Today is 2026-11-{i % 28 + 1:02d}.")),
    "a time first": ("cache", varying(lambda i: f"Now 2026-11-16T10:{i % 60:02d}:11Z")),
    "a time in the middle": ("cache", varying(lambda i: f"Now 2026-11-16T10:{i % 60:02d}:11Z", RULES)),
    "a name first": ("cache", varying(lambda i: f"You help {NAMES[i % 4]}.")),
    "an id first": ("cache", varying(lambda i: f"Request AX{i:06d}-7Z.")),
    "words first": ("cache", varying(lambda i: "red green " * (i % 5 + 1))),
    "more texts than are kept": ("cache", varying(lambda i: f"Now 2026-11-16T{i // 60:02d}:{i % 60:02d}:00Z {'x' * (i % 7)}", count=300)),
    "a nightly burst": ("lane", [pair(id=f"b{i}", minute=900 + i / 20, instructions="Summarize the product review in one sentence.", user=f"Review {i}") for i in range(200)] + [pair(id=f"o{i}", minute=i * 15, user=f"Where is order {i}?") for i in range(200)]),
    "lanes that served": (None, [pair(id=f"n{i}", minute=i * 7, user=f"q{i}", model="gpt-5.4-nano", input=3000, tier=("default", "flex", "priority", "auto", None, "scale")[i % 6], request={"service_tier": ("auto", "flex")[i % 2]}) for i in range(140)]),
    "streams": ("tier", [pair(id=f"s{i}", minute=i, user=f"q{i}", input=3000, request={"stream": True}) for i in range(40)]),
    "a residency endpoint": ("tier", [pair(id=f"r{i}", minute=i, user=f"q{i}", input=3000, residency=True) for i in range(40)]),
    "efforts": ("effort", [pair(id=f"o{i}", minute=i, user=f"q{i}", input=3000, output=900, reasoning=800, request={"reasoning_effort": ("low", "high")[i % 2]}) for i in range(60)]),
    "names, tags, projects and scores": ("tier", [pair(id=f"m{i}", minute=i, user=f"q{i}", input=3000, metadata={"feature": f"f{i % 3}", "customer": f"c{i}"}, tags=["a"], project=f"p{i % 2}", scores={"ok": i % 2}) for i in range(90)]),
    "traces": ("tier", [pair(id=f"x{i}", minute=i, user=f"q{i}", input=3000, trace=f"t{i // 5}", span=f"s{i}", parent=None if i % 5 == 0 else f"s{i // 5 * 5}") for i in range(100)]),
    "records of one call": ("tier", [pair(id=f"d{i // 2}", minute=i // 2, user=f"q{i // 2}", input=3000) for i in range(50)]),
    "the same without ids": ("tier", [pair(id=None, minute=i // 2, user=f"q{i // 2}", input=3000) for i in range(50)]),
    "hosted tools": ("cache", [answered(i, tools=[{"type": "web_search"}]) for i in range(120)]),
    "background calls": ("cache", [answered(i, background=True, background_options={"completion_window": "8h"}) for i in range(120)]),
    "background calls looked up": ("cache", [line for i in range(60) for line in polled(i)]),
}  # fmt: skip


@pytest.mark.parametrize(("lever", "lines"), CASES.values(), ids=CASES)
def test_a_recorder_file_comes_to_the_money_of_its_full_log(
    lever: str | None, lines: list[dict[str, Any]], tmp_path: Path
) -> None:
    full, kept = both(tmp_path, lines)
    assert kept == full
    if lever is not None:
        assert full[lever] > 0, "the case does not show what it is named for"


def test_halves_of_batch_calls_are_joined_without_their_texts(tmp_path: Path) -> None:
    asked = [
        {
            "custom_id": f"r{i}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {
                "model": "gpt-5.4",
                "messages": [
                    {"role": "system", "content": TRIAGE},
                    {"role": "user", "content": f"q{i // 2}"},
                ],
            },
        }
        for i in range(60)
    ]
    done = [
        {
            "id": f"batch_req_{i}",
            "custom_id": f"r{i}",
            "error": None,
            "response": {
                "status_code": 200,
                "request_id": f"req{i}",
                "body": pair(id=f"b{i}", model="gpt-5.4", tier=None)["response"],
            },
        }
        for i in range(60)
    ]
    folder = tmp_path / "batch"
    folder.mkdir()
    write(folder / "input.jsonl", asked)
    write(folder / "output.jsonl", done)
    full = money([folder])
    assert full["counts"]["calls"] == 60
    assert money([recorded(tmp_path / "kept.jsonl", calls_of(folder))]) == full


@pytest.mark.parametrize("first", [False, True], ids=["named later", "named first"])
@pytest.mark.parametrize("other", ["without names", "full log"])
def test_a_tool_is_the_same_tool_where_only_some_records_have_names(
    first: bool, other: str, tmp_path: Path
) -> None:
    """'refund' is called in the one part only, and must not be called unused because of its name."""
    halves = [called(60), called(60, "refund", start=60)]
    whole = money([write(tmp_path / "whole.jsonl", [*halves[0], *halves[1]])])
    parts = [write(tmp_path / f"part{i}.jsonl", half) for i, half in enumerate(halves)]
    named, bare = (1, 0) if not first else (0, 1)
    mixed = [Path(), Path()]
    mixed[named] = recorded(tmp_path / "named.jsonl", calls_of(parts[named]), names=True)
    if other == "full log":
        mixed[bare] = parts[bare]
        mixed[named] = recorded(tmp_path / "named.jsonl", calls_of(parts[named]))
    else:
        mixed[bare] = recorded(tmp_path / "bare.jsonl", calls_of(parts[bare]))
    assert money(mixed) == whole
    assert [row[8] for row in whole["workloads"]] == [1]


CUT: dict[str, list[dict[str, Any]]] = {
    "breakers": varying(
        lambda i: f"Now 2026-11-16T{i // 60:02d}:{i % 60:02d}:00Z {'x' * (i % 7)}", count=300
    ),
    "unused tools": called(90),
    "a tool whose text varies": CASES["a tool whose text varies"][1],
    "loops": CASES["loops"][1],
}


@pytest.mark.parametrize("lines", CUT.values(), ids=CUT)
@pytest.mark.parametrize("kept", [False, True], ids=["full log", "recorder file"])
def test_a_log_cut_in_pieces_comes_to_the_same(
    lines: list[dict[str, Any]], kept: bool, tmp_path: Path
) -> None:
    path = write(tmp_path / "whole.jsonl", lines)
    if kept:
        path = recorded(tmp_path / "kept.jsonl", calls_of(path))
    rows = path.read_bytes().splitlines(keepends=True)
    whole = money([path])
    for pieces in (2, 7, 13):
        size = -(-len(rows) // pieces)
        parts = [tmp_path / f"{pieces}-{n:02d}.jsonl" for n in range(pieces)]
        for n, part in enumerate(parts):
            part.write_bytes(b"".join(rows[n * size : (n + 1) * size]))
        assert money([part for part in parts if part.stat().st_size]) == whole


def test_recorders_of_several_processes_may_share_a_file(tmp_path: Path) -> None:
    """Each says what it has seen itself; their lines come in any order."""
    full = write(tmp_path / "full.jsonl", CUT["breakers"])
    calls = calls_of(full)
    lines = [line for part in (calls[0::3], calls[1::3], calls[2::3]) for line in lines_of(part)]
    random.Random(4).shuffle(lines)
    shared = tmp_path / "shared.jsonl"
    shared.write_bytes(b"".join(lines))
    assert money([shared]) == money([full])


SAME_SIZE = (
    "a date first",
    "a time first",
    "an id first",
    "unused tools",
    "loops",
    "identical calls",
    "traces",
)


@pytest.mark.parametrize("case", SAME_SIZE)
def test_another_key_comes_to_the_same_money(case: str, tmp_path: Path) -> None:
    full = write(tmp_path / "full.jsonl", CASES[case][1])
    mine = money([full], b"", ids=False)
    for key in (KEY, b"another key"):
        kept = recorded(tmp_path / f"{len(key)}.jsonl", calls_of(full), key)
        assert money([kept], b"", ids=False) == mine


def test_where_another_key_compares_other_texts_only_the_cache_moves_and_what_follows_it(
    tmp_path: Path,
) -> None:
    """Six pairs of texts are compared, chosen by digest; it tells where their varying part differs in size."""
    lines = varying(lambda i: " ".join(random.Random(i).choices(("red", "green", "blue"), k=i % 119 + 1)))
    full = write(tmp_path / "full.jsonl", lines)
    found = [money([full], key, ids=False) for key in (b"", KEY, b"z" * 32)]
    for same in ("counts", "waste", "tools", "models", "lanes", "outcomes"):
        assert all(other[same] == found[0][same] for other in found)


def sound(tmp_path: Path) -> list[bytes]:
    """Three lines of a recorder file, one with an outline, without their ends."""
    full = write(tmp_path / "full.jsonl", called(3))
    return [line.rstrip(b"\n") for line in lines_of(calls_of(full))]


def records(path: Path) -> list[Any]:
    return [record for unit in plan([path]).units for record in read(unit)]


def test_a_line_torn_at_any_byte_is_skipped_and_costs_no_other(tmp_path: Path) -> None:
    first, second, third = sound(tmp_path)
    path = tmp_path / "torn.jsonl"
    for torn in (first, second):
        heads = [torn[:cut] for cut in range(1, len(torn))]
        tails = [torn[cut:] for cut in range(1, len(torn))]
        glued = [torn[:cut] + third for cut in range(1, len(torn))]
        path.write_bytes(b"\n".join([third, *heads, *tails, *glued, third]) + b"\n")
        found = records(path)
        assert len(found) == 2 + len(heads) + len(tails) + len(glued)
        assert [type(record) for record in (found[0], found[-1])] == [Call, Call]
        assert all(isinstance(record, Skipped) and record.reason for record in found[1:-1])


def test_a_file_of_nothing_but_a_torn_line_is_no_crash(tmp_path: Path) -> None:
    line = sound(tmp_path)[0]
    path = tmp_path / "only.jsonl"
    for cut in range(1, len(line), 61):
        path.write_bytes(line[:cut])
        try:
            found = records(path)
        except TierwiseError:
            continue
        assert not any(isinstance(record, Call) for record in found)


def test_damaged_values_cost_at_most_their_record(tmp_path: Path) -> None:
    line = json.loads(sound(tmp_path)[0])
    path = tmp_path / "damaged.jsonl"
    for name in line:
        for value in (None, -1, 10**30, 1.5, "x", "\ud800", [], {}, [[]], {"a": {"b": 1}}, True):
            whole = [json.dumps(each) for each in (line, {**line, name: value}, {**line, "id": "other"})]
            path.write_text("\n".join(whole) + "\n")
            found = money([path])
            assert 2 <= found["counts"]["calls"] + found["duplicates"] <= 3


def test_the_audit_shows_what_breaks_the_cache_by_kind_and_place_without_text(tmp_path: Path) -> None:
    full = write(tmp_path / "full.jsonl", CASES["a date first"][1])
    kept = recorded(tmp_path / "kept.jsonl", calls_of(full))
    (row,) = audit([kept], processes=1, key=KEY).findings.workloads
    (breaker,) = row.breakers
    assert breaker.kind == "date"
    assert breaker.where.startswith("instructions, character ")
    assert "2026" not in "".join(breaker.example)
    assert breaker.saves > Decimal(0)


def test_an_error_is_told_by_its_code_and_never_by_a_sentence() -> None:
    keeper = Keeper(KEY)
    for error, kept in (("rate_limit_exceeded", True), ("You said zanzibar, sir", False), ("z" * 65, False)):
        line = encode_recorded(keeper.keep(Call(status="error", error=error), None))
        assert (error.encode() in line) == kept
        assert (b'"error":"error"' in line) == (not kept)
