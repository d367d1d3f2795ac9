"""Simulators for tests, with a clock that stands still until told to go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

from tierwise.simulator import Settings, Simulator


class Clock:
    """Unix seconds; `clock.now += 10` passes time."""

    def __init__(self, now: float = 1_795_600_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Bench:
    """A running simulator, its clock and clients for it."""

    def __init__(self, simulator: Simulator, clock: Clock) -> None:
        self.simulator = simulator
        self.clock = clock
        self.client = openai.OpenAI(base_url=simulator.base_url, api_key="sk-test", max_retries=0)

    def ask(self, text: str, model: str = "gpt-5.4-mini", **more: Any) -> Any:
        return self.client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": text}], **more
        )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bench(clock: Clock) -> Iterator[Bench]:
    with Simulator(Settings(seed=1), clock=clock) as simulator:
        yield from _with_client(simulator, clock)


@pytest.fixture
def start(clock: Clock) -> Iterator[Callable[..., Bench]]:
    """Start a simulator with settings and faults of one's own."""
    opened: list[tuple[Simulator, Bench]] = []

    def starting(settings: Settings = Settings(seed=1), **options: Any) -> Bench:
        simulator = Simulator(settings, clock=clock, **options)
        simulator.__enter__()
        bench = Bench(simulator, clock)
        opened.append((simulator, bench))
        return bench

    yield starting
    for simulator, bench in opened:
        bench.client.close()
        simulator.__exit__(None, None, None)


def _with_client(simulator: Simulator, clock: Clock) -> Iterator[Bench]:
    bench = Bench(simulator, clock)
    yield bench
    bench.client.close()
