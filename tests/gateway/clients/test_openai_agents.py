"""The OpenAI Agents SDK: an orchestrator and those it directs, each on a rung of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

pytest.importorskip(
    "agents", reason="openai-agents is not installed: it is in the dependency group 'clients'"
)

from agents import Agent, ModelSettings, RunConfig, Runner, function_tool, handoff
from agents.models.multi_provider import MultiProvider

POLICY = """
version = 1
name = "agents"
ladder = "gpt-5.4"
trusts = ["key:trusted"]
[[rule]]
name = "by metadata"
match = { metadata = { team = "labels" } }
rung = { model = "gpt-5.4-nano", effort = "none" }
stage = "on"
unproven = true
approved_by = "kim"
[[rule]]
name = "by workload"
match = { workload = "nightly" }
rung = { model = "gpt-5.4-nano", effort = "none" }
stage = "on"
unproven = true
approved_by = "kim"
[[rule]]
name = "sub-agents"
match = { role = "sub-agent" }
rung = "gpt-5.4-mini"
stage = "on"
unproven = true
approved_by = "kim"
[default]
stage = "off"
"""
LEAD = "You are the coordinator of a team. Break the question into sub-questions and hand each to an agent."
PART = "You are one of several research agents. Answer the sub-question assigned to you and report back."


@pytest.fixture
def bench(start: Callable[..., Any], tmp_path: Path) -> Any:
    policy = tmp_path / "agents.toml"
    policy.write_text(POLICY, "utf-8")
    return start(policy=policy)


@asynccontextmanager
async def config(bench: Any, key: str, *, responses: bool = True) -> AsyncIterator[RunConfig]:
    """What a run takes: the SDK's own provider, with a client of our base URL and key."""
    async with openai.AsyncOpenAI(base_url=bench.base_url, api_key=key, max_retries=0) as client:
        provider = MultiProvider(openai_client=client, openai_use_responses=responses)
        yield RunConfig(model_provider=provider, tracing_disabled=True)


def run(bench: Any, work: Callable[[RunConfig], Awaitable[Any]], key: str = "", **options: Any) -> Any:
    async def running() -> Any:
        async with config(bench, key or bench.key(), **options) as how:
            return await work(how)

    return asyncio.run(running())


def agent(name: str, instructions: str, **options: Any) -> Agent[Any]:
    return Agent(name=name, instructions=instructions, model="gpt-5.5", **options)


@pytest.mark.parametrize("responses", [True, False], ids=["responses", "chat"])
def test_sub_agents_as_tools_go_by_their_instructions_to_a_cheaper_rung_than_their_orchestrator(
    bench: Any, written: Callable[..., Any], responses: bool
) -> None:
    dates = agent("Dates", PART).as_tool("ask_dates", "Finds dates")
    prices = agent("Prices", PART).as_tool("ask_prices", "Finds prices")
    lead = agent("Lead", LEAD, tools=[dates, prices])
    question = "Use ask_dates and ask_prices for the fair in Lyon"
    result = run(bench, lambda how: Runner.run(lead, question, run_config=how), responses=responses)

    assert result.final_output
    rows = written(4)
    assert [row["served"].rpartition("-20")[0] for row in rows] == [
        "gpt-5.5", "gpt-5.4-mini", "gpt-5.4-mini", "gpt-5.5",
    ]  # fmt: skip
    assert [row["rule"] for row in rows] == ["default", "sub-agents", "sub-agents", "default"]
    assert {row["endpoint"] for row in rows} == {"responses" if responses else "chat"}
    assert result.context_wrapper.usage.output_tokens == sum(row["output"] for row in rows)
    last = json.loads(bench.simulator.received[-1].body)
    turns = last["input" if responses else "messages"]
    came = [
        turn for turn in turns if turn.get("type") == "function_call_output" or turn.get("role") == "tool"
    ]
    assert len(came) == 2, "the answers of both sub-agents reach the orchestrator"


def test_a_hand_off_moves_the_conversation_to_the_rung_that_metadata_names(
    bench: Any, written: Callable[..., Any]
) -> None:
    labels = agent("Labels", "Label the ticket.", model_settings=ModelSettings(metadata={"team": "labels"}))
    triage = agent("Triage", "Help the customer.", handoffs=[handoff(labels)])
    question = "Please transfer_to_labels: I was charged twice"
    result = run(bench, lambda how: Runner.run(triage, question, run_config=how))

    assert result.last_agent is labels
    before, after = written(2)
    assert (before["rule"], after["rule"]) == ("default", "by metadata")
    assert before["served"].startswith("gpt-5.5-20")
    assert after["served"].startswith("gpt-5.4-nano-20")


def test_a_workload_header_moves_an_agent_only_for_a_key_that_the_policy_trusts(
    bench: Any, written: Callable[..., Any]
) -> None:
    settings = ModelSettings(extra_headers={"x-tierwise-workload": "nightly"})
    nightly = agent("Nightly", "Write the summary.", model_settings=settings)
    for name in ("trusted", "other"):
        run(bench, lambda how: Runner.run(nightly, "The day", run_config=how), bench.key(name))

    assert [(row["key"], row["rule"]) for row in written(2)] == [
        ("trusted", "by workload"),
        ("other", "default"),
    ]
    assert not any(
        name.startswith("x-tierwise") for sent in bench.simulator.received for name in sent.headers
    )


def test_a_streamed_run_with_a_function_tool_is_written_down_turn_by_turn(
    bench: Any, written: Callable[..., Any]
) -> None:
    asked: list[str] = []

    @function_tool
    def get_weather(city: str) -> str:
        asked.append(city)
        return "12 degrees"

    worker = agent("Worker", PART, tools=[get_weather])

    async def work(how: RunConfig) -> str:
        streamed = Runner.run_streamed(worker, "Use get_weather for Paris", run_config=how)
        return "".join(
            [
                event.data.delta
                async for event in streamed.stream_events()
                if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
            ]
        )

    assert run(bench, work)
    assert asked == ["Paris"]
    first, second = written(2)
    assert {first["rule"], second["rule"]} == {"sub-agents"}
    assert second["input"] > first["input"]
    assert "12 degrees" in json.dumps(json.loads(bench.simulator.received[-1].body))


def test_a_second_run_by_the_id_of_the_last_response_stays_on_the_rung_that_answered(
    bench: Any, written: Callable[..., Any]
) -> None:
    worker = agent("Worker", PART)

    async def work(how: RunConfig) -> str:
        first = await Runner.run(worker, "When is the fair?", run_config=how)
        known = first.last_response_id
        again = await Runner.run(worker, "And the next?", run_config=how, previous_response_id=known)
        return str(again.final_output)

    assert run(bench, work)
    first, second = written(2)
    assert first["served"] == second["served"]
    assert first["served"].startswith("gpt-5.4-mini-20")
    assert json.loads(bench.simulator.received[1].body)["previous_response_id"] == first["response_id"]
