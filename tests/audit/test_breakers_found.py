"""What breaks a prefix is named right and in its place, with text and without; and nothing where it holds."""

from __future__ import annotations

import re
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conversations import RULES, SETTINGS, VALUES, conversations
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import TODAY, write
from recording import KEY, calls_of, recorded

from tierwise.audit import Audit, Breaker, audit

KINDS = (*VALUES, "tool order", "tool text", "schema", "tools", *SETTINGS)
FEW = settings(max_examples=2, deadline=None)


def found_in(lines: list[dict[str, Any]], *, text: bool = True) -> Audit:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "calls.jsonl", lines)
        if not text:
            path = recorded(Path(folder) / "kept.jsonl", calls_of(path))
        return audit([path], processes=1, key=KEY, today=TODAY)


def breakers(found: Audit) -> list[Breaker]:
    return [breaker for row in found.findings.workloads for breaker in row.breakers]


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(seed=st.integers(0, 10**6), at=st.integers(0, 30))
def test_a_planted_breaker_is_named_with_its_place(kind: str, seed: int, at: int) -> None:
    found = breakers(found_in(conversations(kind, seed, at=at)))
    assert {breaker.kind for breaker in found} == {kind}
    for breaker in found:
        assert breaker.saves > 0
        assert breaker.advice
        assert 0 < breaker.calls <= 32
        if kind in VALUES:
            begins = sum(len(line) + 1 for line in RULES.splitlines()[:at]) + len("Note: ")
            place = int(re.findall(r"character (\d+) of", breaker.where)[0]) - 1
            assert begins <= place <= begins + 40
            assert begins * 0.15 < breaker.tokens + 20 < begins * 0.35 + 40
            assert breaker.excerpt is not None
            assert all("[[" in text and "]]" in text for text in breaker.excerpt)
            assert breaker.excerpt[0] != breaker.excerpt[1]
        elif kind in (*SETTINGS, "tools"):
            assert breaker.where.startswith("turn 2 of a conversation")
        elif kind in ("schema", "tool text"):
            assert breaker.where.startswith(("schema, character", "tools, character"))


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(seed=st.integers(0, 10**6))
def test_without_text_it_is_the_same_money_and_kind(kind: str, seed: int) -> None:
    lines = conversations(kind, seed)
    full, bare = breakers(found_in(lines)), breakers(found_in(lines, text=False))
    assert [(b.saves, b.calls, b.advice) for b in full] == [(b.saves, b.calls, b.advice) for b in bare]
    # An outline tells a timestamp of two words by its first.
    known = {"timestamp": {"timestamp", "date"}}.get(kind, {kind})
    assert {b.kind for b in bare} <= known
    assert all(b.excerpt is None or kind not in VALUES for b in bare)


@pytest.mark.parametrize("kind", [None, "all tools"])
@FEW
@given(seed=st.integers(0, 10**6), turns=st.integers(1, 6))
def test_a_true_continuation_is_not_called_broken(kind: str | None, seed: int, turns: int) -> None:
    for text in (True, False):
        assert breakers(found_in(conversations(kind, seed, turns=turns), text=text)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_short_prompt_has_no_breaker(kind: str) -> None:
    lines = conversations(kind, 1, turns=2)
    for line in lines:
        line["request"]["messages"][0]["content"] = line["request"]["messages"][0]["content"][-400:]
    assert breakers(found_in(lines)) == []


def test_several_breakers_add_up_to_all_of_them_mended() -> None:
    both = [
        {**line, "request": {**line["request"], "response_format": other["request"]["response_format"]}}
        for line, other in zip(conversations("timestamp", 1), conversations("schema", 2), strict=True)
    ]
    (row,) = found_in(both).findings.workloads
    assert {breaker.kind for breaker in row.breakers} == {"timestamp", "schema"}
    assert sum((b.saves for b in row.breakers), Decimal(0)) == row.levers["cache"]


def test_a_setting_that_changes_where_a_conversation_was_cold_anyway_costs_nothing() -> None:
    lines = conversations("effort", 1, sessions=1)
    for turn, line in enumerate(lines):
        line["started_at"] = f"2026-11-{16 + turn:02d}T09:00:00+00:00"
        line["response"]["created"] += turn * 86_400
    assert breakers(found_in(lines)) == []
