"""A gateway in front of a simulator, both on loopback, each in a thread of its own."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai
import pytest

from tierwise.gateway import Options, Settings, serving
from tierwise.ledger import Budget, Keys, Ledger, Scope
from tierwise.simulator import Settings as Simulated
from tierwise.simulator import Simulator

# Certificates of tests are made there.
sys.path.insert(0, str(Path(__file__).parent.parent / "cascade"))

POLICY = """
version = 1
name = "test"
ladder = "gpt-5.4"
baseline = { model = "gpt-5.5", effort = "medium" }
trusts = ["key:trusted"]
[[rule]]
name = "nightly"
match = { workload = "nightly" }
rung = "gpt-5.4-mini"
stage = "on"
unproven = true
approved_by = "kim"
[[rule]]
name = "small work"
match = { depth = ["commodity", "routine"] }
rung = { model = "gpt-5.4-nano", effort = "none" }
stage = "on"
unproven = true
approved_by = "kim"
[default]
stage = "off"
"""


class Running:
    """A gateway in a thread."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._context = serving(options)
        self.serving = asyncio.run_coroutine_threadsafe(self._context.__aenter__(), self._loop).result(30)

    def stop(self) -> None:
        """End it in good order."""
        done = asyncio.run_coroutine_threadsafe(self._context.__aexit__(None, None, None), self._loop)
        done.result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()


class Bench:
    """A simulator, a gateway in front of it, keys and clients."""

    def __init__(self, folder: Path, simulator: Simulator, **options: Any) -> None:
        self.folder, self.simulator = folder, simulator
        (folder / "tierwise.toml").write_text(POLICY, "utf-8")
        settings = options.pop("settings", Settings(spool=folder / "spool", fold_every=0.05))
        usual: dict[str, Any] = {
            "policy": folder / "tierwise.toml",
            "ledger": str(folder / "ledger.db"),
            "upstream": simulator.base_url,
            "upstream_key": "sk-upstream",
            "own_keys": True,
            "port": 0,
            "settings": settings,
        }
        self.options = Options(**{**usual, **options})
        self.running = Running(self.options)
        self._open: list[Any] = []

    @property
    def ledger(self) -> Ledger:
        """The gateway's own ledger."""
        return self.running.serving.ledger

    @property
    def base_url(self) -> str:
        """What clients take."""
        return self.running.serving.base_url

    def key(self, name: str = "app", **scope: Any) -> str:
        """A new gateway key."""
        budget = Budget(**{k: Decimal(v) for k, v in scope.pop("budget", {}).items()})
        return Keys(self.ledger).make(name, Scope(budget=budget, **scope))

    def client(self, key: str | None = None, **options: Any) -> openai.OpenAI:
        """The official SDK in front of the gateway; only its base URL and key are other than usual."""
        made = openai.OpenAI(
            base_url=self.base_url, api_key=key or self.key(), **{"max_retries": 0, **options}
        )
        self._open.append(made)
        return made

    def settled(self, calls: int, *, within: float = 10) -> Any:
        """The ledger's sum once it has so many calls."""
        end = time.monotonic() + within
        while time.monotonic() < end:
            known = sum(total.calls for total in self.ledger.totals("status") if total.name != "unknown")
            if known >= calls:
                return self.ledger.totals()[0]
            time.sleep(0.02)
        raise AssertionError(
            f"expected {calls} calls in the ledger, found {[t.calls for t in self.ledger.totals()]}"
        )

    def stop(self) -> None:
        """End clients and gateway."""
        for client in self._open:
            client.close()
        self.running.stop()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Start a simulator and a gateway with options of one's own."""
    running: list[Bench] = []

    def starting(*, faults: Any = (), simulated: Any = None, **options: Any) -> Bench:
        settings = simulated or Simulated(seed=1, keep_requests=True)
        simulator = Simulator(settings, faults=faults)
        simulator.__enter__()
        running.append(Bench(tmp_path, simulator, **options))
        return running[-1]

    yield starting
    for bench in running:
        bench.stop()
        bench.simulator.__exit__(None, None, None)


@pytest.fixture
def policy() -> str:
    """The text of the policy that gateways of these tests begin with."""
    return POLICY


@pytest.fixture
def bench(start: Callable[..., Bench]) -> Bench:
    return start()
