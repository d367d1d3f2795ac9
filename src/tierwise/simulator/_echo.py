"""What a response repeats of its request: tools, text format, reasoning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tierwise.simulator._ask import Ask, Json, Tool


def tools(ask: Ask) -> list[Json]:
    """Definitions as the answer repeats them, in the recorded order.

    Functions complete, the search tool after them, then what was loaded within the conversation as
    namespaces of its own name. Tools that were loaded no longer show as deferred; from gpt-5.6 on,
    tools that the caller added are plain functions.
    """
    newer = ask.model.generation == 2
    searched = [t for t in ask.tools if t.loaded and not (t.added and newer)]
    names = {tool.name for tool in searched}
    found: list[Json] = []
    last: list[Json] = []
    for tool in ask.body.get("tools") or []:
        kind = tool.get("type")
        if kind == "tool_search":
            last.append({"description": None, "parameters": None} | tool)
        elif kind == "function":
            if not (tool.get("defer_loading") and tool.get("name") in names):
                found.append(function(tool))
        else:
            found.append(_hosted(tool))
    found += [function(t.wire) for t in ask.tools if t.added and newer]
    return found + last + _spaces(searched)


def function(tool: Mapping[str, Any], *, deferred: bool = True) -> Json:
    """A function definition with all its fields."""
    full: Json = {"type": "function"}
    if deferred and tool.get("defer_loading") is not None:
        full["defer_loading"] = tool["defer_loading"]
    return full | {
        "description": tool.get("description") or None,
        "name": tool.get("name"),
        "output_schema": tool.get("output_schema"),
        "parameters": tool.get("parameters"),
        "strict": tool.get("strict", True),
    }


def _spaces(loaded: list[Tool]) -> list[Json]:
    found: dict[str, Json] = {}
    for tool in loaded:
        name = tool.namespace or tool.name
        space = found.setdefault(
            name, {"type": "namespace", "name": name, "description": tool.description, "tools": []}
        )
        if tool.name not in {each["name"] for each in space["tools"]}:
            space["tools"].append(function(tool.wire, deferred=False))
    return list(found.values())


def _hosted(tool: Json) -> Json:
    if not str(tool.get("type")).startswith("web_search"):
        return dict(tool)
    place = {"type": "approximate", "city": None, "country": None, "region": None, "timezone": None}
    given = tool.get("user_location")
    full = {"filters": None, "return_token_budget": "default", "search_context_size": "medium", **tool}
    return full | {"user_location": place | (given or {"country": "US"})}


def text(ask: Ask) -> Json:
    """The `text` object."""
    given = (ask.body.get("text") or {}).get("format") or {"type": "text"}
    if given.get("type") != "json_schema":
        return {"format": dict(given), "verbosity": ask.verbosity}
    full = {
        "type": "json_schema",
        "description": given.get("description"),
        "name": given.get("name"),
        "schema": given.get("schema"),
        "strict": given.get("strict", True),
    }
    return {"format": full, "verbosity": ask.verbosity}


def reasoning(ask: Ask, effort: str | None) -> Json:
    """The `reasoning` object; `effort` is the one in force."""
    asked = ask.body.get("reasoning") or {}
    found: Json = {"effort": effort, "summary": asked.get("summary")}
    if ask.model.reasons:
        context = "all_turns" if ask.model.phases else "current_turn"
        found |= {"context": asked.get("context") or context, "mode": asked.get("mode") or "standard"}
    return found
