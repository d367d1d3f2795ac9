"""A simulator, the official SDK in front of it, and policies in a few lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

import tierwise
from tierwise.simulator import Settings, Simulator

HEAD = """
version = 1
name = "test"
ladder = "gpt-5.4"
baseline = { model = "gpt-5.5", effort = "medium" }
trusts = ["key:jobs"]
"""
DOWN = """
[[rule]]
name = "small work"
match = { depth = ["commodity", "routine"] }
rung = { model = "gpt-5.4-nano", effort = "none" }
may_drop = ["temperature", "top_p"]
stage = "on"
unproven = true
approved_by = "kim"
"""
AS_ASKED = """
[default]
stage = "off"
"""
CLASSIFY = "Classify the ticket as one of: billing, shipping, other. Answer with the word alone."


class Bench:
    """A running simulator, and clients of it."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        self.simulator = simulator
        self.folder = folder
        self._open: list[Any] = []

    def bare(self, **options: Any) -> openai.OpenAI:
        """A client that is not wrapped."""
        client = openai.OpenAI(
            base_url=self.simulator.base_url, api_key="sk-test", **{"max_retries": 0, **options}
        )
        self._open.append(client)
        return client

    def bare_async(self) -> openai.AsyncOpenAI:
        """An asynchronous client that is not wrapped; the test closes it."""
        return openai.AsyncOpenAI(base_url=self.simulator.base_url, api_key="sk-test", max_retries=0)

    def policy(self, text: str = DOWN, head: str = HEAD) -> Path:
        """A policy file."""
        path = self.folder / "tierwise.toml"
        path.write_text(head + text + AS_ASKED, "utf-8")
        return path

    def wrapped(self, text: str = DOWN, head: str = HEAD, **options: Any) -> openai.OpenAI:
        """A client that goes by a policy."""
        return tierwise.wrap(self.bare(), policy=self.policy(text, head), **options)

    def close(self) -> None:
        """Close what was opened."""
        for client in self._open:
            client.close()

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """JSON bodies of the calls to models, as they arrived."""
        import msgspec

        return [
            msgspec.json.decode(seen.body)
            for seen in self.simulator.received
            if seen.method == "POST" and seen.path.endswith(("completions", "responses"))
        ]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Simulator(Settings(seed=1, keep_requests=True)) as simulator:
        bench = Bench(simulator, tmp_path)
        yield bench
        bench.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Start a simulator with settings or faults of one's own."""
    running: list[Bench] = []

    def starting(**options: Any) -> Bench:
        settings = options.pop("settings", Settings(seed=1, keep_requests=True))
        simulator = Simulator(settings, **options)
        simulator.__enter__()
        running.append(Bench(simulator, tmp_path))
        return running[-1]

    yield starting
    for bench in running:
        bench.close()
        bench.simulator.__exit__(None, None, None)
