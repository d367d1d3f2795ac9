"""A store, a simulator and a runner, on a clock that goes on when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tierwise.batch import BatchSettings, Found, Means, Outcome, Runner, Sealer, Waiting
from tierwise.calls import Retries
from tierwise.ledger import Ledger, Queue
from tierwise.simulator import Fault, Settings, Simulator
from tierwise.upstream import BatchApi, Upstream

KEY = b"k" * 32
DAY = 86_400_000_000


class Clock:
    """Unix seconds; `clock.now += 10` passes time."""

    def __init__(self, now: float = 1_795_600_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Following:
    """Batches that are followed, without anything durable."""

    def __init__(self) -> None:
        self.batches: dict[str, float] = {}

    async def begin(self, batch: str) -> None:
        self.batches[batch] = 0.0

    async def take_over(self, batch: str) -> None:
        self.batches[batch] = 0.0


class Sending:
    """Everybody sends with one key."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    def api(self, sender: str) -> BatchApi:
        return BatchApi(self._upstream)

    def send(self, sender: str) -> Upstream:
        return self._upstream


class Desk:
    """What a test works with."""

    def __init__(self, queue: Queue, simulator: Simulator, clock: Clock, upstream: Upstream) -> None:
        self.queue, self.simulator, self.clock = queue, simulator, clock
        self.sealer = Sealer(KEY)
        self.senders = Sending(upstream)
        self.told: list[tuple[Found, Outcome]] = []
        self.following = Following()
        self.runner = self.another("first")

    def another(self, name: str, **settings: Any) -> Runner:
        """A runner of that name, as another process would have it."""
        chosen = BatchSettings(**{"collect": 10.0, "first_look": 1.0, **settings})
        keep = lambda found, end: self.told.append((found, end))  # noqa: E731
        return Runner(Means(self.queue, self.senders, self.sealer, keep, chosen, name, self.clock))

    def items(self, count: int, start: int = 0, start_at: int = 0, **more: Any) -> list[Waiting]:
        """Requests that wait two days."""
        now = int(self.clock.now * 1e6)
        usual = {"path": "/v1/responses", "model": "gpt-5.4-nano", "tokens": 10, "size": 200, "made": now}
        kinds = {**usual, "start": start_at, "due": now + 2 * DAY, **more}
        return [
            Waiting(id=f"i{number}", call=f"c{number}", **kinds) for number in range(start, start + count)
        ]

    def add(self, items: Sequence[Waiting], text: str = "Say yes.") -> None:
        """Hand requests in."""
        self.queue.add([(item, self.sealer.seal(item.id, body(item, text)), b"{}") for item in items])

    async def go_on(self, seconds: float, steps: int = 1, runner: Runner | None = None) -> None:
        """Let time pass in steps; in each, what waits is tended and every batch takes its steps."""
        runner = runner or self.runner
        for _ in range(steps):
            self.clock.now += seconds / steps
            await runner.tend(self.following)
            for batch in list(self.following.batches):
                wait: float | None = 0.0
                while wait == 0.0:
                    wait = await runner.step(batch)
                if wait is None:
                    del self.following.batches[batch]

    async def arrive(self) -> None:
        """Let what goes by itself arrive, which takes real time."""
        for _ in range(200):
            if not self.runner.going:
                return
            await asyncio.sleep(0.05)

    def states(self, items: Sequence[Waiting]) -> dict[str, int]:
        """How many requests are in each state."""
        found = self.queue.find_all([item.id for item in items])
        counts: dict[str, int] = {}
        for one in found.values():
            counts[one.state] = counts.get(one.state, 0) + 1
        return counts

    def answer(self, item: Waiting) -> Any:
        """The answer of a request."""
        sealed = self.queue.answer(item.id)
        return msgspec.json.decode(self.sealer.open(item.id, sealed)) if sealed is not None else None


Scene = Callable[[Desk], Awaitable[None]]


def body(item: Waiting, text: str) -> bytes:
    said = [{"role": "user", "content": text}]
    fields = {"input": said} if item.path.endswith("responses") else {"messages": said}
    return msgspec.json.encode({"model": item.model, **fields})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def play(tmp_path: Path, clock: Clock) -> Callable[..., None]:
    """`play(scene, *faults, **settings)`: run a scene at an open desk."""

    async def run(scene: Scene, faults: tuple[Fault, ...], settings: dict[str, Any]) -> None:
        ledger = Ledger(str(tmp_path / "l.db"))
        chosen = Settings(**{"seed": 1, "batch_seconds": 60, **settings})
        async with (
            Simulator(chosen, clock=clock, faults=faults) as simulator,
            Upstream(simulator.base_url, "sk-test", retries=Retries(attempts=1)) as upstream,
        ):
            await scene(Desk(Queue(ledger), simulator, clock, upstream))
        ledger.close()

    def played(scene: Scene, *faults: Fault, **settings: Any) -> None:
        asyncio.run(run(scene, faults, settings))

    return played
