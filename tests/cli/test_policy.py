"""`tierwise policy` and `tierwise route --policy`, as a user runs them."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tierwise.cli import main

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample" / "calls.jsonl.gz"
LINES = 3_000
"""Lines of the sample that are compared: enough for every workload to be met."""
CLASSIFY = "Classify the ticket as billing, shipping or other. Answer with one word."
BODY = {
    "model": "gpt-5.5",
    "max_tokens": 20,
    "metadata": {"team": "ops", "task": "coding"},
    "messages": [
        {"role": "system", "content": CLASSIFY},
        {"role": "user", "content": "I was charged twice."},
    ],
}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first lines of the sample."""
    path = tmp_path_factory.mktemp("log") / "calls.jsonl"
    with gzip.open(SAMPLE, "rb") as file:
        path.write_bytes(b"".join(line for line, _ in zip(file, range(LINES), strict=False)))
    return path


@pytest.fixture(scope="module")
def policies(log: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The first policy of that log, and the same with every rule on."""
    folder = tmp_path_factory.mktemp("policies")
    found = {"audit": folder / "audit.json", "off": folder / "off.toml", "on": folder / "on.toml"}
    assert main(["audit", str(log), "--json", str(found["audit"]), "-q"]) == 0
    assert main(["policy", "init", "--from", str(found["audit"]), "-o", str(found["off"])]) == 0
    rules, _, end = found["off"].read_text("utf-8").partition("[default]")
    on = rules.replace('stage = "off"', 'stage = "on"\nunproven = true\napproved_by = "kim"')
    found["on"].write_text(f"{on}[default]{end}", "utf-8")
    return found


def test_a_first_policy_of_the_sample_holds_and_changes_nothing(
    policies: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    text = policies["off"].read_text("utf-8")
    assert text.count("[[rule]]") >= 8
    assert 'stage = "on"' not in text
    assert text.count("# Could save $") == text.count("[[rule]]")
    assert "# - moves to gpt-5.4-nano: commodity depth" in text
    assert max(map(len, text.splitlines())) <= 110
    assert main(["policy", "check", str(policies["off"])]) == 0
    assert re.search(r"\d+ rules: \d+ off; default off", capsys.readouterr().out)


def test_its_savings_are_the_audits_but_for_waste(policies: dict[str, Path]) -> None:
    found = json.loads(policies["audit"].read_text("utf-8"))
    named = re.findall(r"# Could save \$([\d.]+), unproven\.", policies["off"].read_text("utf-8"))
    proposed = [w for w in found["workloads"] if w["proposed"] or w["proposed_effort"] or w["proposed_lane"]]
    saves = [float(w["could_save"]) - float(w["levers"]["waste"]) for w in proposed]
    assert sorted(float(each) for each in named) == pytest.approx(sorted(saves), abs=0.006)


def test_the_difference_between_two_policies_is_markdown_with_moves_costs_and_gaps(
    policies: dict[str, Path], log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "diff", str(policies["off"]), str(policies["on"]), str(log)]) == 0
    page = capsys.readouterr().out
    assert page.startswith("<!-- tierwise policy diff -->\n")
    for heading in ("| expected cost |", "### Calls that change:", "### Gaps"):
        assert heading in page
    assert re.search(
        r"\| triage `[0-9a-f]{16}` \| [\d,]+ \| gpt-5\.5 \(medium\) \| gpt-5\.4-nano \(none\) \|", page
    )
    assert "`triage` goes on unproven, approved by kim" in page
    before, after = re.findall(r"\| expected cost \| \$([\d.,]+) \| \$([\d.,]+) \|", page)[0]
    assert float(after) < float(before)
    changed = int(re.findall(r"### Calls that change: ([\d,]+)", page)[0].replace(",", ""))
    rows = re.findall(r"^\| .*`[0-9a-f]{16}` \| ([\d,]+) \|", page, re.MULTILINE)
    assert sum(int(calls.replace(",", "")) for calls in rows) == changed > LINES // 2


def test_the_same_policy_twice_changes_nothing(
    policies: dict[str, Path], log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "diff", str(policies["on"]), str(policies["on"]), str(log)]) == 0
    page = capsys.readouterr().out
    assert "Both files say the same." in page
    assert "### Calls that change: 0" in page


RULE = """ladder = "gpt-5.4"
trusts = "key:jobs"
[[rule]]
name = "r"
match = { MATCH }
rung = { model = "gpt-5.4-nano", effort = "none" }
stage = "STAGE"
unproven = true
approved_by = "kim"
SHARE
[default]
"""


def write(path: Path, match: str, stage: str = "on", share: str = "") -> Path:
    text = RULE.replace("MATCH", match).replace("STAGE", stage).replace("SHARE", share)
    path.write_text(text, "utf-8")
    return path


PAIR = {"request": BODY, "endpoint": "/v1/chat/completions", "started_at": "2026-11-20T10:00:00Z"}
ANSWER = {
    "object": "chat.completion", "model": "gpt-5.5-2026-04-23",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "billing"}}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
}  # fmt: skip


@pytest.mark.parametrize(
    ("match", "moved"),
    [('metadata = { team = "ops" }', 2), ('metadata = { team = "web" }', 0), ('task = "coding"', 0)],
    ids=["by metadata", "other metadata", "a hint nobody trusts"],
)
def test_metadata_of_logged_calls_is_read_again_for_the_difference(
    match: str, moved: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = [{**PAIR, "response": {**ANSWER, "id": f"chatcmpl-{n}"}} for n in range(2)]
    log = tmp_path / "calls.jsonl"
    log.write_text("".join(json.dumps(call) + "\n" for call in calls), "utf-8")
    assert main(["policy", "diff", "none", str(write(tmp_path / "p.toml", match)), str(log)]) == 0
    page = capsys.readouterr().out
    assert "on 2 logged calls" in page
    assert f"| calls moved | 0 | {moved} |" in page


def test_an_old_policy_that_no_longer_holds_does_not_hide_its_repair(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "calls.jsonl"
    log.write_text(json.dumps({**PAIR, "response": {**ANSWER, "id": "x"}}) + "\n", "utf-8")
    old = tmp_path / "old.toml"
    old.write_text("nothing = 1\n", "utf-8")
    new = write(tmp_path / "new.toml", 'depth = "commodity"')
    assert main(["policy", "diff", str(old), str(new), str(log)]) == 0
    assert "The file before does not hold" in capsys.readouterr().out


def test_a_policy_with_problems_is_refused_with_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "p.toml", 'tsk = "chat"')
    assert main(["policy", "check", str(path)]) == 1
    said = capsys.readouterr().err
    assert f"{path}:5: rule[1].match.tsk: no such key; did you mean 'task'?" in said


FAULTS: list[tuple[str, list[str], str]] = [
    ("no such audit", ["init", "--from", "none.json"], "none.json"),
    ("no audit at all", ["init", "--from", "LOG"], "tierwise audit --json"),
    ("a file that is there", ["init", "--from", "AUDIT", "-o", "LOG"], "--force"),
    ("no such policy", ["check", "none.toml"], "none.toml"),
    ("standard input", ["diff", "none", "OFF", "-"], "cannot be read twice"),
    ("no logs there", ["diff", "none", "OFF", "nowhere.jsonl"], "nowhere.jsonl"),
]


@pytest.mark.parametrize(("words", "said"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_a_problem_is_named(
    words: list[str], said: str, policies: dict[str, Path], log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"LOG": log, "AUDIT": policies["audit"], "OFF": policies["off"]}
    assert main(["policy", *(str(places.get(word, word)) for word in words)]) == 1
    assert said in capsys.readouterr().err


def routed(capsys: pytest.CaptureFixture[str], path: Path, *words: str, **changes: Any) -> dict[str, Any]:
    request = path.parent / "request.json"
    request.write_text(json.dumps(BODY | changes), "utf-8")
    assert main(["route", str(request), "--policy", str(path), *words]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_request_is_routed_by_a_policy_with_every_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = routed(capsys, write(tmp_path / "p.toml", 'depth = "commodity", metadata = { team = "ops" }'))
    assert found["rung"] == {"model": "gpt-5.4-nano", "effort": "none"}
    assert found["rule"] == "r"
    assert found["unproven"] is True
    assert {c["parameter"]: c["after"] for c in found["changes"]} == {
        "model": "gpt-5.4-nano",
        "max_tokens": None,
        "max_completion_tokens": "20",
    }


@pytest.mark.parametrize(("words", "moved"), [([], False), (["--caller", "key:jobs"], True)])
def test_a_hint_in_metadata_counts_only_for_callers_that_are_trusted(
    words: list[str], moved: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = routed(capsys, write(tmp_path / "p.toml", 'task = "coding"'), *words)
    assert found["moved"] is moved


def test_shadow_is_shown_and_said_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "p.toml", 'depth = "commodity"', "shadow")
    found = routed(capsys, path)
    assert found["moved"] is False
    assert found["shadow"]["rung"]["model"] == "gpt-5.4-nano"
    assert main(["route", str(tmp_path / "request.json"), "--policy", str(path), "--explain"]) == 0
    assert "in shadow: gpt-5.4-nano (none)" in capsys.readouterr().out


def test_a_policy_and_a_ladder_together_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "p.toml", 'depth = "commodity"')
    (tmp_path / "r.json").write_text(json.dumps(BODY), "utf-8")
    assert main(["route", str(tmp_path / "r.json"), "--policy", str(path), "--ladder", "gpt-6"]) == 1
    assert "names its own ladder" in capsys.readouterr().err


def test_the_action_runs_the_command_and_finds_its_comment_again() -> None:
    from tierwise.cli._diff_text import MARK

    action = (ROOT / ".github" / "actions" / "policy-diff" / "action.yml").read_text("utf-8")
    assert "tierwise policy diff" in action
    assert MARK in action


def test_batch_answers_are_decided_with_the_requests_of_their_input_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [
        {
            "custom_id": f"c{n}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": BODY | {"metadata": {}},
        }
        for n in range(3)
    ]
    answered = [
        {"id": f"b{n}", "custom_id": f"c{n}", "error": None,
         "response": {"status_code": 200, "request_id": f"r{n}", "body": {**ANSWER, "id": f"chatcmpl-{n}"}}}
        for n in (2, 0, 1)
    ]  # fmt: skip
    for name, lines in (("in.jsonl", asked), ("out.jsonl", answered)):
        (tmp_path / name).write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    new = write(tmp_path / "new.toml", 'depth = "commodity"')
    words = [str(tmp_path / "in.jsonl"), str(tmp_path / "out.jsonl")]
    assert main(["policy", "diff", "none", str(new), *words]) == 0
    page = capsys.readouterr().out
    assert "on 3 logged calls" in page
    assert "gpt-5.5 (medium), batch | gpt-5.4-nano (none), batch" in page


def test_logs_of_totals_are_refused_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    usage = tmp_path / "completions_usage.csv"
    usage.write_text(
        "start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,model,batch,"
        "input_tokens,output_tokens,input_cached_tokens\n"
        "1763596800,1763683200,2025-11-20T00:00:00+00:00,2025-11-21T00:00:00+00:00,p,5,gpt-5.4,false,100,10,0\n",
        "utf-8",
    )
    new = write(tmp_path / "new.toml", 'depth = "commodity"')
    assert main(["policy", "diff", "none", str(new), str(usage)]) == 1
    assert "found only totals" in capsys.readouterr().err
