"""A Chat Completions request as one of Responses: the same prompt, tools, schema and settings.

Field by field after OpenAI's references of both endpoints (openai 3.57 types). What Responses has
no form for is refused by name, never left out. JSON inside a tool's parameters, a schema or a
content part keeps its bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import msgspec
from msgspec import Raw

from tierwise.errors import RequestError

Fields = dict[str, Raw]

SAME: Final = frozenset(
    {
        "model", "metadata", "user", "safety_identifier", "service_tier", "parallel_tool_calls",
        "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "stream", "temperature",
        "top_p", "moderation",
    }
)  # fmt: skip
"""Fields that both endpoints have under one name."""
_DEFAULTS: Final[Mapping[str, frozenset[bytes]]] = {
    "n": frozenset({b"1"}),
    "frequency_penalty": frozenset({b"0", b"0.0"}),
    "presence_penalty": frozenset({b"0", b"0.0"}),
    "logit_bias": frozenset({b"{}"}),
    "stop": frozenset({b"[]"}),
    "modalities": frozenset({b'["text"]'}),
}
"""Fields without a Responses form, and the values of them that ask for nothing."""
_NULL: Final = b"null"
_TRUE: Final = b"true"


@cache
def _decoder() -> msgspec.json.Decoder[Fields]:
    return msgspec.json.Decoder(Fields)


def to_responses(body: bytes) -> bytes:
    """The body of a Chat Completions request as a body of Responses.

    `store` is false unless the caller set true, since Responses stores by default and Chat does
    not; a function tool without `strict` gets false, since Responses takes unset for true.

    Raises:
        RequestError: What cannot be said to Responses, by name; or not a request.
    """
    sent = _fields(body, "the request")
    out: Fields = {}
    for name, raw in sent.items():
        value = bytes(raw)
        if value == _NULL or name == "store" or value in _DEFAULTS.get(name, ()):
            continue
        if name in SAME:
            out[name] = raw
        elif name in _TRANSLATED:
            _TRANSLATED[name](raw, out)
        else:
            raise RequestError(f"Responses has no {name}; leave it out, or send the call as asked")
    if "input" not in out:
        raise RequestError("expected 'messages' in a Chat Completions request, found none")
    out["store"] = Raw(_TRUE if bytes(sent.get("store", Raw(_NULL))) == _TRUE else b"false")
    return msgspec.json.encode(out)


def reasoning_lost(body: bytes) -> int:
    """Turns of the history that called tools: what was reasoned for them cannot travel in a Chat history."""
    messages = _list(_fields(body, "the request").get("messages", Raw(b"[]")), "messages")
    found = (_fields(message, "messages[]") for message in messages)
    return sum(1 for message in found if bytes(message.get("tool_calls", Raw(_NULL))) not in (_NULL, b"[]"))


def _messages(raw: Raw, out: Fields) -> None:
    items: list[Any] = []
    for index, message in enumerate(_list(raw, "messages")):
        items += _message(_fields(message, f"messages[{index}]"), f"messages[{index}]")
    out["input"] = _raw(items)


def _message(message: Fields, place: str) -> list[Any]:
    role = _text(message.get("role"))
    known = {
        "role",
        "content",
        "tool_calls",
        "tool_call_id",
        "refusal",
        "annotations",
        "function_call",
    }
    unknown = sorted(name for name, raw in message.items() if name not in known and bytes(raw) != _NULL)
    if unknown or bytes(message.get("audio", Raw(_NULL))) != _NULL:
        raise RequestError(f"Responses has no {place}.{(unknown or ['audio'])[0]}")
    if bytes(message.get("function_call", Raw(_NULL))) != _NULL or role == "function":
        raise RequestError(f"Responses has no {place}.function_call; it was replaced by tool_calls")
    match role:
        case "system" | "developer" | "user":
            return [{"type": "message", "role": role, "content": _content(message.get("content"), place)}]
        case "assistant":
            return _assistant(message, place)
        case "tool":
            return [_tool_output(message, place)]
        case _:
            raise RequestError(f"expected a role that Responses knows in {place}, found {role!r:.40}")


def _assistant(message: Fields, place: str) -> list[Any]:
    """What the model said, then the tools it called."""
    parts: list[Any] = []
    content = message.get("content")
    if content is not None and bytes(content) not in (_NULL, b'""'):
        text = _text(content)
        if text is not None:
            parts.append({"type": "output_text", "text": text})
        else:
            parts += [_said(_fields(part, place), place) for part in _list(content, f"{place}.content")]
    refusal = _text(message.get("refusal"))
    if refusal:
        parts.append({"type": "refusal", "refusal": refusal})
    items: list[Any] = [{"type": "message", "role": "assistant", "content": parts}] if parts else []
    calls = message.get("tool_calls")
    if calls is not None and bytes(calls) != _NULL:
        items += [_call(_fields(call, place), place) for call in _list(calls, f"{place}.tool_calls")]
    return items


def _said(part: Fields, place: str) -> Any:
    kind = _text(part.get("type"))
    if kind == "text":
        return {"type": "output_text", "text": part.get("text", Raw(b'""'))}
    if kind == "refusal":
        return {"type": "refusal", "refusal": part.get("refusal", Raw(b'""'))}
    raise RequestError(f"Responses has no {kind!r:.40} part in {place}")


def _call(call: Fields, place: str) -> Any:
    kind = _text(call.get("type")) or "function"
    if kind == "function":
        inner = _fields(call.get("function", Raw(b"{}")), f"{place}.tool_calls[].function")
        return {
            "type": "function_call",
            "call_id": call.get("id"),
            "name": inner.get("name"),
            "arguments": inner.get("arguments", Raw(b'""')),
        }
    if kind == "custom":
        inner = _fields(call.get("custom", Raw(b"{}")), f"{place}.tool_calls[].custom")
        return {
            "type": "custom_tool_call",
            "call_id": call.get("id"),
            "name": inner.get("name"),
            "input": inner.get("input", Raw(b'""')),
        }
    raise RequestError(f"Responses has no {kind!r:.40} tool call in {place}")


def _tool_output(message: Fields, place: str) -> Any:
    content = message.get("content", Raw(b'""'))
    if _text(content) is None:
        content = _raw(_content(content, place))
    return {"type": "function_call_output", "call_id": message.get("tool_call_id"), "output": content}


def _content(raw: Raw | None, place: str) -> Any:
    """A text as it is; parts one by one."""
    if raw is None or bytes(raw) == _NULL:
        return ""
    if bytes(raw)[:1] != b"[":
        return raw
    return [_part(_fields(part, f"{place}.content[]"), place) for part in _list(raw, f"{place}.content")]


def _part(part: Fields, place: str) -> Any:
    kind = _text(part.pop("type", None))
    match kind:
        case "text":
            return {"type": "input_text", **part}
        case "image_url":
            image = _fields(part.pop("image_url", Raw(b"{}")), f"{place}.image_url")
            return {
                "type": "input_image",
                "image_url": image.get("url"),
                "detail": image.get("detail", Raw(b'"auto"')),
                **part,
            }
        case "file":
            return {"type": "input_file", **_fields(part.pop("file", Raw(b"{}")), f"{place}.file"), **part}
        case _:
            raise RequestError(f"Responses has no {kind!r:.40} part in {place}")


def _tools(raw: Raw, out: Fields) -> None:
    out["tools"] = _raw([_tool(_fields(tool, "tools[]")) for tool in _list(raw, "tools")])


def _tool(tool: Fields) -> Any:
    kind = _text(tool.get("type"))
    if kind == "function":
        inner = _fields(tool.get("function", Raw(b"{}")), "tools[].function")
        strict = inner.pop("strict", Raw(_NULL))
        # Unset is false in Chat and true in Responses.
        kept = strict if bytes(strict) != _NULL else Raw(b"false")
        return {"type": "function", "strict": kept, "parameters": None, **inner}
    if kind == "custom":
        inner = _fields(tool.get("custom", Raw(b"{}")), "tools[].custom")
        form = inner.get("format")
        if form is not None:
            opened = _fields(form, "tools[].custom.format")
            if "grammar" in opened:
                inner["format"] = _raw({"type": "grammar", **_fields(opened["grammar"], "grammar")})
        return {"type": "custom", **inner}
    raise RequestError(f"Responses has no tool of type {kind!r:.40} from Chat Completions")


def _tool_choice(raw: Raw, out: Fields) -> None:
    if _text(raw) is not None:
        out["tool_choice"] = raw
        return
    choice = _fields(raw, "tool_choice")
    kind = _text(choice.get("type"))
    if kind in {"function", "custom"}:
        inner = _fields(choice.get(kind, Raw(b"{}")), f"tool_choice.{kind}")
        out["tool_choice"] = _raw({"type": kind, "name": inner.get("name")})
    elif kind == "allowed_tools":
        allowed = _fields(choice.get("allowed_tools", Raw(b"{}")), "tool_choice.allowed_tools")
        tools = [
            _named(_fields(tool, "tool_choice")) for tool in _list(allowed.get("tools", Raw(b"[]")), "tools")
        ]
        out["tool_choice"] = _raw({"type": "allowed_tools", "mode": allowed.get("mode"), "tools": tools})
    else:
        raise RequestError(f"Responses has no tool_choice of type {kind!r:.40}")


def _named(tool: Fields) -> Any:
    kind = _text(tool.get("type")) or "function"
    return {"type": kind, "name": _fields(tool.get(kind, Raw(b"{}")), "tool_choice").get("name")}


def _format(raw: Raw, out: Fields) -> None:
    given = _fields(raw, "response_format")
    kind = _text(given.get("type"))
    if kind == "json_schema":
        inner = _fields(given.get("json_schema", Raw(b"{}")), "response_format.json_schema")
        _add(out, "text", "format", _raw({"type": "json_schema", **inner}))
    elif kind in {"json_object", "text"}:
        _add(out, "text", "format", raw)
    else:
        raise RequestError(f"Responses has no response_format of type {kind!r:.40}")


def _cap(raw: Raw, out: Fields) -> None:
    out["max_output_tokens"] = raw


def _logprobs(raw: Raw, out: Fields) -> None:
    if bytes(raw) == _TRUE:
        out["include"] = Raw(b'["message.output_text.logprobs"]')


def _stream_options(raw: Raw, out: Fields) -> None:
    """Responses always tells usage, so only the other option goes on."""
    kept = {k: v for k, v in _fields(raw, "stream_options").items() if k == "include_obfuscation"}
    if kept:
        out["stream_options"] = _raw(kept)


def _add(out: Fields, field: str, key: str, value: Raw) -> None:
    out[field] = _raw({**(_fields(out[field], field) if field in out else {}), key: value})


_TRANSLATED: Final[Mapping[str, Callable[[Raw, Fields], None]]] = {
    "messages": _messages,
    "tools": _tools,
    "tool_choice": _tool_choice,
    "response_format": _format,
    "reasoning_effort": lambda raw, out: _add(out, "reasoning", "effort", raw),
    "verbosity": lambda raw, out: _add(out, "text", "verbosity", raw),
    "max_tokens": _cap,
    "max_completion_tokens": _cap,
    "logprobs": _logprobs,
    "top_logprobs": lambda raw, out: out.__setitem__("top_logprobs", raw),
    "stream_options": _stream_options,
}


def _fields(raw: bytes | Raw, place: str) -> Fields:
    try:
        return _decoder().decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RequestError(f"expected an object as {place}, found something else") from None


def _list(raw: Raw, place: str) -> list[Raw]:
    try:
        return msgspec.json.decode(raw, type=list[Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RequestError(f"expected an array as {place}, found something else") from None


def _text(raw: Raw | None) -> str | None:
    """A JSON string's value; None for anything else."""
    if raw is None or bytes(raw)[:1] != b'"':
        return None
    try:
        return msgspec.json.decode(raw, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RequestError("expected text in UTF-8, found something else") from None


def _raw(value: Any) -> Raw:
    return Raw(msgspec.json.encode(value))
