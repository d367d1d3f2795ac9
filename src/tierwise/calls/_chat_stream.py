"""The event stream of Responses as the chunks of Chat Completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tierwise.calls._format import BadRecord
from tierwise.calls._to_chat import failure_of, finish_of, tool_call_of, usage_of
from tierwise.calls._values import decoded

_DONE: Final = b"data: [DONE]\n\n"
_ENDS: Final = ("response.completed", "response.incomplete")


class ChatStream:
    """Turns events into chunks, one by one. Nothing is made up: what has not come is not ended.

    Args:
        include_usage: Whether the caller asked for a last chunk with usage.
    """

    def __init__(self, *, include_usage: bool = False) -> None:
        self._include_usage = include_usage
        self._head: dict[str, Any] = {
            "id": None,
            "object": "chat.completion.chunk",
            "created": 0,
            "model": None,
        }
        self._begun = False
        self._calls: dict[Any, int] = {}
        self.ended = False
        """Whether the event that ends the stream has come."""

    def feed(self, data: bytes) -> bytes:
        """The Chat events of one event's data; b'' for one that Chat has no form for."""
        try:
            event = decoded(data)
        except BadRecord:
            return b""
        if not isinstance(event, Mapping):
            return b""
        kind = str(event.get("type") or "")
        inner = event.get("response")
        if isinstance(inner, Mapping):
            self._note(inner)
        if kind in _ENDS and isinstance(inner, Mapping):
            return self._end(inner)
        if kind == "response.failed" and isinstance(inner, Mapping):
            self.ended = True
            found = failure_of({**inner, "status": "failed"})
            return _event({"error": found[1] if found is not None else None})
        if kind == "error":
            self.ended = True
            told = event.get("error") or {key: event.get(key) for key in ("message", "type", "param", "code")}
            return _event({"error": told})
        delta = self._delta(kind, event)
        return self._chunk(delta) if delta is not None else b""

    def end(self) -> bytes:
        """What follows the last chunk: only after the event that ends the stream."""
        return _DONE if self.ended else b""

    def _note(self, reply: Mapping[str, Any]) -> None:
        self._head["id"] = reply.get("id") or self._head["id"]
        self._head["created"] = int(reply.get("created_at") or self._head["created"])
        self._head["model"] = reply.get("model") or self._head["model"]
        if reply.get("service_tier"):
            self._head["service_tier"] = reply["service_tier"]

    def _delta(self, kind: str, event: Mapping[str, Any]) -> dict[str, Any] | None:
        match kind:
            case "response.created":
                return {} if not self._begun else None
            case "response.output_text.delta":
                return {"content": event.get("delta") or ""}
            case "response.refusal.delta":
                return {"refusal": event.get("delta") or ""}
            case "response.output_item.added":
                return self._called(event)
            case "response.function_call_arguments.delta":
                return self._more(event, "function", "arguments")
            case "response.custom_tool_call_input.delta":
                return self._more(event, "custom", "input")
            case _:
                return None

    def _called(self, event: Mapping[str, Any]) -> dict[str, Any] | None:
        """The first piece of a tool call: its id and name, with whatever arguments came at once."""
        item = event.get("item")
        call = tool_call_of(item) if isinstance(item, Mapping) else None
        if call is None:
            return None
        index = self._calls.setdefault(event.get("output_index"), len(self._calls))
        return {"tool_calls": [{"index": index, **call}]}

    def _more(self, event: Mapping[str, Any], kind: str, field: str) -> dict[str, Any] | None:
        index = self._calls.get(event.get("output_index"))
        if index is None:
            return None
        return {"tool_calls": [{"index": index, kind: {field: event.get("delta") or ""}}]}

    def _end(self, reply: Mapping[str, Any]) -> bytes:
        self.ended = True
        out = self._chunk({}, finish_of(reply, called=bool(self._calls)))
        if self._include_usage:
            out += _event({**self._head, "choices": [], "usage": usage_of(reply.get("usage"))})
        return out

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        if not self._begun:
            self._begun = True
            delta = {"role": "assistant", "content": "", "refusal": None, **delta}
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        usage = {"usage": None} if self._include_usage else {}
        return _event({**self._head, "choices": [choice], **usage})


def _event(value: Any) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"
