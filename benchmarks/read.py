"""Microseconds a line to read openai-pairs, against bare JSON decoding of the same lines.

Run: python benchmarks/read.py [LINES]. One process, lines of about 4.5 kB held in memory,
so that only decoding is measured; the best of three runs of each.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterable
from random import Random

import msgspec

from tierwise.calls import Place
from tierwise.calls._formats.openai_pairs import read as read_pair
from tierwise.calls._formats.tierwise import read as read_plain

_WORDS = [
    "order",
    "refund",
    "invoice",
    "delivery",
    "customer",
    "please",
    "account",
    "where",
    "status",
    "number",
    "since",
    "monday",
    "shipment",
    "blender",
    "replace",
    "cracked",
    "arrived",
    "office",
    "team",
    "report",
    "quarter",
    "revenue",
    "summary",
    "extract",
    "the",
    "a",
    "of",
    "to",
    "and",
    "in",
    "is",
    "it",
    "you",
    "that",
    "was",
    "for",
    "on",
    "are",
    "with",
    "as",
    "at",
    "be",
    "this",
    "have",
    "from",
]


def text(random: Random, words: int) -> str:
    """Generated words, as many as asked."""
    return " ".join(random.choice(_WORDS) for _ in range(words))


def pairs(count: int) -> list[bytes]:
    """Lines with shared instructions and tools, half Chat Completions, half Responses."""
    random = Random(7)
    instructions = [text(random, 220) for _ in range(12)]
    tools: list[dict[str, object]] = [
        {
            "type": "function",
            "name": f"tool_{number}",
            "description": text(random, 12),
            "parameters": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
        }
        for number in range(3)
    ]
    return [msgspec.json.encode(pair(random, number, instructions, tools)) for number in range(count)]


def pair(
    random: Random, number: int, instructions: list[str], tools: list[dict[str, object]]
) -> dict[str, object]:
    """One request with its response and what stands beside them."""
    asked, answered = random.randrange(500, 2000), random.randrange(20, 400)
    beside = {
        "at": f"2026-11-0{number % 9 + 1}T10:00:{number % 60:02d}Z",
        "latency_ms": 812.5,
        "project": "proj_support",
        "session": f"s-{number // 7}",
        "tags": ["support"],
    }
    if number % 2:
        request: dict[str, object] = {
            "model": "gpt-5.4",
            "instructions": random.choice(instructions),
            "input": [{"role": "user", "content": text(random, 180)}],
            "tools": tools,
            "reasoning": {"effort": "low"},
        }
        response: dict[str, object] = {
            "id": f"resp_{number:032x}",
            "object": "response",
            "created_at": 1_780_000_000 + number,
            "model": "gpt-5.4-2026-03-05",
            "status": "completed",
            "output": [
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": text(random, 90)}],
                }
            ],
            "service_tier": "default",
            "usage": {
                "input_tokens": asked,
                "input_tokens_details": {"cached_tokens": asked // 2},
                "output_tokens": answered,
                "output_tokens_details": {"reasoning_tokens": answered // 3},
                "total_tokens": asked + answered,
            },
        }
        return {"url": "/v1/responses", "request": request, "response": response, **beside}
    request = {
        "model": "gpt-5.4-mini",
        "messages": [
            {"role": "system", "content": random.choice(instructions)},
            {"role": "user", "content": text(random, 180)},
        ],
        "tools": [{"type": "function", "function": tool} for tool in tools],
        "temperature": 0.2,
    }
    response = {
        "id": f"chatcmpl-{number:032x}",
        "object": "chat.completion",
        "created": 1_780_000_000 + number,
        "model": "gpt-5.4-mini-2026-03-17",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text(random, 90)},
                "finish_reason": "stop",
            }
        ],
        "service_tier": "default",
        "usage": {
            "prompt_tokens": asked,
            "prompt_tokens_details": {"cached_tokens": asked // 2, "audio_tokens": 0},
            "completion_tokens": answered,
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
            "total_tokens": asked + answered,
        },
    }
    return {"url": "/v1/chat/completions", "request": request, "response": response, **beside}


def plain(count: int) -> list[bytes]:
    """Lines of our own plain format, without prompts."""
    return [
        msgspec.json.encode(
            {
                "id": f"c{number}",
                "at": "2026-11-05T10:00:00Z",
                "model": "gpt-5.4-mini",
                "input_tokens": 1200,
                "cached_tokens": 1024,
                "output_tokens": 80,
                "project": "proj_support",
            }
        )
        for number in range(count)
    ]


def microseconds(run: Callable[[bytes], object], lines: Iterable[bytes], count: int) -> float:
    """Best of three: CPU microseconds a line."""
    best = float("inf")
    for _ in range(3):
        gc.collect()
        start = time.process_time()
        for line in lines:
            run(line)
        best = min(best, time.process_time() - start)
    return best / count * 1e6


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    place = Place(file=0, line=1)
    lines = pairs(count)
    size = sum(map(len, lines)) / count
    print(f"{count} lines of {size:.0f} bytes, microseconds a line")
    try:
        import orjson

        print(f"  orjson.loads                {microseconds(orjson.loads, lines, count):6.2f}")
    except ImportError:
        print("  orjson is not installed")
    print(f"  msgspec.json.decode         {microseconds(msgspec.json.decode, lines, count):6.2f}")
    read_pair(lines[0], place)
    print(
        f"  openai-pairs to Call        {microseconds(lambda line: read_pair(line, place), lines, count):6.2f}"
    )
    lines = plain(count)
    print(
        f"  tierwise (plain) to Call    {microseconds(lambda line: read_plain(line, place), lines, count):6.2f}"
    )


if __name__ == "__main__":
    main()
