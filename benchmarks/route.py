"""What recognising and deciding cost a live call: `python benchmarks/route.py`.

A request of 2,000 tokens whose instructions were seen before and whose user turn is new: as Chat
Completions a classification with eight tools, as Responses an open assistant without, whose turn
must be read closely. Prints microseconds a call, one core, and how
they compare with decoding the same body as JSON, which any router must do.
"""

from __future__ import annotations

import argparse
import datetime as dt
import platform
import statistics
import time
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import orjson

from tierwise.calls import parse_request
from tierwise.catalog import Catalog, count_tokens
from tierwise.online import Asked, Memory, admit
from tierwise.policy import decide, parse_policy
from tierwise.workloads import Recogniser

POLICY = b"""
version = 1
ladder = "gpt-5.4"
baseline = "gpt-5.5"
[[rule]]
name = "one workload"
match = { workload = "00000000000000a1" }
rung = "gpt-5.4-mini"
stage = "on"
unproven = true
approved_by = "benchmark"
[[rule]]
name = "small work"
match = { depth = ["commodity", "routine"] }
rung = { model = "gpt-5.4-nano", effort = "low" }
lanes = ["flex"]
stage = "on"
unproven = true
approved_by = "benchmark"
[default]
stage = "off"
"""
WORDS = [
    "order",
    "parcel",
    "invoice",
    "delivery",
    "refund",
    "address",
    "customer",
    "warehouse",
    "pallet",
    "colour",
    "size",
    "number",
    "late",
]
RULES = {
    "chat": "Classify the ticket of a shop as one of: billing, shipping, returns, other. Answer with the word alone.\n",
    "responses": "You help the customers of a shop with whatever they bring up. Be polite and exact.\n",
}


def bodies(endpoint: str, count: int) -> list[bytes]:
    """Requests of one workload, each with a new user turn; 2,000 tokens each, about."""
    rng = Random(7)
    instructions = RULES[endpoint] + "\n".join(
        f"Rule {n}: when the ticket speaks of {' or '.join(rng.sample(WORDS, 4))}, weigh {rng.choice(WORDS)} first."
        for n in range(72 if endpoint == "chat" else 88)
    )
    tools = [
        {
            "type": "function",
            "function": {
                "name": f"find_{word}",
                "description": f"Look up the {word} of a ticket by its number, newest first.",
                "parameters": {"type": "object", "properties": {"number": {"type": "string"}}},
            },
        }
        for word in WORDS[:8]
    ]
    found = []
    for _ in range(count):
        turn = "My " + " ".join(rng.choices(WORDS, k=40)) + f". It is ticket {rng.randrange(10**6)}."
        if endpoint == "chat":
            messages = [{"role": "system", "content": instructions}, {"role": "user", "content": turn}]
            found.append(msgspec.json.encode({"model": "gpt-5.5", "messages": messages, "tools": tools}))
        else:
            found.append(
                msgspec.json.encode({"model": "gpt-5.5", "instructions": instructions, "input": turn})
            )
    return found


def timed(work: Callable[[int], Any], count: int) -> list[float]:
    """Microseconds of each call."""
    taken = []
    for number in range(count):
        start = time.perf_counter_ns()
        work(number)
        taken.append((time.perf_counter_ns() - start) / 1000)
    return taken


CACHE = b'cache = { key = true, retention = "auto", order_tools = true, breakpoints = true }\nstage = "on"'


def run(endpoint: str, count: int, *, cache: bool) -> dict[str, list[float]]:
    """Times by step."""
    catalog = Catalog.open()
    checked = parse_policy(POLICY.replace(b'stage = "on"', CACHE) if cache else POLICY, catalog)
    assert checked.policy is not None
    policy, raw = checked.policy, bodies(endpoint, count + 50)
    recogniser, memory = Recogniser(), Memory(catalog)
    today = dt.date(2026, 11, 25)
    path = "/v1/chat/completions" if endpoint == "chat" else "/v1/responses"
    asked = [Asked(method="POST", path=path, body=body) for body in raw]
    calls = [admit(one, endpoint) for one in asked]  # type: ignore[arg-type]
    requests = [parse_request(endpoint, body) for body in raw]

    def state(number: int) -> Any:
        return memory.state(
            calls[number], requests[number], facts[number], policy, 1_795_600_000_000_000 + number * 1_000_000,
            callers=frozenset(), lanes=None,
        )  # fmt: skip

    facts = [recogniser.recognise(request) for request in requests[:50]]
    for number in range(50):
        decide(facts[number], policy, state(number), catalog, today)
    raw, requests, asked, calls, facts = raw[50:], requests[50:], asked[50:], calls[50:], []
    found = {
        "decode alone (orjson)": timed(lambda n: orjson.loads(raw[n]), count),
        "admit (parse)": timed(lambda n: admit(asked[n], endpoint), count),  # type: ignore[arg-type]
        "recognise": timed(lambda n: facts.append(recogniser.recognise(requests[n])), count),
    }
    states: list[Any] = []
    found["state"] = timed(lambda n: states.append(state(n)), count)
    found["decide"] = timed(lambda n: decide(facts[n], policy, states[n], catalog, today), count)
    found["recognise + decide"] = [a + b for a, b in zip(found["recognise"], found["decide"], strict=True)]
    found["all of it"] = [
        sum(steps)
        for steps in zip(
            *(found[name] for name in ("admit (parse)", "recognise", "state", "decide")), strict=True
        )
    ]
    print(f"{endpoint}: {len(raw[0]):,} bytes, {count_tokens(raw[0].decode()):,} tokens of JSON text")
    return found


def main() -> None:
    """Print one table an endpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=5_000)
    parser.add_argument(
        "--cache", action="store_true", help="let the rules do all there is for the prompt cache"
    )
    options = parser.parse_args()
    count = options.calls
    print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, one core, {count:,} calls"
    )
    for endpoint in ("chat", "responses"):
        found = run(endpoint, count, cache=options.cache)
        base = statistics.median(found["decode alone (orjson)"])
        print(f"{'step':24} {'p50 us':>8} {'p99 us':>8} {'x decode':>9}")
        for name, times in found.items():
            times.sort()
            middle = statistics.median(times)
            print(f"{name:24} {middle:8.1f} {times[int(len(times) * 0.99)]:8.1f} {middle / base:9.1f}")


if __name__ == "__main__":
    main()
