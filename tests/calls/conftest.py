"""Small logs written to disk, and everything that a plan reads of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tierwise.calls import Record, plan, read

REQUEST = {
    "model": "gpt-5.4",
    "messages": [{"role": "system", "content": "Answer."}, {"role": "user", "content": "Where is my order?"}],
}
RESPONSE = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_780_000_000,
    "model": "gpt-5.4-2026-03-05",
    "service_tier": "default",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "On its way."}, "finish_reason": "stop"}
    ],
    "usage": {
        "prompt_tokens": 2006,
        "completion_tokens": 300,
        "total_tokens": 2306,
        "prompt_tokens_details": {"cached_tokens": 1920},
        "completion_tokens_details": {"reasoning_tokens": 100},
    },
}


@pytest.fixture
def pair() -> Callable[..., dict[str, Any]]:
    """A good pair of Chat Completions; `request` and `response` replace keys of the bodies."""

    def make(
        request: dict[str, Any] | None = None, response: dict[str, Any] | None = None, **beside: Any
    ) -> dict[str, Any]:
        return {
            "request": {**REQUEST, **(request or {})},
            "response": {**RESPONSE, **(response or {})},
            **beside,
        }

    return make


@pytest.fixture
def everything() -> Callable[..., list[Record]]:
    """Plan the paths and read all units in order."""

    def run(*paths: Path | str, format: str | None = None) -> list[Record]:
        return [record for unit in plan(paths, format=format).units for record in read(unit)]

    return run


@pytest.fixture
def log(tmp_path: Path) -> Callable[..., Path]:
    """Write lines (objects, text or bytes) as one file and return its path."""

    def write(*lines: object, name: str = "log.jsonl", end: str = "\n") -> Path:
        parts = [
            line
            if isinstance(line, bytes)
            else line.encode()
            if isinstance(line, str)
            else json.dumps(line).encode()
            for line in lines
        ]
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(part + end.encode() for part in parts))
        return path

    return write
