"""What a killed gateway loses: `python benchmarks/kills.py --kills 20`.

A gateway process under load is ended with kill -9, again and again, on one spool and one ledger, which
each next one takes over. Prints a line a kill and the sums: calls answered, answered calls that are in
the ledger once, calls of unknown end, and calls that the simulator billed and the ledger has neither
by id nor as unknown. Exit 1 where an answered call is absent or twice, or a billed one absent.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import os
import platform
import random
import signal
import socket
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

import aiohttp
import msgspec

from tierwise.calls import decode_recorded
from tierwise.ledger import Keys, Ledger, Scope
from tierwise.simulator import Settings, Simulator

AT_ONCE = 16


def main() -> int:
    """Kill, fold, compare."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--kills", type=int, default=20)
    options.add_argument(
        "--seconds", type=float, default=1.0, help="mean time that a gateway lives under load"
    )
    given = options.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {AT_ONCE} at once"
    )
    with tempfile.TemporaryDirectory() as folder, Simulator(Settings(seed=1)) as simulator:
        ledger = Ledger(str(Path(folder) / "l.db"))
        key = Keys(ledger).make("app", Scope())
        answered: list[str] = []
        for number in range(1, given.kills + 1):
            before = len(answered)
            _one(Path(folder), simulator.base_url, key, given.seconds, answered)
            print(f"kill {number:>3}: {len(answered) - before:>6} answered", flush=True)
        ledger.fold_orphans(Path(folder) / "spool")
        held = _report(ledger, simulator, given.kills, answered)
        ledger.close()
    return 0 if held else 1


def _report(ledger: Ledger, simulator: Simulator, kills: int, answered: list[str]) -> bool:
    rows = [decode_recorded(line) for line in ledger.lines()]
    there = collections.Counter(row.id for row in rows if row.id is not None)
    once = sum(there[identity] == 1 for identity in answered)
    unknown = sum(total.calls for total in ledger.totals("status") if total.name == "unknown")
    nameless = [line for line in simulator.bill if line.response_id not in there]
    absent = max(0, len(nameless) - unknown)
    (total,) = ledger.totals()
    costs = {line.response_id: line.cost for line in simulator.bill}
    wrong = sum(row.cost != costs.get(row.id) for row in rows if row.status == "ok")
    uncovered = max(
        Decimal(0), sum((line.cost or Decimal(0) for line in nameless), Decimal(0)) - total.reserved
    )
    print(f"\n{'kills':>6}{'answered':>10}{'once':>8}{'unknown':>9}{'billed absent':>15}{'wrong cost':>12}")
    print(f"{kills:>6}{len(answered):>10}{once:>8}{unknown:>9}{absent:>15}{wrong:>12}")
    print(f"billed {simulator.bill_total}, in the ledger {total.cost} and {total.reserved} held")
    return once == len(answered) > 0 and absent == wrong == 0 and not uncovered


def _one(folder: Path, upstream: str, key: str, seconds: float, answered: list[str]) -> None:
    """A gateway from its start to its kill."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    child = subprocess.Popen(
        [
            *(sys.executable, "-m", "tierwise", "serve", "--observe", "--ledger", str(folder / "l.db")),
            *("--spool", str(folder / "spool"), "--upstream", upstream, "--port", str(port)),
        ],
        env={**os.environ, "OPENAI_API_KEY": "sk-upstream"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert child.stdout is not None
    while b"serving http" not in (line := child.stdout.readline()):
        if not line:
            raise SystemExit("the gateway did not start")
    asyncio.run(_load(f"http://127.0.0.1:{port}/v1/responses", key, child.pid, seconds, answered))
    child.wait()
    child.stdout.close()


async def _load(url: str, key: str, pid: int, seconds: float, answered: list[str]) -> None:
    body = {"model": "gpt-5.4-nano", "input": "Hi", "max_output_tokens": 20}

    async def many(session: aiohttp.ClientSession) -> None:
        while True:
            try:
                async with session.post(url, json=body) as response:
                    raw = await response.read()
            except aiohttp.ClientError:
                return
            if response.status == 200:
                answered.append(msgspec.json.decode(raw)["id"])

    async def kill() -> None:
        await asyncio.sleep(seconds * random.uniform(0.5, 1.5))
        os.kill(pid, signal.SIGKILL)

    async with aiohttp.ClientSession(headers={"authorization": f"Bearer {key}"}) as session:
        await asyncio.gather(*(many(session) for _ in range(AT_ONCE)), kill())


if __name__ == "__main__":
    sys.exit(main())
