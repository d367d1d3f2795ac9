"""The official SDK against the simulator: it cannot tell."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel

from tierwise.simulator import Settings, Simulator

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"type": "string", "enum": ["C", "F"]}},
    "required": ["city", "unit"],
    "additionalProperties": False,
}
CHAT_TOOL: Any = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": WEATHER, "strict": True},
}
TOOL: Any = {"type": "function", "name": "get_weather", "parameters": WEATHER, "strict": True}


class Ticket(BaseModel):
    kind: Literal["billing", "shipping", "other"]
    urgent: bool
    lines: list[str]
    amount: float | None


def test_chat_answers_with_usage(bench: Any) -> None:
    found = bench.ask("What is the capital of France?")
    assert found.model == "gpt-5.4-mini-2026-03-17"
    assert found.choices[0].finish_reason == "stop"
    assert found.choices[0].message.content
    assert found.usage.prompt_tokens == 13
    assert found.usage.total_tokens == found.usage.prompt_tokens + found.usage.completion_tokens


def test_a_chat_stream_adds_up_to_the_answer_of_the_same_request(bench: Any) -> None:
    whole = bench.ask("Tell me about birch trees")
    stream = bench.ask("Tell me about birch trees", stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage
    assert all(c.usage is None for c in chunks[:-1])


def test_a_chat_stream_without_include_usage_has_none(bench: Any) -> None:
    assert all(chunk.choices and chunk.usage is None for chunk in bench.ask("Hello", stream=True))


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_chat_calls_the_tool_that_the_prompt_names(bench: Any, stream: bool) -> None:
    options: dict[str, Any] = {
        "messages": [{"role": "user", "content": "Use get_weather for Paris"}],
        "tools": [CHAT_TOOL],
    }
    if stream:
        with bench.client.chat.completions.stream(model="gpt-5.4", **options) as events:
            for _ in events:
                pass
            message = events.get_final_completion().choices[0].message
    else:
        message = bench.client.chat.completions.create(model="gpt-5.4", **options).choices[0].message
    assert message.tool_calls[0].function.name == "get_weather"
    assert json.loads(message.tool_calls[0].function.arguments)["city"] == "Paris"


def test_after_the_tool_result_chat_answers_in_words(bench: Any) -> None:
    messages: list[Any] = [{"role": "user", "content": "Use get_weather for Paris"}]
    first = bench.client.chat.completions.create(model="gpt-5.4", messages=messages, tools=[CHAT_TOOL])
    call = first.choices[0].message.tool_calls[0]
    messages += [first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "18 C"}]
    second = bench.client.chat.completions.create(model="gpt-5.4", messages=messages, tools=[CHAT_TOOL])
    assert second.choices[0].finish_reason == "stop"
    assert second.choices[0].message.content


def test_structured_output_parses_in_both_endpoints(bench: Any) -> None:
    messages: Any = [{"role": "user", "content": "I was charged twice"}]
    chat = bench.client.chat.completions.parse(model="gpt-5.4", messages=messages, response_format=Ticket)
    assert isinstance(chat.choices[0].message.parsed, Ticket)
    response = bench.client.responses.parse(model="gpt-5.4", input="I was charged twice", text_format=Ticket)
    assert isinstance(response.output_parsed, Ticket)


def test_responses_answer_and_stream_alike(bench: Any) -> None:
    whole = bench.client.responses.create(model="gpt-5.5", input="Plan a garden")
    with bench.client.responses.stream(model="gpt-5.5", input="Plan a garden") as stream:
        numbers = [event.sequence_number for event in stream]
        final = stream.get_final_response()
    assert final.output_text == whole.output_text != ""
    assert final.usage == whole.usage
    assert final.usage.output_tokens_details.reasoning_tokens > 0
    assert numbers == sorted(set(numbers))


def test_responses_tools_go_round(bench: Any) -> None:
    first = bench.client.responses.create(model="gpt-5.5", input="Use get_weather for Oslo", tools=[TOOL])
    call = next(item for item in first.output if item.type == "function_call")
    assert json.loads(call.arguments)["unit"] in {"C", "F"}
    output: Any = [{"type": "function_call_output", "call_id": call.call_id, "output": "4 C"}]
    second = bench.client.responses.create(
        model="gpt-5.5", input=output, tools=[TOOL], previous_response_id=first.id
    )
    assert second.output_text
    assert second.usage.input_tokens > first.usage.input_tokens


def test_background_goes_from_queued_to_completed_by_the_clock(bench: Any) -> None:
    made = bench.client.responses.create(model="gpt-5.4", input="Write a report", background=True)
    assert made.status == "queued"
    assert bench.simulator.bill == ()
    bench.clock.now += 0.1
    assert bench.client.responses.retrieve(made.id).status == "in_progress"
    bench.clock.now += 1
    done = bench.client.responses.retrieve(made.id)
    assert done.status == "completed"
    assert done.output_text
    assert len(bench.simulator.bill) == 1
    items = bench.client.responses.input_items.list(made.id).data
    assert items[0].content[0].text == "Write a report"
    bench.client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        bench.client.responses.retrieve(made.id)


def test_cancelled_background_work_is_not_billed(bench: Any) -> None:
    made = bench.client.responses.create(model="gpt-5.4", input="Write a report", background=True)
    assert bench.client.responses.cancel(made.id).status == "cancelled"
    bench.clock.now += 10
    assert bench.client.responses.retrieve(made.id).status == "cancelled"
    assert bench.simulator.bill == ()


def test_conversations_remember(bench: Any) -> None:
    conversation = bench.client.conversations.create()
    first = bench.client.responses.create(
        model="gpt-5.4", input="My name is Ada", conversation=conversation.id
    )
    second = bench.client.responses.create(model="gpt-5.4", input="Who am I?", conversation=conversation.id)
    assert second.usage.input_tokens > first.usage.input_tokens
    assert len(bench.client.conversations.items.list(conversation.id).data) == 4


def test_hosted_tool_search_loads_what_fits(bench: Any) -> None:
    tools: Any = [
        {"type": "tool_search"},
        {"type": "function", "name": "lookup_rate", "description": "Look up an exchange rate between currencies.", "parameters": WEATHER, "defer_loading": True},
        {"type": "namespace", "name": "crm", "description": "Customers and their orders.",
         "tools": [{"type": "function", "name": "list_orders", "description": "List the orders of a customer.", "parameters": WEATHER, "defer_loading": True},
                   {"type": "function", "name": "find_customer", "description": "Find a customer.", "parameters": WEATHER, "defer_loading": True}]},
    ]  # fmt: skip
    found = bench.client.responses.create(
        model="gpt-5.4", input="List the orders of customer Ada", tools=tools
    )
    kinds = [item.type for item in found.output]
    assert kinds == ["tool_search_call", "tool_search_output", "function_call"]
    assert found.output[0].arguments == {"paths": ["crm"]}
    assert (found.output[2].name, found.output[2].namespace) == ("list_orders", "crm")
    alone = bench.client.responses.create(
        model="gpt-5.4", input="Which exchange rate has the krona?", tools=tools
    )
    assert alone.output[2].namespace == "lookup_rate"


def test_small_endpoints_answer(bench: Any) -> None:
    client = bench.client
    assert client.models.retrieve("gpt-5.4-nano").shutdown_date == "2027-04-01"
    assert {"gpt-5.5", "gpt-6-luna"} <= {model.id for model in client.models.list()}
    counted = client.responses.input_tokens.count(model="gpt-4.1-mini", input="Hello there")
    assert (
        counted.input_tokens
        == client.responses.create(model="gpt-4.1-mini", input="Hello there").usage.input_tokens
    )
    vectors = client.embeddings.create(
        model="text-embedding-3-small", input=["a cat", "a cat", "two dogs"]
    ).data
    assert vectors[0].embedding == vectors[1].embedding != vectors[2].embedding
    decided = client.decisions.create(
        model="gpt-6-luna",
        input="The parcel is late.",
        questions=[
            {"type": "predicate", "instructions": "Is it a complaint?"},
            {
                "type": "choice",
                "instructions": "Which?",
                "choices": [{"value": "billing"}, {"value": "shipping"}],
            },
            {"type": "score", "instructions": "How urgent?", "levels": [{"label": "low"}, {"label": "high"}]},
        ],
    )
    assert [answer.type for answer in decided.answers] == ["predicate", "choice", "score"]
    assert decided.usage.output_tokens == 0
    assert [line.endpoint for line in bench.simulator.bill] == ["responses", "embeddings", "decisions"]


def test_the_bill_is_the_usage_of_every_answer(bench: Any) -> None:
    """Tokens of the bill's lines are those that the caller was told; cost by hand for one of them."""
    first = bench.ask("One question", model="gpt-5.4")
    second = bench.client.responses.create(model="gpt-5.5", input="Another", reasoning={"effort": "low"})
    lines = bench.simulator.bill
    assert [(line.used.input, line.used.output) for line in lines] == [
        (first.usage.prompt_tokens, first.usage.completion_tokens),
        (second.usage.input_tokens, second.usage.output_tokens),
    ]
    used = first.usage
    assert lines[0].cost == (used.prompt_tokens * Decimal("2.5") + used.completion_tokens * 15) / Decimal(
        1_000_000
    )
    assert bench.simulator.bill_total == sum(line.cost for line in lines)


def test_the_async_client_in_the_same_loop() -> None:
    async def run() -> list[str]:
        async with Simulator(Settings(seed=3)) as simulator:
            client = openai.AsyncOpenAI(base_url=simulator.base_url, api_key="sk-test", max_retries=0)
            async with client:
                one = await client.responses.create(model="gpt-5.4", input="Hello")
                stream = await client.chat.completions.create(
                    model="gpt-5.4", messages=[{"role": "user", "content": "Hello"}], stream=True
                )
                two = [chunk.choices[0].delta.content or "" async for chunk in stream]
                many = await asyncio.gather(
                    *(client.responses.create(model="gpt-5.4-nano", input=f"Number {n}") for n in range(20))
                )
                assert len(simulator.bill) == 22
                return [one.output_text, "".join(two), *(r.output_text for r in many)]

    assert all(asyncio.run(run()))


def test_the_same_seed_gives_the_same_answers_and_another_seed_others() -> None:
    def answers(seed: int) -> list[str]:
        with (
            Simulator(Settings(seed=seed)) as simulator,
            openai.OpenAI(base_url=simulator.base_url, api_key="sk-x") as client,
        ):
            return [
                client.responses.create(model="gpt-5.4", input=f"Question {n}").output_text for n in range(4)
            ]

    assert answers(5) == answers(5) != answers(6)
