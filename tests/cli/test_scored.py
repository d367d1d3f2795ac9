"""A policy with a scorer, as `tierwise route`, `policy check` and `policy diff` show it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tierwise.cli import main

RULE = """
ladder = "gpt-5.4"
[[rule]]
name = "mixed"
match = {}
rung = "gpt-5.4-nano"
scorer = { file = "FILE", quality = 0.9 }
stage = "on"
unproven = true
approved_by = "kim"
[default]
"""
EASY, HARD = "classify the ticket about number 5", "prove the theorem on number 5"


@pytest.fixture
def policy(tmp_path: Path, scorer_file: Path) -> Path:
    path = tmp_path / "tierwise.toml"
    path.write_text(RULE.replace("FILE", str(scorer_file)), "utf-8")
    return path


def body(text: str) -> dict[str, object]:
    return {"model": "gpt-5.5", "messages": [{"role": "user", "content": text}]}


@pytest.mark.parametrize(("text", "model"), [(EASY, "gpt-5.4-nano"), (HARD, "gpt-5.4")])
def test_route_scores_the_request(
    policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, model: str
) -> None:
    request = tmp_path / "request.json"
    request.write_text(json.dumps(body(text)), "utf-8")
    assert main(["route", str(request), "--policy", str(policy), "--explain"]) == 0
    said = capsys.readouterr().out
    assert f"goes to {model} (" in said
    assert re.search(r"- scored by scorer [0-9a-f]{12}: gpt-5.4-nano holds with \d.\d{4}, at least ", said)


def test_diff_scores_the_calls_whose_text_is_in_the_log(
    policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reply = {
        "object": "chat.completion",
        "model": "gpt-5.5-2026-04-23",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}],
        "usage": {"prompt_tokens": 400, "completion_tokens": 100, "total_tokens": 500},
    }
    lines = []
    for at in range(40):
        response = {**reply, "id": f"c{at}", "created": 1_793_000_000 + at * 60}
        lines.append(json.dumps({"request": body(EASY if at < 30 else HARD), "response": response}))
    log = tmp_path / "calls.jsonl"
    log.write_text("\n".join(lines) + "\n", "utf-8")

    assert main(["policy", "diff", "none", str(policy), str(log)]) == 0
    page = capsys.readouterr().out
    moved = {rung: int(n) for n, rung in re.findall(r"\| ([\d]+) \| gpt-5\.5[^|]*\| (gpt-5\.4[a-z-]*)", page)}
    assert moved == {"gpt-5.4-nano": 30, "gpt-5.4": 10}, page
    assert main(["policy", "diff", str(policy), str(policy), str(log)]) == 0
    assert "### Calls that change: 0" in capsys.readouterr().out


def test_check_refuses_a_damaged_scorer_with_its_line(
    policy: Path, scorer_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "check", str(policy)]) == 0
    damaged = tmp_path / "damaged.scorer"
    damaged.write_bytes(scorer_file.read_bytes()[:-1])
    policy.write_text(RULE.replace("FILE", "damaged.scorer"), "utf-8")
    capsys.readouterr()
    assert main(["policy", "check", str(policy)]) != 0
    said = "".join(capsys.readouterr())
    assert f"{policy}:7: rule[1].scorer.file: damaged.scorer: its bytes do not have the digest" in said
