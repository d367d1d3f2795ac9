"""LangChain's ChatOpenAI, by Chat Completions and by Responses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Literal

import pytest
from pydantic import BaseModel

pytest.importorskip(
    "langchain_openai", reason="langchain-openai is not installed: it is in the dependency group 'clients'"
)

from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

MESSAGES: list[Any] = [
    SystemMessage("Classify the ticket as one of: billing, shipping, other. Answer with the word alone."),
    HumanMessage("I was charged twice."),
]
APIS = pytest.mark.parametrize("responses", [False, True], ids=["chat", "responses"])


class Ticket(BaseModel):
    """What a ticket is about."""

    kind: Literal["billing", "shipping", "other"]


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"12 degrees in {city}"


def model(bench: Any, *, responses: bool = False, **options: Any) -> ChatOpenAI:
    """As in any program, but for base URL and key."""
    return ChatOpenAI(
        model="gpt-5.5",
        base_url=bench.base_url,
        api_key=bench.key(),
        max_retries=0,
        use_responses_api=responses,
        **options,
    )


@APIS
def test_an_invocation_is_routed_and_its_usage_metadata_is_what_was_billed(
    bench: Any, written: Callable[..., Any], responses: bool
) -> None:
    answer = model(bench, responses=responses).invoke(MESSAGES)

    assert answer.text
    assert answer.response_metadata["model_name"].startswith("gpt-5.4-nano")
    (row,) = written(1)
    assert (row["rule"], row["endpoint"]) == ("small work", "responses" if responses else "chat")
    assert answer.usage_metadata["input_tokens"] == row["input"]
    assert answer.usage_metadata["output_tokens"] == row["output"]


@APIS
def test_a_stream_comes_in_pieces_and_is_settled(
    bench: Any, written: Callable[..., Any], responses: bool
) -> None:
    pieces = list(model(bench, responses=responses, stream_usage=True).stream(MESSAGES))

    assert sum(bool(piece.text) for piece in pieces) > 1
    whole = sum(pieces[1:], pieces[0])
    (row,) = written(1)
    assert whole.usage_metadata["output_tokens"] == row["output"]
    assert json.loads(bench.simulator.received[0].body)["stream"] is True


@APIS
def test_a_bound_tool_is_called_and_its_result_goes_back(
    bench: Any, written: Callable[..., Any], responses: bool
) -> None:
    bound = model(bench, responses=responses).bind_tools([get_weather])
    question = HumanMessage("Use get_weather for Paris")
    asked = bound.invoke([question])
    (call,) = asked.tool_calls
    result = get_weather.invoke(call)
    told = bound.invoke([question, asked, result])

    assert (call["name"], call["args"]) == ("get_weather", {"city": "Paris"})
    assert isinstance(result, ToolMessage)
    assert told.text
    assert b"12 degrees in Paris" in bench.simulator.received[1].body
    first, second = written(2)
    assert second["input"] > first["input"]


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@APIS
def test_structured_output_is_of_the_type_asked_for(
    bench: Any,
    written: Callable[..., Any],
    responses: bool,
    method: Literal["json_schema", "function_calling"],
) -> None:
    found = model(bench, responses=responses).with_structured_output(Ticket, method=method).invoke(MESSAGES)

    assert isinstance(found, Ticket)
    assert b'"enum":["billing","shipping","other"]' in bench.simulator.received[0].body
    (row,) = written(1)
    assert (row["rule"], row["rung"]) == ("small work", "gpt-5.4-nano (none)")


def test_asynchronous_calls_at_once_are_each_written_down(bench: Any, written: Callable[..., Any]) -> None:
    chat = model(bench)

    async def run() -> list[Any]:
        several = [chat.ainvoke([MESSAGES[0], HumanMessage(f"Ticket {number}")]) for number in range(6)]
        streamed = [piece async for piece in chat.astream(MESSAGES)]
        return [*await asyncio.gather(*several), sum(streamed[1:], streamed[0])]

    answers = asyncio.run(run())
    assert all(answer.text for answer in answers)
    ids = {answer.response_metadata.get("id") or answer.id for answer in answers}
    assert len(ids) == len(written(7)) == 7


def test_a_conversation_kept_upstream_goes_on_by_the_id_of_its_last_response(
    bench: Any, written: Callable[..., Any]
) -> None:
    chat = model(bench, responses=True, use_previous_response_id=True)
    first = chat.invoke(MESSAGES)
    assert chat.invoke([*MESSAGES, first, HumanMessage("And once more.")]).text

    sent = json.loads(bench.simulator.received[1].body)
    assert sent["previous_response_id"] == first.response_metadata["id"]
    assert [item["content"] for item in sent["input"]] == ["And once more."]
    assert len(written(2)) == 2


def test_embeddings_come_as_asked_and_cost_what_upstream_billed(bench: Any) -> None:
    vectors = OpenAIEmbeddings(
        model="text-embedding-3-small",
        base_url=bench.base_url,
        api_key=bench.key(),
        # Counting tokens first would take a vocabulary from the network.
        check_embedding_ctx_length=False,
    )
    assert [len(vector) for vector in vectors.embed_documents(["a tree", "a river"])] == [1536, 1536]

    total = bench.settled(1)
    assert total.input == bench.simulator.bill[0].used.input
    assert total.cost == bench.simulator.bill_total > 0
