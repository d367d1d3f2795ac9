"""Event streams put back together into the body that the call would have had unstreamed.

Chat Completions sends chunks and `[DONE]`; Responses sends typed events and ends with
`response.completed`, `response.incomplete` or `response.failed`, without `[DONE]`.
A stream that just stops is a call that somebody left: its status becomes 'cancelled'.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tierwise.calls._format import BadRecord
from tierwise.calls._values import decoded

_TERMINAL = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")


def is_stream(body: bytes | str) -> bool:
    """Whether a body looks like server-sent events."""
    head = body[:64].lstrip()
    if isinstance(head, bytes):
        return head.startswith((b"data:", b"event:", b"id:", b"retry:", b": "))
    return head.startswith(("data:", "event:", "id:", "retry:", ": "))


def assembled(stream: bytes | str | Iterable[Any]) -> dict[str, Any]:
    """The body of a stream, given as its text or as the list of its decoded events.

    Usage is taken from any event that has one; the last wins. Events that are not JSON are
    passed over (a stream cut in the middle of one is common).

    Raises:
        BadRecord: 'wrong encoding', or 'empty stream' when no event can be read.
    """
    if isinstance(stream, bytes):
        try:
            stream = stream.decode()
        except UnicodeDecodeError as error:
            raise BadRecord("wrong encoding", f"byte {error.start} of the stream is not UTF-8") from None
    done = False
    events: list[Mapping[str, Any]] = []
    for event in _events(stream) if isinstance(stream, str) else stream:
        if isinstance(event, Mapping):
            events.append(event)
        elif event == "[DONE]":
            done = True
    if not events:
        raise BadRecord("empty stream", "no event in it is a JSON object")
    if any(str(event.get("type", "")).startswith("response.") for event in events):
        return _responses(events)
    return _chat(events, done=done)


def _events(stream: str) -> Iterator[Any]:
    lines: list[str] = []
    for line in (*stream.split("\n"), ""):
        bare = line.rstrip("\r")
        if bare.startswith("data:"):
            lines.append(bare[5:].removeprefix(" "))
        elif not bare and lines:
            data = "\n".join(lines)
            lines = []
            if data.strip() == "[DONE]":
                yield "[DONE]"
                continue
            try:
                yield decoded(data)
            except BadRecord:
                continue


def _responses(events: list[Mapping[str, Any]]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    ended = False
    items: list[Any] = []
    pieces: list[str] = []
    error: Any = None
    for event in events:
        kind = event.get("type")
        inner = event.get("response")
        if isinstance(inner, Mapping):
            body.update({key: value for key, value in inner.items() if value is not None})
        if kind in _TERMINAL:
            ended = True
        elif kind == "response.output_item.done":
            items.append(event.get("item"))
        elif kind == "response.output_text.delta" and isinstance(event.get("delta"), str):
            pieces.append(event["delta"])
        elif kind == "error":
            error = event.get("error") or {"code": event.get("code") or "error"}
    if not body.get("output"):
        # The terminal event never came, or came without the items: what was seen stands in.
        text = {"type": "message", "content": [{"type": "output_text", "text": "".join(pieces)}]}
        body["output"] = items or ([text] if pieces else [])
    if error is not None:
        body.update(error=error, status="failed")
    elif not ended:
        body["status"] = "cancelled"
    return body


def _chat(events: list[Mapping[str, Any]], *, done: bool) -> dict[str, Any]:
    body: dict[str, Any] = {"object": "chat.completion"}
    choices: dict[Any, Choice] = {}
    for event in events:
        for key in ("id", "model", "created", "service_tier", "usage", "error"):
            if event.get(key) is not None:
                body[key] = event[key]
        found = event.get("choices")
        for piece in found if isinstance(found, list) else ():
            if isinstance(piece, Mapping):
                index = piece.get("index")
                choices.setdefault(index if isinstance(index, int) else 0, Choice()).add(piece)
    body["choices"] = [choice.whole() for choice in choices.values()]
    finished = bool(choices) and all(choice.finish for choice in choices.values())
    if not done and not finished and "error" not in body:
        body["status"] = "cancelled"
    return body


class Choice:
    """One choice, growing delta by delta."""

    def __init__(self) -> None:
        self.content: list[str] = []
        self.refusal: list[str] = []
        self.finish: str | None = None
        self.calls: list[dict[str, Any]] = []

    def add(self, piece: Mapping[str, Any]) -> None:
        """Take in one chunk's part of it."""
        if isinstance(piece.get("finish_reason"), str):
            self.finish = piece["finish_reason"]
        if isinstance(piece.get("text"), str):
            self.content.append(piece["text"])
        delta = piece.get("delta")
        if not isinstance(delta, Mapping):
            return
        for into, key in ((self.content, "content"), (self.refusal, "refusal")):
            if isinstance(delta.get(key), str):
                into.append(delta[key])
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, Mapping):
                self.merge(call)

    def merge(self, piece: Mapping[str, Any]) -> None:
        """Find the call that a piece belongs to: by id, else by index, else the last one.

        Servers repeat an index for a second call, or leave index and id out; a new id is
        always a new call.
        """
        name, index = piece.get("id"), piece.get("index")
        call = None
        if name:
            call = next((c for c in self.calls if c["id"] == name), None)
        elif isinstance(index, int):
            call = next((c for c in reversed(self.calls) if c["index"] == index), None)
        elif self.calls:
            call = self.calls[-1]
        if call is None:
            call = {"id": name, "index": index, "type": "function", "name": None, "arguments": ""}
            self.calls.append(call)
        function = piece.get("function")
        if isinstance(function, Mapping):
            call["name"] = call["name"] or function.get("name")
            if isinstance(function.get("arguments"), str):
                call["arguments"] += function["arguments"]

    def whole(self) -> dict[str, Any]:
        """The choice as it would have come unstreamed."""
        calls = [
            {
                "id": call["id"],
                "type": "function",
                "function": {"name": call["name"], "arguments": call["arguments"]},
            }
            for call in self.calls
        ]
        message = {
            "content": "".join(self.content) or None,
            "refusal": "".join(self.refusal) or None,
            "tool_calls": calls or None,
        }
        return {"finish_reason": self.finish, "message": message}
