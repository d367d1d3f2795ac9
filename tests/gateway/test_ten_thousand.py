"""Thousands of calls with a tenth of them struck by faults: the ledger adds up to the simulator's own bill.

`TIERWISE_FAULT_CALLS=10000` makes them ten thousand, which takes a minute on two busy cores.
"""

from __future__ import annotations

import asyncio
import collections
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from tierwise.calls import Recorded, decode_recorded
from tierwise.ledger import Keys, Ledger, Scope
from tierwise.simulator import BillLine, Fault, Simulator
from tierwise.simulator import Settings as Simulated

CALLS = int(os.environ.get("TIERWISE_FAULT_CALLS", "2000"))
AT_ONCE = 256
KINDS: Final = (
    "rate_limit", "slow_down", "credit_balance", "organization_spend", "project_spend", "organization_usage",
    "server_error", "bad_gateway", "overloaded", "gateway_timeout", "failed", "slow_first_byte", "slow_bytes",
    "cut", "close_early", "malformed", "reset", "lost",
)  # fmt: skip


def request(number: int) -> tuple[str, dict[str, Any]]:
    """Chat and Responses, whole and streamed, of several models."""
    model = ("gpt-5.4-nano", "gpt-5.4-mini", "gpt-5.5")[number % 3]
    text = f"Name bird {number}."
    if number % 2:
        body: dict[str, Any] = {"model": model, "input": text, "max_output_tokens": 24}
    else:
        messages = [{"role": "user", "content": text}]
        body = {"model": model, "messages": messages, "max_completion_tokens": 24}
    stream = number % 4 >= 2
    if stream:
        body["stream"] = True
        if number % 8 == 2:
            body["stream_options"] = {"include_usage": True}
    return ("responses" if number % 2 else "chat/completions"), body


def answered(status: int, kind: str, raw: bytes) -> str | None:
    """The id of an answer that came whole."""
    if status != 200:
        return None
    if "event-stream" not in kind:
        try:
            found = msgspec.json.decode(raw)
        except msgspec.DecodeError:
            return None
        return str(found["id"])
    ended = b"data: [DONE]" in raw or b'"type":"response.completed"' in raw.replace(b" ", b"")
    ended = ended or b'"type":"response.incomplete"' in raw.replace(b" ", b"")
    if not ended:
        return None
    first = next(line for line in raw.split(b"\n") if line.startswith(b"data: "))
    found = msgspec.json.decode(first[6:])
    return str(found.get("response", found)["id"])


async def load(base_url: str, keys: list[str]) -> tuple[list[str], collections.Counter[int]]:
    numbers, ids, statuses = iter(range(CALLS)), [], collections.Counter[int]()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:

        async def many() -> None:
            for number in numbers:
                path, body = request(number)
                headers = {"authorization": f"Bearer {keys[number % len(keys)]}"}
                try:
                    async with session.post(f"{base_url}/{path}", json=body, headers=headers) as response:
                        raw = await response.read()
                        statuses[response.status] += 1
                        kind = response.headers.get("content-type", "")
                        identity = answered(response.status, kind, raw)
                except aiohttp.ClientError:
                    statuses[0] += 1
                    continue
                if identity is not None:
                    ids.append(identity)

        await asyncio.gather(*(many() for _ in range(AT_ONCE)))
    return ids, statuses


def run(folder: Path, policy: str, simulator: Simulator) -> tuple[list[str], collections.Counter[int]]:
    (folder / "tierwise.toml").write_text(policy, "utf-8")
    ledger = Ledger(str(folder / "l.db"))
    keys = [Keys(ledger).make(name, Scope(project=f"of {name}")) for name in ("one", "two", "three")]
    ledger.close()
    port = 21_000 + os.getpid() % 1_000
    child = subprocess.Popen(
        [
            *(sys.executable, "-m", "tierwise", "serve", "--policy", str(folder / "tierwise.toml")),
            *("--ledger", str(folder / "l.db"), "--spool", str(folder / "spool")),
            *("--upstream", simulator.base_url, "--port", str(port)),
        ],
        env={**os.environ, "OPENAI_API_KEY": "sk-upstream"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert child.stdout is not None
    try:
        while b"serving http" not in (line := child.stdout.readline()):
            assert line, "the gateway did not start"
        return asyncio.run(load(f"http://127.0.0.1:{port}/v1", keys))
    finally:
        child.terminate()
        assert child.wait(60) == 0
        child.stdout.close()


def test_every_answered_call_is_in_the_ledger_once_and_the_money_is_the_simulators(
    tmp_path: Path, policy: str
) -> None:
    faults = [Fault(kind=kind, rate=0.1 / len(KINDS), seconds=0.02) for kind in KINDS]
    with Simulator(Simulated(seed=5), faults=faults) as simulator:
        ids, statuses = run(tmp_path, policy, simulator)
        bill = simulator.bill
    assert statuses[200] > 0.9 * CALLS
    assert len(ids) == len(set(ids)) > 0.85 * CALLS
    ledger = Ledger(str(tmp_path / "l.db"))
    rows = [decode_recorded(line) for line in ledger.lines()]
    (total,) = ledger.totals()
    ledger.close()
    assert total.calls == len(rows) == CALLS, "each call is there, refused ones too"
    check(ids, rows, bill, total.reserved)


def check(ids: list[str], rows: list[Recorded], bill: tuple[BillLine, ...], held: Decimal) -> None:
    there = collections.Counter(row.id for row in rows if row.id is not None)
    assert max(there.values()) == 1
    assert set(ids) <= set(there)
    billed = {line.response_id: line.cost for line in bill}
    came = [row for row in rows if row.cost is not None and row.tokens is not None and not row.estimated]
    rest = [row for row in rows if row.cost is None or row.tokens is None or row.estimated]
    assert [(row.id, row.cost) for row in came if row.cost != billed.get(row.id)] == []
    assert len(came) > 0.85 * len(rows)
    assert collections.Counter(row.status for row in rest if not row.estimated and row.id in billed) == {}
    # What was billed is there by its id, or is a call of which no byte told one (or which was never billed).
    absent = [line for line in bill if line.response_id not in there]
    nameless = [row for row in rest if row.id is None and row.status in {"unknown", "abandoned"}]
    assert collections.Counter(line.model for line in absent) <= collections.Counter(
        row.asked for row in nameless
    )
    assert sum((line.cost or Decimal(0) for line in absent), Decimal(0)) <= held
