"""The official SDK: what goes back and forth in several steps, and what is kept upstream."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel

from tierwise.simulator import Settings as Simulated

CLASSIFY = "Classify the ticket as one of: billing, shipping, other. Answer with the word alone."
MESSAGES: list[Any] = [
    {"role": "system", "content": CLASSIFY},
    {"role": "user", "content": "I was charged twice."},
]
PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
ASK: Any = {"role": "user", "content": "Use get_weather for Paris"}
LINE = {"custom_id": "a", "method": "POST", "url": "/v1/responses", "body": {"model": "gpt-5.4-nano"}}


class Ticket(BaseModel):
    kind: Literal["billing", "shipping", "other"]


def test_a_tool_is_called_and_its_result_goes_back_by_chat(bench: Any, written: Callable[..., Any]) -> None:
    client = bench.client()
    tools: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": PARAMETERS}}]
    asked = client.chat.completions.create(model="gpt-5.4", messages=[ASK], tools=tools).choices[0].message
    (call,) = asked.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "content": "12 degrees"}
    told = client.chat.completions.create(model="gpt-5.4", messages=[ASK, asked, result], tools=tools)

    assert json.loads(call.function.arguments) == {"city": "Paris"}
    assert told.choices[0].message.content
    assert json.loads(bench.simulator.received[1].body)["messages"][-1] == result
    first, second = written(2)
    assert second["input"] > first["input"]
    assert second["input"] == told.usage.prompt_tokens


def test_a_tool_is_called_and_its_result_goes_back_by_responses(
    bench: Any, written: Callable[..., Any]
) -> None:
    client = bench.client()
    tools: Any = [{"type": "function", "name": "get_weather", "parameters": PARAMETERS, "strict": True}]
    asked = client.responses.create(model="gpt-5.4", input=[ASK], tools=tools)
    call = next(item for item in asked.output if item.type == "function_call")
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "12 degrees"}
    told = client.responses.create(
        model="gpt-5.4", input=[result], tools=tools, previous_response_id=asked.id
    )

    assert json.loads(call.arguments) == {"city": "Paris"}
    assert told.output_text
    assert json.loads(bench.simulator.received[1].body)["input"] == [result]
    assert [row["response_id"] for row in written(2)] == [asked.id, told.id]


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_parsed_answer_is_of_the_type_asked_for_and_comes_from_the_cheap_rung(
    bench: Any, written: Callable[..., Any], api: str
) -> None:
    client = bench.client()
    if api == "chat":
        made = client.chat.completions.parse(model="gpt-5.5", messages=MESSAGES, response_format=Ticket)
        parsed, schema = made.choices[0].message.parsed, ("response_format", "json_schema", "schema")
    else:
        made = client.responses.parse(model="gpt-5.5", input=MESSAGES, text_format=Ticket)
        parsed, schema = made.output_parsed, ("text", "format", "schema")
    arrived = json.loads(bench.simulator.received[0].body)

    assert isinstance(parsed, Ticket)
    assert (made.model.startswith("gpt-5.4-nano"), arrived["model"]) == (True, "gpt-5.4-nano")
    for step in schema:
        arrived = arrived[step]
    assert arrived["properties"]["kind"]["enum"] == ["billing", "shipping", "other"]
    assert written(1)[0]["rule"] == "small work"


def test_the_streaming_helpers_put_the_same_answer_together(bench: Any, written: Callable[..., Any]) -> None:
    client = bench.client()
    with client.responses.stream(model="gpt-5.5", input=MESSAGES, text_format=Ticket) as events:
        kinds = [event.type for event in events]
        answer = events.get_final_response()
    with client.chat.completions.stream(
        model="gpt-5.5", messages=MESSAGES, stream_options={"include_usage": True}
    ) as chunks:
        text = "".join(event.delta for event in chunks if event.type == "content.delta")
        completion = chunks.get_final_completion()

    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    assert isinstance(answer.output_parsed, Ticket)
    assert completion.choices[0].message.content == text != ""
    rows = written(2)
    assert [row["output"] for row in rows] == [answer.usage.output_tokens, completion.usage.completion_tokens]
    assert {row["rule"] for row in rows} == {"small work"}


def test_asynchronous_streams_of_both_kinds_run_side_by_side(bench: Any, written: Callable[..., Any]) -> None:
    key = bench.key()

    async def one(client: openai.AsyncOpenAI, number: int) -> str:
        if number % 2:
            chunks = await client.chat.completions.create(model="gpt-5.5", messages=MESSAGES, stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])
        events = await client.responses.create(model="gpt-5.5", input=f"Translate: {number}", stream=True)
        return "".join([event.delta async for event in events if event.type == "response.output_text.delta"])

    async def run() -> list[str]:
        async with openai.AsyncOpenAI(base_url=bench.base_url, api_key=key, max_retries=0) as client:
            return await asyncio.gather(*(one(client, number) for number in range(8)))

    assert all(asyncio.run(run()))
    assert sorted(row["endpoint"] for row in written(8)) == ["chat"] * 4 + ["responses"] * 4


def test_background_work_is_routed_waited_for_and_covered_by_what_is_held(bench: Any) -> None:
    client = bench.client()
    made = client.responses.create(model="gpt-5.5", instructions=CLASSIFY, input="Twice!", background=True)
    assert made.status in {"queued", "in_progress"}
    found, end = made, time.monotonic() + 10
    while found.status in {"queued", "in_progress"} and time.monotonic() < end:
        time.sleep(0.05)
        found = client.responses.retrieve(made.id)
    assert found.status == "completed"
    assert found.output_text
    assert found.model.startswith("gpt-5.4-nano")
    assert found.usage.output_tokens == bench.simulator.bill[0].used.output
    total = bench.ledger.totals()[0]
    assert total.cost + total.reserved >= bench.simulator.bill_total > 0
    client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)


def test_background_work_can_be_cancelled_by_its_own_project_alone(start: Callable[..., Any]) -> None:
    bench = start(simulated=Simulated(seed=1, keep_requests=True, background_seconds=60))
    client, other = (bench.client(bench.key(name, project=name)) for name in ("mine", "theirs"))
    made = client.responses.create(model="gpt-5.5", input="A long report", background=True)
    with pytest.raises(openai.NotFoundError):
        other.responses.cancel(made.id)
    assert client.responses.cancel(made.id).status == "cancelled"
    assert client.responses.retrieve(made.id).status == "cancelled"
    assert bench.simulator.bill_total == 0


def test_a_file_is_uploaded_listed_read_and_deleted(bench: Any) -> None:
    client = bench.client()
    content = json.dumps(LINE).encode() + b"\n"
    made = client.files.create(file=("in.jsonl", content), purpose="batch")
    assert [(file.id, file.bytes) for file in client.files.list()] == [(made.id, len(content))]
    assert client.files.retrieve(made.id).filename == "in.jsonl"
    assert client.files.content(made.id).content == content
    assert client.files.delete(made.id).deleted
    assert list(client.files.list()) == []
    with pytest.raises(openai.NotFoundError):
        client.files.content(made.id)
    assert bench.ledger.totals() == []
