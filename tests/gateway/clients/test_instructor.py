"""instructor: answers as types, asked for again where they do not hold."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel, field_validator

pytest.importorskip(
    "instructor",
    reason="instructor is not installed: its releases want jiter below 0.15, openai wants 0.16 or newer",
)

import instructor

MESSAGES: list[Any] = [
    {"role": "system", "content": "Classify the ticket as one of: billing, shipping, other."},
    {"role": "user", "content": "I was charged twice."},
]
MODES = [instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA, instructor.Mode.JSON]


class Ticket(BaseModel):
    """What a ticket is about."""

    kind: Literal["billing", "shipping", "other"]


class Billing(Ticket):
    """A ticket that must be about billing."""

    @field_validator("kind")
    @classmethod
    def only_billing(cls, kind: str) -> str:
        if kind != "billing":
            raise ValueError("expected billing")
        return kind


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: str(mode.value))
def test_an_answer_is_of_the_response_model_in_every_mode(
    bench: Any, written: Callable[..., Any], mode: instructor.Mode
) -> None:
    if mode is instructor.Mode.JSON:
        bench.simulator.teach("charged twice", '{"kind": "billing"}', '{"kind": "other"}')
    client = instructor.from_openai(bench.client(), mode=mode)
    found, raw = client.create_with_completion(
        model="gpt-5.5", response_model=Ticket, messages=MESSAGES, max_retries=0
    )

    assert isinstance(found, Ticket)
    (row,) = written(1)
    assert (row["rule"], row["rung"]) == ("small work", "gpt-5.4-nano (none)")
    assert raw.model == row["served"]
    assert raw.usage.total_tokens == row["input"] + row["output"]


def test_an_answer_that_does_not_hold_is_asked_for_again_and_both_calls_cost(
    bench: Any, written: Callable[..., Any]
) -> None:
    bench.simulator.teach(
        lambda text: "expected billing" not in text, '{"kind": "other"}', '{"kind": "other"}', name="first"
    )
    bench.simulator.teach("expected billing", '{"kind": "billing"}', '{"kind": "billing"}', name="again")
    client = instructor.from_openai(bench.client(), mode=instructor.Mode.JSON_SCHEMA)
    found = client.create(model="gpt-5.5", response_model=Billing, messages=MESSAGES, max_retries=2)

    assert found.kind == "billing"
    assert [line.task for line in bench.simulator.bill] == ["first", "again"]
    first, second = written(2)
    assert {first["rule"], second["rule"]} == {"small work"}
    assert second["input"] > first["input"]
    assert "expected billing" in json.dumps(json.loads(bench.simulator.received[1].body))


def test_partial_answers_stream_and_the_asynchronous_client_works_alike(
    bench: Any, written: Callable[..., Any]
) -> None:
    client = instructor.from_openai(bench.client(), mode=instructor.Mode.TOOLS)
    parts = list(client.create_partial(model="gpt-5.5", response_model=Ticket, messages=MESSAGES))
    key = bench.key("async")

    async def run() -> Ticket:
        async with openai.AsyncOpenAI(base_url=bench.base_url, api_key=key, max_retries=0) as bare:
            patched = instructor.from_openai(bare)
            return await patched.create(model="gpt-5.5", response_model=Ticket, messages=MESSAGES)

    assert asyncio.run(run()).kind == parts[-1].kind
    assert [row["key"] for row in written(2)] == ["app", "async"]
