"""Bodies that ask another rung, and the judge's, pass an API on loopback that checks what OpenAI checks."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from itertools import islice
from pathlib import Path

from tierwise.calls import Call, Outgoing, Retries, plan, read
from tierwise.catalog import Catalog
from tierwise.policy import Limits, Rule, Rung
from tierwise.prove import judge, prepare, sort_replayable
from tierwise.simulator import Settings, Simulator
from tierwise.upstream import Upstream
from tierwise.workloads import Recogniser

SAMPLE = Path(__file__).parent.parent.parent / "sample" / "calls.jsonl.gz"
RUNGS = (Rung("gpt-5.4-nano", "none"), Rung("gpt-5.4-mini", "low"))
RULE = Rule(name="try", through_responses=True, may_drop=frozenset({"temperature", "top_p"}))


def sampled(count: int) -> list[Call]:
    """So many calls that can be replayed, spread over the first 2,000 of the sample."""
    records = (record for unit in plan([SAMPLE]).units for record in read(unit, bodies=True))
    calls = sort_replayable(islice((record for record in records if isinstance(record, Call)), 2_000)).calls
    return [call for call in calls[:: len(calls) // count] if call.response is not None]


def test_replays_and_judgements_are_accepted(catalog: Catalog) -> None:
    calls, recogniser = sampled(60), Recogniser()
    one = judge(
        "gpt-5.5-2026-04-23", ["gpt-5.4-nano", "gpt-5.4-mini"], catalog, dt.date(2026, 11, 24), effort="low"
    )

    async def whole(url: str) -> tuple[Counter[int], Counter[str]]:
        statuses: Counter[int] = Counter()
        outcomes: Counter[str] = Counter()
        async with Upstream(url, "sk-test", retries=Retries(attempts=1)) as upstream:
            for call in calls:
                for rung in RUNGS:
                    ready = prepare(call, rung, RULE, catalog, Limits(), recogniser)
                    if ready.refused is None:
                        reply = await upstream.send(Outgoing(path=ready.path, body=ready.body))
                        await reply.read()
                        statuses[reply.status] += 1
            for call, other in zip(calls[:15], calls[15:30], strict=True):
                assert call.request is not None
                assert call.response is not None
                assert other.response is not None
                found = await one.compare("unknown", call.request, call.response, other.response, upstream)
                assert found.cost is not None
                outcomes[found.outcome] += 1
        return statuses, outcomes

    with Simulator(Settings(seed=1)) as simulator:
        statuses, outcomes = asyncio.run(whole(simulator.base_url))

    assert set(statuses) == {200}
    assert statuses[200] > 100
    assert outcomes["no verdict"] == 0
    assert outcomes["decided"] + outcomes["tie"] + outcomes["contradiction"] > 0
