"""Ten thousand calls, one in ten with a fault: what was answered, what was billed, and what the ledger says of it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import sqlalchemy as sa

from tierwise.ledger import Budget, Keys, Ledger, Scope

CALLS = int(os.environ.get("TIERWISE_CALLS", "10000"))
AT_ONCE = 48
FAULTS: list[dict[str, Any]] = [
    {"kind": kind, "rate": rate, "seconds": 0.02}
    for kind, rate in {
        "rate_limit": 0.012, "slow_down": 0.008, "organization_spend": 0.005, "server_error": 0.01, "bad_gateway": 0.01,
        "overloaded": 0.01, "gateway_timeout": 0.005, "slow_first_byte": 0.01, "cut": 0.01, "close_early": 0.01,
        "malformed": 0.005, "reset": 0.005, "lost": 0.005, "failed": 0.005,
    }.items()
]  # fmt: skip
"""One request in ten is struck."""
TOLD = "Classify the ticket as one of: billing, shipping, other. Answer with the word alone."


@contextmanager
def running(*words: str, **environment: str) -> Iterator[str]:
    """A command of ours in a process of its own; what it says once it serves."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tierwise", *words],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    try:
        yield child.stdout.readline().split()[1].rstrip(",")
    finally:
        child.terminate()
        child.wait(60)
        child.stdout.close()


def asked(number: int) -> tuple[str, dict[str, Any]]:
    """One of the calls: Chat or Responses, streamed or not, of a kind that moves or one that stays."""
    stream = number % 3 == 0
    text = f"Ticket {number}: I was charged twice." if number % 5 else f"Prove theorem {number}."
    told = TOLD if number % 5 else "You are a mathematician."
    if number % 2:
        said = [{"role": "system", "content": told}, {"role": "user", "content": text}]
        return "/chat/completions", {"model": "gpt-5.5", "messages": said, "stream": stream}
    return "/responses", {"model": "gpt-5.5", "instructions": told, "input": text, "stream": stream}


def answered(path: str, body: bytes, *, stream: bool) -> str | None:
    """The id of a whole, good answer; None for any other."""
    try:
        if not stream:
            found = json.loads(body)
            good = found.get("status", "completed") in {"completed", "incomplete"}
            return str(found["id"]) if good else None
        events = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")]
        if path == "/chat/completions":
            first = json.loads(events[0]) if events[-1:] == [b"[DONE]"] else {}
            return first.get("id")
        last = json.loads(events[-1]) if events else {}
        return (
            str(last["response"]["id"]) if last.get("type", "")[9:] in {"completed", "incomplete"} else None
        )
    except json.JSONDecodeError:
        return None


async def drive(base_url: str, keys: list[str]) -> tuple[Counter[str], list[str]]:
    """Make every call once; how they ended, and ids of whole answers."""
    ends: Counter[str] = Counter()
    ids: list[str] = []
    numbers = iter(range(CALLS))
    timeout = aiohttp.ClientTimeout(total=120)
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:

        async def caller(draw: random.Random) -> None:
            for number in numbers:
                path, body = asked(number)
                headers = {"authorization": f"Bearer {draw.choice(keys)}"}
                try:
                    async with session.post(base_url + path, json=body, headers=headers) as reply:
                        came = await reply.read()
                except aiohttp.ClientError as error:
                    ends[type(error).__name__] += 1
                    continue
                identity = answered(path, came, stream=body["stream"]) if reply.status == 200 else None
                ends["answered" if identity else str(reply.status)] += 1
                if identity:
                    ids.append(identity)

        await asyncio.gather(*(caller(random.Random(place)) for place in range(AT_ONCE)))
    return ends, ids


async def bill_of(address: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(address) as reply:
        return json.loads(await reply.text(), parse_float=Decimal)


def test_ten_thousand_calls_with_faults_add_up(tmp_path: Path, policy: str) -> None:
    (tmp_path / "tierwise.toml").write_text(policy)
    ledger = Ledger(str(tmp_path / "l.db"))
    keys = [
        Keys(ledger).make(f"app{n}", Scope(project=f"p{n % 2}", budget=Budget(day=Decimal(1_000))))
        for n in range(3)
    ]
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps(FAULTS))
    with running("simulate", "--port", "0", "--seed", "1", "--faults", str(faults)) as upstream:
        serve = (
            "serve",
            "--policy",
            str(tmp_path / "tierwise.toml"),
            "--ledger",
            str(tmp_path / "l.db"),
            "--port",
            "0",
        )
        more = ("--spool", str(tmp_path / "spool"), "--upstream", upstream)
        with running(*serve, *more, OPENAI_API_KEY="sk-x") as base_url:
            ends, ids = asyncio.run(drive(base_url, keys))
        bill = asyncio.run(bill_of(upstream.removesuffix("/v1") + "/simulator/bill"))["lines"]
    assert ends.total() == CALLS
    check(ledger, ids, bill)
    ledger.close()


def check(ledger: Ledger, ids: list[str], bill: list[Any]) -> None:
    """What must hold between answers, ledger and bill."""
    with ledger.engine.connect() as connection:
        rows = connection.execute(sa.text("select * from calls")).mappings().all()
    assert len(rows) == CALLS, "each call is one row"
    by_id = Counter(row["response_id"] for row in rows if row["response_id"])
    assert len(ids) == len(set(ids)) > CALLS * 0.85
    wrong = {identity: by_id[identity] for identity in ids if by_id[identity] != 1}
    assert not wrong, "every answered call is there once"
    billed = {line["response_id"]: Decimal(line["cost"]) for line in bill}
    exact = [
        row
        for row in rows
        if row["response_id"] in billed and not row["estimated"] and row["cost"] is not None
    ]
    mine = sum(Decimal(row["cost"]) for row in exact)
    assert mine == sum(billed[row["response_id"]] for row in exact), "to the last digit"
    assert {row["response_id"] for row in exact} >= set(ids)
    open_ended = [row for row in rows if row["estimated"] or row["status"] == "unknown"]
    known = {row["response_id"] for row in rows}
    absent = [line for line in bill if line["response_id"] not in known]
    nameless = [row for row in open_ended if row["response_id"] not in billed]
    assert len(absent) <= len(nameless), "what was billed without an id reaching us is a call of unknown end"
    free = [row for row in rows if row not in exact and row not in open_ended]
    assert all(Decimal(row["cost"] or 0) == 0 for row in free), "everything else cost nothing"
