"""Calls that wait, one by one: `python benchmarks/batch_calls.py --requests 5000`.

Half are background responses by the official SDK, half Chat calls that are stored; each has an idempotency key and is
handed in again until the gateway says that it has it. The gateway is killed in between, twice, under a simulator
whose batches expire, fail in part, come twice and are over the enqueued limit. Exit 1 unless every call
was answered once or failed with its reason, was billed at most once, and the ledger has the simulator's
bill to the last digit.
"""

from __future__ import annotations

import argparse
import collections
import os
import platform
import signal
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai

from batch import MODELS, RULES, SOME, _served
from tierwise.ledger import Keys, Ledger, Scope
from tierwise.simulator import Limits, Settings, Simulator
from tierwise.workloads import make_key

WAITS = {"x-tierwise-deadline": "24h", "x-tierwise-store": "1"}
PATIENCE = 900.0
"""Seconds until a call that has no answer is taken for lost."""


class Callers:
    """Hands calls in and asks for their answers, by a gateway whose address may change."""

    def __init__(self, key: str, url: str) -> None:
        self._key = key
        self.moved(url)

    def moved(self, url: str) -> None:
        """The gateway is elsewhere now."""
        self.client = openai.OpenAI(base_url=url, api_key=self._key, max_retries=0, timeout=60)

    def hand_in(self, number: int) -> str:
        """A call's id, once the gateway has it."""
        return str(self._until(lambda: self._made(number))["id"])

    def answer(self, identity: str) -> dict[str, Any]:
        """What came of it."""
        path = "responses" if identity.startswith("resp") else "chat/completions"
        end = time.monotonic() + PATIENCE
        while True:
            found = self._until(lambda: self.client.get(f"/{path}/{identity}", cast_to=object))
            status = found.get("status", "completed")
            if status not in {"queued", "in_progress"}:
                return dict(found)
            if time.monotonic() > end:
                return {"id": identity, "status": "lost"}
            time.sleep(2)

    def _made(self, number: int) -> Any:
        said = f"Classify ticket {number} as billing, technical or other."
        model, name = MODELS[number % 3], {"Idempotency-Key": f"k{number}"}
        if number % 2:
            made = self.client.responses.create(
                model=model,
                input=said,
                max_output_tokens=20,
                background=True,
                metadata={"deadline": "24h"},
                extra_headers=name,
            )
            return {"id": made.id}
        body = {"model": model, "messages": [{"role": "user", "content": said}], "max_completion_tokens": 20}
        options: Any = {"headers": {**WAITS, **name}}
        return self.client.post("/chat/completions", body=body, cast_to=object, options=options)

    def _until(self, ask: Any) -> Any:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return ask()
            except (openai.APIConnectionError, openai.InternalServerError):
                if time.monotonic() > end:
                    raise
                time.sleep(0.3)
            except openai.APIStatusError as refused:
                body: Any = refused.body
                return {"status": "failed", "error": body}


def main() -> int:
    """Run it; 0 where everything adds up."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--requests", type=int, default=5_000)
    count = options.parse_args().requests
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    simulated = Settings(seed=1, batch_seconds=3, limits=Limits(enqueued_tokens=max(20_000, count * 8)))
    with tempfile.TemporaryDirectory() as name, Simulator(simulated, faults=SOME) as simulator:
        folder, began = Path(name), time.perf_counter()
        (folder / "tierwise.toml").write_text(RULES)
        make_key(folder / "batch.key")
        ledger = Ledger(str(folder / "l.db"))
        child, url = _served(folder, simulator.base_url)
        callers = Callers(Keys(ledger).make("app", Scope()), url)

        def kill_twice() -> None:
            nonlocal child
            for seconds in (count / 1_000, 6):
                time.sleep(seconds)
                child.kill()
                child.communicate()
                child, moved = _served(folder, simulator.base_url)
                callers.moved(moved)

        killing = threading.Thread(target=kill_twice)
        with ThreadPoolExecutor(8) as pool:
            killing.start()
            ids = list(pool.map(callers.hand_in, range(count)))
            taken = time.perf_counter() - began
            killing.join()
            ends = list(pool.map(callers.answer, ids))
        spent = time.perf_counter() - began
        time.sleep(2)
        child.send_signal(signal.SIGTERM)
        child.communicate()
        ledger.fold_orphans(folder / "spool")
        held = _compare(ledger, simulator, ids, ends)
        print(f"{count:,} calls handed in within {taken:.0f} s, all ended within {spent:.0f} s; killed twice")
        ledger.close()
    return 0 if held else 1


def _compare(ledger: Ledger, simulator: Simulator, ids: list[str], ends: list[dict[str, Any]]) -> bool:
    (total,) = ledger.totals()
    how = collections.Counter(str(end.get("status", "completed")) for end in ends)
    billed = collections.Counter(line.custom_id for line in simulator.bill)
    twice = sum(number > 1 for number in billed.values())
    unreasoned = sum(end.get("status") == "failed" and not end.get("error") for end in ends)
    own = sum(end.get("id") == identity for end, identity in zip(ends, ids, strict=True))
    print(f"ends {dict(how)}, under their own ids {own}, failed without a reason {unreasoned}")
    print(f"billed {len(billed)}, twice {twice}; {simulator.bill_total} billed, {total.cost} in the ledger")
    whole = len(set(ids)) == len(ids) and not how["lost"] and not unreasoned and not twice
    return whole and how["completed"] > 0 and total.cost == simulator.bill_total


if __name__ == "__main__":
    raise SystemExit(main())
