"""From a log, or a recorder file, to a policy whose rules meet live calls."""

from __future__ import annotations

import gzip
import json
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tierwise.calls import Call, encode_recorded, named_place, plan, read
from tierwise.catalog import Catalog
from tierwise.cli import main
from tierwise.online import Keeper
from tierwise.policy import load_learned, load_live
from tierwise.workloads import Recogniser, key_id, make_key, read_key

SAMPLE = Path(__file__).parents[2] / "sample" / "calls.jsonl.gz"
LINES = 2_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A full log, the recorder file of the same calls and its key, and another key."""
    folder = tmp_path_factory.mktemp("logs")
    with gzip.open(SAMPLE, "rb") as lines:
        (folder / "full.jsonl").write_bytes(b"".join(islice(lines, LINES)))
    key = make_key(folder / "kept.jsonl.key")
    make_key(folder / "other.key")
    keeper, recogniser = Keeper(key), Recogniser(key)
    with (folder / "kept.jsonl").open("wb") as out:
        for call in calls(folder / "full.jsonl"):
            facts = recogniser.recognise(call.request) if call.request is not None else None
            out.write(encode_recorded(keeper.keep(call, facts)))
    return folder


def calls(log: Path) -> list[Call]:
    return [call for unit in plan([log]).units for call in read(unit) if isinstance(call, Call)]


def run(*words: object) -> int:
    return main([str(word) for word in words])


def met_by_a_rule(policy: Path, log: Path) -> int:
    """Live calls that a rule of the policy names the workload of."""
    live = load_live(policy, Catalog.open())
    recogniser, learned = live.recogniser(), live.learned
    named = {workload for rule in live.policy.rules for workload in rule.match.workloads}
    found = 0
    for call in calls(log):
        if call.request is not None and learned is not None:
            workload = recogniser.recognise(call.request).workload
            workload = learned.workload_of(workload, call.name or named_place(call.metadata))
            found += f"{workload:016x}" in named
    return found


@pytest.mark.parametrize("log", ["full.jsonl", "kept.jsonl"])
def test_rules_of_a_first_policy_meet_live_calls_under_the_owners_key(
    log: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    findings, learned, policy = (
        tmp_path / "a.json",
        tmp_path / "build" / "l",
        tmp_path / "p" / "tierwise.toml",
    )
    key = folder / "kept.jsonl.key"
    assert run("audit", folder / log, "--json", findings, "--learned", learned, "--key", key, "-q") == 0
    assert run("policy", "init", "--from", findings, "-o", policy) == 0
    assert run("policy", "check", policy) == 0
    text = policy.read_text("utf-8")
    assert 'learned = "../build/l"' in text
    assert f'key = "{Path("..") / Path(msgspec.json.decode(findings.read_bytes())["key"])}"' in text
    assert met_by_a_rule(policy, folder / "full.jsonl") > LINES // 2
    assert msgspec.json.decode(findings.read_bytes())["key_id"] == key_id(read_key(key))
    capsys.readouterr()


def test_a_routed_request_has_the_workload_and_the_lengths_that_were_learned(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    findings, learned, policy = tmp_path / "a.json", tmp_path / "l", tmp_path / "p.toml"
    assert run("audit", folder / "full.jsonl", "--json", findings, "--learned", learned, "-q") == 0
    assert run("policy", "init", "--from", findings, "-o", policy) == 0
    rows = {row["id"] for row in msgspec.json.decode(findings.read_bytes())["workloads"]}
    request = tmp_path / "request.json"
    taught = {f"{workload:016x}" for workload in load_learned(learned).uses}
    tried = 0
    for line in (folder / "full.jsonl").read_bytes().splitlines()[:40]:
        request.write_bytes(json.dumps(json.loads(line)["request"]).encode())
        capsys.readouterr()
        assert run("route", request, "--policy", policy) == 0
        said: Any = json.loads(capsys.readouterr().out)
        assert said["workload"] in rows
        assert (said["learned"] is None) == (said["workload"] not in taught)
        assert (said["learned"] is None) != (said["assumed"] is None)
        tried += said["learned"] is not None
    assert tried > 20
    assert run("route", request, "--policy", policy, "--explain") == 0
    assert ("learned lengths" in capsys.readouterr().out) == (said["learned"] is not None)


def test_nothing_is_learned_of_calls_recorded_under_a_key_that_is_not_given(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    findings, learned = tmp_path / "a.json", tmp_path / "l"
    for words in ([], ["--key", folder / "other.key"]):
        written = ["--json", findings, "--learned", learned, "-q", *words]
        assert run("audit", folder / "kept.jsonl", *written) == 1
        assert "the one key that calls were recorded under" in capsys.readouterr().err
        assert not learned.exists()
        # The report of a long reading is there all the same.
        assert msgspec.json.decode(findings.read_bytes())["calls"] > LINES // 2


def test_logs_under_two_keys_are_said_to_be(folder: Path, tmp_path: Path) -> None:
    findings = tmp_path / "a.json"
    assert run("audit", folder / "full.jsonl", folder / "kept.jsonl", "--json", findings, "-q") == 0
    found = msgspec.json.decode(findings.read_bytes())
    assert found["key_id"] is None
    assert any("under 2 keys" in note for note in found["notes"])


INIT = {
    "no key": ([], "got none"),
    "another key": (["--key", "other.key"], "got another"),
    "learned without it": (["--key", "kept.jsonl.key", "--learned", "bare"], "under the same key"),
}


@pytest.mark.parametrize("name", INIT)
def test_a_first_policy_is_refused_whose_rules_no_live_call_would_meet(
    name: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    assert run("audit", "full.jsonl", "--learned", "bare", "-q") == 0
    assert run("audit", "kept.jsonl", "--json", tmp_path / "a.json", "-q") == 0
    capsys.readouterr()
    words, said = INIT[name]
    assert run("policy", "init", "--from", tmp_path / "a.json", "-o", tmp_path / "p.toml", *words) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "p.toml").exists()


def test_an_audit_under_a_key_names_it_though_nothing_is_learned(folder: Path, tmp_path: Path) -> None:
    findings, policy = tmp_path / "a.json", tmp_path / "p.toml"
    key = folder / "kept.jsonl.key"
    assert run("audit", folder / "full.jsonl", "--json", findings, "--key", key, "-q") == 0
    assert run("policy", "init", "--from", findings, "-o", policy) == 0
    live = load_live(policy, Catalog.open())
    assert (live.key, live.learned) == (read_key(key), None)


def test_totals_teach_nothing_and_their_report_still_comes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "usage.csv"
    log.write_text(
        "start_time,model,num_model_requests,input_tokens,output_tokens\n1795000000,gpt-5.5,10,1000,100\n"
    )
    assert run("audit", log, "--learned", tmp_path / "l", "--format", "openai-usage-csv") == 1
    found = capsys.readouterr()
    assert "one of totals only" in found.err
    assert found.out
