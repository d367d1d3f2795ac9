"""Small logs, written call by call, and audits of them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

from tierwise.audit import Audit, audit

TODAY = dt.date(2026, 11, 24)
START = dt.datetime(2026, 11, 16, 9, 0, tzinfo=dt.UTC)

TRIAGE = "Sort the ticket into one of these queues: billing, shipping, returns. Answer with the queue only."


def pair(
    *,
    id: str | None = "auto",
    minute: float = 0,
    model: str = "gpt-5.5",
    served: str | None = None,
    instructions: str = TRIAGE,
    user: str = "My parcel is late.",
    messages: Sequence[dict[str, Any]] | None = None,
    input: int = 200,
    cached: int = 0,
    output: int = 20,
    reasoning: int = 0,
    tier: str | None = "default",
    text: str = "shipping",
    called: Sequence[tuple[str, str]] = (),
    finish: str = "stop",
    status: int = 200,
    request: dict[str, Any] | None = None,
    **outer: Any,
) -> dict[str, Any]:
    """One line of `openai-pairs`; `id='auto'` makes it from the content, None leaves it out."""
    body = {
        "model": model,
        "messages": [
            {"role": "system", "content": instructions},
            *(messages or [{"role": "user", "content": user}]),
        ],
        **(request or {}),
    }
    if id == "auto":
        content = repr((minute, model, user, instructions, text, sorted(outer.items())))
        id = f"chatcmpl-{crc32(content.encode('utf-8', 'surrogatepass')):x}"
    tool_calls = [
        {"id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for i, (name, arguments) in enumerate(called)
    ]
    message = {"role": "assistant", "content": None if called else text, "refusal": None}
    if tool_calls:
        message["tool_calls"] = tool_calls
    response: dict[str, Any] = {
        "object": "chat.completion",
        "created": int((START + dt.timedelta(minutes=minute)).timestamp()),
        "model": served or model,
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if called else finish}],
        "usage": {
            "prompt_tokens": input,
            "completion_tokens": output,
            "total_tokens": input + output,
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        },
    }
    if id is not None:
        response["id"] = id
    if tier is not None:
        response["service_tier"] = tier
    if status >= 400:
        response = {"error": {"message": "no", "type": "server_error", "code": "server_error", "param": None}}
    return {
        "started_at": (START + dt.timedelta(minutes=minute)).isoformat(),
        "latency_ms": 900,
        "endpoint": "/v1/chat/completions",
        "status": status,
        "request": body,
        "response": response,
        **outer,
    }


def write(path: Path, lines: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    return path


def audited(folder: Path, lines: Iterable[dict[str, Any]], **options: Any) -> Audit:
    """The audit of these lines."""
    return audit([write(folder / "calls.jsonl", lines)], **({"today": TODAY} | options))
