"""Structure that speaks without words: code, formulas, answer options, tables, schemas, tool kinds.

Flags are bits of an int, so that what a turn shows is one small value.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from tierwise.workloads._signals import ToolText
from tierwise.workloads._types import Task

CODE = 1
MATHS = 2
OPTIONS = 4
TABLE = 8
NUMBERS = 16

_LATEX = re.compile(
    r"\\(?:int|frac|sum|sqrt|prod|lim|begin|math|alpha|lambda|partial|nabla|leq|geq|infty|in\b)"
)
_POWER = re.compile(r"[\w)\]]\s?\^\s?[\d{(a-z-]")
_APPLIED = re.compile(r"\b[a-zA-Z]\([a-z](?:\s?[+*,/-]\s?[a-z0-9(]|\)\s?=)")
_NUMBER = re.compile(r"\d+")
_ASKING = ("?", "\uff1f", "\u061f", "\u0964")
_OPTION_PAIRS = (("\nA.", "\nB."), ("\nA)", "\nB)"), ("(A)", "(B)"), ("\nA:", "\nB:"), ("\n1)", "\n2)"))
_SYMBOLS = "∫∑√≤∈∀"


def read_structure(text: str) -> int:
    """Flags of a short text (callers bound it to about 1,000 characters).

    Each test is guarded by a single character, for this runs on every call.
    """
    flags = 0
    if ("`" in text and "```" in text) or _is_code(text):
        flags = CODE
    if ("_{" in text or "\\" in text or "^" in text or "=" in text or not text.isascii()) and _is_maths(
        text, flags
    ):
        flags |= MATHS
    if text[-1:] in _ASKING and len(_NUMBER.findall(text)) >= 3:
        flags |= NUMBERS
    if "|" in text and ("|--" in text or "| --" in text or "|:-" in text):
        flags |= TABLE
    if ("\n" in text and ("\nB" in text or "\n2)" in text)) or ("(" in text and "(B)" in text):
        flags |= _options(text)
    return flags


def _is_code(text: str) -> bool:
    if "(" not in text:
        return "SELECT " in text and " FROM " in text
    if "{" in text and (") {" in text or "=> {" in text or "fn " in text or "function " in text):
        return True
    if ";" in text and "();" in text:
        return True
    return ("def " in text and (":" in text or "->" in text)) or "diff --git" in text


def _is_maths(text: str, flags: int) -> bool:
    if "\\" in text and _LATEX.search(text):
        return True
    if flags & CODE:
        return False
    if "_{" in text or ("^" in text and _POWER.search(text)):
        return True
    if "=" in text and _APPLIED.search(text):
        return True
    if not text.isascii():
        for symbol in _SYMBOLS:
            if symbol in text:
                return True
    return False


def _options(text: str) -> int:
    for first, second in _OPTION_PAIRS:
        if first in text and second in text:
            return OPTIONS
    return 0


class SchemaShape(msgspec.Struct, frozen=True):
    """What an output schema says of the answer."""

    labels: int = 0
    """Values of the smallest closed list that answers; 2 for a boolean; 0 where none is."""
    fields: int = 0
    """Free fields: strings, numbers, lists."""
    thinks: bool = False
    """A field is there to reason or explain in, so the answer is not closed."""
    json: bool = False
    """Any JSON is asked for."""


_THINKING = (
    "reason",
    "thought",
    "explanation",
    "rationale",
    "analysis",
    "steps",
    "justification",
    "plan",
    "proof",
)
_DEEPEST = 6
_MOST_FIELDS = 200


def read_schema(schema: bytes) -> SchemaShape:
    """Shape of a `response_format` or `text.format`; anything unreadable has the empty shape."""
    if not schema:
        return SchemaShape()
    try:
        wire = msgspec.json.decode(schema)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return SchemaShape()
    if not isinstance(wire, dict) or wire.get("type") not in {"json_schema", "json_object"}:
        return SchemaShape()
    inner = wire.get("json_schema", wire)
    body = inner.get("schema") if isinstance(inner, dict) else None
    leaves: list[tuple[str, dict[str, Any]]] = []
    _gather("", body, leaves, 0)
    labels = [size for _, leaf in leaves if (size := _closed_size(leaf))]
    return SchemaShape(
        labels=min(labels, default=0),
        fields=len(leaves) - len(labels),
        thinks=any(word in name.lower() for name, _ in leaves for word in _THINKING),
        json=True,
    )


def _closed_size(leaf: dict[str, Any]) -> int:
    values = leaf.get("enum")
    if isinstance(values, list):
        return max(len(values), 1)
    return 2 if leaf.get("type") == "boolean" else 0


def _gather(name: str, node: object, leaves: list[tuple[str, dict[str, Any]]], depth: int) -> None:
    """Leaves of a JSON schema with their property names; stops at `_DEEPEST` and `_MOST_FIELDS`."""
    if not isinstance(node, dict) or depth > _DEEPEST or len(leaves) >= _MOST_FIELDS:
        return
    properties = node.get("properties")
    if isinstance(properties, dict):
        for key, value in properties.items():
            _gather(str(key), value, leaves, depth + 1)
        return
    items = node.get("items")
    if isinstance(items, dict):
        _gather(name, items, leaves, depth + 1)
        return
    if "type" in node or "enum" in node:
        leaves.append((name, node))


class ToolKinds(msgspec.Struct, frozen=True):
    """What a tool list says by the kind of its tools, whatever their number."""

    any: bool = False
    screen: bool = False
    code: bool = False
    search: bool = False
    hands_off: bool = False


_HAND_OFFS = (
    "transfer_to",
    "handoff",
    "hand_off",
    "delegate",
    "spawn_agent",
    "assign_agent",
    "subagent",
    "sub_agent",
    "run_agent",
    "call_agent",
    "task_agent",
    "agent_as_tool",
)
_SCREENS = (
    "computer",
    "screenshot",
    "browser_click",
    "browser_navigate",
    "mouse_",
    "click_element",
    "left_click",
    "type_text",
)
_EDITORS = (
    "apply_patch",
    "edit_file",
    "str_replace",
    "run_tests",
    "write_file",
    "bash",
    "run_shell",
    "shell",
    "local_shell",
    "code_edit",
)
_SEARCHES = ("web_search", "search_web", "browse", "google_search", "open_page", "fetch_page")
_MOST_TOOLS = 400


def read_tools(tools: tuple[ToolText, ...]) -> ToolKinds:
    """Kinds among the first 400 tools, by their names."""
    names = [tool.name.lower()[:80] for tool in tools[:_MOST_TOOLS]]
    return ToolKinds(
        any=bool(names),
        screen=any(name.startswith(_SCREENS) for name in names),
        code=any(name.startswith(_EDITORS) for name in names),
        search=any(name.startswith(_SEARCHES) for name in names),
        hands_off=any(part in name for name in names for part in _HAND_OFFS),
    )


def tool_votes(kinds: ToolKinds) -> list[tuple[Task, float, str]]:
    """What the kinds vote for: task, weight, signal."""
    votes: list[tuple[Task, float, str]] = []
    if kinds.screen:
        votes.append(("computer use", 1.2, "tools: act on a screen"))
    if kinds.code:
        votes.append(("coding", 0.6, "tools: edit or run code"))
    if kinds.search:
        votes.append(("research", 0.4, "tools: search the web"))
    if kinds.hands_off:
        votes.append(("planning", 0.5, "tools: hand work to agents"))
    if kinds.any:
        votes.append(("tool call", 0.5, "tools offered"))
    return votes
