"""Recorder files: no text in them, and an audit of them comes to the money of the full log."""

from __future__ import annotations

import gzip
import json
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.audit import LEVERS, audit
from tierwise.calls import (
    Around,
    Call,
    Recorded,
    encode_recorded,
    live_call,
    parse_request,
    plan,
    read,
)
from tierwise.online import Keeper
from tierwise.workloads import Recogniser

SAMPLE = Path(__file__).parents[2] / "sample" / "calls.jsonl.gz"
KEY = b"k" * 32


def recorded(log: Path, out: Path, key: bytes, *, names: bool = False) -> int:
    """Write the calls of a full log as a recorder would have."""
    keeper, recogniser, count = Keeper(key, names=names), Recogniser(key), 0
    with out.open("wb") as file:
        for unit in plan([log]).units:
            for call in read(unit):
                if isinstance(call, Call):
                    facts = recogniser.recognise(call.request) if call.request is not None else None
                    file.write(encode_recorded(keeper.keep(call, facts)))
                    count += 1
    return count


@pytest.fixture(scope="module")
def logs(tmp_path_factory: Any) -> tuple[Path, Path]:
    """The first lines of the sample log, and what a recorder keeps of it under a key."""
    folder = tmp_path_factory.mktemp("logs")
    full, kept = folder / "full.jsonl", folder / "kept.jsonl"
    with gzip.open(SAMPLE, "rb") as lines, full.open("wb") as out:
        out.writelines(islice(lines, 6_000))
    assert recorded(full, kept, KEY) > 4_000
    return full, kept


def money(found: Any) -> dict[str, Any]:
    """Everything that an audit says in money and counts."""
    findings = found.findings
    return {
        "calls": findings.calls,
        "spend": findings.counts.spend,
        "could save": findings.could_save,
        "low": findings.low,
        "high": findings.high,
        **{lever: findings.levers[lever] for lever in LEVERS},
        "outcomes": msgspec.to_builtins(findings.outcomes),
    }


def test_an_audit_of_the_record_comes_to_the_same_money_as_one_of_the_full_log(logs: Any) -> None:
    full, kept = (audit([path], processes=1, key=KEY) for path in logs)
    assert money(kept) == money(full)
    assert full.findings.levers["cache"] > 0
    assert full.findings.levers["tools"] > 0
    assert full.findings.levers["waste"] > 0
    assert full.findings.levers["lane"] > 0
    ids = {row.id: (row.calls, row.spend, row.could_save, row.role) for row in full.findings.workloads}
    assert {
        row.id: (row.calls, row.spend, row.could_save, row.role) for row in kept.findings.workloads
    } == ids


def test_another_key_names_workloads_differently_and_comes_to_the_same_money(
    logs: Any, tmp_path: Path
) -> None:
    other = tmp_path / "other.jsonl"
    recorded(logs[0], other, b"another key, also of thirty-two.")
    full, found = audit([logs[0]], processes=1), audit([other], processes=1)
    mine, theirs = money(full), money(found)
    # Of texts that vary, 48 are compared, chosen by digest: another key may choose others.
    for exact in ("calls", "spend", "waste", "tools", "outcomes"):
        assert theirs[exact] == mine[exact]
    for close in ("cache", "tier", "effort", "lane"):
        assert float(theirs[close]) == pytest.approx(float(mine[close]), rel=0.05)
    assert {row.id for row in full.findings.workloads}.isdisjoint(row.id for row in found.findings.workloads)


def test_a_recorder_file_may_be_read_in_parts_by_several_processes(logs: Any) -> None:
    whole, parts = audit([logs[1]], processes=1), audit([logs[1]], processes=2)
    assert money(whole) == money(parts)


def test_names_are_there_only_where_the_owner_has_them_kept(logs: Any, tmp_path: Path) -> None:
    named = tmp_path / "named.jsonl"
    recorded(logs[0], named, KEY, names=True)
    with_names, without = audit([named], processes=1), audit([logs[1]], processes=1)
    full = audit([logs[0]], processes=1)
    tools = {name for row in full.findings.workloads for name in row.tools_unused}
    assert {name for row in with_names.findings.workloads for name in row.tools_unused} == tools
    hidden = {name for row in without.findings.workloads for name in row.tools_unused}
    assert len(hidden) == len(tools)
    assert all(name.startswith("tool ") for name in hidden)


def test_a_workload_without_name_or_text_is_called_by_its_fingerprint(logs: Any, tmp_path: Path) -> None:
    path = tmp_path / "nameless.jsonl"
    rows = [json.loads(line) for line in logs[1].read_bytes().splitlines()[:200]]
    path.write_text("".join(json.dumps({**row, "name": None}) + "\n" for row in rows))
    labels = {row.id[:8]: row.label for row in audit([path], processes=1).findings.workloads}
    assert labels
    assert any(label == f"workload {name}" for name, label in labels.items())


MARK = "zanzibar4711"
TEXTS = st.text(max_size=30).map(lambda text: f"{text} {MARK} {text}")


@settings(max_examples=60, deadline=None)
@given(TEXTS, TEXTS, TEXTS, st.booleans())
def test_no_text_of_a_call_stands_in_its_line(instructions: str, turn: str, answer: str, chat: bool) -> None:
    schema = {"type": "object", "properties": {MARK: {"type": "string", "enum": [answer]}}}
    tool = {"name": MARK, "description": turn, "parameters": schema}
    form = {"name": MARK, "schema": schema, "strict": True}
    shared: dict[str, Any] = {
        "model": "gpt-5.4",
        "user": turn,
        "metadata": {"note": turn, "customer": answer},
    }
    if chat:
        call = {"id": "call_1", "type": "function", "function": {"name": MARK, "arguments": answer}}
        messages = [
            {"role": "system", "content": instructions},
            {"role": "user", "content": [{"type": "text", "text": turn}]},
            {"role": "assistant", "content": answer, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": answer},
        ]
        body = {
            **shared,
            "messages": messages,
            "tools": [{"type": "function", "function": tool}],
            "response_format": {"type": "json_schema", "json_schema": form},
            "stop": [turn],
        }
        message = {"role": "assistant", "content": answer, "tool_calls": [call]}
        reply = {"id": "chatcmpl-1", "object": "chat.completion", "choices": [{"message": message}]}
    else:
        item = {"type": "function_call", "call_id": "c", "name": MARK, "arguments": answer}
        body = {
            **shared,
            "instructions": instructions,
            "input": [{"role": "user", "content": turn}, item],
            "tools": [{"type": "function", **tool}],
            "text": {"format": {"type": "json_schema", **form}},
        }
        reply = {
            "id": "resp_1",
            "object": "response",
            "output": [item],
            "error": {"message": answer, "code": None},
        }
    raw = json.dumps(body).encode()
    endpoint = "chat" if chat else "responses"
    request = parse_request(endpoint, raw)
    done = live_call(endpoint, request, raw, json.dumps(reply).encode(), Around(at=1_795_600_000_000_000))  # type: ignore[arg-type]
    line = encode_recorded(Keeper(KEY).keep(done, Recogniser(KEY).recognise(request)))
    assert MARK.encode() not in line
    assert msgspec.json.decode(line, type=Recorded).recorder == 1


def test_a_line_torn_anywhere_is_skipped_with_a_reason(logs: Any, tmp_path: Path) -> None:
    lines = logs[1].read_bytes().split(b"\n")[:3]
    whole = b"\n".join(lines) + b"\n"
    path = tmp_path / "torn.jsonl"
    for cut in range(0, len(lines[2]), 7):
        path.write_bytes(whole + lines[2][:cut])
        found = [record for unit in plan([path]).units for record in read(unit)]
        assert [type(record) for record in found[:3]] == [Call] * 3
        assert len(found) == (3 if cut == 0 else 4)
        assert all(getattr(record, "reason", None) for record in found[3:])


def test_a_file_of_a_later_version_says_to_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "later.jsonl"
    path.write_text('{"recorder":2,"status":"ok","facts":{},"new":1}\n')
    (found,) = [record for unit in plan([path]).units for record in read(unit)]
    assert "later version" in found.reason
    assert "upgrade" in found.detail


def test_facts_that_are_none_cost_their_record_and_not_the_audit(logs: Any, tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    lines = logs[1].read_bytes().split(b"\n")[:20]
    broken = lines[3].replace(b'"facts":{"workload":', b'"facts":{"worklod":')
    path.write_bytes(b"\n".join([*lines[:3], broken, *lines[4:]]) + b"\n")
    found = audit([path], processes=1).findings
    assert sum(found.skipped.values()) == 1
    assert found.calls == 19
