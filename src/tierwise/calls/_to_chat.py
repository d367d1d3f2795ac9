"""A reply of Responses as the Chat Completions reply that the caller asked for.

After OpenAI's references of both endpoints (openai 3.57 types) and recorded exchanges. What of it is
not of the kind that OpenAI sends is passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tierwise.calls._format import BadRecord
from tierwise.calls._values import decoded
from tierwise.errors import UpstreamGarbled

Reply = Mapping[str, Any]

_FINISHES: Final = {"max_output_tokens": "length", "content_filter": "content_filter"}
"""`incomplete_details.reason` to `finish_reason`."""
_STATUSES: Final = {"rate_limit_exceeded": 429, "server_error": 500}
"""An error's code to the status that Chat would have sent it under; 400 for any other."""
_KINDS: Final = {429: "rate_limit_exceeded", 500: "server_error"}
FAILED: Final = {"failed": "The response failed.", "cancelled": "The response was cancelled."}
"""Statuses of a reply that is an error to Chat, and what is said where upstream says nothing."""


def to_chat(body: bytes) -> bytes:
    """The body of a Responses reply as the body of a Chat Completions reply.

    An error body passes as it is. A reply whose `status` is 'failed' comes back as OpenAI's error
    body: `failed_reply` tells it, and the status to send it under.

    Raises:
        UpstreamGarbled: Not a JSON object.
    """
    reply = _object(body)
    failed = failure_of(reply)
    if failed is not None:
        return msgspec.json.encode({"error": failed[1]})
    return msgspec.json.encode(completion_of(reply)) if _answers(reply) else body


def failed_reply(body: bytes) -> tuple[int, bytes] | None:
    """The status and error body that a Responses reply with status 'failed' is to a Chat caller.

    None for any other reply.

    Raises:
        UpstreamGarbled: Not a JSON object.
    """
    found = failure_of(_object(body))
    return None if found is None else (found[0], msgspec.json.encode({"error": found[1]}))


def failure_of(reply: Reply) -> tuple[int, dict[str, Any]] | None:
    """HTTP status and error object of a reply that failed, None for one that did not.

    Chat has no failed reply under 200: its errors have statuses, and SDKs raise by those.
    """
    status = text(reply.get("status"))
    return error_of(reply.get("error"), FAILED[status]) if _answers(reply) and status in FAILED else None


def error_of(error: Any, otherwise: str) -> tuple[int, dict[str, Any]]:
    """Status and error object in Chat's form; `otherwise` is said where upstream gave no message."""
    told: Reply = error if isinstance(error, Mapping) else {"message": text(error)}
    code = told.get("code")
    status = _STATUSES.get(code, 400) if isinstance(code, str) else 500
    kind = told.get("type")
    if not kind or kind == "error":
        kind = _KINDS.get(status, "invalid_request_error")
    message = told.get("message") or otherwise
    return status, {"message": message, "type": kind, "param": told.get("param"), "code": code}


def completion_of(reply: Reply) -> dict[str, Any]:
    """A `chat.completion` of a Responses reply's values."""
    message, logprobs = _message(reply)
    choice = {
        "index": 0,
        "message": message,
        "logprobs": logprobs_of(logprobs),
        "finish_reason": finish_of(reply, called="tool_calls" in message),
    }
    found: dict[str, Any] = {
        "id": reply.get("id"),
        "object": "chat.completion",
        "created": whole(reply.get("created_at")),
        "model": reply.get("model"),
        "choices": [choice],
        "usage": usage_of(reply.get("usage")),
        "service_tier": reply.get("service_tier"),
        "system_fingerprint": None,
    }
    if reply.get("metadata"):
        found["metadata"] = reply["metadata"]
    if isinstance(reply.get("moderation"), Mapping):
        found["moderation"] = moderation_of(reply["moderation"])
    return found


def finish_of(reply: Reply, *, called: bool) -> str:
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
    asked, given = whole(usage.get("input_tokens")), whole(usage.get("output_tokens"))
    return {
        "prompt_tokens": asked,
        "completion_tokens": given,
        "total_tokens": whole(usage.get("total_tokens")) or asked + given,
        "prompt_tokens_details": {
            "cached_tokens": 0,
            "audio_tokens": 0,
            **(into if isinstance(into, Mapping) else {}),
        },
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
            **(out if isinstance(out, Mapping) else {}),
        },
    }


def logprobs_of(found: list[Reply]) -> dict[str, Any] | None:
    """Chat's log probabilities of those of output texts, which have the same fields."""
    return {"content": [_with_bytes(token) for token in found], "refusal": None} if found else None


def _with_bytes(token: Reply) -> dict[str, Any]:
    """A token's log probability; Chat always has `bytes` and `top_logprobs`, a stream may not."""
    top = [{"bytes": None, **other} for other in objects(token.get("top_logprobs"))]
    return {"bytes": None, **token, "top_logprobs": top}


def moderation_of(found: Reply) -> dict[str, Any]:
    """Chat's moderation: a list of results where Responses has the one."""
    return {side: _results(found.get(side)) for side in ("input", "output")}


def _results(found: Any) -> Any:
    if not isinstance(found, Mapping) or found.get("type") != "moderation_result":
        return found
    return {"type": "moderation_results", "model": found.get("model"), "results": [found]}


def tool_call_of(item: Reply) -> dict[str, Any] | None:
    """A tool call of an output item; None for an item that is none."""
    if item.get("type") == "function_call":
        inner = {"name": item.get("name"), "arguments": item.get("arguments") or ""}
        return {"id": item.get("call_id"), "type": "function", "function": inner}
    if item.get("type") == "custom_tool_call":
        custom = {"name": item.get("name"), "input": item.get("input") or ""}
        return {"id": item.get("call_id"), "type": "custom", "custom": custom}
    return None


def _message(reply: Reply) -> tuple[dict[str, Any], list[Reply]]:
    """The assistant's message of all output items, and its log probabilities."""
    items = objects(reply.get("output"))
    calls = [call for item in items if (call := tool_call_of(item)) is not None]
    parts = [p for item in items if item.get("type") == "message" for p in objects(item.get("content"))]
    said = [part for part in parts if part.get("type") == "output_text"]
    refused = [text(part.get("refusal")) for part in parts if part.get("type") == "refusal"]
    content = "".join(text(part.get("text")) for part in said)
    message: dict[str, Any] = {
        "role": "assistant",
        # Chat says '' of an answer that was all reasoning, null where something stands in its place.
        "content": content if said or not (calls or refused) else None,
        "refusal": "".join(refused) if refused else None,
        "annotations": [_citation(a) for part in said for a in objects(part.get("annotations")) if _cites(a)],
    }
    if calls:
        message["tool_calls"] = calls
    return message, [token for part in said for token in objects(part.get("logprobs"))]


def _cites(annotation: Reply) -> bool:
    """Whether an annotation is of the one kind that Chat has; the others are of tools it cannot ask for."""
    return annotation.get("type") == "url_citation"


def _citation(given: Reply) -> dict[str, Any]:
    inner = {key: value for key, value in given.items() if key != "type"}
    return {"type": "url_citation", "url_citation": inner}


def _answers(reply: Reply) -> bool:
    """Whether a body is a response, and not an error or another endpoint's object."""
    return reply.get("object") == "response" or isinstance(reply.get("output"), list)


def objects(value: Any) -> list[Reply]:
    """The objects of an array; none of anything else."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """A string; '' for anything else."""
    return value if isinstance(value, str) else ""


def whole(value: Any) -> int:
    """A count or time as a whole number; 0 for anything else."""
    return int(value) if isinstance(value, int | float) and abs(value) < 2**63 else 0


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = decoded(body)
    except BadRecord as error:
        raise UpstreamGarbled(
            f"expected a Responses reply as JSON, got one that is {error}", sent=True
        ) from None
    if not isinstance(found, dict):
        raise UpstreamGarbled(
            f"expected a Responses reply as a JSON object, got {type(found).__name__}", sent=True
        )
    return found
