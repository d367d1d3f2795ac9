"""Planned calls as lines of the log: the request and response bodies of OpenAI's API.

Bodies carry the fields that a logger keeps; the API's echoes of the request (tools,
instructions, sampling defaults) are left out of responses.
"""

from __future__ import annotations

from typing import Any

import msgspec

from acme import clock
from acme.plan import Planned

SNAPSHOTS = {
    "gpt-5.5": "gpt-5.5-2026-04-23",
    "gpt-5.4": "gpt-5.4-2026-03-05",
    "gpt-5.4-mini": "gpt-5.4-mini-2026-03-17",
    "gpt-5.4-nano": "gpt-5.4-nano-2026-03-17",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4o": "gpt-4o-2024-08-06",
}
PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "embeddings": "/v1/embeddings"}
_FAILURES = {
    "404": (404, "model_not_found", "invalid_request_error", "The requested model does not exist."),
    "429": (429, "rate_limit_exceeded", "requests", "Rate limit reached. Please try again in 2s."),
    "500": (500, None, "server_error", "The server had an error while processing your request."),
}


def request_body(call: Planned) -> dict[str, Any]:
    """The body as sent to the endpoint."""
    if call.endpoint == "embeddings":
        return {"model": call.model, "input": [call.messages[0]["content"]], "encoding_format": "base64"}
    body: dict[str, Any] = {"model": call.model}
    if call.endpoint == "chat":
        head = [{"role": "system", "content": call.instructions}] if call.instructions else []
        body["messages"] = head + call.messages
        named: dict[str, Any] = {"reasoning_effort": call.effort, "max_completion_tokens": call.cap}
        if call.schema:
            named["response_format"] = msgspec.Raw(call.schema.encode())
    else:
        body["instructions"] = call.instructions
        body["input"] = call.messages
        body["store"] = False
        named = {"reasoning": call.effort and {"effort": call.effort}, "max_output_tokens": call.cap}
        if call.schema:
            named["text"] = {"format": msgspec.Raw(call.schema.encode())}
    if call.tools:
        named["tools"] = msgspec.Raw(f"[{','.join(call.tools)}]".encode())
    named["temperature"] = call.temperature
    named["service_tier"] = None if call.lane == "batch" else call.lane
    named["metadata"] = call.metadata or None
    body.update((name, value) for name, value in named.items() if value is not None)
    return body


def _usage(call: Planned) -> dict[str, Any]:
    if call.endpoint == "embeddings":
        return {"prompt_tokens": call.input, "total_tokens": call.input}
    first, second = ("prompt", "completion") if call.endpoint == "chat" else ("input", "output")
    return {
        f"{first}_tokens": call.input,
        f"{first}_tokens_details": {"cached_tokens": call.cached},
        f"{second}_tokens": call.output,
        f"{second}_tokens_details": {"reasoning_tokens": call.reasoning},
        "total_tokens": call.input + call.output,
    }


def _chat(call: Planned) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": call.answer or None, "refusal": None}
    if call.acts:
        message["tool_calls"] = [tool_call(act) for act in call.acts]
    finish = "length" if call.outcome == "cut" else "tool_calls" if call.acts else "stop"
    return {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    }


def tool_call(act: tuple[str, str, str]) -> dict[str, Any]:
    """A tool call of a Chat message, from call id, name and arguments."""
    call_id, name, arguments = act
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def function_call(act: tuple[str, str, str]) -> dict[str, Any]:
    """A function_call item of Responses, from call id, name and arguments."""
    call_id, name, arguments = act
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}


def _responses(call: Planned) -> dict[str, Any]:
    output: list[dict[str, Any]] = [function_call(act) | {"status": "completed"} for act in call.acts]
    if call.answer:
        part = {"type": "output_text", "text": call.answer, "annotations": []}
        output.append({"type": "message", "role": "assistant", "status": "completed", "content": [part]})
    cut = call.outcome == "cut"
    return {
        "object": "response",
        "status": "incomplete" if cut else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "error": None,
        "output": output,
    }


def _embeddings(call: Planned) -> dict[str, Any]:
    return {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": call.answer}]}


_BODIES = {"chat": _chat, "responses": _responses, "embeddings": _embeddings}


def response_body(call: Planned) -> dict[str, Any]:
    """The body that came back, an error body where the call failed."""
    if call.outcome in _FAILURES:
        _, code, kind, message = _FAILURES[call.outcome]
        return {"error": {"message": message, "type": kind, "param": None, "code": code}}
    when = "created_at" if call.endpoint == "responses" else "created"
    body: dict[str, Any] = {}
    if call.endpoint != "embeddings":
        body = {"id": call.reply_id, when: int(call.at)}
        # OpenAI says "default" for lines of a batch; the logger that joins them writes "batch".
        body["service_tier"] = call.served or call.lane or "default"
    return {
        **body,
        "model": SNAPSHOTS.get(call.model, call.model),
        **_BODIES[call.endpoint](call),
        "usage": _usage(call),
    }


def line(call: Planned) -> bytes:
    """One line of the log without its line break."""
    failed = call.outcome in _FAILURES
    gone = call.outcome == "timeout"
    own = record_id(call)
    row: dict[str, Any] = {
        "id": own if own != call.reply_id else None,
        "started_at": clock.stamp(call.at),
        "latency_ms": round(call.seconds * 1000),
        "endpoint": PATHS[call.endpoint],
        "status": _FAILURES[call.outcome][0] if failed else "cancelled" if gone else 200,
        "project": call.project,
        "key": call.key,
        "name": call.name,
        "session_id": call.session,
        "trace_id": call.trace,
        "span_id": call.span,
        "parent_span_id": call.parent,
        "user": call.user,
        "tags": call.tags or None,
        "scores": call.scores or None,
        "request": request_body(call),
    }
    row = {name: value for name, value in row.items() if value is not None}
    row["response"] = None if gone else response_body(call)
    return msgspec.json.encode(row)


def record_id(call: Planned) -> str:
    """What identifies the line: the reply's id, or the logger's own where there is no reply."""
    unanswered = call.outcome not in ("ok", "cut") or call.endpoint == "embeddings"
    return f"log_{call.reply_id[-16:]}" if unanswered else call.reply_id
