"""Which logged calls another model can be asked again, and why the others cannot."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final

import msgspec

from tierwise.calls import Call, Message, Request

_OWN_TOOLS: Final = frozenset({"function", "custom"})
_ITEMS: Final = frozenset({None, "message", "function_call", "function_call_output"})
"""Items whose content a `Request` carries whole."""
_KEPT_ITEMS: Final = _ITEMS | {"custom_tool_call", "custom_tool_call_output"}
"""Items that can be sent again where the log has the body."""
_MEDIA: Final = ("image", "file", "audio", "video")
_SIGNED: Final = re.compile(r"(?i)[?&](x-amz-|x-goog-|sig=|signature=|expires=|token=|se=)")
_DEEPEST: Final = 12


class Sorted(msgspec.Struct, kw_only=True):
    """Calls that can be replayed, and how many cannot."""

    calls: list[Call] = []
    left: Counter[str] = msgspec.field(default_factory=Counter)
    """Calls that cannot, by reason."""

    @property
    def share(self) -> float:
        """The share that can, 0 to 1; 1 of none."""
        total = len(self.calls) + self.left.total()
        return len(self.calls) / total if total else 1.0


def sort_replayable(calls: Iterable[Call]) -> Sorted:
    """Calls taken apart by whether they can be replayed, in the order given."""
    found = Sorted()
    for call in calls:
        reason = unreplayable(call)
        if reason is None:
            found.calls.append(call)
        else:
            found.left[reason] += 1
    return found


def unreplayable(call: Call) -> str | None:
    """Why a call cannot be asked again of another model, the same words for its kind; None where it can."""
    request = call.request
    if request is None:
        return "the log has no text of the request"
    if call.endpoint not in {"chat", "responses"}:
        return "not a call of Chat Completions or Responses"
    return (
        _by_settings(request)
        or _by_items(request)
        or (_by_body(request.body) if request.body else _by_what_is_kept(request))
        or (None if any(message.text.strip() for message in request.messages) else "no text in the request")
    )


def _by_settings(request: Request) -> str | None:
    if request.previous_response_id or request.conversation:
        return "goes on from a conversation that OpenAI stored"
    if "prompt" in request.extras:
        return "uses a prompt that OpenAI stored"
    if request.extras & {"audio", "modalities"}:
        return "asks for audio"
    if request.n is not None and request.n > 1:
        return "asks for several answers at once"
    if hosted := _hosted(request.tools):
        return f"has a hosted tool: {hosted}"
    return "has a hosted tool: web_search" if "search-preview" in (request.model or "") else None


@lru_cache(maxsize=64)
def _hosted(tools: bytes) -> str | None:
    """The kind of the first tool that OpenAI would carry out, or that acts on a machine."""
    if not tools:
        return None
    try:
        listed = msgspec.json.decode(tools)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "unknown"
    # `functions` of the older form have no type.
    kinds = [tool.get("type", "function") for tool in listed if isinstance(tool, dict)]
    return next((_word(kind) for kind in kinds if kind not in _OWN_TOOLS), None)


def _untyped(tools: bytes) -> bool:
    listed = msgspec.json.decode(tools) if tools else []
    return any("type" not in tool for tool in listed if isinstance(tool, dict))


def _word(kind: Any) -> str:
    """A tool's kind without the date of its version; anything odd is only called unknown."""
    if not isinstance(kind, str) or not re.fullmatch(r"[a-z_0-9]{1,40}", kind):
        return "unknown"
    for known in ("web_search", "computer", "code_interpreter", "file_search"):
        if kind.startswith(known):
            return known
    return kind


def _by_items(request: Request) -> str | None:
    for message in request.messages:
        kind = message.type
        if kind == "reasoning":
            return "has reasoning items, which only their own model reads"
        if kind == "compaction" or (kind or "").startswith("compaction"):
            return "has a compacted history, which only its own model reads"
        if kind == "item_reference":
            return "refers to items that OpenAI stored"
        if kind not in _KEPT_ITEMS:
            return f"has an item of a hosted tool: {_word(kind)}"
    return None


def _by_what_is_kept(request: Request) -> str | None:
    """Why a request cannot be written again from what was read of it alone."""
    for message in request.messages:
        if message.type not in _ITEMS:
            return "has items whose content the log's form does not keep"
        if _media(message) or any(part.text is None for part in _parts(message)):
            return "has images, files or audio that the log's form does not keep"
        if any(call.function is None for call in message.tool_calls or ()):
            return "has tool calls whose content the log's form does not keep"
    if _untyped(request.tools):
        return "has functions of the older form, which the log's form does not tell apart"
    if request.extras - {"background_options"}:
        return "sets parameters whose values the log's form does not keep"
    if request.tool_choice == "forced":
        return "forces a tool that the log's form does not name"
    return None


def _parts(message: Message) -> list[Any]:
    return message.content if isinstance(message.content, list) else []


def _media(message: Message) -> bool:
    return any(kind in part.type for part in _parts(message) for kind in _MEDIA)


def _by_body(body: bytes) -> str | None:
    """Why what stands in the content parts of a body cannot be sent again."""
    try:
        sent = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "the request's body cannot be read"
    if not isinstance(sent, dict):
        return "the request's body cannot be read"
    if "web_search_options" in sent:
        return "has a hosted tool: web_search"
    for part in _objects((sent.get("messages"), sent.get("input"), sent.get("instructions"))):
        if "encrypted_content" in part:
            return "has reasoning items, which only their own model reads"
        if part.get("file_id"):
            return "has files by the id of an upload"
        if isinstance(part.get("audio"), dict) and part["audio"].get("id"):
            return "has audio by the id of an earlier answer"
        if any(_SIGNED.search(link) for link in _links(part)):
            return "has a link that expires"
    return None


def _objects(value: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Every object in a value, tools' schemas and arguments (which are text) aside."""
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _objects(inner, depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _objects(inner, depth + 1)


def _links(part: dict[str, Any]) -> Iterator[str]:
    for name in ("image_url", "file_url", "url"):
        found = part.get(name)
        if isinstance(found, str) and not found.startswith("data:"):
            yield found[:4_000]
