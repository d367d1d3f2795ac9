"""Background responses: what they cost is known once their end was seen, by whomever."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

import tierwise
from tierwise.audit import audit
from tierwise.calls import plan, read
from tierwise.gateway import Settings
from tierwise.online import FileRecorder, MemoryRecorder

ASK: Any = {"model": "gpt-5.4-mini", "input": "Why is the sky blue?", "background": True}


def done(client: openai.OpenAI, identity: str) -> Any:
    end = time.monotonic() + 10
    while (found := client.responses.retrieve(identity)).status in {"queued", "in_progress"}:
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def test_a_background_call_is_settled_when_its_caller_sees_its_end(bench: Any) -> None:
    client = bench.client()
    made = client.responses.create(**ASK)
    assert made.status in {"queued", "in_progress"}
    time.sleep(0.3)
    (total,) = bench.ledger.totals()
    assert total.reserved > 0
    done(client, made.id)
    total = bench.settled(1)
    assert (total.calls, total.reserved) == (1, 0)
    assert total.cost == bench.simulator.bill_total > 0


def test_the_gateway_looks_itself_where_nobody_asks(start: Callable[..., Any], tmp_path: Path) -> None:
    bench = start(settings=Settings(spool=tmp_path / "spool", fold_every=0.05, look_later=0.2))
    bench.client().responses.create(**ASK)
    total = bench.settled(1)
    assert total.cost == bench.simulator.bill_total > 0


def test_the_next_gateway_settles_what_the_last_one_waited_for(bench: Any) -> None:
    client = bench.client(bench.key("app"))
    made = client.responses.create(**ASK)
    key = client.api_key
    bench.running.stop()
    bench.running = type(bench.running)(bench.options)
    done(bench.client(key), made.id)
    total = bench.settled(1)
    assert (total.calls, total.cost, total.reserved) == (1, bench.simulator.bill_total, 0)


def test_a_streamed_background_call_that_is_left_is_settled_in_full(bench: Any) -> None:
    client = bench.client()
    stream = client.responses.create(**ASK, stream=True)
    made = next(event.response for event in stream if event.type == "response.created")
    stream.close()
    done(client, made.id)
    total = bench.settled(1)
    assert (total.calls, total.cost) == (1, bench.simulator.bill_total)


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_a_wrapped_client_records_a_background_call_once_with_its_cost(
    bench: Any, tmp_path: Path, kind: str
) -> None:
    recorder: Any = MemoryRecorder() if kind == "memory" else FileRecorder(tmp_path / "calls.jsonl")
    with openai.OpenAI(base_url=bench.simulator.base_url, api_key="sk-x") as plain:
        client = tierwise.wrap(plain, observe=True, record=recorder)
        done(client, client.responses.create(**ASK).id)
    if kind == "memory":
        assert (recorder.calls, recorder.unpriced, recorder.cost) == (1, 0, bench.simulator.bill_total)
        return
    recorder.close()
    calls: list[Any] = [call for unit in plan([tmp_path / "calls.jsonl"]).units for call in read(unit)]
    assert [call.tokens is not None for call in calls] == [False, True]
    found = audit([tmp_path / "calls.jsonl"], processes=1).findings
    assert (found.calls, found.spend.total) == (1, bench.simulator.bill_total)
