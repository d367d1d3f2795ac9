"""What is held for a call: its cap, else its workload's 99th percentile; and budgets with 200 calls at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal
from typing import Any

import openai

from tierwise.ledger import Opened
from tierwise.ledger._spool import lines_from

ASK: Any = {"model": "gpt-5.5", "reasoning": {"effort": "none"}, "instructions": "Prove what you are asked."}


def held(bench: Any) -> dict[str, Decimal]:
    """What was held for each call, by the spool."""
    found = {}
    for path in bench.running.serving.spool.paths:
        for line, _ in lines_from(path, 0):
            if isinstance(line, Opened):
                found[line.id] = line.reserved
    return found


def at_once(bench: Any, key: str, count: int, **more: Any) -> Counter[str]:
    async def run() -> list[str]:
        async with openai.AsyncOpenAI(base_url=bench.base_url, api_key=key, max_retries=0) as client:

            async def one(number: int) -> str:
                try:
                    await client.responses.create(**ASK, input=f"Prove theorem {number}.", **more)
                except openai.RateLimitError as error:
                    return str(error.code)
                return "ok"

            return list(await asyncio.gather(*(one(n) for n in range(count))))

    return Counter(asyncio.run(run()))


def test_with_200_at_once_and_no_caps_a_budget_is_passed_by_no_more_than_what_was_not_held(
    bench: Any,
) -> None:
    # Seen often enough, so that much is let go at once.
    at_once(bench, bench.key("before"), 40)
    before, billed = bench.settled(40), bench.simulator.bill_total
    budget = Decimal("0.05")
    said = at_once(bench, bench.key(budget={"day": str(budget)}), 200)
    assert set(said) == {"ok", "budget_exceeded"}
    assert said["ok"] >= 5
    total = bench.settled(40 + said["ok"])
    excess = Decimal(0)
    for identity, reserved in held(bench).items():
        row = bench.ledger.call(identity)
        if row["key"] == "app":
            excess += max(Decimal(0), Decimal(row["cost"]) - reserved)
    spent = bench.simulator.bill_total - billed
    assert total.cost - before.cost == spent
    assert spent <= budget + excess


def test_a_workload_that_was_seen_often_enough_is_held_for_by_what_it_wrote(bench: Any) -> None:
    key = bench.key(budget={"day": "1000"})
    at_once(bench, key, 1)
    (stated,) = held(bench).values()
    at_once(bench, key, 60)
    bench.settled(61)
    before = set(held(bench))
    at_once(bench, key, 1)
    (learned,) = (amount for identity, amount in held(bench).items() if identity not in before)
    costs = sorted(Decimal(bench.ledger.call(identity)["cost"]) for identity in before)
    # The input is held for by its bytes, which are more than its tokens.
    assert costs[-2] <= learned < stated


def test_a_gateway_that_starts_knows_lengths_from_the_ledger(start: Any) -> None:
    bench = start()
    key = bench.key(budget={"day": "1000"})
    at_once(bench, key, 61)
    bench.settled(61)
    workload = int(next(t.name for t in bench.ledger.totals("workload")), 16)
    known = bench.running.serving.pipeline.most_output(workload, "gpt-5.5", "none")
    assert known is not None
    bench.running.stop()
    bench.running = type(bench.running)(bench.options)
    assert bench.running.serving.pipeline.most_output(workload, "gpt-5.5", "none") == known
