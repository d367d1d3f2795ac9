"""What a stream says of itself while it passes: its end, its usage, its model. Nothing is rewritten."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from tierwise.calls import Endpoint, assembled, assembled_chat
from tierwise.errors import UpstreamCut, UpstreamGarbled
from tierwise.upstream._events import Event, EventSplitter

_TERMINAL = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
_NULL = (b"null", b"")
_DONE = b"data: [DONE]\n\n"
_MODEL = re.compile(rb'"model": ?"[^"\\]*"')
"""The field as a server writes it: in a text, quotes are escaped."""


class _Inner(msgspec.Struct, frozen=True):
    model: str | None = None
    service_tier: str | None = None
    usage: msgspec.Raw = msgspec.Raw()
    id: str | None = None


class _Chunk(msgspec.Struct, frozen=True):
    type: str | None = None
    model: str | None = None
    service_tier: str | None = None
    usage: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()
    response: _Inner | None = None
    id: str | None = None


_CHUNK = msgspec.json.Decoder(_Chunk, strict=False)


def _chunk(data: bytes) -> _Chunk | None:
    try:
        return _CHUNK.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def stream_ended_cleanly(endpoint: Endpoint, last: Event | None) -> bool:
    """Whether the last event of a stream is one that upstream ends streams with.

    Chat Completions and completions end with `[DONE]`; Responses with `response.completed`,
    `response.incomplete`, `response.failed` or `response.cancelled` (openai-facts 5.4). An error that
    upstream itself reports in the stream is an end too: it is upstream's word, not a cut. A stream
    of any other endpoint ends with its connection.
    """
    if endpoint not in ("chat", "completions", "responses"):
        return True
    if last is None:
        return False
    data = last.data.strip()
    if data == b"[DONE]":
        return endpoint != "responses"
    if b'"error"' not in data and (endpoint != "responses" or b'"response.' not in data):
        return False
    chunk = _chunk(data)
    if chunk is None:
        return False
    if chunk.type == "error" or last.name == "error":
        return True
    if endpoint == "responses":
        return chunk.type in _TERMINAL
    return bytes(chunk.error) not in _NULL


class StreamWatch:
    """Reads along with a stream: feed it every event, ask at any time.

    An event that tells nothing new is not decoded. It keeps no text.

    Args:
        endpoint: The endpoint whose stream it is.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.events = 0
        """Events with data so far."""
        self.id: str | None = None
        self.model: str | None = None
        """The model that serves, from the last event that names one."""
        self.service_tier: str | None = None
        self.usage: dict[str, Any] | None = None
        """OpenAI's usage object, from the last event that has one."""
        self.ended = False
        """Whether the last event is one that ends streams."""
        self._known = b"\x00"

    def feed(self, event: Event) -> None:
        """Take note of an event."""
        raw = event.raw
        if not raw.startswith((b"data", b"event")) and not event.data:
            return
        self.events += 1
        if not self._tells(raw):
            self.ended = False
            return
        self.ended = stream_ended_cleanly(self.endpoint, event)
        if raw != _DONE:
            chunk = _chunk(event.data)
            if chunk is not None:
                self._note(chunk, raw)

    def passes(self, piece: bytes) -> bool:
        """Whether a piece is whole events that say nothing new, which are then counted; else `feed` them."""
        if not piece.startswith(b"data: {") or not piece.endswith(b"}\n\n") or b"\r" in piece:
            return False
        if self.endpoint != "chat" or self._known not in piece:
            return False
        if b'_tokens"' in piece or b'"error"' in piece or b"[DONE]" in piece:
            return False
        self.events += piece.count(b"\n\n")
        self.ended = False
        return True

    def _tells(self, raw: bytes) -> bool:
        """Whether an event may say something new, by bytes that cannot stand inside a JSON string."""
        if self.endpoint == "responses":
            # Deltas, which are most events, carry neither.
            return b'"response"' in raw or b"error" in raw
        if self._known not in raw or b'"error"' in raw:
            return True
        at = raw.rfind(b'"usage":')
        return at >= 0 and not raw.startswith((b"null", b" null"), at + 8)

    def _note(self, chunk: _Chunk, raw: bytes) -> None:
        inner = chunk.response
        for said in (chunk, inner) if inner is not None else (chunk,):
            self.id = said.id or self.id
            self.model = said.model or self.model
            self.service_tier = said.service_tier or self.service_tier
            if bytes(said.usage) not in _NULL:
                usage = msgspec.json.decode(said.usage)
                self.usage = usage if isinstance(usage, dict) else self.usage
        if chunk.model and self.endpoint != "responses":
            found = _MODEL.search(raw)
            named = found is not None and found[0].endswith(msgspec.json.encode(chunk.model))
            self._known = found[0] if found is not None and named else b"\x00"

    def check_end(self) -> None:
        """Call when the bytes are over.

        Raises:
            UpstreamCut: The stream stopped without the event that ends it. A connection that was
                closed in good order is no end: a finish is never made up.
        """
        if not self.ended and not stream_ended_cleanly(self.endpoint, None):
            what = "a terminal event" if self.endpoint == "responses" else "[DONE]"
            raise UpstreamCut(
                f"the stream stopped after {self.events} events without {what}; what was generated so far may be billed",
                sent=True,
            )

    def summary(self) -> dict[str, Any]:
        """A body without text, for `tierwise.calls.parse_response`: id, model, tier and usage."""
        kind = {"responses": "response", "completions": "text_completion"}.get(
            self.endpoint, "chat.completion"
        )
        fields = {"id": self.id, "model": self.model, "service_tier": self.service_tier, "usage": self.usage}
        return {"object": kind} | {key: value for key, value in fields.items() if value is not None}


def whole_reply(stream: bytes) -> dict[str, Any]:
    """The body that the stream would have been without streaming, for our own copy of a call.

    Args:
        stream: Whole events, joined.

    Text and tool-call pieces are put together as `tierwise.calls` does for logs: by id, else by index,
    else onto the last one.

    Raises:
        UpstreamGarbled: No event is a JSON object.
    """
    datas = _datas(stream)
    if datas and b'"chat.completion.chunk"' in datas[0]:
        done = datas[-1] == b"[DONE]"
        body = assembled_chat(datas[:-1] if done else datas, done=done)
        if body is not None:
            return body
    decoded: list[Any] = []
    for data in datas:
        if data == b"[DONE]":
            decoded.append("[DONE]")
            continue
        try:
            decoded.append(msgspec.json.decode(data))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
    if not any(isinstance(event, dict) for event in decoded):
        raise UpstreamGarbled("no event of the stream is a JSON object", sent=True)
    return assembled(decoded)


def _datas(stream: bytes) -> list[bytes]:
    """The data of every event that has some."""
    if b"\r" not in stream:
        plain = stream.removesuffix(b"\n\n").split(b"\n\n")
        if all(block.startswith(b"data: ") and b"\n" not in block for block in plain):
            return [data for block in plain if (data := block[6:].strip())]
    splitter = EventSplitter(largest=max(1, len(stream)))
    events = [*splitter.feed(stream), *splitter.end()]
    return [data for event in events if (data := event.data.strip())]
