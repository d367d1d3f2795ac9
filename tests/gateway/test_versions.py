"""Policies of a running gateway: reload, rollback, approval, routing off for all or one workload."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tierwise.cli import main
from tierwise.errors import ConfigurationError
from tierwise.ledger import Ledger, Policies

ASK: Any = {
    "model": "gpt-5.5",
    "messages": [
        {
            "role": "system",
            "content": "Classify the ticket as one of: billing, shipping, other. Answer with the word alone.",
        },
        {"role": "user", "content": "I was charged twice."},
    ],
}


def served(bench: Any, client: Any) -> str:
    return str(client.chat.completions.with_raw_response.create(**ASK).headers.get("x-tierwise-rung"))


def until(true: Callable[[], bool], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.05)


def other(policy: str) -> str:
    return policy.replace('model = "gpt-5.4-nano"', 'model = "gpt-5.4-mini"').replace('"test"', '"other"')


def run(bench: Any, capsys: pytest.CaptureFixture[str], *words: str, fails: bool = False) -> str:
    code = main([*words, "--ledger", bench.options.ledger])
    out = capsys.readouterr()
    assert (code != 0) == fails, out
    return out.err if fails else out.out


def test_a_policy_file_that_changes_is_gone_by_within_two_seconds_and_a_bad_one_is_not(
    bench: Any, policy: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = bench.client()
    assert "nano" in served(bench, client)
    path = bench.folder / "tierwise.toml"
    with caplog.at_level(logging.ERROR):
        path.write_text("version = 1\nladder = 'no such'\n[default]\n")
        until(lambda: "the old one stays" in caplog.text)
    assert "nano" in served(bench, client)
    path.write_text(other(policy), "utf-8")
    until(lambda: "mini" in served(bench, client))


def test_a_rollback_is_one_command_and_holds_until_it_is_ended(
    bench: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    client = bench.client()
    assert "nano" in served(bench, client)
    path = bench.folder / "tierwise.toml"
    path.write_text(other(path.read_text()), "utf-8")
    until(lambda: "mini" in served(bench, client))
    assert "back to test" in run(bench, capsys, "policy", "rollback")
    until(lambda: "nano" in served(bench, client))
    assert "rolled back to" in run(bench, capsys, "policy", "list")
    run(bench, capsys, "policy", "follow")
    until(lambda: "mini" in served(bench, client))
    logged = run(bench, capsys, "ledger", "log")
    assert logged.count("goes by policy") == 4
    assert "policy: " in logged


def test_routing_can_be_off_for_one_workload_and_on_again(
    bench: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    client = bench.client()
    assert "nano" in served(bench, client)
    bench.settled(1)
    (total,) = bench.ledger.totals("workload")
    run(bench, capsys, "off", "--workload", total.name)
    until(lambda: "None" in served(bench, client))
    sort = [{"role": "system", "content": "Is it spam? Answer with yes or no."}, ASK["messages"][1]]
    reply = client.chat.completions.with_raw_response.create(model="gpt-5.5", messages=sort)
    assert "nano" in reply.headers["x-tierwise-rung"]
    run(bench, capsys, "on", "--workload", total.name)
    until(lambda: "nano" in served(bench, client))
    assert "16 hex digits" in run(bench, capsys, "off", "--workload", "nightly", fails=True)


def test_protected_mode_goes_only_by_what_somebody_else_approved(
    start: Callable[..., Any],
) -> None:
    with pytest.raises(ConfigurationError, match=r"not approved.*policy publish.*policy approve"):
        start(protected=True)


def test_a_protected_gateway_waits_for_an_approval(
    start: Callable[..., Any],
    policy: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ledger = Ledger(str(tmp_path / "ledger.db"))
    from tierwise.ledger import Keys, Scope

    anna, ben = (Keys(ledger).make(name, Scope(admin=True)) for name in ("anna", "ben"))
    app = Keys(ledger).make("app", Scope())
    path = tmp_path / "tierwise.toml"

    def as_(key: str, *words: str, fails: bool = False) -> str:
        monkeypatch.setenv("TIERWISE_KEY", key)
        code = main([*words, "--ledger", str(tmp_path / "ledger.db")])
        out = capsys.readouterr()
        assert (code != 0) == fails, out
        return out.err if fails else out.out

    path.write_text(policy, "utf-8")
    digest = as_(anna, "policy", "publish", str(path)).split()[0]
    assert "somebody else must approve" in as_(anna, "policy", "approve", digest, fails=True)
    assert "no admin's" in as_(app, "policy", "approve", digest, fails=True)
    as_(ben, "policy", "approve", digest[:10])
    bench = start(protected=True)
    client = bench.client(app)
    assert "nano" in served(bench, client)
    path.write_text(other(path.read_text()), "utf-8")
    time.sleep(1.5)
    assert "nano" in served(bench, client), "published by nobody"
    new = as_(ben, "policy", "publish", str(path)).split()[0]
    time.sleep(1.3)
    assert "nano" in served(bench, client), "approved by nobody"
    as_(anna, "policy", "approve", new)
    until(lambda: "mini" in served(bench, client))
    ledger.close()


def test_the_audit_log_can_only_grow(bench: Any) -> None:
    bench.ledger.note("kim", "something")
    for statement in ("delete from events", "update events set what = ''", "delete from uses"):
        with pytest.raises(sa.exc.DatabaseError, match="only appended"), bench.ledger.engine.begin() as c:
            c.execute(sa.text(statement))
    assert any(what == "something" for _, _, what in bench.ledger.notes())


def test_a_policy_comes_back_from_the_ledger_with_its_digest(bench: Any) -> None:
    policies = Policies(bench.ledger)
    (version,) = policies.all()
    policy, learned = policies.load(version.digest)
    assert policy.digest == version.digest
    assert learned is None
    assert (version.author, version.approved) == ("gateway", False)
