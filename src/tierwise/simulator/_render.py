"""The prompt as the model would see it, in tokens: what is counted and what is cached.

Message framing is exact on the recorded exchanges: four tokens a message and two (three on models
before reasoning) to open the answer. Tools are written as a TypeScript namespace, which is how the
models are known to see them; schemas are counted as JSON. Those two are within a fifth of the
recorded counts, see docs/simulator.md.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tierwise.simulator._ask import Ask, Tool, Turn
from tierwise.simulator._fields import json_text, listed
from tierwise.simulator._tokens import Tokenizer

_START, _END, _BODY, _PAD = 200_264, 200_265, 200_266, 200_270
SEARCH_HIDDEN = 350
"""Tokens of OpenAI's own words on hosted tool search while tools are deferred, by the recordings."""


LOADED_HIDDEN = 90
"""The same where tools were loaded within the conversation."""
CHAT_HIDDEN = 84
"""The same in Chat Completions with tools on a model that reasons."""


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """A rendered prompt.

    `ids` is the cacheable part in order; `hidden` tokens are billed and never cached. `ends` are the
    token positions after each message, `explicit` those that carry a breakpoint, `implicit` the end
    of the last message that is not the model's own.
    """

    ids: array[int]
    hidden: int = 0
    ends: tuple[int, ...] = ()
    explicit: tuple[int, ...] = ()
    implicit: int = 0

    @property
    def tokens(self) -> int:
        """Input tokens."""
        return len(self.ids) + self.hidden


class Renderer:
    """Asks to prompts."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def prompt(self, ask: Ask) -> Prompt:
        """The prompt of `ask`: tools and schema first, then the turns, then loaded tools where they came."""
        ids = array("I")
        own = [tool for tool in ask.tools if not tool.loaded]
        if ask.search is not None and not _hosted(ask.search):
            own.append(_client_search(ask.search))
        head = tools_text(own)
        if ask.schema is not None:
            head += f"\n\n# Response Formats\n\n## {ask.schema_name}\n\n{json_text(ask.schema)}"
        if head:
            ids.extend(self._tokenizer.ids(head))
        loaded = [tool for tool in ask.tools if tool.loaded]
        ends, explicit, implicit = [], [], 0
        for turn in ask.turns:
            self._turn(ids, turn)
            if turn.kind == "loaded" and loaded:
                ids.extend(self._tokenizer.ids(tools_text(loaded)))
                loaded = []
            ends.append(len(ids))
            if turn.breakpoint:
                explicit.append(len(ids))
            if turn.role != "assistant":
                implicit = len(ids)
        hidden = ask.model.prime + _hidden(ask)
        return Prompt(ids=ids, hidden=hidden, ends=tuple(ends), explicit=tuple(explicit), implicit=implicit)

    def definitions(self, tools: Iterable[Tool]) -> int:
        """Tokens of definitions that a search loads."""
        whole = [msgspec.structs.replace(tool, deferred=False) for tool in tools]
        return self._tokenizer.count(tools_text(whole))

    def _turn(self, ids: array[int], turn: Turn) -> None:
        if turn.kind in {"reasoning", "search", "loaded"}:
            return
        ids.append(_START)
        ids.extend(self._tokenizer.ids(turn.role))
        if turn.kind in {"call", "result"}:
            # Channel and recipient, which plain messages lack.
            ids.extend([_PAD] * 4)
        ids.append(_BODY)
        ids.extend(self._tokenizer.ids(turn.text))
        if turn.media:
            ids.extend([_PAD] * turn.media)
        ids.append(_END)


def _hidden(ask: Ask) -> int:
    """Tokens of OpenAI's own words around tools, by the recordings; they are billed and not cached."""
    known = {tool.name for tool in ask.tools if tool.loaded}
    waiting = any(tool.deferred and tool.name not in known for tool in ask.tools)
    found = SEARCH_HIDDEN if waiting and ask.search is not None and _hosted(ask.search) else 0
    if known:
        found += LOADED_HIDDEN
    if ask.endpoint == "chat" and ask.model.reasons and ask.tools:
        found += CHAT_HIDDEN
    return found


def _hosted(search: Mapping[str, Any]) -> bool:
    return search.get("execution") != "client"


def _client_search(search: Mapping[str, Any]) -> Tool:
    """A search that the caller runs looks like a function."""
    return Tool(
        name="tool_search",
        kind="function",
        description=str(search.get("description") or ""),
        parameters=search.get("parameters"),
    )


def tools_text(tools: list[Tool]) -> str:
    """Definitions as the model sees them; deferred ones by name and description only."""
    if not tools:
        return ""
    lines = ["# Tools", "", "## functions", "", "namespace functions {"]
    spaces: dict[str, list[str]] = {}
    for tool in tools:
        if tool.kind not in {"function", "custom"}:
            lines += ["", f"// {tool.kind}: {json_text(dict(tool.wire))}"]
        elif tool.deferred and tool.namespace:
            spaces.setdefault(tool.namespace, [f"// {tool.about}"])
        elif tool.deferred:
            lines += ["", f"// {tool.description}", f"deferred {tool.name};"]
        else:
            lines += ["", *_function(tool)]
    for name, about in spaces.items():
        lines += ["", *about, f"deferred namespace {name};"]
    return "\n".join([*lines, "", "} // namespace functions"])


def _function(tool: Tool) -> list[str]:
    head = [f"// {line}" for line in tool.description.splitlines()]
    if not tool.parameters or not tool.parameters.get("properties"):
        return [*head, f"type {tool.name} = () => any;"]
    return [*head, f"type {tool.name} = (_: {_type(tool.parameters)}) => any;"]


def _type(schema: Any, depth: int = 0) -> str:
    """A JSON schema as a TypeScript type, near enough to count."""
    if not isinstance(schema, dict) or depth > 20:
        return "any"
    if "enum" in schema:
        return " | ".join(json_text(v) for v in schema["enum"]) if isinstance(schema["enum"], list) else "any"
    properties = schema.get("properties")
    if isinstance(properties, dict):
        required = listed(schema.get("required"))
        lines = ["{"]
        for name, inner in properties.items():
            about = inner.get("description") if isinstance(inner, dict) else None
            if about:
                lines.append(f"// {about}")
            lines.append(f"{name}{'' if name in required else '?'}: {_type(inner, depth + 1)},")
        return "\n".join([*lines, "}"])
    if schema.get("type") == "array":
        return f"{_type(schema.get('items'), depth + 1)}[]"
    several = schema.get("anyOf") or schema.get("oneOf")
    if isinstance(several, list):
        return " | ".join(_type(s, depth + 1) for s in several)
    kind = schema.get("type")
    return " | ".join(map(str, kind)) if isinstance(kind, list) else str(kind or "any")
