"""Requests, answers and calls made with a few words."""

from __future__ import annotations

import json
from typing import Any

from tierwise.calls import Call, Message, Request, Response
from tierwise.prove import Grader, grader


def asked(text: str = "classify this", **more: Any) -> Request:
    return Request(endpoint="chat", model="gpt-5.5", messages=(Message(role="user", content=text),), **more)


def said(text: str = "", **more: Any) -> Response:
    return Response(**{"id": "resp_1", "status": "ok", "finish": "stop", "text": text} | more)


def called(*calls: tuple[str, Any]) -> Response:
    return said(
        tool_calls=tuple(name for name, _ in calls),
        arguments=tuple(a if isinstance(a, str) else json.dumps(a) for _, a in calls),
        finish="tool_calls",
    )


def named(text: str) -> Grader:
    found = grader(text)
    assert hasattr(found, "grade")
    return found  # type: ignore[return-value]


def call(text: str, answer: Response, **more: Any) -> Call:
    return Call(**{"endpoint": "chat", "request": asked(text), "response": answer} | more)


def schema(body: dict[str, Any]) -> bytes:
    return json.dumps(
        {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": body}}
    ).encode()
