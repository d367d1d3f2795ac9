"""The program as a user runs it: a process of its own, its output and its exit code."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import psutil
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
    ("a volume that is no number", ["audit", "LOG", "--times", "inf"], 1, b"--times"),
    ("a folder to write to", ["audit", "LOG", "--json", "FOLDER"], 1, b"name a file in it"),
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
    places = {"LOG": str(log), "FOLDER": str(log.parent)}
    done = run(*(places.get(word, word) for word in words))
    assert (done.returncode, done.stdout) == (code, b"")
    assert said in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("option", ["--json", "--html", "--parquet"])
def test_a_full_disk_is_named_with_the_file_and_the_report_still_comes(option: str, log: Path) -> None:
    if option == "--parquet":
        pytest.importorskip("pyarrow")
    done = run("audit", str(log), option, "/dev/full")
    assert done.returncode == 1
    assert b"cannot write /dev/full" in done.stderr
    assert b"Could save" in done.stdout


@pytest.mark.parametrize("width", ["60", "80", "120"])
def test_the_table_of_models_cuts_nothing(width: str) -> None:
    shown = run("models", COLUMNS=width).stdout.decode()
    rows = {line.split()[0]: line.split() for line in shown.splitlines() if line}
    assert rows["gpt-5.4-nano"][1:5] == ["0.2", "0.02", "1.25", "400k"]
    assert "2027-04-01" in rows["gpt-5.4-nano"]
    assert "text-embedding-3-small" in rows


ENDINGS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)]


@pytest.mark.parametrize(("end", "code"), ENDINGS, ids=["ctrl-c", "terminate", "kill"])
def test_ending_an_audit_ends_its_processes_without_a_traceback(
    end: signal.Signals, code: int, tmp_path: Path
) -> None:
    line = json.dumps(PAIR | {"pad": "x" * 4000}).encode() + b"\n"
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_bytes(line * 10_000)
    words = [sys.executable, "-m", "tierwise", "audit", str(tmp_path), "--processes", "2"]
    audit = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    workers = _when(lambda: _living(audit.pid, "spawn_main"))
    assert workers, "the audit was over before it could be ended"
    if end == signal.SIGINT:
        os.killpg(audit.pid, end)
    else:
        audit.send_signal(end)
    _, said = audit.communicate(timeout=30)
    assert audit.returncode == code
    # Nobody can speak for a process that was killed.
    assert end == signal.SIGKILL or b"Traceback" not in said
    assert _when(lambda: not _living(audit.pid, "spawn_main"))


def test_a_reading_process_that_is_killed_is_said_so(tmp_path: Path) -> None:
    line = json.dumps(PAIR | {"pad": "x" * 4000}).encode() + b"\n"
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_bytes(line * 10_000)
    words = [sys.executable, "-m", "tierwise", "audit", str(tmp_path), "--processes", "2"]
    audit = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    workers = _when(lambda: _living(audit.pid, "spawn_main"))
    assert isinstance(workers, list)
    os.kill(workers[0], signal.SIGKILL)
    _, said = audit.communicate(timeout=30)
    assert audit.returncode == 1
    assert b"try --processes 1" in said


def _living(group: int, word: str) -> list[int]:
    """Processes of a group whose command line has a word; those that ended and wait do not count."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        try:
            own = os.getpgid(process.pid) == group and process.info["status"] != psutil.STATUS_ZOMBIE
        except ProcessLookupError:
            continue
        if own and word in " ".join(process.info["cmdline"] or ()):
            found.append(process.pid)
    return found


def _when(holds: Callable[[], object], seconds: float = 15) -> object:
    """What `holds` returned once it was true, else the last it returned."""
    last = time.monotonic() + seconds
    while not (found := holds()) and time.monotonic() < last:
        time.sleep(0.02)
    return found


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
    assert json.loads(run("route", "-", input=body).stdout) == found
    said = run("route", "--explain", input=body).stdout
    assert b"unproven" in said
    assert b"gpt-5.4-nano" in said


@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b"[]", b"{}", b'{"messages": 5}', b'{"input": "Hi"}', b'{"input": ' + b"[" * 3000],
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
