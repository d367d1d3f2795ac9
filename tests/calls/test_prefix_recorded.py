"""Recorded conversations through Responses: what is sent of a turn is the start of what is sent of the next."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tierwise.calls import to_responses
from tierwise.errors import RequestError

RECORDED = Path(__file__).parents[2] / "../shared/data/wire/openai_exchanges.jsonl.gz"
SETTINGS = {
    "model": {"model"},
    "reasoning": {"reasoning_effort"},
    "text": {"response_format", "verbosity"},
    "parallel_tool_calls": {"parallel_tool_calls"},
    "tools": {"tools", "functions"},
    "instructions": set[str](),
}
"""What beside the input is part of a cached prefix, each with the Chat fields that it is made of."""


def turns() -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(recording, body of a turn, body of the next) where the next begins with all messages of the first."""
    if not RECORDED.exists():
        pytest.skip("the recordings are not on this machine")
    with gzip.open(RECORDED, "rt", encoding="utf-8") as lines:
        steps = [json.loads(line) for line in lines]
    bodies: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for step in steps:
        if step["url"].endswith("/chat/completions") and step["status"] == 200:
            bodies[step["recording"]].append(step["request"])
    return [
        (name, a, b)
        for name, of in bodies.items()
        for a, b in pairwise(of)
        if len(b["messages"]) > len(a["messages"]) and b["messages"][: len(a["messages"])] == a["messages"]
    ]


def parts(body: dict[str, Any]) -> tuple[list[bytes], list[bytes]]:
    """The settings and tools as bytes, and each item of the input, in the order that OpenAI renders them."""
    sent = json.loads(to_responses(json.dumps(body).encode()))
    items = sent["input"] if isinstance(sent["input"], list) else [{"role": "user", "content": sent["input"]}]
    return [json.dumps(sent.get(name)).encode() for name in SETTINGS], [json.dumps(i).encode() for i in items]


def test_what_is_sent_of_a_turn_is_byte_for_byte_the_start_of_the_next() -> None:
    compared = 0
    for name, first, second in turns():
        try:
            (head, items), (next_head, next_items) = parts(first), parts(second)
        except RequestError:
            continue  # said with its reason, and goes as asked
        for (setting, made_of), a, b in zip(SETTINGS.items(), head, next_head, strict=True):
            # The caller's own change of that setting is the reason for which a prefix may break.
            by_caller = any(first.get(key) != second.get(key) for key in made_of)
            assert a == b or by_caller, (name, setting)
        assert next_items[: len(items)] == items, name
        compared += 1
    assert compared >= 10
