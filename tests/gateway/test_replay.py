"""Decisions of a ledger, and of its exports, made again to the same bytes."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from tierwise.cli import main
from tierwise.ledger import Policies

CLASSIFY = "Classify the ticket as one of: billing, shipping, other. Answer with the word alone."


def calls(client: Any, count: int) -> None:
    for number in range(count):
        said = [
            {"role": "system", "content": CLASSIFY},
            {"role": "user", "content": f"Charged {number} times."},
        ]
        if number % 3 == 0:
            client.responses.create(model="gpt-5.5", instructions=CLASSIFY, input=f"Charged {number} times.")
        else:
            client.chat.completions.create(model="gpt-5.5", messages=said, stream=number % 3 == 1)


def run(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    found = main(list(words))
    said = capsys.readouterr()
    assert found == code, said
    return said.out


def test_every_decision_of_a_gateway_comes_out_the_same_from_ledger_and_exports(
    bench: Any, policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    client = bench.client()
    calls(client, 12)
    # Under another policy: the ledger keeps both.
    (bench.folder / "tierwise.toml").write_text(policy.replace('"test"', '"other"'))
    bench.settled(12)
    until(lambda: len(Policies(bench.ledger).history()) == 2)
    client.chat.completions.with_raw_response.create(
        model="gpt-5.5", messages=[{"role": "user", "content": "Hello"}]
    )
    total = bench.settled(13)
    url = bench.options.ledger
    assert "to the same bytes: 13 of 13" in run(capsys, "ledger", "replay", "--ledger", url)
    (bench.folder / "tierwise.toml").write_text(policy)
    for name in ("calls.jsonl", "calls.parquet"):
        log = str(bench.folder / name)
        assert main(["ledger", "export", "-o", log, "--ledger", url]) == 0
        report = bench.folder / f"{name}.json"
        said = run(
            capsys,
            "audit",
            log,
            "--quiet",
            "--json",
            str(report),
            "--policy",
            str(bench.folder / "tierwise.toml"),
        )
        same = re.search(r"to the same bytes: (\d+) of 13", said)
        assert same is not None
        assert int(same[1]) == 12, "one was decided by another policy"
        assert "1 left out: policy" in said
        findings = json.loads(report.read_text())
        assert money(findings) == total.cost == bench.simulator.bill_total
        said = run(capsys, "audit", log, "--quiet", "--ledger", url)
        assert "to the same bytes: 13 of 13" in said, "the ledger keeps both policies"


def money(findings: Any) -> Decimal:
    """What the audit says was paid."""
    return Decimal(findings["spend"]["total"])


def until(true: Callable[[], bool], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.05)


def test_a_changed_decision_is_found_and_ends_with_1(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    calls(bench.client(), 2)
    bench.settled(2)
    with bench.ledger.engine.begin() as connection:
        for row in connection.execute(sa.text("select id, line from calls")).mappings().all():
            line = bytes(row["line"]).replace(b'"effort":"none"', b'"effort":"high"')
            connection.execute(
                sa.text("update calls set line = :line where id = :id"), {"line": line, "id": row["id"]}
            )
    said = run(capsys, "ledger", "replay", "--ledger", bench.options.ledger, code=1)
    assert "2 come out differently" in said
    assert "gpt-5.4-nano at high" in said or "high" in said


def test_damaged_lines_of_a_ledger_are_counted_and_exported_and_the_others_replayed(
    bench: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    calls(bench.client(), 4)
    bench.settled(4)
    with bench.ledger.engine.begin() as connection:
        first, second, third = connection.execute(sa.text("select id from calls limit 3")).scalars()
        for identity, line in ((first, b"{"), (second, b'{"recorder":1,"id":"\xff"}'), (third, b"[" * 9_000)):
            change = sa.text("update calls set line = :line where id = :id")
            connection.execute(change, {"line": line, "id": identity})
    url = bench.options.ledger
    said = run(capsys, "ledger", "replay", "--ledger", url)
    assert "to the same bytes: 1 of 4" in said
    assert "3 left out: the line is damaged" in said
    for name in ("calls.jsonl", "calls.parquet"):
        log = str(bench.folder / name)
        run(capsys, "ledger", "export", "-o", log, "--ledger", url)
        assert "to the same bytes: 1 of 1" in run(capsys, "audit", log, "--quiet", "--ledger", url)


def test_a_policy_that_no_longer_reads_is_named(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    calls(bench.client(), 1)
    bench.settled(1)
    with bench.ledger.engine.begin() as connection:
        connection.execute(sa.text("update policies set content = :it"), {"it": b'{"rules":7}'})
    said = run(capsys, "ledger", "replay", "--ledger", bench.options.ledger)
    assert "to the same bytes: 0 of 1" in said
    assert "is not there" in said


def test_a_ledger_without_decisions_says_so(
    start: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    bench = start(policy=None)
    calls(bench.client(), 1)
    bench.settled(1)
    assert "no decisions" in run(capsys, "ledger", "replay", "--ledger", bench.options.ledger)


def test_parquet_needs_a_file_and_a_file_that_cannot_be_written_is_named(
    bench: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    url = bench.options.ledger
    assert main(["ledger", "export", "--format", "parquet", "--ledger", url]) != 0
    assert "-o calls.parquet" in capsys.readouterr().err
    assert main(["ledger", "export", "-o", str(bench.folder / "no" / "x.jsonl"), "--ledger", url]) != 0
    assert "cannot write" in capsys.readouterr().err
