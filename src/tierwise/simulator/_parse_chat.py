"""Chat Completions bodies to `Ask`; wrong forms are refused in OpenAI's words."""

from __future__ import annotations

from typing import Any, Final

from tierwise.simulator._ask import Ask, Json, Tool, Turn
from tierwise.simulator._errors import bad, missing, wrong_type
from tierwise.simulator._fields import flag, media_tokens, number, options, text_of, words
from tierwise.simulator._models import Model

_ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")
_MEDIA: Final = frozenset({"image_url", "file", "input_audio"})


def parse_chat(body: Json, model: Model) -> Ask:
    """The request; raises Refusal where it has not the form of one."""
    messages = body.get("messages")
    if messages is None:
        raise missing("messages")
    if not isinstance(messages, list):
        raise wrong_type("messages", "an array of objects", messages)
    if not messages:
        raise bad(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
            param="messages",
            code="empty_array",
        )
    turns: list[Turn] = []
    for at, message in enumerate(messages):
        turns += _turns(message, f"messages[{at}]", model)
    _paired(messages)
    tools = tuple(_tool(tool, f"tools[{at}]") for at, tool in enumerate(_list(body, "tools")))
    choice, forced, allowed = _choice(body.get("tool_choice"), bool(tools))
    schema, name, json = _format(body.get("response_format"))
    stream = flag(body, "stream")
    streaming = options(body, "stream_options")
    if streaming and not stream:
        raise bad(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options"
        )
    cache = options(body, "prompt_cache_options")
    cap = number(body, "max_completion_tokens")
    return Ask(
        endpoint="chat",
        body=body,
        model=model,
        turns=tuple(turns),
        tools=tools,
        schema=schema,
        schema_name=name,
        json=json,
        choice=choice,
        forced=forced,
        allowed=allowed,
        effort=words(body, "reasoning_effort"),
        verbosity=words(body, "verbosity") or "medium",
        cap=cap if cap is not None else number(body, "max_tokens"),
        n=number(body, "n") or 1,
        tier=words(body, "service_tier") or "auto",
        cache_key=words(body, "prompt_cache_key"),
        retention=words(body, "prompt_cache_retention"),
        cache_mode=str(cache.get("mode") or "implicit"),
        ttl=str(cache.get("ttl") or "30m"),
        parallel=body.get("parallel_tool_calls") is not False,
        stream=stream,
        usage=bool(streaming.get("include_usage")),
        obfuscation=streaming.get("include_obfuscation"),
        logprobs=flag(body, "logprobs"),
        top_logprobs=number(body, "top_logprobs") or 0,
        stop=_stops(body.get("stop")),
    )


def _turns(message: Any, place: str, model: Model) -> list[Turn]:
    if not isinstance(message, dict):
        raise wrong_type(place, "an object", message)
    role = message.get("role")
    if role not in _ROLES:
        raise bad(
            f"Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.",
            param=f"{place}.role",
            code="invalid_value",
        )
    content = message.get("content")
    calls = message.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        raise wrong_type(f"{place}.tool_calls", "an array of objects", calls)
    if content is None and role not in {"assistant", "function"}:
        raise bad(
            f"Invalid value for 'content': expected a string, got null. ({place}.content)",
            param=f"{place}.content",
        )
    _only_known_parts(content, place, model)
    text = text_of(content, f"{place}.content")
    found = []
    if text or not calls:
        found.append(
            Turn(
                role=str(role),
                text=text,
                kind="result" if role in {"tool", "function"} else "message",
                breakpoint=_broken(content),
                media=media_tokens(content),
                call_id=str(message.get("tool_call_id") or ""),
            )
        )
    for call in calls or []:
        function = call.get("function") or call.get("custom") or {} if isinstance(call, dict) else {}
        found.append(
            Turn(
                role="assistant",
                text=f"{function.get('name')}({function.get('arguments') or function.get('input') or ''})",
                kind="call",
                name=str(function.get("name") or ""),
                call_id=str(call.get("id") or "") if isinstance(call, dict) else "",
            )
        )
    return found


def _only_known_parts(content: Any, place: str, model: Model) -> None:
    """Models without ears refuse audio, as recorded."""
    if not isinstance(content, list):
        return
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "input_audio" and "audio" not in model.name:
            raise bad(
                f"Invalid '{place}'. Content blocks are expected to be either text or image_url type.",
                param=place,
                code="invalid_value",
            )
        if kind not in {"text", "refusal", *_MEDIA}:
            raise bad(
                f"Invalid value: '{kind}'. Supported values are: 'text', 'image_url', 'input_audio', 'refusal', 'audio', and 'file'.",
                param=f"{place}.content",
                code="invalid_value",
            )


def _broken(content: Any) -> bool:
    return isinstance(content, list) and any(
        isinstance(p, dict) and "prompt_cache_breakpoint" in p for p in content
    )


def _paired(messages: list[Any]) -> None:
    """Each tool message answers a call before it, and each call is answered."""
    open_calls: list[str] = []
    for message in messages:
        role = message.get("role")
        if role == "tool":
            if str(message.get("tool_call_id")) not in open_calls:
                raise bad(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
                    param="messages.[0].role",
                )
            open_calls.remove(str(message.get("tool_call_id")))
            continue
        if open_calls:
            break
        open_calls = [str(c.get("id")) for c in message.get("tool_calls") or [] if isinstance(c, dict)]
    if open_calls:
        raise bad(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(open_calls)}",
            param="messages",
        )


def _list(body: Json, name: str) -> list[Any]:
    found = body.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise wrong_type(name, "an array of objects", found)
    return found


def _tool(tool: Any, place: str) -> Tool:
    if not isinstance(tool, dict):
        raise wrong_type(place, "an object", tool)
    kind = tool.get("type")
    if kind not in {"function", "custom"}:
        raise bad(
            f"Invalid value: '{kind}'. Supported values are: 'function' and 'custom'.",
            param=f"{place}.type",
            code="invalid_value",
        )
    inner = tool.get(str(kind))
    if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
        raise missing(f"{place}.{kind}.name" if isinstance(inner, dict) else f"{place}.{kind}")
    return Tool(
        name=inner["name"],
        kind=str(kind),
        description=str(inner.get("description") or ""),
        parameters=inner.get("parameters") if isinstance(inner.get("parameters"), dict) else None,
        wire=tool,
    )


def _choice(choice: Any, any_tools: bool) -> tuple[str, str | None, frozenset[str] | None]:
    if choice is None:
        return "auto" if any_tools else "none", None, None
    if not any_tools and choice != "none":
        raise bad("Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.", param="tool_choice")  # fmt: skip
    if isinstance(choice, str):
        return choice, None, None
    if not isinstance(choice, dict):
        raise wrong_type("tool_choice", "a string or an object", choice)
    if choice.get("type") == "allowed_tools":
        inner = choice.get("allowed_tools") or {}
        names = [t.get("function") or t for t in inner.get("tools") or [] if isinstance(t, dict)]
        return str(inner.get("mode") or "auto"), None, frozenset(str(t.get("name")) for t in names)
    inner = choice.get(str(choice.get("type"))) or {}
    return "required", str(inner.get("name")), None


def _format(found: Any) -> tuple[Json | None, str, bool]:
    if found is None:
        return None, "", False
    if not isinstance(found, dict):
        raise wrong_type("response_format", "an object", found)
    if found.get("type") == "json_schema":
        inner = found.get("json_schema")
        if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
            raise missing("response_format.json_schema.name" if inner else "response_format.json_schema")
        schema = inner.get("schema")
        return (schema if isinstance(schema, dict) else {}), inner["name"], True
    if found.get("type") not in {"text", "json_object"}:
        raise bad(
            f"Invalid value: '{found.get('type')}'. Supported values are: 'json_object', 'json_schema', and 'text'.",
            param="response_format.type",
            code="invalid_value",
        )
    return None, "", found.get("type") == "json_object"


def _stops(stop: Any) -> tuple[str, ...]:
    if isinstance(stop, str):
        return (stop,)
    return tuple(s for s in stop if isinstance(s, str) and s) if isinstance(stop, list) else ()
