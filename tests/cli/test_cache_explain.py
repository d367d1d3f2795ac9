"""`tierwise cache explain`: the audit's own figures of one workload, and a word where there is nothing to say."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tierwise.audit import Explained, audit, explain
from tierwise.calls import Call, encode_recorded, plan, read
from tierwise.cli import main
from tierwise.errors import CallerError

SAMPLE = Path(__file__).parents[2] / "sample" / "calls.jsonl.gz"
RULES = "Answer by the rules of the shop, be short, and never promise what was not agreed. " * 70


def pair(i: int, **more: Any) -> dict[str, Any]:
    """A call of a workload whose instructions begin with a time."""
    asked: dict[str, Any] = {
        "model": "gpt-5.4",
        "messages": [
            {"role": "system", "content": f"Now: 2026-11-20 10:{i:02d}:00. {RULES}"},
            {"role": "user", "content": f"Question {i}"},
        ],
    } | more
    return {
        "started_at": f"2026-11-20T10:{i:02d}:00Z",
        "endpoint": "/v1/chat/completions",
        "request": asked,
        "response": {
            "id": f"chatcmpl-{i}",
            "object": "chat.completion",
            "model": asked["model"],
            "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Yes."}}
            ],
            "usage": {"prompt_tokens": 1_400, "completion_tokens": 5, "total_tokens": 1_405},
        },
    }


def log(folder: Path, lines: Iterable[dict[str, Any]]) -> Path:
    path = folder / "calls.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return path


def explained(path: Path) -> Explained:
    found = audit([path], processes=1)
    return explain(found, found.findings.workloads[0].id)


def test_its_figures_are_those_of_the_audit_for_every_workload() -> None:
    found = audit([SAMPLE], processes=1)
    broken = 0
    for row in found.findings.workloads:
        told = explain(found, row.id)
        broken += len(told.breakers)
        assert told.breakers == row.breakers
        assert (told.calls, told.spend, told.models) == (row.calls, row.spend, row.models)
        assert (told.cached_share, told.simulated_share, told.cacheable_share) == (
            row.cached_share,
            row.simulated_share,
            row.cacheable_share,
        )
        assert told.input == row.counts.input + row.counts.cached + row.counts.written
        assert told.saves == sum(breaker.saves for breaker in row.breakers)
        assert told.cache_saves == row.levers["cache"]
        assert told.breakers or told.notes, "an empty page says why it is empty"
        money = {f.saves for f in found.findings.findings if f.kind == "breaker" and f.workload == row.id}
        assert money == {breaker.saves for breaker in told.breakers}
    assert broken > 0


def test_it_prints_a_page_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = log(tmp_path, [pair(i) for i in range(20)])
    found = explained(path)
    assert main(["cache", "explain", str(path), "--workload", found.workload[:6]]) == 0
    page = capsys.readouterr().out
    for words in (
        "as billed",
        "would read",
        "timestamp in instructions, character",
        "[[",
        "19 calls",
        "Move what",
    ):
        assert words in page
    assert main(["cache", "explain", str(path), "-w", found.workload, "--json"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out, type=Explained) == found


def test_an_unknown_workload_is_answered_with_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = log(tmp_path, [pair(i) for i in range(3)])
    known = explained(path).workload
    assert main(["cache", "explain", str(path), "-w", known[:-1] + ("0" if known[-1] != "0" else "1")]) == 1
    assert f"the nearest are {known}" in capsys.readouterr().err
    assert main(["cache", "explain", str(path), "-w", "\udcff\n"]) == 1
    assert f"the dearest are {known}" in capsys.readouterr().err


def test_a_log_of_totals_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "completions_usage_1.csv"
    path.write_text(
        "start_time,end_time,model,num_model_requests,input_tokens,output_tokens,input_cached_tokens\n"
        "1763942400,1764028800,gpt-5.4-2026-03-05,3,3000,30,0\n"
    )
    with pytest.raises(CallerError, match="expected a log of calls"):
        explain(audit([path], processes=1), "abcd")


EMPTY = {
    "one call": ([pair(0)], "One call has no earlier one"),
    "a short prompt": (
        [
            pair(i, messages=[{"role": "user", "content": f"{i}"}])
            | {"response": pair(i)["response"] | {"usage": {"prompt_tokens": 9, "completion_tokens": 1}}}
            for i in range(5)
        ],
        "longest prompt has 9 tokens, and prefixes are cached from 1,024 on",
    ),
    "a model without caching": (
        [pair(i, model="gpt-4-0613") for i in range(5)],
        "has a price for cached input",
    ),
    "no prompts": (
        [{k: v for k, v in pair(i).items() if k != "request"} for i in range(5)],
        "has no prompts of this workload",
    ),
    "no times": (
        [
            {k: v for k, v in pair(i).items() if k != "started_at"}
            | {"response": {k: v for k, v in pair(i)["response"].items() if k != "created"}}
            for i in range(5)
        ],
        "have no times",
    ),
    "nothing broken": (
        [
            pair(i, messages=[{"role": "system", "content": RULES}, {"role": "user", "content": f"{i}"}])
            for i in range(9)
        ],
        "Nothing breaks its prefix",
    ),
}


@pytest.mark.parametrize(("lines", "words"), EMPTY.values(), ids=EMPTY)
def test_where_there_is_nothing_to_mend_it_says_why(
    lines: list[dict[str, Any]], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = log(tmp_path, lines)
    found = explained(path)
    assert found.breakers == ()
    assert any(words in note for note in found.notes), found.notes
    assert main(["cache", "explain", str(path), "-w", found.workload]) == 0
    assert words[:20] in capsys.readouterr().out


def test_without_text_it_tells_the_same_money_and_no_word(tmp_path: Path) -> None:
    from tierwise.online import Keeper
    from tierwise.workloads import Recogniser

    full = log(tmp_path, [pair(i) for i in range(20)])
    calls = [call for unit in plan([full]).units for call in read(unit) if isinstance(call, Call)]
    keeper, recogniser = Keeper(b""), Recogniser()
    kept = tmp_path / "kept.jsonl"
    kept.write_bytes(
        b"".join(
            encode_recorded(keeper.keep(call, recogniser.recognise(call.request) if call.request else None))
            for call in calls
        )
    )
    text, bare = explained(full), explained(kept)
    assert (text.text, bare.text) == ("text", "outlines")
    assert (bare.saves, bare.cacheable_share, bare.workload) == (
        text.saves,
        text.cacheable_share,
        text.workload,
    )
    assert bare.breakers[0].excerpt is None
    assert "outlines and no text" in bare.notes[0]
    assert bare.template == ""


@pytest.mark.parametrize("text", ["\ud800" * 3, "\x1b[31m", "請" * 50, "(" * 5_000, "\n" * 5_000])
def test_hostile_text_is_shown_without_its_control_characters(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        pair(
            i,
            messages=[
                {"role": "system", "content": f"{text}{i * 7_919}{text} {RULES}"},
                {"role": "user", "content": "q"},
            ],
        )
        for i in range(9)
    ]
    path = log(tmp_path, lines)
    for workload in audit([path], processes=1).findings.workloads:
        assert main(["cache", "explain", str(path), "-w", workload.id]) == 0
    assert "\x1b" not in capsys.readouterr().out
