"""What `make demo` runs: an audit, a policy, ten decisions and one traced request; a proof and what it saves."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run(*arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_demo_writes_a_policy_and_tells_ten_decisions_and_a_traced_request(tmp_path: Path) -> None:
    log = str(ROOT / "sample" / "calls.jsonl.gz")
    run("-m", "tierwise", "audit", log, "-q", "--json", "a.json", "--learned", "l.tierwise", folder=tmp_path)
    run("-m", "tierwise", "policy", "init", "--from", "a.json", "-o", "p/tierwise.toml", folder=tmp_path)
    assert 'learned = "../l.tierwise"' in (tmp_path / "p" / "tierwise.toml").read_text("utf-8")
    assert "holds" in run("-m", "tierwise", "policy", "check", "p/tierwise.toml", folder=tmp_path)
    said = run(str(ROOT / "sample" / "demo.py"), "p/tierwise.toml", folder=tmp_path)
    assert [int(n) for n in re.findall(r"^ ?(\d+) \S+: ", said, re.MULTILINE)] == list(range(1, 11))
    assert max(len(line) for line in said.splitlines()) <= 100
    assert len(said.splitlines()) <= 80
    for told in ("unproven", "batch lane", "conversation is warm", "refuses sampling", "no signal"):
        assert told in said
    trace = re.search(r"^together\s+([\d.]+)\s+([\d.]+)$", said, re.MULTILINE)
    assert trace is not None
    assert 0 < float(trace[2]) < float(trace[1])
    rows = re.findall(r"^research\.(\w+)\s+(\S+)\s", said, re.MULTILINE)
    assert {role for name, role in rows if name == "part"} == {"sub-agent"}
    assert {role for name, role in rows if name != "part"} == {"orchestrator"}


def test_the_demo_proves_two_workloads_routes_by_the_evidence_and_saves_what_was_measured(
    tmp_path: Path,
) -> None:
    said = run(str(ROOT / "sample" / "proof.py"), str(tmp_path / "proof"), folder=tmp_path)

    # A rung that is worse is told to be so, or given up before that once nothing could show that it holds.
    first, second = re.findall(r"^  (holds \(gold\)|falls short|undecided): ", said, re.MULTILINE)
    assert (first, second.startswith("holds")) == ("holds (gold)", False)
    assert "2 rules: 1 on, 1 off" in said
    assert re.search(r"^tier +0\.0", said, re.MULTILINE)
    assert re.search(r"2[23]\d calls went to another model", said)
    assert "new calls, within the proof's interval" in said
