"""Odd shapes coerced to the wire's: what an export wrote differently keeps its text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tierwise.calls._format import BadRecord
from tierwise.calls._values import count, embedded, labels, mapping, text

_STRINGS = (
    "model",
    "reasoning_effort",
    "verbosity",
    "service_tier",
    "previous_response_id",
    "prompt_cache_key",
    "user",
    "safety_identifier",
)
_WHOLE = ("max_tokens", "max_completion_tokens", "max_output_tokens", "n", "top_logprobs")
_REAL = ("temperature", "top_p")
_FLAGS = ("stream", "background", "store")
_AS_SENT = (
    "prompt",
    "tools",
    "functions",
    "response_format",
    "tool_choice",
    "conversation",
    "stop",
    "seed",
    "logit_bias",
    "presence_penalty",
    "frequency_penalty",
    "prediction",
    "audio",
)
_TEXT_KEYS = ("text", "content", "value", "output_text", "input_text", "thinking", "refusal")


def encoded(value: Any) -> bytes:
    """Plain values as JSON bytes; lone surrogates become U+FFFD, unknown types their text.

    Raises:
        BadRecord: 'nested too deeply'.
    """
    try:
        return msgspec.json.encode(value, enc_hook=str)
    except UnicodeEncodeError:
        return msgspec.json.encode(_repaired(value), enc_hook=str)
    except RecursionError:
        raise BadRecord("nested too deeply", "values nested beyond what can be read") from None


def _repaired(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {_repaired(str(key)): _repaired(item) for key, item in value.items()}
    return [_repaired(item) for item in value] if isinstance(value, list | tuple) else value


def request_shape(body: Mapping[str, Any]) -> dict[str, Any]:
    """A request body in the shape `WireRequest` decodes."""
    shaped: dict[str, Any] = {name: text(body.get(name)) for name in _STRINGS}
    shaped.update({name: _whole(body.get(name)) for name in _WHOLE})
    shaped.update({name: _real(body.get(name)) for name in _REAL})
    shaped.update({name: _flag(body.get(name)) for name in _FLAGS})
    shaped.update({name: embedded(body[name]) for name in _AS_SENT if body.get(name) is not None})
    shaped["logprobs"] = bool(body.get("logprobs"))
    shaped["metadata"] = labels(body.get("metadata"))
    shaped["include"] = [item for item in _list(body.get("include")) if isinstance(item, str)]
    shaped["modalities"] = [item for item in _list(body.get("modalities")) if isinstance(item, str)] or None
    for name in ("messages", "input", "instructions"):
        if body.get(name) is not None:
            shaped[name] = _messages(body[name], plain=name != "messages")
    options = mapping(body.get("background_options"))
    if options:
        shaped["background_options"] = {"completion_window": text(options.get("completion_window"))}
    reasoning = mapping(body.get("reasoning"))
    if reasoning:
        shaped["reasoning"] = {"effort": text(reasoning.get("effort"))}
    options = mapping(body.get("text"))
    if options:
        shaped["text"] = {"verbosity": text(options.get("verbosity")), "format": options.get("format")}
    return shaped


def _messages(value: Any, *, plain: bool) -> Any:
    """Messages or items from a list, one message, or a text; `plain` lets a text stay one."""
    value = embedded(value)
    if isinstance(value, str):
        return value if plain else [{"role": "user", "content": value}]
    if isinstance(value, Mapping):
        # An object of messages ({"messages": [...]}, as some exports wrap them) or one message.
        inner = value.get("messages")
        value = inner if isinstance(inner, list) else [value]
    if not isinstance(value, list | tuple):
        return [{"role": "user", "content": _plain(value)}]
    items = value[0] if len(value) == 1 and isinstance(value[0], list) else value
    return [message_shape(item) for item in items]


def message_shape(item: Any) -> dict[str, Any]:
    """One message or input item in the shape of `Message`."""
    if not isinstance(item, Mapping):
        return {"role": "user", "content": _plain(item)}
    shaped: dict[str, Any] = {
        name: text(item.get(name)) for name in ("role", "type", "name", "tool_call_id", "call_id")
    }
    shaped["content"] = _content(item.get("content"))
    shaped.update({name: item[name] for name in ("arguments", "output") if item.get(name) is not None})
    calls = [_tool_call(call) for call in _list(item.get("tool_calls")) if isinstance(call, Mapping)]
    legacy = item.get("function_call")
    if isinstance(legacy, Mapping):
        calls.append(_tool_call({"type": "function", "function": legacy}))
    shaped["tool_calls"] = calls or None
    return shaped


def _content(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return [_part(part) for part in value]
    return [_part(value)]


def _part(part: Any) -> dict[str, Any]:
    if not isinstance(part, Mapping):
        return {"type": "text", "text": _plain(part)}
    kind = text(part.get("type")) or "text"
    for key in _TEXT_KEYS:
        found = part.get(key)
        if isinstance(found, Mapping):
            found = found.get("value") or found.get("content")
        if isinstance(found, str):
            return {"type": kind, "text": found}
    return {"type": kind, "text": None}


def _tool_call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = mapping(call.get("function")) or call
    arguments = function.get("arguments", function.get("args"))
    if arguments is not None and not isinstance(arguments, str):
        arguments = encoded(arguments).decode()
    return {
        "id": text(call.get("id")),
        "type": text(call.get("type")) or "function",
        "function": {"name": text(function.get("name")), "arguments": arguments},
    }


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else encoded(value).decode()


def _list(value: Any) -> list[Any]:
    value = embedded(value)
    return value if isinstance(value, list) else []


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isdecimal() and len(value) < 19:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and abs(value) < 2**63 else None


def _real(value: Any) -> float | None:
    try:
        return None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _flag(value: Any) -> bool | None:
    if isinstance(value, str):
        return value.lower() == "true"
    return value if isinstance(value, bool) else None


def response_shape(body: Mapping[str, Any]) -> dict[str, Any]:
    """A response body in the shape `WireResponse` decodes.

    Raises:
        BadRecord: 'impossible usage'.
    """
    shaped: dict[str, Any] = {
        name: text(body.get(name)) for name in ("id", "object", "model", "status", "service_tier")
    }
    shaped["created"] = _whole(_floor(body.get("created")))
    shaped["created_at"] = _whole(_floor(body.get("created_at")))
    shaped["choices"] = [_choice(item) for item in _list(body.get("choices")) if isinstance(item, Mapping)]
    shaped["output"] = _output(body.get("output"))
    usage = mapping(body.get("usage"))
    shaped["usage"] = usage_shape(usage) if usage else None
    shaped["error"] = _fault(body.get("error"))
    for name, key, reader in (
        ("incomplete_details", "reason", text),
        ("background_options", "completion_window", text),
    ):
        inner = mapping(body.get(name))
        if inner:
            shaped[name] = {key: reader(inner.get(key))}
    searches = _whole(mapping(mapping(body.get("tool_usage")).get("web_search")).get("num_requests"))
    if searches:
        shaped["tool_usage"] = {"web_search": {"num_requests": searches}}
    return shaped


def _floor(value: Any) -> Any:
    return int(value) if isinstance(value, float) and abs(value) < 2**53 else value


def _fault(value: Any) -> Any:
    value = embedded(value)
    if isinstance(value, Mapping):
        inner = value.get("error")
        value = inner if isinstance(inner, Mapping) else value
        return {"code": text(value.get("code")), "type": text(value.get("type"))}
    return text(value)


def _choice(item: Mapping[str, Any]) -> dict[str, Any]:
    message = item.get("message")
    shaped = None
    if isinstance(message, Mapping):
        whole = message_shape(message)
        shaped = {
            "content": whole["content"],
            "refusal": text(message.get("refusal")),
            "tool_calls": whole["tool_calls"],
        }
    return {
        "finish_reason": text(item.get("finish_reason")),
        "text": text(item.get("text")),
        "message": shaped,
    }


def _output(value: Any) -> list[dict[str, Any]]:
    value = embedded(value)
    if isinstance(value, str):
        return [{"type": "message", "content": value}]
    return [_item(item) for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    shaped: dict[str, Any] = {name: text(item.get(name)) for name in ("type", "name", "role", "container_id")}
    shaped["content"] = _content(item.get("content"))
    if isinstance(item.get("action"), Mapping):
        shaped["action"] = {"type": text(item["action"].get("type"))}
    shaped.update({name: item[name] for name in ("arguments", "input") if item.get(name) is not None})
    return shaped


_COUNTS = ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens")
_PARTS = {
    "prompt_tokens_details": ("cached_tokens", "cache_write_tokens", "audio_tokens"),
    "input_tokens_details": ("cached_tokens", "cache_write_tokens", "audio_tokens"),
    "completion_tokens_details": ("reasoning_tokens", "audio_tokens"),
    "output_tokens_details": ("reasoning_tokens", "audio_tokens"),
    "cache_write_tokens_details": ("ttl_30m_tokens", "ttl_12h_tokens"),
    "cached_tokens_details": ("audio_tokens",),
}


def usage_shape(usage: Mapping[str, Any]) -> dict[str, Any]:
    """A usage object in the shape of `Usage`: digits in strings and whole floats become ints.

    Raises:
        BadRecord: 'impossible usage' for a negative, fractional or non-numeric count.
    """
    shaped: dict[str, Any] = {key: count(usage[key], key) for key in _COUNTS if usage.get(key) is not None}
    for name in tuple(_PARTS)[:4]:
        shaped[name] = _counts(usage.get(name), name)
    return shaped


def _counts(value: Any, name: str) -> dict[str, Any] | None:
    parts = mapping(value)
    if not parts:
        return None
    shaped: dict[str, Any] = {
        key: count(parts[key], key) for key in _PARTS[name] if parts.get(key) is not None
    }
    for inner in ("cache_write_tokens_details", "cached_tokens_details"):
        if parts.get(inner) is not None:
            shaped[inner] = _counts(parts[inner], inner)
    return shaped
