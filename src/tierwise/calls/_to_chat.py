"""A reply of Responses as the Chat Completions reply that the caller asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tierwise.calls._format import BadRecord
from tierwise.calls._values import decoded
from tierwise.errors import RequestError

_FINISHES: Final = {"max_output_tokens": "length", "content_filter": "content_filter"}
"""`incomplete_details.reason` to `finish_reason`."""


def to_chat(body: bytes) -> bytes:
    """The body of a Responses reply as the body of a Chat Completions reply.

    A reply without output (`error` alone) passes as it is. One whose `status` is 'failed' comes
    back as OpenAI's error body: `failure_of` tells it, and the status to send it under.

    Raises:
        RequestError: Not a JSON object.
    """
    reply = _object(body)
    failed = failure_of(reply)
    if failed is not None:
        return msgspec.json.encode({"error": failed[1]})
    if reply.get("object") != "response":
        return body
    return msgspec.json.encode(completion_of(reply))


def failed_reply(body: bytes) -> tuple[int, bytes] | None:
    """The error that a Responses reply with status 'failed' is to a Chat caller; None for any other."""
    found = failure_of(_object(body))
    return None if found is None else (found[0], msgspec.json.encode({"error": found[1]}))


def failure_of(reply: Mapping[str, Any]) -> tuple[int, dict[str, Any]] | None:
    """HTTP status and error object of a reply that failed, None for one that did not.

    Chat has no failed reply under 200: its errors have statuses, and SDKs raise by those.
    """
    if reply.get("status") != "failed":
        return None
    error = reply.get("error")
    told: Mapping[str, Any] = error if isinstance(error, Mapping) else {}
    code = told.get("code")
    status = {"rate_limit_exceeded": 429, "server_error": 500}.get(str(code), 400)
    message = told.get("message") or "The response failed."
    kind = "server_error" if status == 500 else "invalid_request_error"
    return status, {"message": message, "type": kind, "param": None, "code": code}


def completion_of(reply: Mapping[str, Any]) -> dict[str, Any]:
    """A `chat.completion` of a Responses reply's values."""
    message, logprobs = _message(reply.get("output"))
    choice = {
        "index": 0,
        "message": message,
        "logprobs": {"content": logprobs, "refusal": None} if logprobs else None,
        "finish_reason": finish_of(reply, called="tool_calls" in message),
    }
    found: dict[str, Any] = {
        "id": reply.get("id"),
        "object": "chat.completion",
        "created": int(reply.get("created_at") or 0),
        "model": reply.get("model"),
        "choices": [choice],
        "usage": usage_of(reply.get("usage")),
        "service_tier": reply.get("service_tier"),
        "system_fingerprint": None,
    }
    if reply.get("metadata"):
        found["metadata"] = reply["metadata"]
    return found


def finish_of(reply: Mapping[str, Any], *, called: bool) -> str:
    """`finish_reason` of a reply that ended."""
    if reply.get("status") == "incomplete":
        details = reply.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, Mapping) else None
        return _FINISHES.get(str(reason), "length")
    return "tool_calls" if called else "stop"


def usage_of(usage: Any) -> dict[str, Any] | None:
    """Chat's usage object of that of Responses; counts mean the same."""
    if not isinstance(usage, Mapping):
        return None
    into, out = usage.get("input_tokens_details"), usage.get("output_tokens_details")
    into = dict(into) if isinstance(into, Mapping) else {}
    out = dict(out) if isinstance(out, Mapping) else {}
    asked, given = usage.get("input_tokens") or 0, usage.get("output_tokens") or 0
    return {
        "prompt_tokens": asked,
        "completion_tokens": given,
        "total_tokens": usage.get("total_tokens") or asked + given,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0, **into},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
            **out,
        },
    }


def tool_call_of(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """A tool call of an output item; None for an item that is none."""
    if item.get("type") == "function_call":
        inner = {"name": item.get("name"), "arguments": item.get("arguments") or ""}
        return {"id": item.get("call_id"), "type": "function", "function": inner}
    if item.get("type") == "custom_tool_call":
        custom = {"name": item.get("name"), "input": item.get("input") or ""}
        return {"id": item.get("call_id"), "type": "custom", "custom": custom}
    return None


def _message(output: Any) -> tuple[dict[str, Any], list[Any]]:
    """The assistant's message of all output items, and its log probabilities."""
    texts: list[str] = []
    refusals: list[str] = []
    annotations: list[Any] = []
    logprobs: list[Any] = []
    calls: list[dict[str, Any]] = []
    for item in output if isinstance(output, list) else ():
        if not isinstance(item, Mapping):
            continue
        call = tool_call_of(item)
        if call is not None:
            calls.append(call)
        for part in item.get("content") or () if item.get("type") == "message" else ():
            if part.get("type") == "output_text":
                texts.append(part.get("text") or "")
                annotations += [_annotation(a) for a in part.get("annotations") or ()]
                logprobs += part.get("logprobs") or ()
            elif part.get("type") == "refusal":
                refusals.append(part.get("refusal") or "")
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(texts) if texts else None,
        "refusal": "".join(refusals) if refusals else None,
        "annotations": annotations,
    }
    if calls:
        message["tool_calls"] = calls
    return message, logprobs


def _annotation(given: Mapping[str, Any]) -> dict[str, Any]:
    kind = given.get("type")
    inner = {key: value for key, value in given.items() if key != "type"}
    return {"type": kind, str(kind): inner} if kind == "url_citation" else dict(given)


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = decoded(body)
    except BadRecord as error:
        raise RequestError(f"expected a Responses reply as JSON, got one that is {error}") from None
    if not isinstance(found, dict):
        raise RequestError(f"expected a Responses reply as JSON, got {type(found).__name__}")
    return found
