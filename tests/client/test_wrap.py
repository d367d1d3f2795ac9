"""The official SDK through `tierwise.wrap`: the same client, its calls sent where the policy says."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel

import tierwise
from tierwise.catalog import Catalog
from tierwise.errors import CallerError, ConfigurationError
from tierwise.policy import canonical, decide, load_policy
from tierwise.simulator import Fault

CLASSIFY = "Classify the ticket as one of: billing, shipping, other. Answer with the word alone."
WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"type": "string"}},
    "required": ["city"],
}
CHAT_TOOL: dict[str, Any] = {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}
TOOL: dict[str, Any] = {"type": "function", "name": "get_weather", "parameters": WEATHER, "strict": False}
MESSAGES: list[Any] = [
    {"role": "system", "content": CLASSIFY},
    {"role": "user", "content": "I was charged twice."},
]


class Ticket(BaseModel):
    kind: Literal["billing", "shipping", "other"]


def entries(client: Any) -> Any:
    found = tierwise.recorder(client)
    assert isinstance(found, tierwise.MemoryRecorder)
    return found.entries


def test_a_wrapped_client_is_of_the_same_class_and_the_bare_one_stays_as_it_was(bench: Any) -> None:
    bare = bench.bare()
    client = tierwise.wrap(bare, policy=bench.policy())
    assert type(client) is openai.OpenAI
    bare.chat.completions.create(model="gpt-5.5", messages=MESSAGES)
    assert entries(client) == ()
    assert bench.bodies[-1]["model"] == "gpt-5.5"


def test_chat_goes_to_the_rung_of_its_rule(bench: Any) -> None:
    client = bench.wrapped()
    found = client.chat.completions.create(model="gpt-5.5", messages=MESSAGES, max_completion_tokens=50)
    assert found.model.startswith("gpt-5.4-nano")
    changed = {"model": "gpt-5.4-nano", "reasoning_effort": "none"}
    asked = {"messages": MESSAGES, "max_completion_tokens": 50}
    assert {**asked, **changed} == {"reasoning_effort": "none", **bench.bodies[-1]}
    (entry,) = entries(client)
    assert entry.decision.moved
    assert entry.decision.unproven
    assert entry.decision.rule == "small work"


def test_responses_goes_to_the_rung_of_its_rule(bench: Any) -> None:
    client = bench.wrapped()
    found = client.responses.create(model="gpt-5.5", instructions=CLASSIFY, input="Where is my parcel?")
    assert found.model.startswith("gpt-5.4-nano")
    # Its default is to reason not at all, so nothing needs to be said.
    assert "reasoning" not in bench.bodies[-1]
    assert found.output_text


def test_model_auto_goes_to_the_baseline_where_no_rule_takes_it_down(bench: Any) -> None:
    client = bench.wrapped("")
    found = client.responses.create(model="auto", input="Prove that there are infinitely many primes.")
    assert found.model.startswith("gpt-5.5")
    assert bench.bodies[-1]["model"] == "gpt-5.5"
    assert found.reasoning.effort == "medium"


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_stream_is_decided_and_its_usage_recorded(bench: Any, api: str) -> None:
    client = bench.wrapped()
    if api == "chat":
        chunks = list(client.chat.completions.create(model="gpt-5.5", messages=MESSAGES, stream=True))
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        # Usage was asked for by us alone, so the caller does not see it.
        assert all(chunk.usage is None and chunk.choices for chunk in chunks)
        assert bench.bodies[-1]["stream_options"] == {"include_usage": True}
    else:
        events = list(
            client.responses.create(model="gpt-5.5", instructions=CLASSIFY, input="Twice!", stream=True)
        )
        text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        assert events[-1].type == "response.completed"
    assert text
    (entry,) = entries(client)
    assert entry.line.tokens.output > 0
    assert not entry.line.estimated
    assert entry.cost == bench.simulator.bill_total


def test_a_caller_who_asks_for_usage_gets_it(bench: Any) -> None:
    client = bench.wrapped()
    stream = client.chat.completions.create(
        model="gpt-5.5", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    assert list(stream)[-1].usage.prompt_tokens > 0


def test_the_asynchronous_client_does_all_of_it(bench: Any) -> None:
    async def run() -> Any:
        async with bench.bare_async() as bare:
            client = tierwise.wrap(bare, policy=bench.policy())
            assert type(client) is openai.AsyncOpenAI
            chat = await client.chat.completions.create(model="gpt-5.5", messages=MESSAGES)
            answer = await client.responses.create(model="gpt-5.5", instructions=CLASSIFY, input="Twice!")
            stream = await client.chat.completions.create(model="gpt-5.5", messages=MESSAGES, stream=True)
            chunks = [chunk async for chunk in stream]
            events = [
                event
                async for event in await client.responses.create(
                    model="gpt-5.5", instructions=CLASSIFY, input="Where?", stream=True
                )
            ]
            assert chunks
            assert events[-1].type == "response.completed"
            together = await asyncio.gather(
                *(client.responses.create(model="gpt-5.5", input=f"Say hello to {n}") for n in range(20))
            )
            assert len({answer.id for answer in together}) == 20
            return chat.model, answer.model, entries(client)

    chat, answer, recorded = asyncio.run(run())
    assert chat.startswith("gpt-5.4-nano")
    assert answer.startswith("gpt-5.4-nano")
    assert len(recorded) == 24
    assert sum((entry.cost for entry in recorded), Decimal(0)) == bench.simulator.bill_total


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_tools_work_through_the_wrapped_client(bench: Any, stream: bool) -> None:
    client = bench.wrapped()
    options: dict[str, Any] = {
        "messages": [{"role": "user", "content": "Use get_weather for Paris"}],
        "tools": [CHAT_TOOL],
    }
    if stream:
        with client.chat.completions.stream(model="gpt-5.4", **options) as events:
            for _ in events:
                pass
            message = events.get_final_completion().choices[0].message
    else:
        message = client.chat.completions.create(model="gpt-5.4", **options).choices[0].message
    assert message.tool_calls[0].function.name == "get_weather"
    assert json.loads(message.tool_calls[0].function.arguments)["city"] == "Paris"
    # Same-endpoint calls get no key that the caller did not send.
    assert bench.bodies[-1]["tools"] == [CHAT_TOOL]


def test_structured_output_is_parsed_through_the_wrapped_client(bench: Any) -> None:
    client = bench.wrapped()
    chat = client.chat.completions.parse(model="gpt-5.5", messages=MESSAGES, response_format=Ticket)
    assert isinstance(chat.choices[0].message.parsed, Ticket)
    answer = client.responses.parse(model="gpt-5.5", input="I was charged twice.", text_format=Ticket)
    assert isinstance(answer.output_parsed, Ticket)
    assert len(entries(client)) == 2


def test_raw_and_streaming_responses_carry_what_was_decided(bench: Any) -> None:
    client = bench.wrapped()
    raw = client.chat.completions.with_raw_response.create(model="gpt-5.5", messages=MESSAGES)
    assert raw.headers["x-tierwise-rung"] == "gpt-5.4-nano (none)"
    assert raw.headers["x-tierwise-lane"] == "standard"
    assert raw.headers["x-tierwise-rule"] == "small work"
    assert raw.headers["x-tierwise-unproven"] == "true"
    assert Decimal(raw.headers["x-tierwise-cost"]) == bench.simulator.bill_total
    assert raw.parse().choices
    with client.responses.with_streaming_response.create(model="gpt-5.5", input="Hi") as response:
        assert response.headers["x-tierwise-decision"].startswith("tw_")
        assert response.parse().output_text


def test_every_cost_is_the_simulators_own(bench: Any) -> None:
    client = bench.wrapped()
    for text in ("I was charged twice.", "Where is it?", "Hello"):
        client.chat.completions.create(
            model="gpt-5.5",
            messages=[{"role": "system", "content": CLASSIFY}, {"role": "user", "content": text}],
        )
        client.responses.create(model="gpt-5.4", instructions=CLASSIFY, input=text, service_tier="flex")
    client.embeddings.create(model="text-embedding-3-small", input="a text")
    found = tierwise.recorder(client)
    assert found.cost == bench.simulator.bill_total
    assert found.calls == 7
    assert found.unpriced == 0
    assert found.saved > 0


def test_what_was_decided_is_decided_again_from_what_was_stored(bench: Any) -> None:
    client = bench.wrapped()
    for text in ("one", "two", "three"):
        client.responses.create(model="gpt-5.5", instructions=CLASSIFY, input=text)
    prices = Catalog.open()
    policy = load_policy(bench.policy(), prices)
    for entry in entries(client):
        day = dt.datetime.fromtimestamp(entry.line.at / 1e6, dt.UTC).date()
        again = decide(entry.facts, policy, entry.state, prices, day)
        assert canonical(again) == canonical(entry.decision)


def test_a_lane_of_ours_that_has_no_room_gives_way_to_the_one_asked_for(start: Any) -> None:
    bench = start(faults=[Fault(kind="flex_unavailable", at=(1,))])
    rule = """
[[rule]]
name = "patient work"
match = { depth = ["commodity", "routine"] }
lanes = ["flex"]
deadline = "1h"
stage = "on"
"""
    client = bench.wrapped(rule)
    first = client.chat.completions.create(model="gpt-5.5", messages=MESSAGES)
    second = client.chat.completions.create(model="gpt-5.5", messages=MESSAGES)
    assert (first.service_tier, second.service_tier) == ("default", "flex")
    refused, served = entries(client)
    assert refused.attempts == 2
    assert "status 429" in refused.reason
    assert (refused.line.lane, served.line.lane) == ("standard", "flex")
    assert refused.cost + served.cost == bench.simulator.bill_total


def test_many_threads_may_share_one_client(bench: Any) -> None:
    client = bench.wrapped()

    def work(number: int) -> str:
        found = client.responses.create(model="gpt-5.5", instructions=CLASSIFY, input=f"Ticket {number}")
        return str(found.id)

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(work, range(80)))
    recorder = tierwise.recorder(client)
    assert len(set(ids)) == recorder.calls == 80
    assert {entry.line.id for entry in recorder.entries} == set(ids)
    assert recorder.cost == bench.simulator.bill_total


def test_a_caller_that_cancels_is_recorded_as_one_who_left(start: Any) -> None:
    bench = start(faults=[Fault(kind="slow_first_byte", at=(1,), seconds=5)])

    async def run() -> Any:
        async with bench.bare_async() as bare:
            client = tierwise.wrap(bare, policy=bench.policy())
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await client.responses.create(model="gpt-5.5", input="Hi")
            return entries(client)

    (entry,) = asyncio.run(run())
    assert entry.line.status == "abandoned"
    assert entry.cost is None


def test_a_connection_that_breaks_reaches_the_caller_as_the_sdk_has_it(start: Any) -> None:
    bench = start(faults=[Fault(kind="reset", at=(1, 2))])
    client = tierwise.wrap(bench.bare(max_retries=1), policy=bench.policy())
    with pytest.raises(openai.APIConnectionError):
        client.responses.create(model="gpt-5.5", input="Hi")
    assert client.responses.create(model="gpt-5.5", input="Hi").output_text
    assert [entry.line.status for entry in entries(client)] == ["unknown", "unknown", "ok"]


@pytest.mark.parametrize("kind", ["cut", "close_early", "malformed"])
def test_a_broken_stream_is_what_it_would_have_been_and_is_recorded(start: Any, kind: Any) -> None:
    bench = start(faults=[Fault(kind=kind, at=(1, 2), after=3)])
    bare, client = bench.bare(), bench.wrapped()
    told = []
    for one in (bare, client):
        try:
            chunks = list(one.chat.completions.create(model="gpt-5.5", messages=MESSAGES, stream=True))
            told.append(f"{len(chunks)} chunks")
        except Exception as error:  # noqa: BLE001 - whatever the SDK makes of it
            told.append(type(error).__name__)
    assert told[0].split()[-1] == told[1].split()[-1]
    (entry,) = entries(client)
    assert entry.line.status in {"abandoned", "ok"}


def test_errors_of_upstream_reach_the_caller_as_they_are(bench: Any) -> None:
    client = bench.wrapped()
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-9-foo", messages=MESSAGES)
    assert caught.value.code == "model_not_found"
    (entry,) = entries(client)
    assert entry.line.status == "error"
    assert entry.cost == 0
    assert "gpt-9-foo" in entry.decision.reasons[0]


def test_a_call_outside_the_owners_limits_does_not_go(bench: Any) -> None:
    client = bench.wrapped(head=HEAD_APPROVED)
    with pytest.raises(openai.PermissionDeniedError) as caught:
        client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "Prove Fermat's last theorem."}]
        )
    assert caught.value.code == "tierwise_limits"
    assert "approved" in str(caught.value)
    assert bench.simulator.requests == 0


HEAD_APPROVED = """
version = 1
name = "test"
ladder = "gpt-5.4"
[limits]
approved = ["gpt-5.4-nano", "gpt-5.4-mini", "gpt-5.4", "gpt-5.5"]
"""


def test_labels_are_recorded_and_hints_count_only_for_trusted_callers(bench: Any) -> None:
    rule = """
[[rule]]
name = "jobs"
match = { workload = "nightly" }
rung = "gpt-5.4-mini"
stage = "on"
unproven = true
approved_by = "kim"
"""
    for caller, model in (("key:jobs", "gpt-5.4-mini"), ("key:else", "gpt-5.5")):
        client = bench.wrapped(rule, caller=caller)
        with tierwise.labels(
            workload="nightly", session="s1", trace="t1", span="a", name="step", tags=("x",)
        ):
            found = client.responses.create(model="gpt-5.5", input="Do something")
        assert found.model.startswith(model + "-2")
        (entry,) = entries(client)
        assert (entry.line.session, entry.line.trace, entry.line.span) == ("s1", "t1", "a")
        assert entry.line.name == "step"
        assert entry.line.tags == ("x",)


def test_labels_nest_and_refuse_what_they_do_not_know() -> None:
    with tierwise.labels(session="s") as outer:
        with tierwise.labels(trace="t") as inner:
            assert (inner.session, inner.trace) == ("s", "t")
        assert outer.trace is None
    with pytest.raises(CallerError, match="colour"), tierwise.labels(colour="red"):
        pass
    with pytest.raises(CallerError, match="task"), tierwise.labels(task="juggling"):
        pass


def test_a_call_may_ask_not_to_be_routed(bench: Any) -> None:
    client = bench.wrapped()
    with tierwise.labels(route=False):
        inside = client.responses.create(model="gpt-5.5", instructions=CLASSIFY, input="Twice!")
    by_header = client.responses.create(
        model="gpt-5.5", instructions=CLASSIFY, input="Twice!", extra_headers={"x-tierwise-route": "off"}
    )
    assert inside.model.startswith("gpt-5.5")
    assert by_header.model.startswith("gpt-5.5")
    assert not any(
        name.startswith("x-tierwise") for seen in bench.simulator.received for name in seen.headers
    )
    assert {entry.reason for entry in entries(client)} == {"asked not to be routed"}


def test_without_a_policy_file_the_error_says_how_to_get_one(
    bench: Any, tmp_path: Any, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="tierwise policy init"):
        tierwise.wrap(bench.bare())


def test_only_openai_clients_are_wrapped(bench: Any) -> None:
    with pytest.raises(CallerError, match="expected an openai"):
        tierwise.wrap(object())
    with pytest.raises(CallerError, match="both"):
        tierwise.wrap(bench.bare(), policy=bench.policy(), observe=True)
    with pytest.raises(CallerError, match="wrap returned"):
        tierwise.recorder(bench.bare())
