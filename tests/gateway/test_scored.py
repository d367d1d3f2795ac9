"""A policy with a scorer behind the gateway: gone by, replaced and rolled back with its scores."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tierwise.calls import decode_recorded
from tierwise.catalog import Catalog
from tierwise.cli import main
from tierwise.ledger import Policies
from tierwise.policy import replay

RULE = """
[[rule]]
name = "mixed"
match = {}
rung = "gpt-5.4-nano"
scorer = { file = "router.scorer", quality = 0.9 }
stage = "on"
unproven = true
approved_by = "kim"
[default]
"""
EASY, HARD = "classify the ticket about number 5", "prove the theorem on number 5"


def served(client: Any, text: str) -> str:
    """The rung that a call went to."""
    said = [{"role": "user", "content": text}]
    raw = client.chat.completions.with_raw_response.create(model="gpt-5.5", messages=said)
    return str(raw.headers.get("x-tierwise-rung"))


def until(client: Any, text: str, rung: str) -> None:
    end = time.monotonic() + 5
    while rung not in served(client, text):
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.05)


def test_the_gateway_asks_the_scorer_of_its_policy_and_its_ledger_replays(
    bench: Any, policy: str, scorer_file: Path
) -> None:
    client, path = bench.client(), bench.folder / "tierwise.toml"
    (bench.folder / "router.scorer").write_bytes(scorer_file.read_bytes())
    path.write_text(policy.partition("[[rule]]")[0] + RULE, "utf-8")
    until(client, HARD, "gpt-5.4 ")
    assert "gpt-5.4-nano" in served(client, EASY)
    assert "gpt-5.5" in served(client, "zzxq wrbl kkfjd ppqow mnbvc")

    path.write_text(policy, "utf-8")
    until(client, HARD, "gpt-5.5")
    digest = next(d for d in Policies(bench.ledger).history() if Policies(bench.ledger).load(d)[0].scores)
    assert main(["policy", "rollback", digest, "--ledger", bench.options.ledger]) == 0
    until(client, HARD, "gpt-5.4 ")
    assert "gpt-5.4-nano" in served(client, EASY)

    bench.settled(1)
    lines = [decode_recorded(line) for line in bench.ledger.lines()]
    found = replay(lines, lambda d: Policies(bench.ledger).load(d)[0], Catalog.open())
    assert found.same > 3
    assert (found.differ, found.left.total()) == (0, 0)
