"""The event stream of Responses as the chunks of Chat Completions (openai-facts 5.4 has both forms)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tierwise.calls._format import BadRecord
from tierwise.calls._to_chat import (
    FAILED,
    Reply,
    error_of,
    finish_of,
    logprobs_of,
    moderation_of,
    objects,
    text,
    tool_call_of,
    usage_of,
    whole,
)
from tierwise.calls._values import decoded

_DONE: Final = b"data: [DONE]\n\n"
_ENDS: Final = frozenset({"response.completed", "response.incomplete"})
_FAILS: Final = {f"response.{status}": said for status, said in FAILED.items()}
_FIELDS: Final = {
    "response.function_call_arguments.delta": ("function", "arguments"),
    "response.custom_tool_call_input.delta": ("custom", "input"),
}


class ChatStream:
    """Turns events into chunks, one by one. Nothing is made up: what has not come is not ended.

    The first chunk comes with the first thing that the model says or calls, as in Chat; reasoning
    has no chunk. A failed response, or an error, is an error in the stream.

    Args:
        include_usage: Whether the caller asked for a last chunk with usage.
    """

    def __init__(self, *, include_usage: bool = False) -> None:
        self._include_usage = include_usage
        self._head: dict[str, Any] = {
            "id": "",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": "",
            "system_fingerprint": None,
        }
        self._begun = False
        self._calls: dict[int, _Called] = {}
        """Tool calls by the index of their output item."""
        self.ended = False
        """Whether the event that ends the stream has come."""

    def feed(self, data: bytes) -> bytes:
        """The Chat events of one event's data; b'' for one that Chat has no form for."""
        if self.ended:
            return b""
        try:
            event = decoded(data)
        except BadRecord:
            return b""
        if not isinstance(event, Mapping):
            return b""
        kind = text(event.get("type"))
        inner = event.get("response")
        if isinstance(inner, Mapping):
            self._note(inner)
            if kind in _ENDS:
                return self._end(inner)
        if kind in _FAILS:
            error = inner.get("error") if isinstance(inner, Mapping) else None
            return self._fail(error, _FAILS[kind])
        if kind == "error":
            return self._fail(event.get("error") or event, FAILED["failed"])
        return self._said(kind, event)

    def end(self) -> bytes:
        """What follows the last chunk: only after the event that ends the stream."""
        return _DONE if self.ended else b""

    def _note(self, reply: Reply) -> None:
        head = self._head
        head["id"] = reply.get("id") or head["id"]
        head["created"] = whole(reply.get("created_at")) or head["created"]
        head["model"] = reply.get("model") or head["model"]
        # Until it ends a response says 'auto', which is not what serves it.
        if text(reply.get("service_tier")) not in {"", "auto"}:
            head["service_tier"] = reply["service_tier"]

    def _said(self, kind: str, event: Reply) -> bytes:
        match kind:
            case "response.output_text.delta":
                found = logprobs_of(objects(event.get("logprobs")))
                return self._chunk({"content": text(event.get("delta"))}, event, logprobs=found)
            case "response.refusal.delta":
                return self._chunk({"refusal": text(event.get("delta"))}, event)
            case "response.output_item.added" | "response.output_item.done":
                item = event.get("item")
                return self._item(event, item) if isinstance(item, Mapping) else b""
            case _ if kind in _FIELDS:
                return self._more(event, text(event.get("delta")))
            case _:
                return b""

    def _item(self, event: Reply, item: Reply) -> bytes:
        """The first piece of a tool call, its id and name; or the first chunk of a message."""
        call = tool_call_of(item)
        if call is None:
            starts = item.get("type") == "message" and not self._begun
            return self._chunk({}, event) if starts else b""
        index = whole(event.get("output_index"))
        known = self._calls.get(index)
        if known is not None:
            # A server may give the arguments in one piece, with the finished item alone.
            return b"" if known.pieces else self._more(event, call[call["type"]][known.field])
        field = "arguments" if call["type"] == "function" else "input"
        given = bool(call[call["type"]][field])
        self._calls[index] = _Called(index=len(self._calls), kind=call["type"], field=field, pieces=given)
        return self._chunk({"tool_calls": [{"index": self._calls[index].index, **call}]}, event)

    def _more(self, event: Reply, piece: str) -> bytes:
        call = self._calls.get(whole(event.get("output_index")))
        if call is None or not piece:
            return b""
        call.pieces = True
        return self._chunk({"tool_calls": [{"index": call.index, call.kind: {call.field: piece}}]}, event)

    def _fail(self, error: Any, otherwise: str) -> bytes:
        self.ended = True
        return _event({"error": error_of(error, otherwise)[1]})

    def _end(self, reply: Reply) -> bytes:
        out = b"" if self._begun else self._chunk({}, {})
        self.ended = True
        out += self._chunk({}, {}, finish=finish_of(reply, called=bool(self._calls)))
        usage = usage_of(reply.get("usage"))
        if self._include_usage and usage is not None:
            out += _event({**self._head, "choices": [], "usage": usage})
        if isinstance(reply.get("moderation"), Mapping):
            found = {"choices": [], "moderation": moderation_of(reply["moderation"])}
            out += _event({**self._head, **found, **self._no_usage()})
        return out

    def _chunk(self, delta: Reply, event: Reply, *, finish: str | None = None, logprobs: Any = None) -> bytes:
        if not self._begun:
            self._begun = True
            content = None if "tool_calls" in delta or "refusal" in delta else ""
            delta = {"role": "assistant", "content": content, "refusal": None, **delta}
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
        # Random text that hides how long a piece is; upstream sends it unless asked not to.
        hides = {"obfuscation": event["obfuscation"]} if "obfuscation" in event else {}
        return _event({**self._head, "choices": [choice], **self._no_usage(), **hides})

    def _no_usage(self) -> dict[str, None]:
        return {"usage": None} if self._include_usage else {}


class _Called(msgspec.Struct, kw_only=True):
    """A tool call under way."""

    index: int
    """Its place among the tool calls of the message."""
    kind: str
    field: str
    """The field of what it is called with: 'arguments', or 'input' of a custom tool."""
    pieces: bool
    """Whether any of that has been sent."""


def _event(value: Any) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"
