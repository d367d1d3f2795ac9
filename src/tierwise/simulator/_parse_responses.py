"""Responses bodies to `Ask`; wrong forms are refused in OpenAI's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from tierwise.simulator._ask import Ask, Json, Kind, Tool, Turn
from tierwise.simulator._errors import bad, missing, wrong_type
from tierwise.simulator._fields import flag, json_text, media_tokens, number, options, text_of, words
from tierwise.simulator._models import Model

_HOSTED: Final = frozenset(
    {
        "file_search", "web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11",
        "computer", "computer_use_preview", "code_interpreter", "image_generation", "mcp", "local_shell", "shell",
        "apply_patch", "tool_search", "namespace", "function", "custom", "programmatic_tool_calling",
    }
)  # fmt: skip


def items_of(given: Any) -> list[Json]:
    """`input` as a list of items; a string is one message of the user."""
    if given is None:
        return []
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": given}]
    if not isinstance(given, list):
        raise wrong_type("input", "a string or an array of objects", given)
    for at, item in enumerate(given):
        if not isinstance(item, dict):
            raise wrong_type(f"input[{at}]", "an object", item)
    return given


def parse_responses(body: Json, model: Model, history: Sequence[Json]) -> Ask:
    """The request after `history`, the items that came before it; raises Refusal."""
    given = items_of(body.get("input"))
    if not given and not history and not body.get("instructions") and not body.get("prompt"):
        raise missing("input")
    every = [*history, *given]
    _paired(every)
    turns = tuple(_turn(item, at - len(history)) for at, item in enumerate(every))
    instructions = words(body, "instructions")
    if instructions:
        turns = (Turn(role="developer", text=instructions), *turns)
    tools, search = _tools(body, every)
    choice, forced, allowed = _choice(body.get("tool_choice"))
    text = options(body, "text")
    schema, name, json = _format(text.get("format"))
    reasoning = options(body, "reasoning")
    cache = options(body, "prompt_cache_options")
    return Ask(
        endpoint="responses",
        body=body,
        model=model,
        turns=turns,
        tools=tools,
        search=search,
        schema=schema,
        schema_name=name,
        json=json,
        choice=choice,
        forced=forced,
        allowed=allowed,
        effort=words(reasoning, "effort"),
        verbosity=words(text, "verbosity") or "medium",
        cap=number(body, "max_output_tokens"),
        tier=words(body, "service_tier") or "auto",
        cache_key=words(body, "prompt_cache_key"),
        retention=words(body, "prompt_cache_retention"),
        cache_mode=str(cache.get("mode") or "implicit"),
        ttl=str(cache.get("ttl") or "30m"),
        prewarm=bool(cache.get("prewarm")),
        parallel=body.get("parallel_tool_calls") is not False,
        stream=flag(body, "stream"),
        obfuscation=options(body, "stream_options").get("include_obfuscation"),
        logprobs="message.output_text.logprobs" in (body.get("include") or []),
        top_logprobs=number(body, "top_logprobs") or 0,
    )


def _turn(item: Json, at: int) -> Turn:
    kind = item.get("type") or "message"
    if kind == "message" or (item.get("role") and "content" in item):
        content = item.get("content")
        _files(content, f"input[{at}].content")
        return Turn(
            role=str(item.get("role") or "user"),
            text=text_of(content, f"input[{at}].content"),
            breakpoint=isinstance(content, list)
            and any(isinstance(p, dict) and "prompt_cache_breakpoint" in p for p in content),
            media=media_tokens(content),
        )
    if str(kind).endswith("_call_output") or kind == "mcp_approval_response":
        return _result(item, at)
    kinds: dict[str, Kind] = {
        "tool_search_call": "search",
        "tool_search_output": "loaded",
        "additional_tools": "loaded",
        "reasoning": "reasoning",
        "compaction": "reasoning",
    }
    if kind in kinds:
        return Turn(role="assistant", text="", kind=kinds[str(kind)], call_id=str(item.get("call_id") or ""))
    if str(kind).endswith("_call"):
        arguments = item.get("arguments", item.get("input", ""))
        shown = arguments if isinstance(arguments, str) else json_text(arguments)
        return Turn(
            role="assistant",
            text=f"{item.get('name') or kind}({shown})",
            kind="call",
            name=str(item.get("name") or kind),
            call_id=str(item.get("call_id") or ""),
        )
    if kind == "item_reference":
        return Turn(role="assistant", text="", kind="reasoning")
    if kind in {"mcp_list_tools", "mcp_approval_request", "compaction_trigger"}:
        return Turn(role="assistant", text=json_text(item), kind="media")
    raise bad(f"Invalid value: '{kind}'. (input[{at}].type)", param=f"input[{at}].type", code="invalid_value")


def _result(item: Json, at: int) -> Turn:
    output = item.get("output", "")
    if isinstance(output, list):
        _files(output, f"input[{at}].output")
    text = text_of(output, f"input[{at}].output") if isinstance(output, str | list) else json_text(output)
    return Turn(
        role="tool",
        text=text,
        kind="result",
        call_id=str(item.get("call_id") or ""),
        media=media_tokens(output),
    )


def _files(content: Any, place: str) -> None:
    """Sounds as files are refused, as recorded."""
    for at, part in enumerate(content if isinstance(content, list) else []):
        data = part.get("file_data") if isinstance(part, dict) else None
        if isinstance(data, str) and data.startswith(("data:audio/", "data:video/")):
            mime = data[5:].split(";")[0]
            param = f"{place}[{at}].file_data"
            raise bad(
                f"Invalid file data: '{param}'. Expected a base64-encoded data URL with a valid file MIME type "
                f"(e.g. 'data:text/plain;base64,SGVsbG8sIFdvcmxkIQ=='), but got unsupported MIME type '{mime}'.",
                param=param,
                code="invalid_value",
            )


def _paired(items: Sequence[Json]) -> None:
    """Each function call has an output after it, and each output a call before it."""
    kinds = {"function_call": set[str](), "function_call_output": set[str](), "tool_search_call": set[str]()}
    for item in items:
        if item.get("type") in kinds:
            kinds[item["type"]].add(str(item.get("call_id")))
    calls, outputs, searches = kinds.values()
    for call in sorted(calls - outputs):
        raise bad(f"No tool output found for function call {call}.", param="input")
    for call in sorted(outputs - calls - searches):
        raise bad(f"No tool call found for function call output with call_id {call}.", param="input")


def _tools(body: Json, items: Sequence[Json]) -> tuple[tuple[Tool, ...], Json | None]:
    """The tools of the request and those loaded by earlier items; and the search tool."""
    given = body.get("tools") or []
    if not isinstance(given, list):
        raise wrong_type("tools", "an array of objects", given)
    found: list[Tool] = []
    search: Json | None = None
    for at, tool in enumerate(given):
        opened = _opened(tool, f"tools[{at}]", loaded=False)
        if opened and opened[0].kind == "tool_search":
            search = tool
            continue
        found += opened
    for item in items:
        if item.get("type") in {"tool_search_output", "additional_tools"}:
            for tool in item.get("tools") or []:
                opened = _opened(tool, "input.tools", loaded=True)
                added = item["type"] == "additional_tools" or item.get("execution") == "client"
                found += [msgspec.structs.replace(each, added=added) for each in opened]
    return tuple(found), search


def _opened(tool: Any, place: str, *, loaded: bool) -> list[Tool]:
    if not isinstance(tool, dict):
        raise wrong_type(place, "an object", tool)
    kind = tool.get("type")
    if kind not in _HOSTED:
        raise bad(
            f"Invalid value: '{kind}'. Supported values are: 'function', 'custom', 'namespace', 'tool_search', 'web_search', 'file_search', 'mcp', ...",
            param=f"{place}.type",
            code="invalid_value",
        )
    if kind != "namespace":
        return [_single(tool, place, None, loaded=loaded)]
    if not tool.get("name"):
        raise missing(f"{place}.name")
    if not tool.get("description"):
        raise missing(f"{place}.description")
    return [
        _single(
            inner, f"{place}.tools[{at}]", str(tool["name"]), loaded=loaded, about=str(tool["description"])
        )
        for at, inner in enumerate(tool.get("tools") or [])
    ]


def _single(tool: Any, place: str, namespace: str | None, *, loaded: bool, about: str = "") -> Tool:
    if not isinstance(tool, dict):
        raise wrong_type(place, "an object", tool)
    kind = str(tool.get("type"))
    name = (
        tool.get("name") or tool.get("server_label") or (kind if kind not in {"function", "custom"} else None)
    )
    if not isinstance(name, str):
        raise missing(f"{place}.name")
    return Tool(
        name=name,
        kind=kind,
        description=str(tool.get("description") or about),
        parameters=tool.get("parameters") if isinstance(tool.get("parameters"), dict) else None,
        deferred=bool(tool.get("defer_loading")) and not loaded,
        namespace=namespace,
        about=about,
        loaded=loaded,
        wire=tool,
    )


def _choice(choice: Any) -> tuple[str, str | None, frozenset[str] | None]:
    if choice is None:
        return "auto", None, None
    if isinstance(choice, str):
        return choice, None, None
    if not isinstance(choice, dict):
        raise wrong_type("tool_choice", "a string or an object", choice)
    if choice.get("type") == "allowed_tools":
        names = frozenset(str(t.get("name")) for t in choice.get("tools") or [] if isinstance(t, dict))
        return str(choice.get("mode") or "auto"), None, names
    return "required", str(choice.get("name") or choice.get("type")), None


def _format(found: Any) -> tuple[Json | None, str, bool]:
    if found is None:
        return None, "", False
    if not isinstance(found, dict):
        raise wrong_type("text.format", "an object", found)
    if found.get("type") == "json_schema":
        if not isinstance(found.get("name"), str):
            raise missing("text.format.name")
        if not isinstance(found.get("schema"), dict):
            raise missing("text.format.schema")
        return found["schema"], found["name"], True
    return None, "", found.get("type") == "json_object"
