"""A `Send` in this process that answers as it is told, and works of calls to prove on it."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tierwise.calls import Call, Outgoing, parse_request, parse_response
from tierwise.catalog import Catalog, Tokens
from tierwise.policy import Limits, Rule, Rung
from tierwise.prove import (
    Case,
    Hypothesis,
    InMemory,
    Judge,
    Logged,
    Means,
    People,
    Told,
    Work,
    grader,
    populations,
    prove,
)
from tierwise.workloads import Recogniser

DAY = dt.date(2026, 11, 24)
KEY = b"scripted tests' key"
SNAPSHOTS = {
    "gpt-5.5": "gpt-5.5-2026-04-23",
    "gpt-5.4": "gpt-5.4-2026-03-05",
    "gpt-5.4-mini": "gpt-5.4-mini-2026-03-17",
    "gpt-5.4-nano": "gpt-5.4-nano-2026-03-17",
}
Answer = Callable[[str, str], str | int]
"""From model and the newest user text to an answer's text, or a status."""


def chat(model: str, text: str, number: int = 0) -> dict[str, Any]:
    """A reply of Chat Completions."""
    return {
        "id": f"chatcmpl_{number}", "object": "chat.completion", "model": SNAPSHOTS.get(model, model),
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105},
    }  # fmt: skip


def responses(model: str, text: str) -> dict[str, Any]:
    """A reply of Responses."""
    return {
        "id": "resp_9", "object": "response", "status": "completed", "model": model,
        "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}],
        "usage": {"input_tokens": 100, "output_tokens": 5, "total_tokens": 105},
    }  # fmt: skip


class _Reply:
    attempts = ()
    headers = ()

    def __init__(self, status: int, body: bytes) -> None:
        self.status, self._body = status, body

    def header(self, name: str) -> str | None:
        return None

    async def __aiter__(self) -> Any:
        yield self._body

    async def read(self) -> bytes:
        return self._body

    async def aclose(self) -> None:
        return None


class Scripted:
    """Answers by a function; keeps what was sent."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.sent: list[dict[str, Any]] = []

    async def send(self, outgoing: Outgoing) -> Any:
        body = json.loads(outgoing.body)
        self.sent.append(body)
        asked = body.get("messages") or body.get("input")
        said = self._answer(body["model"], asked[-1]["content"])
        await asyncio.sleep(0)
        if isinstance(said, int):
            return _Reply(said, json.dumps({"error": {"code": "model_not_found", "message": "no"}}).encode())
        made = chat(body["model"], said) if "messages" in body else responses(body["model"], said)
        return _Reply(200, json.dumps(made).encode())


def logged(count: int, answer: Answer, *, workload: str = "00000000000000a1", **more: Any) -> list[Logged]:
    """So many calls of a workload to gpt-5.4, each unlike the others."""
    found = []
    for number in range(count):
        text = (
            f"Question {workload} {number}: {' '.join(f'{number * 7919 + k * 104729:x}' for k in range(8))}"
        )
        body = {"model": "gpt-5.4", "messages": [{"role": "user", "content": text}]} | more.pop("body", {})
        raw = json.dumps(body).encode()
        import msgspec

        said = answer("gpt-5.4", text)
        assert isinstance(said, str)
        made = chat("gpt-5.4", said, number)
        found.append(
            Logged(
                workload=workload,
                call=Call(
                    id=f"{workload}-{number}",
                    endpoint="chat",
                    at=(1_795_000_000 + number * 3_600) * 1_000_000,
                    request=msgspec.structs.replace(parse_request("chat", raw), body=raw),
                    response=parse_response("/v1/chat/completions", json.dumps(made).encode()),
                    tokens=Tokens(uncached=100, output=5),
                    status="ok",
                    **more,
                ),
            )
        )
    return found


def work(
    calls: list[Logged],
    catalog: Catalog,
    *,
    graded: Any = "label",
    rungs: tuple[str, ...] = ("gpt-5.4-mini",),
    right: dict[str, str] | None = None,
    people: People | None = None,
    least: int = 0,
    **more: Any,
) -> Work:
    """What is proved of such calls."""
    (population,) = populations(calls, catalog, KEY)
    made = grader(graded) if isinstance(graded, str) else graded
    reference = "right answers" if right is not None else "logged answers"
    if isinstance(made, Judge):
        reference = "judge" if people is None else "judge and people"
    usual: dict[str, Any] = {
        "workload": population.workload,
        "population": population.digest,
        "baseline": population.baseline,
        "rungs": tuple(Rung(name, None) for name in rungs),
        "margin": Decimal("0.05"),
        "measure": "points",
        "confidence": Decimal("0.95"),
        "grader": made.name,  # type: ignore[union-attr]
        "reference": reference,
        "seed": "1",
        "cluster": 1,
        "most_calls": 10_000,
    }
    case = Case(
        hypothesis=Hypothesis(**(usual | more)),
        rule=Rule(name="proof"),
        limits=Limits(),
        prices=catalog,
        day=DAY,
        grader=made,  # type: ignore[arg-type]
        right=right or {},
        people=people,
        cap=4_000,
        key=KEY,
    )
    return Work(label=population.workload, population=population, case=case, least=least)


def ran(works: list[Work], send: Scripted, catalog: Catalog, **more: Any) -> list[Told]:
    """What a proof of the works told."""

    async def nothing(_: float) -> None:
        return None

    usual: dict[str, Any] = {
        "send": send,
        "answers": InMemory(),
        "prices": catalog,
        "day": DAY,
        "recogniser": Recogniser(),
        "key": KEY,
        "version": "0",
        "sleep": nothing,
    }
    most = more.pop("most", Decimal(100))

    async def whole() -> list[Told]:
        return [told async for told in prove(works, most, Means(**(usual | more)))]

    return asyncio.run(whole())
