"""The cache lever through the official SDK, against a simulator that caches as documented: usage falls as predicted."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest

import tierwise
from tierwise.client._transport import pipeline_of
from tierwise.simulator import Settings, Simulator

POLICY = """
version = 1
ladder = "gpt-5.4"
{limits}
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
START = 1_795_600_000.0
Ask = tuple[float, int, str]
"""Seconds from the start, conversation, what is asked."""


class Run:
    """What a run of one plan came to: by the simulator's own bill, and by what was recorded."""

    def __init__(self, simulator: Simulator, client: openai.OpenAI, replies: list[str]) -> None:
        self.replies = replies
        self.entries = tierwise.recorder(client).entries  # type: ignore[attr-defined]
        self.input = sum(line.used.input for line in simulator.bill)
        self.read = sum(line.used.cached for line in simulator.bill)
        self.billed = simulator.bill_total
        self.bodies = [msgspec.json.decode(seen.body) for seen in simulator.received if seen.method == "POST"]

    def expected(self, lever: str) -> int:
        """Input tokens that were expected to be read after a lever; 'as asked' before all."""
        steps = [{step.lever: step.tokens.cached for step in entry.decision.steps} for entry in self.entries]
        return sum(of_call.get(lever, of_call["as asked"]) for of_call in steps)

    def sum(self, name: str) -> Decimal:
        """USD of all calls."""
        return sum((getattr(entry, name) for entry in self.entries), Decimal(0))

    @property
    def saved(self) -> dict[str, Decimal]:
        """USD saved by lever."""
        found: dict[str, Decimal] = {}
        for entry in self.entries:
            for lever, share in entry.line.saved.items():
                found[lever] = found.get(lever, Decimal(0)) + share
        return found


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Run]:
    """Runs a plan under what a policy lets be done for the cache, at the plan's own times."""

    def running(
        plan: Sequence[Ask], cache: str, model: str = "gpt-5.4", limits: str = "", **more: Any
    ) -> Run:
        now = [START]
        path = tmp_path / "tierwise.toml"
        path.write_text(POLICY.format(cache=cache, limits=limits), "utf-8")
        with Simulator(Settings(seed=1, keep_requests=True), clock=lambda: now[0]) as simulator:
            bare = openai.OpenAI(base_url=simulator.base_url, api_key="sk-test", max_retries=0)
            client = tierwise.wrap(bare, policy=path, key=b"k" * 32)
            pipeline = pipeline_of(client._client)
            assert pipeline is not None
            pipeline._clock = lambda: now[0]
            talks: dict[int, list[Any]] = {}
            replies = []
            for at, talk, text in plan:
                now[0] = START + at
                messages = talks.setdefault(talk, [{"role": "system", "content": RULES}])
                messages.append({"role": "user", "content": text})
                asked: dict[str, Any] = {"model": model, "messages": messages, "reasoning_effort": "none"}
                if "tools" in more:
                    asked["tools"] = random.Random(at).sample(more["tools"], len(more["tools"]))
                extra = {name: value for name, value in more.items() if name != "tools"}
                reply = client.chat.completions.create(**asked, **extra, max_completion_tokens=40)
                replies.append(reply.choices[0].message.content or "")
                messages.append({"role": "assistant", "content": replies[-1]})
            found = Run(simulator, client, replies)
            bare.close()
        return found

    return running


def words(rng: random.Random, count: int) -> str:
    return " ".join(rng.choices(WORDS, k=count))


def bursts(count: int, talks: int, every: int) -> list[Ask]:
    """Conversations that all go on in bursts of under a minute, in an order of their own each time."""
    rng, plan = random.Random(3), list[Ask]()
    for burst in range(count):
        order = rng.sample(range(talks), talks)
        plan += [
            (burst * every + place * 45 / talks, talk, f"Question {talk} {burst}: {words(rng, 250)}")
            for place, talk in enumerate(order)
        ]
    return plan


def singles(count: int, every: int) -> list[Ask]:
    """One question each, at even gaps."""
    rng = random.Random(1)
    return [(number * every, number, f"Question {number}: {words(rng, 60)}") for number in range(count)]


def close(found: Any, expected: Any, whole: Any) -> bool:
    """Within 2 % of the whole."""
    return abs(float(found) - float(expected)) <= 0.02 * float(whole)


def assert_as_predicted(off: Run, on: Run) -> None:
    """The lever saves what was expected of it, and nothing else differs."""
    assert on.replies == off.replies
    assert on.input == off.input
    # Tokens, with the lever and without, predicted before each call; the run without never saw the lever.
    assert close(on.expected("cache"), on.read, on.input)
    assert close(on.expected("as asked"), off.read, off.input)
    # Money: what was paid is the bill to the last digit, what it would have been is an estimate of the other's.
    assert on.sum("cost") == on.billed
    assert close(on.sum("as_asked"), off.billed, off.billed)
    assert sum(on.saved.values(), Decimal(0)) == on.sum("as_asked") - on.sum("cost")
    assert set(on.saved) <= {"cache"}


def test_conversations_in_bursts_stay_on_machines_that_know_them(run: Callable[..., Run]) -> None:
    plan = bursts(5, 40, 100)
    off, on = run(plan, "{}"), run(plan, "{ key = true }")
    assert_as_predicted(off, on)
    assert on.billed < off.billed * Decimal("0.92")
    keys = {body["prompt_cache_key"] for body in on.bodies}
    assert len(keys) == 4
    last: dict[str, tuple[str, bytes]] = {}
    for before, after in zip(off.bodies, on.bodies, strict=True):
        assert {**before, "prompt_cache_key": after["prompt_cache_key"]} == after
        # A conversation keeps its key, and each turn's prompt is byte for byte the start of the next.
        talk, prompt = after["messages"][1]["content"], msgspec.json.encode(after["messages"])[:-1]
        key, start = last.get(talk, (after["prompt_cache_key"], b""))
        assert after["prompt_cache_key"] == key
        assert prompt.startswith(start)
        last[talk] = (key, prompt)
    assert len(last) == 40


def test_a_quiet_workload_has_one_key_and_costs_no_more(run: Callable[..., Run]) -> None:
    plan = singles(30, 20)
    off, on = run(plan, "{}"), run(plan, "{ key = true }")
    assert_as_predicted(off, on)
    assert on.billed == off.billed
    assert len({body["prompt_cache_key"] for body in on.bodies}) == 1


def test_a_breakpoint_makes_a_fixed_prefix_readable_on_models_that_charge_for_writes(
    run: Callable[..., Run],
) -> None:
    plan = singles(50, 120)
    off, on = run(plan, "{}", "gpt-5.6-luna"), run(plan, "{ key = true, breakpoints = true }", "gpt-5.6-luna")
    assert_as_predicted(off, on)
    assert off.read == 0
    assert on.billed < off.billed * Decimal("0.65")
    (change,) = [one for one in on.entries[-1].decision.changes if "breakpoint" in one.parameter]
    assert "49 of 49 calls come while they are warm" in change.why


def test_a_longer_life_is_asked_for_where_gaps_are_long(run: Callable[..., Run]) -> None:
    plan = singles(50, 3_000)
    allowed = '{ key = true, breakpoints = true, retention = "auto" }'
    off, on = run(plan, "{}", "gpt-5.6-luna"), run(plan, allowed, "gpt-5.6-luna")
    assert_as_predicted(off, on)
    assert on.billed < off.billed * Decimal("0.75")
    assert on.bodies[-1]["prompt_cache_options"] == {"ttl": "12h"}
    # Not before gaps were seen.
    assert "prompt_cache_options" not in on.bodies[10]
    strict = run(plan[:30], allowed, "gpt-5.6-luna", limits="[limits]\nzero_retention = true")
    assert not any("prompt_cache_options" in body for body in strict.bodies)
    assert "zero data retention" in strict.entries[-1].decision.reasons[-1]


def test_tools_in_one_order_are_one_prefix(run: Callable[..., Run]) -> None:
    tools = [
        {
            "type": "function",
            "function": {
                "name": f"look_up_{word}_{number}",
                "description": f"Looks up the {word} by its number. " * 4,
                "parameters": {
                    "type": "object",
                    "properties": {"number": {"type": "string"}, "at": {"type": "string"}},
                },
            },
        }
        for number, word in enumerate(WORDS * 4)
    ]
    plan = singles(40, 10)
    more = {"tools": tools, "tool_choice": "none"}
    off, on = run(plan, "{}", **more), run(plan, "{ order_tools = true }", **more)
    assert on.replies == off.replies
    assert on.read > 10 * max(off.read, 1_792)
    assert close(on.expected("cache"), on.read, on.input)
    assert close(on.expected("as asked"), off.read, off.input)
    assert close(on.sum("as_asked"), off.billed, off.billed)
    for before, after in zip(off.bodies[2:], on.bodies[2:], strict=True):
        assert after["tools"] == sorted(before["tools"], key=lambda tool: tool["function"]["name"])
        assert {**after, "tools": 0} == {**before, "tools": 0}


@pytest.mark.parametrize("model", ["gpt-5.4", "gpt-5.4-nano", "gpt-5.6-luna"])
def test_what_the_caller_set_is_never_replaced(run: Callable[..., Run], model: str) -> None:
    own: dict[str, Any] = {"prompt_cache_key": "mine"}
    if model == "gpt-5.6-luna":
        own["extra_body"] = {"prompt_cache_options": {"mode": "implicit"}}
    allowed = '{ key = true, breakpoints = true, retention = "auto", order_tools = true }'
    found = run(singles(25, 900), allowed, model, **own)
    for body in found.bodies:
        assert body["prompt_cache_key"] == "mine"
        assert body["messages"][0]["content"] == RULES
        assert body.get("prompt_cache_options", {}).get("ttl") is None
    assert found.sum("cost") == found.billed


def test_projects_never_share_a_key(run: Callable[..., Run], tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY.format(cache="{ key = true }", limits=""), "utf-8")
    with Simulator(Settings(seed=1, keep_requests=True)) as simulator:
        bare = openai.OpenAI(base_url=simulator.base_url, api_key="sk-test", max_retries=0)
        client = tierwise.wrap(bare, policy=path, key=b"k" * 32)
        for project in ("acme", "globex", "acme"):
            with tierwise.labels(project=project):
                client.responses.create(model="gpt-5.4", instructions=RULES, input="Where is my parcel?")
        keys = [msgspec.json.decode(seen.body)["prompt_cache_key"] for seen in simulator.received]
        bare.close()
    assert keys[0] == keys[2] != keys[1]
    assert "acme" not in keys[0]
