"""What a caller is shown of an answer that comes later: the object of the endpoint that was called."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tierwise.batch import Found, ItemState, Waiting
from tierwise.calls import failed_reply, to_chat
from tierwise.online._defer import PREFIXES

AS_JSON: Final = (("content-type", "application/json"),)
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])
_RAW: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STATUS: Final[dict[ItemState, str]] = {
    "waiting": "queued",
    "sent": "in_progress",
    "going": "in_progress",
    "failed": "failed",
    "cancelled": "cancelled",
}
_ECHOED: Final[dict[str, Any]] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
}
"""Fields of a response that its request says, with what they are where it does not."""


def queued(item: Waiting, body: bytes) -> tuple[int, bytes]:
    """Status and body of the reply to a call that begins to wait."""
    if item.id.startswith(PREFIXES["responses"]):
        return 200, msgspec.json.encode(_response(item, "waiting", body))
    return 202, msgspec.json.encode(_completion(item, "waiting"))


def shown(found: Found, body: bytes | None, answer: bytes | None) -> tuple[int, bytes]:
    """Status and body of the reply to whoever asks for an answer.

    Args:
        found: The request as it is now.
        body: As it was sent; None where that is gone.
        answer: Upstream's own body, opened; None where there is none, or none any more.
    """
    item = found.item
    if item.id.startswith(PREFIXES["responses"]):
        if found.state == "done" and answer is not None:
            return 200, _named(answer, item.id, {"background": msgspec.Raw(b"true")})
        return 200, msgspec.json.encode(_response(item, found.state, body, answer))
    if found.state == "done" and answer is not None:
        if item.path.endswith("/responses"):
            refused = failed_reply(answer)
            if refused is not None:
                return refused
            answer = to_chat(answer)
        return 200, _named(answer, item.id, {})
    if found.state == "failed" and answer is not None:
        return found.status if found.status is not None and found.status >= 400 else 500, answer
    return 202 if found.ended is None else 200, msgspec.json.encode(_completion(item, found.state))


def _named(answer: bytes, identity: str, more: dict[str, msgspec.Raw]) -> bytes:
    """An answer under our id; all else keeps its bytes."""
    try:
        fields = _RAW.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return answer
    return msgspec.json.encode(fields | {"id": msgspec.Raw(msgspec.json.encode(identity))} | more)


def _response(
    item: Waiting, state: ItemState, body: bytes | None, answer: bytes | None = None
) -> dict[str, Any]:
    asked = _object(body)
    error = None
    if state == "failed":
        said = _object(answer).get("error") or {}
        error = {
            "code": said.get("code") or "server_error",
            "message": said.get("message") or "the request failed",
        }
    return {
        "id": item.id,
        "object": "response",
        "created_at": item.made // 1_000_000,
        "status": _STATUS.get(state, "completed"),
        "background": True,
        "error": error,
        "incomplete_details": None,
        "model": item.model,
        "output": [],
        **{name: asked.get(name, usual) for name, usual in _ECHOED.items()},
        "service_tier": "auto",
        "store": True,
        "usage": None,
    }


def _completion(item: Waiting, state: ItemState) -> dict[str, Any]:
    return {
        "id": item.id,
        "object": "chat.completion",
        "created": item.made // 1_000_000,
        "model": item.model,
        "status": _STATUS.get(state, "completed"),
        "choices": [],
        "usage": None,
    }


def _object(body: bytes | None) -> dict[str, Any]:
    if not body:
        return {}
    try:
        return _OBJECT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
