"""The program as a user runs it: a process of its own, its output and its exit code."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

PAIR = {
    "started_at": "2026-11-20T10:00:00Z",
    "endpoint": "/v1/chat/completions",
    "request": {
        "model": "gpt-5.5",
        "messages": [
            {
                "role": "system",
                "content": "Classify the ticket as billing, shipping or other. Answer with one word.",
            },
            {"role": "user", "content": "I was charged twice."},
        ],
    },
    "response": {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-5.5-2026-04-23",
        "service_tier": "default",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "billing"}}
        ],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
    },
}


def run(*words: str, input: bytes = b"", **variables: str) -> subprocess.CompletedProcess[bytes]:
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith(("OPENAI", "TIERWISE"))
    } | variables
    return subprocess.run(
        [sys.executable, "-m", "tierwise", *words],
        input=input,
        capture_output=True,
        env=environment,
        check=False,
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "calls.jsonl"
    path.write_text(json.dumps(PAIR) + "\n", "utf-8")
    return path


def test_an_audit_prints_a_report_and_writes_what_was_asked_for(log: Path, tmp_path: Path) -> None:
    done = run(
        "audit", str(log), "--html", str(tmp_path / "new/report.html"), "--json", str(tmp_path / "r.json")
    )
    assert done.returncode == 0, done.stderr
    assert b"Could save" in done.stdout
    assert b"unproven" in done.stdout
    assert b"\x1b[" not in done.stdout, "no colours into a pipe"
    found = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert found["spend"]["total"] == "0.008"
    assert "gpt-5.5" in (tmp_path / "new/report.html").read_text("utf-8")


def test_the_json_has_the_keys_that_are_promised(log: Path) -> None:
    found = json.loads(run("audit", str(log), "--json", "-").stdout)
    for key in (
        "calls",
        "skipped",
        "spend",
        "models",
        "workloads",
        "levers",
        "could_save",
        "findings",
        "shutdowns",
    ):
        assert key in found
    (row,) = found["workloads"]
    for key in (
        "id",
        "label",
        "task",
        "depth",
        "calls",
        "spend",
        "model",
        "proposed",
        "levers",
        "could_save",
        "signals",
    ):
        assert key in row
    assert found["spend"]["unpriced_calls"] == 0
    assert sum(map(Decimal, found["levers"].values())) == Decimal(found["could_save"])


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_log_comes_by_standard_input(pack: type, log: Path) -> None:
    done = run("audit", "-", "--json", "-", input=pack(log.read_bytes()))
    assert json.loads(done.stdout)["calls"] == 1


FAULTS = [
    ("no path", ["audit"], 1, b"--formats"),
    ("nothing there", ["audit", "nowhere.jsonl"], 1, b"nowhere.jsonl"),
    ("unknown ladder", ["audit", "LOG", "--ladder", "gpt-9"], 1, b"gpt-6"),
    ("unknown approved model", ["audit", "LOG", "--approved", "gpt-5.x"], 1, b"gpt-5.x"),
    ("unknown format", ["audit", "LOG", "--format", "xml"], 1, b"openai-pairs"),
    ("unknown model", ["price", "gpt-9-foo"], 1, b"gpt-9-foo"),
    ("lane not offered", ["price", "gpt-4o", "--lane", "flex", "--input", "5"], 1, b"flex"),
    ("no such lane", ["price", "gpt-5.4", "--lane", "slow"], 1, b"background-2h"),
    ("impossible usage", ["price", "gpt-5.4", "--input", "5", "--cached", "6"], 1, b"cached"),
    ("bad date", ["price", "gpt-5.4", "--at", "yesterday"], 1, b"2026-11-24"),
    ("no such option", ["audit", "LOG", "--fast"], 2, b"--fast"),
    ("no such command", ["prove"], 2, b"prove"),
    ("not an override file", ["price", "gpt-5.4", "--prices", "LOG"], 1, b"calls.jsonl"),
]


@pytest.mark.parametrize(("words", "code", "said"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_a_problem_is_named_without_a_traceback(words: list[str], code: int, said: bytes, log: Path) -> None:
    done = run(*(str(log) if word == "LOG" else word for word in words))
    assert (done.returncode, done.stdout) == (code, b"")
    assert said in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_damaged_log_is_read_and_strict_stops(log: Path) -> None:
    log.write_bytes(log.read_bytes() + b"{broken\n" + b"\xff\xfe\n")
    assert json.loads(run("audit", str(log), "--json", "-").stdout)["calls"] == 1
    strict = run("audit", str(log), "--strict")
    assert strict.returncode == 1
    assert b"calls.jsonl:2" in strict.stderr


PRICES = [
    # model, input, cached, output, lane, total
    ("gpt-5.4", 10_000, 8_000, 0, "batch", "0.00354"),
    ("gpt-5.5", 272_000, 0, 1000, "standard", "1.390"),
    ("gpt-5.5", 272_001, 0, 1000, "standard", "2.765010"),
    ("gpt-5.4", 1000, 0, 1000, "flex", "0.00875"),
    ("gpt-5.4", 1000, 0, 100, "priority", "0.008"),
    ("gpt-5.4", 1_000_000, 0, 0, "background-2h", "3.5"),
    ("gpt-5.4-mini", 1_000_000, 0, 0, "background-8h", "0.45"),
]


@pytest.mark.parametrize(("model", "input", "cached", "output", "lane", "total"), PRICES)
def test_a_price_is_exact_in_json(
    model: str, input: int, cached: int, output: int, lane: str, total: str
) -> None:
    words = [
        "--input",
        str(input),
        "--cached",
        str(cached),
        "--output",
        str(output),
        "--lane",
        lane,
        "--at",
        "2026-11-24",
    ]
    done = run("price", model, *words, "--json")
    found = json.loads(done.stdout)
    assert isinstance(found["total"], str)
    assert Decimal(found["total"]) == Decimal(total)
    assert sum(map(Decimal, found["parts"].values())) == Decimal(total)


def test_models_are_listed_with_shutdowns() -> None:
    rows = {row["model"]: row for row in json.loads(run("models", "--json").stdout)}
    assert rows["gpt-5.4-nano"]["shutdown"] == "2027-04-01"
    assert rows["gpt-5.4-nano"]["successor"] == "gpt-6-luna"
    assert {"gpt-5.4", "gpt-5.5", "gpt-4o", "o3"} <= set(rows)
    assert b"gpt-5.4-nano" in run("models", "--ladder", "gpt-5.4", COLUMNS="100").stdout


def test_a_request_is_routed_with_its_reasons() -> None:
    body = json.dumps(PAIR["request"]).encode()
    found = json.loads(run("route", input=body).stdout)
    assert found["asked"]["model"] == "gpt-5.5"
    assert found["rung"]["model"] == "gpt-5.4-nano"
    assert found["unproven"] is True
    said = run("route", "--explain", input=body).stdout
    assert b"unproven" in said
    assert b"gpt-5.4-nano" in said


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"[]", b"{}", b'{"messages": 5}', b'{"input": ' + b"[" * 3000]
)
def test_a_request_that_is_none_is_refused_in_words(body: bytes) -> None:
    done = run("route", input=body)
    assert done.returncode == 1
    assert done.stderr.startswith(b"tierwise: ")
    assert b"Traceback" not in done.stderr


def test_help_has_examples() -> None:
    assert b"tierwise audit calls.jsonl --html report.html" in run("audit", "--help", COLUMNS="100").stdout


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = "numpy genai_prices jinja2 rich typer pyarrow msgspec"
    code = f"import sys, tierwise; print([m for m in {heavy!r}.split() if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from tierwise.cli import main; main(['--help']);"
        "print([m for m in 'numpy genai_prices jinja2 pyarrow msgspec'.split() if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout.strip().endswith(b"[]")
