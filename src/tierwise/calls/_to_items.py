"""The messages of Chat Completions as the input items of Responses: none dropped, moved or reworded.

After OpenAI's references of both endpoints (openai 3.57 types). Texts, arguments, images and files
keep their bytes. What Responses has no place for is refused by name.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Raw

from tierwise.calls._raw import (
    NULL,
    Fields,
    encoded,
    fields,
    is_null,
    is_text,
    listed,
    only,
    says,
    shown,
    word,
)
from tierwise.errors import RequestError

_MESSAGE: Final = frozenset({"role", "content"})
_TOOL: Final = _MESSAGE | {"tool_call_id"}
_ASSISTANT: Final = _MESSAGE | {"tool_calls", "refusal", "annotations"}
"""`annotations` come with a reply; they are citations, which the model is not told again."""
_PART: Final[dict[str, frozenset[str]]] = {
    kind: frozenset({"type", kind, "prompt_cache_breakpoint"}) for kind in ("text", "image_url", "file")
}
_IMAGE: Final = frozenset({"url", "detail"})
_FILE: Final = frozenset({"file_id", "file_data", "filename"})
_CALLED: Final[dict[str, tuple[str, str]]] = {
    "function": ("function_call", "arguments"),
    "custom": ("custom_tool_call", "input"),
}
"""Type of a tool call to its item's type and the field of what it was called with."""


def items_of(messages: Raw) -> list[Any]:
    """Input items of the messages, in their order.

    Raises:
        RequestError: What Responses has no form for, by its place; or no messages.
    """
    items: list[Any] = []
    custom: set[str] = set()
    for index, raw in enumerate(listed(messages, "messages")):
        place = f"messages[{index}]"
        message = fields(raw, place)
        role = word(message.get("role"))
        match role:
            case "system" | "developer" | "user":
                only(message, _MESSAGE, place)
                content = _content(message.get("content"), place)
                items.append({"type": "message", "role": role, "content": content})
            case "assistant":
                items += _assistant(message, place, custom)
            case "tool":
                items.append(_tool_output(message, place, custom))
            case "function":
                raise RequestError(f"Responses has no {place}.role 'function'; tool_calls replaced it")
            case _:
                raise RequestError(f"expected a role that Responses knows in {place}, found {shown(role)}")
    return items


def turns_with_tools(messages: Raw) -> int:
    """How many of the messages called tools."""
    found = (fields(message, "messages[]").get("tool_calls") for message in listed(messages, "messages"))
    return sum(1 for calls in found if not is_null(calls) and listed(calls or NULL, "tool_calls"))


def _assistant(message: Fields, place: str, custom: set[str]) -> list[Any]:
    """What the model said, then the tools it called; the ids of custom calls go into `custom`."""
    only(message, _ASSISTANT, place)
    calls = message.get("tool_calls")
    called = [] if calls is None or is_null(calls) else listed(calls, f"{place}.tool_calls")
    said = _said(message, place)
    if not said and not called:
        if not is_text(message.get("content")):
            raise RequestError(f"expected content or tool_calls in {place}, found neither")
        # An empty answer is a turn all the same.
        return [{"type": "message", "role": "assistant", "content": ""}]
    items: list[Any] = [{"type": "message", "role": "assistant", "content": said}] if said else []
    return items + [_call(raw, f"{place}.tool_calls[{at}]", custom) for at, raw in enumerate(called)]


def _said(message: Fields, place: str) -> list[Any]:
    """The parts of an assistant's message."""
    content, refusal = message.get("content"), message.get("refusal")
    parts: list[Any] = []
    if is_text(content):
        parts += [{"type": "output_text", "text": content}] if not says(content, b'""') else []
    elif content is not None and not is_null(content):
        where = f"{place}.content"
        parts += [_said_part(raw, f"{where}[{at}]") for at, raw in enumerate(listed(content, where))]
    if is_text(refusal) and not says(refusal, b'""'):
        parts.append({"type": "refusal", "refusal": refusal})
    return parts


def _said_part(raw: Raw, place: str) -> Any:
    part = fields(raw, place)
    kind = word(part.get("type"))
    if kind not in {"text", "refusal"}:
        raise RequestError(f"Responses has no {shown(kind)} part in {place}")
    only(part, frozenset({"type", kind}), place)
    field = "text" if kind == "text" else "refusal"
    return {"type": "output_text" if kind == "text" else kind, field: part.get(kind, Raw(b'""'))}


def _call(raw: Raw, place: str, custom: set[str]) -> Any:
    call = fields(raw, place)
    kind = word(call.get("type")) or "function"
    if kind not in _CALLED:
        raise RequestError(f"Responses has no {shown(kind)} call in {place}")
    only(call, frozenset({"id", "type", kind}), place)
    item, given = _CALLED[kind]
    inner = only(fields(call.get(kind, NULL), f"{place}.{kind}"), frozenset({"name", given}), place)
    if kind == "custom":
        custom.add(word(call.get("id")) or "")
    return {
        "type": item,
        "call_id": call.get("id"),
        "name": inner.get("name"),
        given: inner.get(given, Raw(b'""')),
    }


def _tool_output(message: Fields, place: str, custom: set[str]) -> Any:
    """What a tool gave; Responses wants the kind of the call that it answers."""
    only(message, _TOOL, place)
    call = message.get("tool_call_id")
    kind = "custom_tool_call_output" if (word(call) or None) in custom else "function_call_output"
    return {"type": kind, "call_id": call, "output": _content(message.get("content"), place)}


def _content(raw: Raw | None, place: str) -> Any:
    """A text as it is; parts one by one."""
    if raw is None or is_null(raw):
        raise RequestError(f"expected content in {place}, found none")
    if is_text(raw):
        return raw
    where = f"{place}.content"
    return [_part(part, f"{where}[{at}]") for at, part in enumerate(listed(raw, where))]


def _part(raw: Raw, place: str) -> Any:
    part = fields(raw, place)
    kind = word(part.get("type")) or ""
    if kind not in _PART:
        raise RequestError(f"Responses has no {shown(kind)} part in {place}")
    only(part, _PART[kind], place)
    value = part.get(kind, NULL)
    if kind == "text":
        out: dict[str, Any] = {"type": "input_text", "text": value}
    elif kind == "file":
        out = {"type": "input_file", **only(fields(value, f"{place}.file"), _FILE, place)}
    else:
        image = only(fields(value, f"{place}.image_url"), _IMAGE, place)
        out = {"type": "input_image", "image_url": image.get("url")}
        if not is_null(image.get("detail")):
            out["detail"] = image["detail"]
    if "prompt_cache_breakpoint" in part:
        out["prompt_cache_breakpoint"] = part["prompt_cache_breakpoint"]
    return encoded(out)
