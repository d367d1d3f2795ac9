"""Task and depth on the sample log, whose author wrote down what each call was meant to be."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tierwise.calls import Call, plan, read
from tierwise.workloads import DEPTHS, Recogniser

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Counter[tuple[str, str]]:
    """(meant, recognised) depth of every call that has both."""
    folder = tmp_path_factory.mktemp("sample")
    log, truth = folder / "calls.jsonl", folder / "truth.jsonl"
    script = [sys.executable, str(ROOT / "sample" / "generate.py"), "--seed", "7", "--calls", "5000"]
    subprocess.run([*script, "--out", str(log), "--truth", str(truth)], check=True, capture_output=True)
    meant = {row["id"]: row["depth"] for row in map(json.loads, truth.read_text("utf-8").splitlines())}
    recogniser, found = Recogniser(), Counter[tuple[str, str]]()
    for unit in plan([log]).units:
        for call in read(unit):
            if isinstance(call, Call) and call.request is not None and call.id in meant:
                found[meant[call.id], recogniser.recognise(call.request).depth] += 1
    return found


def test_hardly_a_call_is_taken_for_less_than_it_is(pairs: Counter[tuple[str, str]]) -> None:
    rank = {depth: i for i, depth in enumerate(DEPTHS)}
    known = {pair: n for pair, n in pairs.items() if "unknown" not in pair}
    lowered = sum(n for (meant, found), n in known.items() if rank[found] < rank[meant])
    assert lowered <= 0.03 * sum(known.values())


def test_nine_of_ten_are_within_one_band(pairs: Counter[tuple[str, str]]) -> None:
    rank = {depth: i for i, depth in enumerate(DEPTHS)}
    known = {pair: n for pair, n in pairs.items() if "unknown" not in pair}
    near = sum(n for (meant, found), n in known.items() if abs(rank[found] - rank[meant]) <= 1)
    assert near >= 0.9 * sum(known.values())
    assert sum(known.values()) >= 0.9 * sum(n for (meant, _), n in pairs.items() if meant != "unknown")
