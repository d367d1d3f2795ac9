"""A log read with its bodies gives back what was sent, byte for byte, and changes nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tierwise.calls import Call, Request, plan, read

BODY = {
    "model": "gpt-5.5",
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "héé"},
                {"type": "image_url", "image_url": {"url": "data:x"}},
            ],
        }
    ],
    "parallel_tool_calls": False,
    "seed": 7,
}
ANSWER = {
    "object": "chat.completion",
    "choices": [{"message": {"content": "a"}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1},
}
SENT = json.dumps(BODY, ensure_ascii=False)


def calls_of(path: Path, *, bodies: bool) -> list[Call]:
    found = [record for unit in plan([path]).units for record in read(unit, bodies=bodies)]
    return [record for record in found if isinstance(record, Call)]


@pytest.mark.parametrize(
    "line",
    [
        f'{{"request": {SENT}, "response": {json.dumps(ANSWER)}}}',
        f'{{"request": {json.dumps(SENT)}, "response": {json.dumps(ANSWER)}}}',
        f'{{"request": {{"body": {SENT}, "url": "/v1/chat/completions"}}, "response": {json.dumps(ANSWER)}}}',
        f'{{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {SENT}}}',
    ],
    ids=["pair", "json in a string", "envelope", "batch"],
)
def test_the_body_comes_back_as_it_was_sent_and_only_where_asked(line: str, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(line + "\n", "utf-8")

    (kept,), (bare,) = calls_of(path, bodies=True), calls_of(path, bodies=False)

    assert kept.request is not None
    assert bare.request is not None
    assert kept.request.body == SENT.encode()
    assert bare.request.body == b""
    assert msgspec.structs.replace(kept, request=bare.request) == bare


@pytest.mark.parametrize(
    "request_half", ["null", '"text"', "[1]", '{"model": 1}', '"\\ud800"', '{"body": 3}']
)
def test_a_line_without_a_body_has_none(request_half: str, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(f'{{"request": {request_half}, "response": {json.dumps(ANSWER)}}}\n', "utf-8")

    requests: list[Any] = [call.request for call in calls_of(path, bodies=True)]

    assert all(request is None or request.body == b"" for request in requests)


def test_a_request_has_no_body_unless_it_was_read_for_it() -> None:
    assert Request(endpoint="chat").body == b""
