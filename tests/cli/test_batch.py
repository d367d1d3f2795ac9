"""`tierwise batch`: a file of requests in, a file of answers out, stopped and gone on with."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tierwise.cli import main
from tierwise.ledger import Jobs, Ledger
from tierwise.simulator import Fault, Settings, Simulator


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(Settings(seed=1, batch_seconds=1.5)) as made:
        yield made


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def run(at_home: Path, simulator: Simulator) -> Callable[..., subprocess.Popen[str]]:
    """Begin `tierwise batch ...` in a process of its own."""

    def begin(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tierwise", "batch", *arguments, "--upstream", simulator.base_url],
            cwd=at_home,
            env={**os.environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return begin


def requests(count: int) -> str:
    lines = []
    for number in range(count):
        if number % 2:
            bare = {"custom_id": f"c{number}", "model": "gpt-5.4-nano", "input": f"Say {number}."}
            lines.append(msgspec.json.encode(bare).decode())
            continue
        body = {"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": f"Say {number}."}]}
        line = {"custom_id": f"c{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}
        lines.append(msgspec.json.encode(line).decode())
    return "\n".join(lines) + "\n"


def answers(path: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def test_a_file_is_answered_in_its_order_by_both_endpoints(
    run: Any, at_home: Path, simulator: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    (at_home / "r.jsonl").write_text(requests(20))
    child = run("run", "r.jsonl", "-o", "a.jsonl")
    out, said = child.communicate(timeout=60)
    assert child.returncode == 0, said
    assert out == ""
    assert "answered 20 of 20" in said
    found = answers(at_home / "a.jsonl")
    assert [one["custom_id"] for one in found] == [f"c{number}" for number in range(20)]
    assert {one["response"]["body"]["object"] for one in found} == {"chat.completion", "response"}
    assert not (at_home / "a.errors.jsonl").exists()
    ledger = Ledger("tierwise.db")
    (total,) = ledger.totals()
    ledger.close()
    assert (total.calls, total.cost) == (20, simulator.bill_total)
    assert b"Say 3" not in (at_home / "tierwise.db").read_bytes()
    again = run("run", "r.jsonl", "-o", "a.jsonl")
    again.communicate(timeout=60)
    assert again.returncode == 0
    assert len(simulator.bill) == 20, "nothing is sent again"
    assert main(["batch", "list", "--json"]) == 0
    (one,) = msgspec.json.decode(capsys.readouterr().out)
    assert (one["status"], one["request_counts"]["completed"]) == ("completed", 20)
    assert main(["batch", "show", one["id"]]) == 0
    shown = capsys.readouterr().out
    assert "answered 20, failed 0" in shown
    assert re.search(r"10 requests of gpt-5.4-nano in batch_\w+: completed", shown)
    assert main(["batch", "cancel", one["id"]]) == 1
    assert "completed already" in capsys.readouterr().err


def test_a_run_that_was_stopped_goes_on_and_sends_nothing_twice(
    run: Any, at_home: Path, simulator: Simulator
) -> None:
    (at_home / "r.jsonl").write_text(requests(30))
    for number in (signal.SIGINT, signal.SIGKILL):
        child = run("run", "r.jsonl", "-o", "a.jsonl")
        assert "batch_tw" in child.stderr.readline()
        time.sleep(0.7)
        child.send_signal(number)
        _, said = child.communicate(timeout=30)
        if number == signal.SIGINT:
            assert (child.returncode, "goes on" in said) == (130, True), said
        assert not (at_home / "a.jsonl").exists()
    child = run("run", "r.jsonl", "-o", "a.jsonl")
    _, said = child.communicate(timeout=60)
    assert child.returncode == 0, said
    assert len(answers(at_home / "a.jsonl")) == len(simulator.bill) == 30


def test_what_has_no_answer_is_told_and_can_be_retried(
    run: Any, at_home: Path, simulator: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    simulator.fault(Fault(kind="batch_line_error", rate=1.0, share=1.0))
    (at_home / "r.jsonl").write_text(requests(4) + "{no\n")
    child = run("run", "r.jsonl", "-o", "a.jsonl")
    _, said = child.communicate(timeout=60)
    assert child.returncode == 3, said
    assert answers(at_home / "a.jsonl") == []
    errors = answers(at_home / "a.errors.jsonl")
    assert [one["custom_id"] for one in errors] == ["c0", "c1", "c2", "c3", None]
    assert errors[-1]["error"]["line"] == 5
    simulator.clear_faults()
    assert main(["batch", "list", "--json"]) == 0
    (one,) = msgspec.json.decode(capsys.readouterr().out)
    child = run("retry", one["id"], "-o", "more.jsonl")
    _, said = child.communicate(timeout=60)
    assert child.returncode == 0, said
    assert [one["custom_id"] for one in answers(at_home / "more.jsonl")] == ["c0", "c1", "c2", "c3"]
    assert len(simulator.bill) == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "none.jsonl", "-o", "a.jsonl"], "found none at none.jsonl"),
        (["run", "r.jsonl", "-o", "nowhere/a.jsonl"], "no such folder"),
        (["run", "r.jsonl", "-o", "."], "expected a file to write to"),
        (["run", "r.jsonl", "-o", "there.jsonl"], "there already"),
        (["run", "r.jsonl", "-o", "a.jsonl", "--deadline", "yesterday"], "expected --deadline ahead"),
        (["run", "r.jsonl", "-o", "a.jsonl", "--deadline", "0s"], "expected --deadline ahead"),
        (["run", "r.jsonl", "-o", "a.jsonl", "--policy", "none.toml"], "none.toml"),
        (["retry", "batch_none", "-o", "a.jsonl"], "no batch has the id"),
        (["show", "batch_none"], "no batch has the id"),
        (["cancel", "batch_none"], "no batch has the id"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_paid_for(
    at_home: Path, simulator: Simulator, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    Ledger("tierwise.db").close()
    (at_home / "r.jsonl").write_text(requests(1))
    (at_home / "there.jsonl").write_text("mine\n")
    more = ["--upstream", simulator.base_url] if arguments[0] in {"run", "retry"} else []
    assert main(["batch", *arguments, *more]) == 1
    assert said in capsys.readouterr().err
    assert (at_home / "there.jsonl").read_text() == "mine\n"
    assert simulator.requests == 0


def test_without_batches_that_is_what_is_said(at_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["batch", "list"]) == 1
    assert "expected a ledger" in capsys.readouterr().err
    Ledger("tierwise.db").close()
    assert main(["batch", "list"]) == 0
    assert "no batches yet" in capsys.readouterr().out
    assert main(["batch", "list", "--json"]) == 0
    assert msgspec.json.decode(capsys.readouterr().out) == []


def test_a_file_of_which_nothing_is_a_request_says_each_line(
    run: Any, at_home: Path, simulator: Simulator
) -> None:
    (at_home / "r.jsonl").write_text("{no\n[]\n")
    child = run("run", "r.jsonl", "-o", "a.jsonl")
    _, said = child.communicate(timeout=60)
    assert child.returncode == 3
    assert "line 1:" in said
    assert "line 2:" in said
    assert simulator.bill == ()


def test_a_run_that_somebody_cancels_ends_with_what_was_answered(run: Any, at_home: Path) -> None:
    (at_home / "r.jsonl").write_text(requests(10))
    child = run("run", "r.jsonl", "-o", "a.jsonl")
    name = re.search(r"batch_tw\w+", child.stderr.readline())
    assert name is not None
    assert main(["batch", "cancel", name[0]]) == 0
    _, said = child.communicate(timeout=60)
    assert (child.returncode, "cancelled" in said) == (3, True), said
    ledger = Ledger("tierwise.db")
    found = Jobs(ledger).find(name[0])
    ledger.close()
    assert found is not None
    assert found.state == "cancelled"
