"""Gateways killed under load: `python benchmarks/kills.py [--kills 20]`.

Each round a gateway is started on the same ledger and spool, called as fast as it answers, and killed with
SIGKILL at a random moment. Afterwards: every answered call is in the ledger once, every call that
the simulator billed is there too, by its id or as a call of unknown end that keeps its money held.
Ends with 1 where that does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp

from tierwise.ledger import Keys, Ledger, Scope
from tierwise.simulator import Settings, Simulator

CALLERS = 16
ASK = {"model": "gpt-5.4-nano", "input": "Hi"}


def gateway(folder: Path, upstream: str) -> tuple[subprocess.Popen[str], str]:
    """A gateway in a process of its own, and its base URL."""
    child = subprocess.Popen(
        [
            *(sys.executable, "-m", "tierwise", "serve", "--observe", "--ledger", str(folder / "l.db")),
            *("--spool", str(folder / "spool"), "--upstream", upstream, "--port", "0"),
        ],
        env={**os.environ, "OPENAI_API_KEY": "sk-upstream"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    return child, child.stdout.readline().split()[1].rstrip(",")


async def load(base_url: str, key: str, child: subprocess.Popen[str], after: float) -> set[str]:
    """Call until the gateway is killed; ids of whole answers."""
    answered: set[str] = set()
    headers = {"authorization": f"Bearer {key}"}

    async def caller(session: aiohttp.ClientSession, *, stream: bool) -> None:
        while True:
            try:
                body = {**ASK, "stream": stream}
                async with session.post(f"{base_url}/responses", json=body, headers=headers) as reply:
                    came = await reply.read()
            except (aiohttp.ClientError, OSError):
                return
            if reply.status == 200:
                answered.update(whole(came, stream=stream))

    async def kill() -> None:
        await asyncio.sleep(after)
        os.kill(child.pid, signal.SIGKILL)

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(caller(session, stream=n % 2 == 0) for n in range(CALLERS)), kill())
    return answered


def whole(body: bytes, *, stream: bool) -> list[str]:
    """The id of a whole answer."""
    if not stream:
        return [json.loads(body)["id"]]
    events = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")]
    last: dict[str, Any] = json.loads(events[-1]) if events else {}
    return [last["response"]["id"]] if last.get("type") == "response.completed" else []


def rounds(folder: Path, kills: int, draw: random.Random) -> tuple[set[str], list[Any]]:
    """Every round; ids of answers, and the simulator's bill."""
    ledger = Ledger(str(folder / "l.db"))
    key = Keys(ledger).make("app", Scope())
    ledger.close()
    answered: set[str] = set()
    with Simulator(Settings(seed=1)) as simulator:
        for number in range(kills):
            child, base_url = gateway(folder, simulator.base_url)
            found = asyncio.run(load(base_url, key, child, draw.uniform(0.05, 1.5)))
            child.wait()
            assert child.stdout is not None
            child.stdout.close()
            answered |= found
            print(f"  kill {number + 1}: {len(found)} answered", file=sys.stderr, flush=True)
        return answered, list(simulator.bill)


def main() -> int:
    """Run, print, and say whether it held."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        answered, bill = rounds(folder, given.kills, random.Random(given.seed))
        ledger = Ledger(str(folder / "l.db"))
        ledger.fold_orphans(folder / "spool")
        lines = [json.loads(line) for line in ledger.lines()]
        (total,) = ledger.totals()
        unknown = sum(row.calls for row in ledger.totals("status") if row.name == "unknown")
        ledger.close()
    times = Counter(line["id"] for line in lines if line.get("id"))
    missing = [one for one in answered if times[one] != 1]
    absent = [line for line in bill if line.response_id not in times]
    billed = sum((line.cost or Decimal(0) for line in bill), Decimal(0))
    held = total.cost <= billed <= total.cost + total.reserved
    print(
        f"kills {given.kills}, calls answered {len(answered)}, of them not once in the ledger {len(missing)}"
    )
    print(
        f"billed {len(bill)}, of them without their id in the ledger {len(absent)}, calls of unknown end {unknown}"
    )
    print(f"billed {billed}, in the ledger {total.cost}, held for unknown ends {total.reserved}")
    return 0 if not missing and len(absent) <= unknown and held else 1


if __name__ == "__main__":
    raise SystemExit(main())
