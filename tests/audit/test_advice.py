"""Advice on the caller's code: what to change, where it arises, and money that is the levers' own."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from logs import audited, pair

from tierwise.audit import Advice, Findings, audit
from tierwise.audit._advice import MOST, left_out, moved_behind
from tierwise.report import html, json_bytes

HOUSE = "Follow the house rules of the shop in every answer, and keep to the tone of the brand. " * 120


def stamped(minute: int) -> dict[str, Any]:
    text = f"You sort tickets. It is 2026-11-16 09:{minute:02d} now. Be brief.\n{HOUSE}"
    return pair(id=str(minute), minute=minute * 15, instructions=text, user=f"Ticket {minute}", input=2600)


def function(name: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"id": {"type": "string"}}}
    about = {"name": name, "description": f"Does what {name} says, for one customer.", "parameters": schema}
    return {"type": "function", "function": about}


def tooled(n: int, names: tuple[str, ...]) -> dict[str, Any]:
    body = {"tools": [function(name) for name in names], "reasoning_effort": "none"}
    called = [(names[0], f'{{"id": "{n}"}}')]
    return pair(id=str(n), minute=n * 11, session_id=f"s{n}", user=f"Ticket {n}", request=body, called=called, input=400)  # fmt: skip


def reasoned(n: int) -> dict[str, Any]:
    body = {"reasoning_effort": "high"}
    return pair(id=str(n), minute=n * 11, user=f"Ticket {n}: late.", request=body, output=1100, reasoning=900)


def one(findings: Findings, kind: str) -> Advice:
    (found,) = [each for each in findings.advice if each.kind == kind]
    return found


def test_a_breaker_s_sentence_is_moved_behind_the_rest(tmp_path: Path) -> None:
    findings = audited(tmp_path, [stamped(n) for n in range(30)]).findings
    found, (row,) = one(findings, "breaker"), findings.workloads
    assert found.diff == (
        f"@@ {row.breakers[0].where} @@",
        " You sort tickets.",
        "-It is {timestamp} now.",
        " Be brief.",
        "@@ end of the instructions, or the newest user turn @@",
        "+It is {timestamp} now.",
    )
    assert (found.workload, found.calls, found.saves) == (row.id, 29, row.breakers[0].saves)
    assert found.monthly == findings.spend.monthly * found.saves / findings.spend.total
    assert found.trace == f"{tmp_path}/calls.jsonl:1, 2026-11-16T09:00:00+00:00"
    assert (found.basis, found.unproven) == ("simulated", False)


def test_unused_definitions_are_named_with_their_tokens_and_the_lever_s_money(tmp_path: Path) -> None:
    findings = audited(tmp_path, [tooled(n, ("track", "refund", "cancel")) for n in range(40)]).findings
    found, (row,) = one(findings, "unused-tools"), findings.workloads
    assert found.where == "tools, 2 of 3 definitions"
    assert sorted(line.split("  ")[0] for line in found.diff[1:]) == ['-"cancel"', '-"refund"']
    assert all("used in none of 40 sessions" in line for line in found.diff[1:])
    assert found.saves == row.levers["tools"] > 0
    assert found.calls == 40


def test_a_long_list_of_definitions_is_summed_up(tmp_path: Path) -> None:
    names = ("track", *(f"other_{n}" for n in range(30)))
    findings = audited(tmp_path, [tooled(n, names) for n in range(40)]).findings
    found = one(findings, "unused-tools")
    assert len(found.diff) == 14
    assert found.diff[-1].startswith("-18 more")


def test_an_oversized_effort_shows_both_values_and_is_unproven(tmp_path: Path) -> None:
    findings = audited(tmp_path, [reasoned(n) for n in range(20)]).findings
    found, (row,) = one(findings, "effort"), findings.workloads
    assert '-"reasoning_effort": "high"' in found.diff
    assert f'+"reasoning_effort": "{row.proposed_effort}"' in found.diff
    assert '+"model": "gpt-5.4-nano"' in found.diff
    assert found.saves == row.levers["effort"] > 0
    assert found.unproven
    assert "Unproven" in found.text


def test_money_is_the_levers_own_and_comes_dearest_first(tmp_path: Path) -> None:
    lines = [stamped(n) for n in range(30)]
    lines += [tooled(100 + n, ("track", "refund", "cancel")) for n in range(40)]
    findings = audited(tmp_path, lines).findings
    saves = [each.saves for each in findings.advice]
    assert len(saves) >= 2
    assert saves == sorted(saves, reverse=True)
    for kind, lever in (("unused-tools", "tools"), ("effort", "effort")):
        told = sum((each.saves for each in findings.advice if each.kind == kind), Decimal(0))
        assert told == findings.levers[lever]


def test_a_log_that_leaves_nothing_to_change_has_no_advice(tmp_path: Path) -> None:
    lines = [pair(id="1", model="gpt-5.4-nano", request={"reasoning_effort": "none"})]
    assert audited(tmp_path, lines).findings.advice == ()
    assert audited(tmp_path, []).findings.advice == ()


def test_a_log_without_times_has_no_month(tmp_path: Path) -> None:
    lines = [reasoned(n) for n in range(20)]
    for line in lines:
        del line["started_at"], line["response"]["created"]
    found = one(audited(tmp_path, lines).findings, "effort")
    assert found.monthly is None
    assert found.trace.endswith("calls.jsonl:1")


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    found = one(audited(tmp_path, [reasoned(n) for n in range(20)]).findings, "effort")
    assert left_out((found,) * MOST) == []
    assert left_out((found,) * (MOST + 2)) == [
        f"2 pieces of advice that saves less than the {MOST} listed is left out."
    ]


PATCHES: list[tuple[str, str, int, str, str, str]] = [
    ("no end of a sentence", "Now 09:15", 4, "timestamp", "09:15", "Now {timestamp}"),
    ("in Chinese", "你好。现在是09:15。请简短。", 6, "timestamp", "09:15", "现在是{timestamp}。"),
    ("text to the end", "Be kind. Context: a long story", 18, "text", "a long story", "Context: {text that varies}"),
    ("covered wrongly", "Be kind. Hello Ann", 15, "name", "Bob", "Hello {name}"),
    ("nothing at all", "", 0, "text", "", "{text that varies}"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "position", "kind", "varying", "moving"), [p[1:] for p in PATCHES], ids=[p[0] for p in PATCHES]
)
def test_the_sentence_around_a_difference_is_what_moves(
    text: str, position: int, kind: str, varying: str, moving: str
) -> None:
    lines = moved_behind(text, position, kind, varying, "instructions")
    assert [line for line in lines if line[0] in "-+"] == [f"-{moving}", f"+{moving}"]


@given(
    st.text(max_size=3_000), st.integers(0, 3_000), st.text(max_size=60), st.sampled_from(["text", "name"])
)
def test_a_patch_is_short_lines_whatever_the_template(
    text: str, position: int, varying: str, kind: str
) -> None:
    lines = moved_behind(text, min(position, len(text)), kind, varying, "instructions")
    assert 4 <= len(lines) <= 6
    assert all(len(line) <= 161 and line.splitlines() in ([line], []) for line in lines)
    assert lines[-1][1:] == next(line for line in lines if line.startswith("-"))[1:]


def test_hostile_templates_and_names_are_advised_on_like_others(tmp_path: Path) -> None:
    lines = []
    for n in range(40):
        line = tooled(n, ("track", "löschen\u202e</script>\n-x", "x" * 5_000))
        line["request"]["messages"][0]["content"] = (
            f"\ud800 It is 09:{n % 60:02d}:00 now.\u2028Be brief. {HOUSE}"
        )
        line["response"]["usage"]["prompt_tokens"] = 2_600
        lines.append(line)
    path = tmp_path / "calls.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    findings = audit([path]).findings
    kinds = {each.kind for each in findings.advice}
    assert {"breaker", "unused-tools"} <= kinds
    assert all(line.splitlines() == [line] for each in findings.advice for line in each.diff)
    assert json_bytes(findings)
    assert "</script>" not in html(findings)
