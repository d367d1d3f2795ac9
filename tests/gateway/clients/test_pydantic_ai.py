"""Pydantic AI's agents, by Chat Completions and by Responses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Literal

import pytest
from pydantic import BaseModel

pytest.importorskip(
    "pydantic_ai", reason="pydantic-ai-slim is not installed: it is in the dependency group 'clients'"
)

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

CLASSIFY = "Classify the ticket as one of: billing, shipping, other. Answer with the word alone."
KINDS = pytest.mark.parametrize("kind", [OpenAIChatModel, OpenAIResponsesModel], ids=["chat", "responses"])


class Ticket(BaseModel):
    """What a ticket is about."""

    kind: Literal["billing", "shipping", "other"]


def run(bench: Any, kind: Any, work: Callable[[Any], Any]) -> Any:
    """Do work with a model as in any program, but for base URL and key."""

    async def running() -> Any:
        provider = OpenAIProvider(base_url=bench.base_url, api_key=bench.key())
        async with provider.client:
            return await work(kind("gpt-5.5", provider=provider))

    return asyncio.run(running())


@KINDS
def test_an_agent_answers_with_its_output_type_from_the_cheap_rung(
    bench: Any, written: Callable[..., Any], kind: Any
) -> None:
    agent = Agent(instructions=CLASSIFY, output_type=Ticket)
    result = run(bench, kind, lambda model: agent.run("I was charged twice.", model=model))

    assert isinstance(result.output, Ticket)
    (row,) = written(1)
    assert row["rule"] == "small work"
    assert row["served"].startswith("gpt-5.4-nano")
    assert (result.usage.input_tokens, result.usage.output_tokens) == (row["input"], row["output"])


@KINDS
def test_an_agent_calls_its_tool_and_the_result_goes_back(
    bench: Any, written: Callable[..., Any], kind: Any
) -> None:
    agent: Agent[None, str] = Agent(instructions="Help the traveller.")
    asked: list[str] = []

    @agent.tool_plain
    def get_weather(city: str) -> str:
        """The weather of a city."""
        asked.append(city)
        return "12 degrees"

    result = run(bench, kind, lambda model: agent.run("Use get_weather for Paris", model=model))

    assert asked == ["Paris"]
    assert result.output
    rows = written(2)
    assert result.usage.requests == 2
    assert result.usage.output_tokens == sum(row["output"] for row in rows)
    assert "12 degrees" in json.dumps(json.loads(bench.simulator.received[1].body))


@KINDS
def test_a_streamed_run_comes_in_pieces_and_tells_its_usage(
    bench: Any, written: Callable[..., Any], kind: Any
) -> None:
    agent: Agent[None, str] = Agent(instructions=CLASSIFY)

    async def work(model: Any) -> tuple[list[str], Any]:
        async with agent.run_stream("I was charged twice.", model=model) as streamed:
            pieces = [piece async for piece in streamed.stream_text(delta=True, debounce_by=None)]
            return pieces, streamed.usage

    pieces, usage = run(bench, kind, work)
    assert len(pieces) > 1
    (row,) = written(1)
    assert (usage.input_tokens, usage.output_tokens) == (row["input"], row["output"])


@KINDS
def test_a_conversation_keeps_its_rung_and_every_turn_is_written_down(
    bench: Any, written: Callable[..., Any], kind: Any
) -> None:
    agent: Agent[None, str] = Agent(instructions=CLASSIFY)

    async def work(model: Any) -> str:
        first = await agent.run("I was charged twice.", model=model)
        again = await agent.run("And once more.", model=model, message_history=first.all_messages())
        return str(again.output)

    assert run(bench, kind, work)
    first, second = written(2)
    assert first["served"] == second["served"]
    assert second["input"] > first["input"] + first["output"] - 1
