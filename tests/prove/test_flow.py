"""`tierwise prove` against the simulator: verdicts, money, resuming, evidence. Each call is a real request."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from logbook import bill, kept, post, proved, right, teach, ticket, write_log

from tierwise.cli import main
from tierwise.policy import Evidence, evidence_bytes
from tierwise.simulator import Fault, Settings, Simulator

MINI = ("--rung", "gpt-5.4-mini")
GONE = "gpt-4-turbo"
"""A model with a price that the simulator does not serve."""
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], float, int]:
    """A proof that holds: its log, its result, the simulator's bill of it, requests of the same run again."""
    log = tmp_path_factory.mktemp("held") / "log.jsonl"
    with Simulator(Settings(seed=3)) as sim, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "sk-test")
        teach(sim, {"gpt-5.4": 0.99, "gpt-5.4-mini": 0.99})
        write_log(log, sim, 620)
        before = len(sim.bill)
        arguments = ["prove", str(log), "--upstream", sim.base_url, "--yes", "--json", *MINI]
        arguments += kept(log)
        assert _quiet(arguments, log.parent / "said.json") == 0
        cost, sent = bill(sim, before), sim.requests
        assert _quiet(arguments, log.parent / "again.json") == 0
        again = sim.requests - sent
    return log, json.loads((log.parent / "said.json").read_text())[0], cost, again


def _quiet(arguments: list[str], path: Path) -> int:
    import contextlib

    with path.open("w", encoding="utf-8") as file, contextlib.redirect_stdout(file):
        return main(arguments)


def _evidence(log: Path) -> Path:
    return next((log.parent / "evidence").glob("*.json"))


def test_a_rung_as_good_as_the_baseline_holds_and_the_money_is_the_bill(
    held: tuple[Path, dict[str, Any], float, int],
) -> None:
    _, found, cost, again = held

    assert found["verdict"] == "holds (gold)"
    assert found["points"]["lower"] < found["points"]["estimate"] < found["points"]["upper"]
    assert 0.5 <= found["share"]["lower"] < 1 < found["share"]["upper"]
    assert float(found["spend"]["proof"]) == pytest.approx(cost)
    assert float(found["spend"]["rung"]) < 0.4 * float(found["spend"]["baseline"])
    assert again == 0, "the same proof again is answered by what was kept"


def test_no_text_of_a_call_stands_in_what_a_proof_writes(
    held: tuple[Path, dict[str, Any], float, int],
) -> None:
    folder = held[0].parent / "evidence"

    for path in folder.iterdir():
        data = path.read_bytes()
        assert b"Ticket" not in data, path
        assert b"shipping" not in data, path


def test_evidence_is_worked_out_again_offline_and_not_when_it_was_changed(
    held: tuple[Path, dict[str, Any], float, int], tmp_path: Path, capsys: Captured
) -> None:
    path = _evidence(held[0])
    assert main(["verify", str(path)]) == 0
    assert "holds (gold)" in capsys.readouterr().out
    evidence = msgspec.json.decode(path.read_bytes(), type=Evidence)
    assert isinstance(evidence.proof, dict)
    proof = evidence.proof
    overall = proof["tests"]["overall"]
    forged: dict[str, Evidence] = {
        "a bound": msgspec.structs.replace(evidence, lower_bound=evidence.lower_bound * 2),
        "a rung": msgspec.structs.replace(
            evidence, rung=msgspec.structs.replace(evidence.rung, model="gpt-5.4-nano")
        ),
        "fewer observations": msgspec.structs.replace(
            evidence,
            proof=proof
            | {
                "tests": proof["tests"]
                | {"overall": overall | {"observations": overall["observations"] | {"runs": [[0, 5]]}}}
            },
        ),
        "an easier test": msgspec.structs.replace(
            evidence, proof=proof | {"tests": proof["tests"] | {"newest": overall | {"alpha": 0.2}}}
        ),
        "fewer planned": msgspec.structs.replace(
            evidence, proof=proof | {"level": {"planned": 1, "held_before": 1, "alpha": 0.05}}
        ),
        "no path": msgspec.structs.replace(evidence, proof=msgspec.UNSET),
    }
    for what, changed in forged.items():
        file = tmp_path / "forged.json"
        file.write_bytes(evidence_bytes(changed))  # sealed anew: only the path gives it away
        assert main(["verify", str(file)]) == 1, what
    file.write_bytes(path.read_bytes().replace(b'"calls": ', b'"calls": 9', 1))
    assert main(["verify", str(file)]) == 1
    assert "changed after its proof" in capsys.readouterr().err


def test_what_holds_becomes_a_rule_that_is_on_and_checked(
    held: tuple[Path, dict[str, Any], float, int], capsys: Captured
) -> None:
    log = held[0]
    policy = log.parent / "tierwise.toml"
    evidence = log.parent / "evidence"

    assert main(["policy", "init", "--evidence", str(evidence), "-o", str(policy), "--force"]) == 0
    text = policy.read_text("utf-8")
    assert 'stage = "on"' in text
    assert "Proved, holds (gold): " in text
    assert main(["policy", "check", str(policy)]) == 0
    assert "1 on" in capsys.readouterr().out
    assert main(["prove", "--check", str(policy), str(log)]) == 0
    assert "1 evidence files hold" in capsys.readouterr().out


def test_evidence_is_stale_once_it_expired_or_another_snapshot_serves(
    held: tuple[Path, dict[str, Any], float, int], tmp_path: Path, capsys: Captured
) -> None:
    log = tmp_path / "newer.jsonl"
    with Simulator(Settings(seed=3)) as sim:
        teach(sim, {})
        write_log(log, sim, 3, model="gpt-5.4-mini")
    served = log.read_text("utf-8")
    snapshot = json.loads(served.splitlines()[0])["response"]["model"]
    log.write_text(served.replace(snapshot, "gpt-5.4-mini-2026-11-20"), "utf-8")

    assert main(["prove", "--check", str(_evidence(held[0])), str(log)]) == 1
    assert "gpt-5.4-mini-2026-11-20 serves" in capsys.readouterr().err


def right_answers(path: Path, *logs: Path) -> Path:
    """A file of the right answers to logged calls."""
    rows = [("id", "answer")]
    for log in logs:
        for number, line in enumerate(log.read_text("utf-8").splitlines()):
            rows.append((json.loads(line)["response"]["id"], right(ticket(number))))
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def test_a_worse_rung_falls_short_against_right_answers(tmp_path: Path, capsys: Captured) -> None:
    with Simulator(Settings(seed=3)) as sim:
        teach(sim, {"gpt-5.4": 0.99, "gpt-5.4-mini": 0.7})
        log = write_log(tmp_path / "log.jsonl", sim, 150)
        labels = right_answers(tmp_path / "right.csv", log)
        before = len(sim.bill)
        code, found, _ = proved(sim, log, *MINI, "--labels", str(labels), capsys=capsys)

        assert code == 0
        assert found[0]["verdict"] == "falls short"
        assert found[0]["points"]["upper"] < 0
        assert len(sim.bill) - before < 120, "a clear failure ends early"
        assert {line.model for line in sim.bill[before:]} == {"gpt-5.4-mini"}, (
            "right answers need no baseline"
        )


def test_a_baseline_that_is_not_steady_refuses_agreement(tmp_path: Path, capsys: Captured) -> None:
    with Simulator(Settings(seed=3)) as sim:
        teach(sim, {"*": 0.6}, steady=0.0, alike=0.0)
        log = write_log(tmp_path / "log.jsonl", sim, 200)
        _, found, _ = proved(sim, log, *MINI, "--grader", "label", capsys=capsys)

    assert found[0]["verdict"] == "undecided"
    assert "the baseline agrees with itself in" in found[0]["reason"]
    assert "--judge" in found[0]["reason"]


def test_the_cap_is_never_passed_and_the_same_command_goes_on_without_paying_twice(
    tmp_path: Path, capsys: Captured
) -> None:
    with Simulator(Settings(seed=3, keep_requests=True)) as sim:
        teach(sim, {"gpt-5.4": 0.99, "gpt-5.4-mini": 0.99})
        log = write_log(tmp_path / "log.jsonl", sim, 600)
        before, requests = len(sim.bill), len(sim.received)
        code, found, _ = proved(sim, log, *MINI, "--max-spend", "0.02", capsys=capsys)
        assert code == 3
        assert found[0]["can_go_on"]
        assert found[0]["verdict"] == "undecided"
        assert "the money is spent" in found[0]["why"]
        spent = bill(sim, before)
        assert 0 < spent <= 0.02
        first = len(sim.bill)

        code, found, _ = proved(sim, log, *MINI, "--max-spend", "0.50", capsys=capsys)

        assert code == 0
        assert found[0]["verdict"].startswith("holds")
        bodies = [one.body for one in sim.received[requests:]]
        assert len(bodies) == len(set(bodies)), "no request went out twice"
        assert len(sim.bill) > first
        assert bill(sim, before) == pytest.approx(float(found[0]["spend"]["proof"]))


def test_replies_that_are_lost_keep_their_reserve_and_errors_are_tried_again(
    tmp_path: Path, capsys: Captured
) -> None:
    with Simulator(Settings(seed=3)) as sim:
        teach(sim, {"gpt-5.4": 0.99, "gpt-5.4-mini": 0.99})
        log = write_log(tmp_path / "log.jsonl", sim, 60)
    with Simulator(
        Settings(seed=3), faults=[Fault(kind="lost", at=(5, 9)), Fault(kind="server_error", at=(12,))]
    ) as sim:
        teach(sim, {"gpt-5.4": 0.99, "gpt-5.4-mini": 0.99})
        _, found, _ = proved(sim, log, *MINI, "--max-spend", "0.5", capsys=capsys)

        spend = found[0]["spend"]
        assert float(spend["unknown"]) > 0
        assert bill(sim) <= float(spend["proof"]) <= 0.5


def test_a_baseline_that_fails_says_so(tmp_path: Path, capsys: Captured) -> None:
    with Simulator(Settings(seed=3)) as sim:
        teach(sim, {"gpt-5.4": 0.99, "gpt-5.4-mini": 0.99})
        log = write_log(tmp_path / "log.jsonl", sim, 80)
        log.write_text(log.read_text("utf-8").replace('"model": "gpt-5.4"', f'"model": "{GONE}"'), "utf-8")
        _, found, _ = proved(sim, log, *MINI, capsys=capsys)

    assert found[0]["verdict"] == "undecided"
    assert f"{GONE} answers 404 model_not_found" in found[0]["why"]


def test_an_empty_workload_is_not_tried_and_says_why(tmp_path: Path, capsys: Captured) -> None:
    log = tmp_path / "log.jsonl"
    lines = [
        {
            "request": {"model": "gpt-5.4", "input": ticket(n), "previous_response_id": "resp_1"},
            "response": {
                "id": f"resp_{n + 2}", "object": "response", "model": "gpt-5.4-2026-03-05", "status": "completed",
                "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "billing"}]}],
                "usage": {"input_tokens": 100, "output_tokens": 2, "total_tokens": 102},
            },
        }
        for n in range(30)
    ]  # fmt: skip
    log.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    with Simulator() as sim:
        code, _, said = proved(sim, log, *MINI, capsys=capsys)

        assert code == 1
        assert "not tried: no call can be asked again: goes on from a conversation that OpenAI stored" in said
        assert not sim.bill


def test_a_wrong_grader_a_wrong_judge_and_a_missing_key_are_refused_before_money(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Simulator(Settings(seed=3)) as sim:
        teach(sim, {"gpt-5.4": 0.99, "gpt-5.4-mini": 0.99})
        log = write_log(tmp_path / "log.jsonl", sim, 40)
        sent = sim.requests
        cases = (
            (("--grader", "lable"), "did you mean label?"),
            (("--judge", "gpt-5.5"), "expected a dated snapshot"),
            (("--judge", "gpt-5.4-mini-2026-03-17"), "of its own family"),
            (("--max-spend", "nothing"), "expected --max-spend in USD"),
            (("--workload", "ffff"), "found none that begins with ffff"),
            (("--rung", "gpt-5.4-mini:enormous"), "--rung"),
        )
        for arguments, word in cases:
            rung = () if arguments[0] == "--rung" else MINI
            code, _, said = proved(sim, log, *rung, *arguments, capsys=capsys)
            assert code == 1, arguments
            assert word in said, said
        monkeypatch.delenv("OPENAI_API_KEY")
        code, _, said = proved(sim, log, *MINI, capsys=capsys)
        assert code == 1
        assert "OPENAI_API_KEY" in said
        assert sim.requests == sent


def test_the_plan_costs_nothing(tmp_path: Path, capsys: Captured) -> None:
    with Simulator(Settings(seed=3)) as sim:
        teach(sim, {"gpt-5.4": 0.99})
        log = write_log(tmp_path / "log.jsonl", sim, 60)
        sent = sim.requests
        code = main(
            ["prove", str(log), "--upstream", sim.base_url, "--dry-run", "--out", str(tmp_path / "e")]
        )
        said = capsys.readouterr().out

        assert code == 0
        assert "never more than $5.00" in said
        assert "gpt-5.4-mini" in said
        assert sim.requests == sent
    assert not (tmp_path / "e").exists()


def test_post_answers(tmp_path: Path) -> None:
    """The log's helper sends what it says."""
    with Simulator(Settings(seed=3)) as sim:
        teach(sim, {})
        body = {"model": "gpt-5.4", "messages": [{"role": "user", "content": ticket(1)}]}
        assert post(sim, body)["choices"][0]["message"]["content"] == right(ticket(1))
