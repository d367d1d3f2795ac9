"""Which endpoint a path, a request or a response belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, get_args

from tierwise.calls._words import Endpoint

_NAMES: frozenset[str] = frozenset(get_args(Endpoint))


@lru_cache(maxsize=256)
def endpoint_of(path: str) -> Endpoint:
    """The endpoint of a URL, a path ('/v1/chat/completions') or a name ('chat').

    `/responses/compact` has a request and a bill of the Responses form and counts as one;
    counting input tokens is not a call to a model and is 'other'.
    """
    if path in _NAMES:
        return path  # type: ignore[return-value]  # tested to be one of the literal's names
    parts = [part for part in path.partition("?")[0].lower().split("/") if part]
    if "chat" in parts and "completions" in parts:
        return "chat"
    if "responses" in parts:
        rest = parts[parts.index("responses") + 1 :]
        return "responses" if not rest or rest == ["compact"] or rest[0].startswith("resp") else "other"
    for name in ("embeddings", "completions", "decisions"):
        if name in parts:
            return name
    return "other"


def endpoint_of_request(body: Mapping[str, Any]) -> Endpoint:
    """The endpoint that a request body belongs to, by its fields."""
    if "messages" in body:
        return "chat"
    if "questions" in body:
        return "decisions"
    if "input" in body or "instructions" in body or "previous_response_id" in body:
        model = body.get("model")
        return "embeddings" if isinstance(model, str) and "embedding" in model else "responses"
    return "completions" if isinstance(body.get("prompt"), str | list) else "other"


def endpoint_of_response(body: Mapping[str, Any]) -> Endpoint:
    """The endpoint that a response body belongs to, by its `object` and fields."""
    kind = body.get("object")
    if kind in ("chat.completion", "chat.completion.chunk"):
        return "chat"
    if kind in ("response", "response.compaction"):
        return "responses"
    if kind == "text_completion":
        return "completions"
    if "choices" in body:
        return "chat"
    if "output" in body and "usage" in body:
        return "responses"
    data = body.get("data")
    first = data[0] if kind == "list" and isinstance(data, list) and data else None
    return "embeddings" if isinstance(first, Mapping) and first.get("object") == "embedding" else "other"
