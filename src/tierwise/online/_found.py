"""What an answer asks of a search: calls of find_tools, or of a tool that was not sent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

import msgspec

from tierwise.calls import Around, Endpoint, live_call
from tierwise.catalog import Tokens
from tierwise.online._search import FIND
from tierwise.upstream import Event, EventSplitter

_BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_HELD: Final = frozenset({"reasoning"})
_OPENING: Final = ("response.created", "response.queued", "response.in_progress", "response.reasoning")
MOST_HELD: Final = 8 * 1024 * 1024
"""Bytes of a stream that are held back; a longer beginning is passed on."""


def needs_of(body: bytes, sent: frozenset[str], offered: frozenset[str]) -> list[str]:
    """What a reply asks for: words of find_tools, names of tools offered but not sent; none for others."""
    found: list[str] = []
    for name, arguments in _calls(_json(body)):
        if name == FIND:
            found.append(_need(arguments))
        elif name in offered and name not in sent:
            found.append(name)
    return found


def used_by(endpoint: Endpoint, body: bytes, at: int) -> Tokens:
    """What a step used whose answer only asked for tools, sent at a time in microseconds since the epoch."""
    return live_call(endpoint, None, b"", body, Around(at=at)).tokens or Tokens()


def _calls(reply: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(reply, dict):
        return
    for item in _objects(reply.get("output")):
        if item.get("type") == "function_call" and isinstance(item.get("name"), str):
            yield item["name"], item.get("arguments")
    for choice in _objects(reply.get("choices")):
        message = choice.get("message")
        for call in _objects(message.get("tool_calls") if isinstance(message, dict) else None):
            function = call.get("function")
            if isinstance(function, dict) and isinstance(function.get("name"), str):
                yield function["name"], function.get("arguments")


def _need(arguments: Any) -> str:
    """The words of a find_tools call; the whole of what stands there where they cannot be told."""
    text = arguments if isinstance(arguments, str) else ""
    said = _json(text.encode("utf-8", "replace"))
    need = said.get("need") if isinstance(said, dict) else None
    return need if isinstance(need, str) else text[:4_000]


class Beginning:
    """The first events of a stream, held until they tell what it is: a search, or the caller's answer."""

    def __init__(self, sent: frozenset[str], offered: frozenset[str]) -> None:
        self._sent, self._offered = sent, offered
        self._splitter = EventSplitter()
        self._parts: list[bytes] = []
        self._size = 0
        self.verdict: Literal["open", "search", "answer"] = "open"

    def feed(self, piece: bytes) -> None:
        """Take a piece in."""
        self._parts.append(piece)
        self._size += len(piece)
        if self.verdict != "open":
            return
        for event in self._splitter.feed(piece):
            self.verdict = self._of(event)
            if self.verdict != "open":
                return
        if self._size > MOST_HELD:
            self.verdict = "answer"

    @property
    def held(self) -> bytes:
        """All that came."""
        return b"".join(self._parts)

    def _of(self, event: Event) -> Literal["open", "search", "answer"]:
        said = _json(event.data)
        if not isinstance(said, dict):
            return "open" if not event.data else "answer"
        kind = said.get("type")
        if isinstance(kind, str):
            return self._of_item(said, kind)
        for choice in _objects(said.get("choices")):
            delta = choice.get("delta")
            if choice.get("finish_reason") or not isinstance(delta, dict):
                return "answer"
            for call in _objects(delta.get("tool_calls")):
                function = call.get("function")
                return self._named(function.get("name") if isinstance(function, dict) else None)
            if delta.get("content") or delta.get("refusal"):
                return "answer"
        return "open" if isinstance(said.get("choices"), list) else "answer"

    def _of_item(self, said: dict[str, Any], kind: str) -> Literal["open", "search", "answer"]:
        item = said.get("item")
        if isinstance(item, dict):
            if item.get("type") in _HELD:
                return "open"
            return self._named(item.get("name")) if item.get("type") == "function_call" else "answer"
        return "open" if kind.startswith(_OPENING) else "answer"

    def _named(self, name: Any) -> Literal["search", "answer"]:
        unsent = isinstance(name, str) and name in self._offered and name not in self._sent
        return "search" if name == FIND or unsent else "answer"


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _json(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except _BROKEN:
        return None
