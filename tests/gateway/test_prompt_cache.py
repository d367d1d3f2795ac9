"""The cache lever through the gateway: keys by project, the ledger's saving by lever, replies as without it."""

from __future__ import annotations

import random
import time
from decimal import Decimal
from typing import Any

import msgspec

from tierwise.calls import decode_recorded
from tierwise.catalog import Catalog
from tierwise.policy import Policy, load_policy

POLICY = """
version = 1
ladder = "gpt-5.4"
[[rule]]
name = "down"
match = {{ model = "gpt-5.5*" }}
rung = "gpt-5.4"
cache = {cache}
stage = "on"
unproven = true
approved_by = "kim"
[[rule]]
name = "cache"
match = {{ model = "*" }}
cache = {cache}
stage = "on"
[default]
stage = "off"
"""
RULES = "You answer questions about the shop. " + "Every rule of the house counts, whoever asks. " * 130
WORDS = ("order", "parcel", "invoice", "refund", "size", "late")


def talk(bench: Any, clients: list[Any], cache: str, calls: int, now: list[float]) -> None:
    """Two projects with one template: a model that charges for cache writes, and one call in ten that moves."""
    (bench.folder / "tierwise.toml").write_text(POLICY.format(cache=cache), "utf-8")
    bench.running.serving.pipeline.go_by(_policy(bench), None, b"k" * 32)
    rng = random.Random(calls)
    bench.running.serving.pipeline._clock = bench.simulator._engine.clock = lambda: now[0]
    for number in range(calls):
        now[0] += 6
        text = f"Question {number}: {' '.join(rng.choices(WORDS, k=40))}"
        clients[number % 2].chat.completions.create(
            model="gpt-5.5" if number % 10 == 9 else "gpt-5.6-luna",
            messages=[{"role": "system", "content": RULES}, {"role": "user", "content": text}],
            reasoning_effort="none",
            max_completion_tokens=40,
        )


def _policy(bench: Any) -> Policy:
    return load_policy(bench.folder / "tierwise.toml", Catalog.open())


def test_the_ledger_says_what_the_cache_saved_and_adds_up(bench: Any) -> None:
    now = [time.time()]
    clients = [bench.client(bench.key(name, project=name)) for name in ("acme", "globex")]
    talk(bench, clients, "{}", 40, now)
    bench.settled(40)
    # Without the lever only the moved calls save, by their tier.
    assert set(bench.ledger.saved()) == {"tier"}
    talk(bench, clients, "{ key = true, breakpoints = true }", 120, now)
    total, saved = bench.settled(160), bench.ledger.saved()
    assert total.cost == bench.simulator.bill_total
    assert sum(saved.values(), Decimal(0)) == total.as_asked - total.cost
    assert saved["cache"] > 0
    # The same calls without the lever, three times over, are what it says that they would have cost.
    lines = [line for line in map(decode_recorded, bench.ledger.lines()) if line.asked == "gpt-5.6-luna"]
    without = sum((line.cost for line in lines[:36]), Decimal(0))
    said = sum((line.as_asked for line in lines[36:]), Decimal(0))
    assert abs(said - 3 * without) < Decimal("0.02") * 3 * without
    bodies = [msgspec.json.decode(seen.body) for seen in bench.simulator.received if seen.method == "POST"]
    acme, globex = ({body["prompt_cache_key"] for body in bodies[first::2]} for first in (40, 41))
    assert not acme & globex
    assert not any(name in key for name in ("acme", "globex") for key in acme | globex)


def test_a_reply_through_the_gateway_is_the_same_with_and_without_the_lever(bench: Any) -> None:
    """Streams too: what was added to the request is nowhere in what comes back."""
    bench.running.serving.pipeline.go_by(None, None, b"")
    asked: dict[str, Any] = {
        "model": "gpt-5.4",
        "instructions": RULES,
        "input": "Where is my parcel?",
        "stream": True,
        "reasoning": {"effort": "none"},
    }
    client = bench.client()
    texts = []
    for cache in (None, "{ key = true }"):
        if cache is not None:
            (bench.folder / "tierwise.toml").write_text(POLICY.format(cache=cache), "utf-8")
            bench.running.serving.pipeline.go_by(_policy(bench), None, b"k" * 32)
        texts.append(
            "".join(
                e.delta for e in client.responses.create(**asked) if e.type == "response.output_text.delta"
            )
        )
    assert texts[0] == texts[1]
    sent = [msgspec.json.decode(seen.body) for seen in bench.simulator.received if seen.method == "POST"]
    assert "prompt_cache_key" not in sent[0]
    assert {**sent[0], "prompt_cache_key": sent[1]["prompt_cache_key"]} == sent[1]
