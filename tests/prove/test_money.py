"""A purse is never overdrawn, a call never costs more than what was set aside, and kept answers are sealed."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import random
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logbook import post, teach, ticket

from tierwise.batch import Sealer
from tierwise.catalog import Catalog
from tierwise.cli._answers import AnswersFile
from tierwise.errors import ConfigurationError, SpendReached
from tierwise.policy import Rung
from tierwise.prove import Hypothesis, Kept, Purse, most_cost, opened
from tierwise.simulator import Settings, Simulator

DAY = dt.date(2026, 11, 24)
CENTS = st.integers(1, 50).map(lambda n: Decimal(n) / 100)
USD = st.tuples(CENTS, st.one_of(st.none(), st.integers(0, 100)))
"""A reserve, and the percentage of it that the call costs; None where that is not known."""


@settings(max_examples=50, deadline=None)
@given(st.lists(USD, max_size=40), CENTS.map(lambda cents: cents * 5), st.integers(0, 999))
def test_what_is_spent_and_held_never_passes_the_most(
    calls: list[tuple[Decimal, int | None]], most: Decimal, seed: int
) -> None:
    purse, order = Purse(most), random.Random(seed)
    paid = Decimal(0)

    async def one(amount: Decimal, percent: int | None) -> None:
        nonlocal paid
        await purse.reserve(amount)
        assert purse.spent + purse.held <= most
        for _ in range(order.randrange(4)):
            await asyncio.sleep(0)
        cost = None if percent is None else amount * percent / 100
        paid += amount if cost is None else cost
        purse.settle(amount, cost)

    async def whole() -> list[BaseException | None]:
        return await asyncio.gather(*(one(*call) for call in calls), return_exceptions=True)

    refused = [error for error in asyncio.run(whole()) if error is not None]

    assert all(isinstance(error, SpendReached) for error in refused)
    assert purse.held == 0
    assert purse.spent == paid <= most


def test_a_call_waits_for_others_before_it_is_refused() -> None:
    purse = Purse(Decimal(1))

    async def whole() -> None:
        await purse.reserve(Decimal("0.9"))
        waiting = asyncio.create_task(purse.reserve(Decimal("0.5")))
        await asyncio.sleep(0)
        assert not waiting.done()
        purse.settle(Decimal("0.9"), Decimal("0.1"))
        await waiting
        assert purse.held == Decimal("0.5")
        with pytest.raises(SpendReached, match="--max-spend"):
            await purse.reserve(Decimal("0.95"))

    asyncio.run(whole())


BODIES = [
    {},
    {"max_completion_tokens": 16},
    {"messages": [{"role": "user", "content": "日本語のテキスト 🙂 " * 200}]},
    {"messages": [{"role": "user", "content": " " * 3_000 + "\\\"'{}"}]},
    {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]},
    {"model": "gpt-5.6", "reasoning_effort": "high"},
    {"service_tier": "flex", "model": "gpt-5.5"},
]


@pytest.mark.parametrize("more", BODIES, ids=lambda more: ",".join(more) or "plain")
def test_no_call_costs_more_than_was_set_aside(catalog: Catalog, more: dict[str, object]) -> None:
    with Simulator(Settings(seed=5)) as sim:
        teach(sim, {})
        body = {"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": ticket(7)}]} | more
        post(sim, body)
        cost = sim.bill[-1].cost

    assert cost is not None
    assert 0 < cost <= most_cost("/v1/chat/completions", json.dumps(body).encode(), catalog, DAY)


def test_kept_answers_are_sealed_go_with_time_and_what_they_cost_stays(tmp_path: Path) -> None:
    now = [1_795_000_000.0]
    file = tmp_path / "answers.sqlite"
    sealer = Sealer(b"a key of sixteen bytes or more")

    def answers() -> AnswersFile:
        return AnswersFile(file, sealer, 30, now=lambda: now[0])

    one = answers()
    one.begin("d1", "plan", Decimal("0.5"))
    one.end("d1", "plan", Kept(status=200, body=b"a secret answer", cost=Decimal("0.125")))
    one.begin("d2", "plan", Decimal("0.25"))
    one.begin("d3", "plan", Decimal("0.25"))
    one.end("d3", "plan", None)
    one.close()

    again = answers()
    assert again.get("d1") == Kept(status=200, body=b"a secret answer", cost=Decimal("0.125"))
    assert again.lost("d2"), "begun and never ended: nobody knows whether it was carried out"
    assert not again.lost("d1")
    assert not again.lost("d3")
    assert again.spent("plan") == Decimal("0.375")
    assert again.spent("another") == 0
    again.close()
    assert all(b"secret" not in path.read_bytes() for path in tmp_path.iterdir())
    assert file.stat().st_mode & 0o077 == 0

    other = AnswersFile(file, Sealer(b"another key, of sixteen bytes"), 30, now=lambda: now[0])
    assert other.get("d1") is None
    other.close()
    now[0] += 31 * 86_400
    late = answers()
    assert late.get("d1") is None
    assert late.spent("plan") == Decimal("0.375")
    late.begin("d1", "plan", Decimal("0.5"))
    late.end("d1", "plan", Kept(status=200, body=b"x", cost=Decimal("0.125")))
    assert late.spent("plan") == Decimal("0.5"), "an answer that was paid for twice"
    late.close()


def _hypothesis(**more: object) -> Hypothesis:
    usual: dict[str, object] = {
        "workload": "00000000000000a1", "population": "p", "baseline": Rung("gpt-5.4", "none"),
        "rungs": (Rung("gpt-5.4-mini", None),), "margin": Decimal("0.05"), "measure": "points",
        "confidence": Decimal("0.95"), "grader": "label", "reference": "logged answers", "seed": "1",
        "cluster": 1, "most_calls": 100,
    }  # fmt: skip
    return Hypothesis(**(usual | more))  # type: ignore[arg-type]


def test_another_margin_is_another_hypothesis_and_says_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "hypotheses.jsonl"
    first, wider = _hypothesis(), _hypothesis(margin=Decimal("0.10"))
    other = _hypothesis(workload="00000000000000b2")

    assert opened(path, [first], DAY) == {first.digest: 0}
    assert opened(path, [first], DAY) == {first.digest: 0}, "the same again is no new one"
    assert opened(path, [wider, other], DAY) == {wider.digest: 1, other.digest: 0}
    assert opened(path, [first], DAY) == {first.digest: 0}
    assert len(path.read_bytes().splitlines()) == 3
    path.write_bytes(path.read_bytes() + b"{}\n")
    with pytest.raises(ConfigurationError, match="line 4"):
        opened(path, [first], DAY)
