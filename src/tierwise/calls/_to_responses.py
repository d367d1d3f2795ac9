"""A Chat Completions request as one of Responses: the same prompt, tools, schema and settings.

Field by field after OpenAI's references of both endpoints (openai 3.57 types). What Responses has no
form for is refused by name, never left out. JSON inside a tool's parameters, a schema or a content
part keeps its bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from tierwise.calls._raw import NULL, Fields, encoded, fields, is_null, listed, only, plain, says, shown, word
from tierwise.calls._to_items import items_of, turns_with_tools
from tierwise.errors import RequestError

SAME: Final = frozenset(
    {
        "model", "metadata", "user", "safety_identifier", "service_tier", "parallel_tool_calls",
        "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "stream", "temperature",
        "top_p", "moderation",
    }
)  # fmt: skip
"""Fields that both endpoints have under one name."""
_ASKS_NOTHING: Final[Mapping[str, object]] = {
    "n": 1,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "logit_bias": {},
    "stop": [],
    "modalities": ["text"],
}
"""Fields without a Responses form, and the value of each that asks for nothing."""
LEAST_CAP: Final = 16
"""Responses refuses a smaller `max_output_tokens` ('Expected a value >= 16'); Chat does not."""
_FUNCTION: Final = frozenset({"name", "description", "parameters", "strict"})
_CUSTOM: Final = frozenset({"name", "description", "format"})
_FORMAT: Final = frozenset({"name", "description", "schema", "strict"})


def to_responses(body: bytes) -> bytes:
    """The body of a Chat Completions request as a body of Responses.

    `store` is false unless the caller set true, since Responses stores by default and Chat does
    not; a function tool without `strict` gets false, since Responses takes unset for true.

    Raises:
        RequestError: What cannot be said to Responses, by name; or not a request.
    """
    sent = fields(body, "the request")
    out: Fields = {}
    for name, raw in sent.items():
        if is_null(raw) or name == "store" or _asks_nothing(name, raw):
            continue
        if name in SAME:
            out[name] = raw
        elif name in _TRANSLATED:
            _TRANSLATED[name](raw, out)
        else:
            raise RequestError(f"Responses has no {shown(name)}; leave it out, or send the call as asked")
    if "input" not in out:
        raise RequestError("expected 'messages' in a Chat Completions request, found none")
    store = sent.get("store", NULL)
    out["store"] = Raw(b"false") if is_null(store) else store
    return msgspec.json.encode(out)


def reasoning_lost(body: bytes) -> int:
    """Turns of the history that called tools: what was reasoned for them cannot travel in a Chat history.

    Raises:
        RequestError: Not a request.
    """
    return turns_with_tools(fields(body, "the request").get("messages", Raw(b"[]")))


def _asks_nothing(name: str, raw: Raw) -> bool:
    if name not in _ASKS_NOTHING:
        return False
    value = plain(raw)
    return not isinstance(value, bool) and bool(value == _ASKS_NOTHING[name])


def _messages(raw: Raw, out: Fields) -> None:
    out["input"] = encoded(items_of(raw))


def _tools(raw: Raw, out: Fields) -> None:
    found = listed(raw, "tools")
    out["tools"] = encoded([_tool(fields(tool, "tools[]"), f"tools[{at}]") for at, tool in enumerate(found)])


def _tool(tool: Fields, place: str) -> Any:
    kind = word(tool.get("type"))
    if kind not in {"function", "custom"}:
        raise RequestError(f"Responses has no tool of type {shown(kind)} from Chat Completions in {place}")
    only(tool, frozenset({"type", kind}), place)
    where = f"{place}.{kind}"
    inner = fields(tool.get(kind, NULL), where)
    if kind == "custom":
        return {"type": kind, **only(inner, _CUSTOM, where), **_grammar(inner.get("format"), where)}
    only(inner, _FUNCTION, where)
    strict = inner.get("strict", NULL)
    # Unset is false in Chat and true in Responses.
    kept = Raw(b"false") if is_null(strict) else strict
    return {"type": kind, **inner, "parameters": inner.get("parameters"), "strict": kept}


def _grammar(form: Raw | None, place: str) -> dict[str, Any]:
    """A custom tool's format, whose grammar Chat nests one level deeper."""
    if form is None or is_null(form):
        return {}
    given = fields(form, f"{place}.format")
    if "grammar" not in given:
        return {"format": form}
    only(given, frozenset({"type", "grammar"}), f"{place}.format")
    return {"format": {"type": given.get("type"), **fields(given["grammar"], f"{place}.format.grammar")}}


def _tool_choice(raw: Raw, out: Fields) -> None:
    if word(raw) is not None:
        out["tool_choice"] = raw
        return
    choice = fields(raw, "tool_choice")
    kind = word(choice.get("type"))
    if kind not in {"function", "custom", "allowed_tools"}:
        raise RequestError(f"Responses has no tool_choice of type {shown(kind)}")
    only(choice, frozenset({"type", kind}), "tool_choice")
    if kind != "allowed_tools":
        out["tool_choice"] = encoded(_named(choice))
        return
    allowed = fields(choice.get(kind, NULL), "tool_choice.allowed_tools")
    only(allowed, frozenset({"mode", "tools"}), "tool_choice.allowed_tools")
    tools = listed(allowed.get("tools", NULL), "tool_choice.allowed_tools.tools")
    named = [_named(fields(tool, "tool_choice.allowed_tools.tools[]")) for tool in tools]
    out["tool_choice"] = encoded({"type": kind, "mode": allowed.get("mode"), "tools": named})


def _named(tool: Fields) -> Any:
    """A tool told by its name alone."""
    kind = word(tool.get("type")) or "function"
    place = f"tool_choice of type {shown(kind)}"
    inner = fields(tool.get(kind, NULL), place)
    return {"type": kind, "name": only(inner, frozenset({"name"}), place).get("name")}


def _format(raw: Raw, out: Fields) -> None:
    given = fields(raw, "response_format")
    kind = word(given.get("type"))
    if kind == "json_schema":
        only(given, frozenset({"type", kind}), "response_format")
        where = "response_format.json_schema"
        inner = only(fields(given.get(kind, NULL), where), _FORMAT, where)
        _add(out, "text", "format", encoded({"type": kind, **inner}))
    elif kind in {"json_object", "text"}:
        _add(out, "text", "format", raw)
    else:
        raise RequestError(f"Responses has no response_format of type {shown(kind)}")


def _cap(raw: Raw, out: Fields) -> None:
    if "max_output_tokens" in out:
        raise RequestError("expected max_tokens or max_completion_tokens, found both")
    value = plain(raw)
    if isinstance(value, int) and value < LEAST_CAP:
        raise RequestError(f"Responses has no max_output_tokens below {LEAST_CAP}, the call asks for {value}")
    out["max_output_tokens"] = raw


def _logprobs(raw: Raw, out: Fields) -> None:
    if says(raw, b"true"):
        out["include"] = Raw(b'["message.output_text.logprobs"]')


def _stream_options(raw: Raw, out: Fields) -> None:
    """Responses always tells usage, so only the other option goes on."""
    given = only(
        fields(raw, "stream_options"), frozenset({"include_usage", "include_obfuscation"}), "stream_options"
    )
    if not is_null(given.get("include_obfuscation")):
        out["stream_options"] = encoded({"include_obfuscation": given["include_obfuscation"]})


def _add(out: Fields, field: str, key: str, value: Raw) -> None:
    out[field] = encoded({**(fields(out[field], field) if field in out else {}), key: value})


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
