"""Which tools an answer calls, and what hosted tool search finds. Written apart from the product's search."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from tierwise.simulator._ask import Ask, Tool
from tierwise.simulator._draw import Dice
from tierwise.simulator._values import Values

_WORD: Final = re.compile(r"[A-Za-z][a-z]+|[0-9]+")
_COMMON: Final = frozenset(
    """
    the and for with that this from your you use uses used using get gets its are was what which who how when
    where will would can could should have has had not all any one two please call tool tools into about
    """.split()  # noqa: SIM905 - a list of words reads better as words
)
_NAMES: Final = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][a-z]+(?: [A-Z][a-z]+)*\b|\b[A-Z]{3,}\b|\b[a-z]+-\d+\b")
HOSTED: Final = {
    "web_search": "web_search",
    "web_search_preview": "web_search",
    "web_search_2025_08_26": "web_search",
    "web_search_preview_2025_03_11": "web_search",
}


class ToolCall(msgspec.Struct, frozen=True):
    """One call of a function or custom tool, or of a hosted one (`kind` says)."""

    tool: Tool
    arguments: Mapping[str, Any]


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What the model does with tools in this turn."""

    calls: tuple[ToolCall, ...] = ()
    found: tuple[Tool, ...] = ()
    """Deferred tools that hosted search loads first."""
    client_search: Mapping[str, Any] | None = None
    """Arguments of a search that the caller runs; it ends the turn."""


class Chooser:
    """Decides by the newest user text, the tool choice and what was already done."""

    def __init__(self, dice: Dice) -> None:
        self._values = Values(dice)

    def choose(self, ask: Ask) -> Chosen:
        """No calls where the choice says none, or the newest turn is a tool's result (unless required)."""
        if ask.choice == "none" or (not ask.tools and ask.search is None):
            return Chosen()
        text = ask.question
        usable = [t for t in ask.tools if ask.allowed is None or t.name in ask.allowed]
        done = self._done(ask)
        known = {tool.name for tool in usable if tool.loaded}
        ready = [t for t in usable if not t.deferred]
        waiting = [t for t in usable if t.deferred and t.name not in known]
        if ask.forced is not None:
            forced = [t for t in [*ready, *waiting] if t.name == ask.forced][:1]
            return Chosen(calls=self._calls(forced, ask), found=tuple(t for t in forced if t.deferred))
        wanted = [t for t in ready if t.name not in done and _named(t, text)]
        if not wanted and waiting and ask.search is not None and not done:
            return self._search(ask, waiting, text, required=ask.choice == "required" and not ready)
        if not wanted and ask.choice == "required":
            functions = [t for t in ready if t.kind in {"function", "custom"} or t.kind in HOSTED]
            wanted = sorted(functions, key=lambda t: -_likeness(t, text))[:1]
        if not ask.parallel:
            wanted = wanted[:1]
        return Chosen(calls=self._calls(wanted, ask))

    def use(self, ask: Ask, uses: Iterable[tuple[str, Mapping[str, Any]]]) -> Chosen:
        """Taught calls: found by search where deferred, made anyway where nobody defined the tool."""
        calls = []
        for name, arguments in uses:
            known = [tool for tool in ask.tools if tool.name == name]
            # One that was loaded meanwhile goes before its deferred definition.
            known.sort(key=lambda tool: not tool.loaded)
            calls.append(ToolCall(known[0] if known else Tool(name=name, kind="function"), arguments))
        return Chosen(calls=tuple(calls), found=tuple(call.tool for call in calls if call.tool.deferred))

    def _done(self, ask: Ask) -> set[str]:
        """Tools called since the newest user message."""
        names: set[str] = set()
        for turn in reversed(ask.turns):
            if turn.role == "user" and turn.kind == "message":
                break
            if turn.kind == "call":
                names.add(turn.name)
        return names

    def _search(self, ask: Ask, waiting: list[Tool], text: str, *, required: bool) -> Chosen:
        ranked = sorted(waiting, key=lambda t: -_likeness(t, text))
        best = ranked[0]
        if not (required or _named(best, text) or _likeness(best, text) >= 2):
            return Chosen()
        assert ask.search is not None  # noqa: S101 - the caller looked
        if ask.search.get("execution") == "client":
            schema = ask.search.get("parameters") or {"type": "object", "properties": {}}
            hints = (" ".join(_words(text))[:80],) * 8
            return Chosen(client_search=self._values.of(schema, "search", text, hints=hints))
        found = [t for t in waiting if best.namespace is not None and t.namespace == best.namespace] or [best]
        return Chosen(calls=self._calls([best], ask), found=tuple(found))

    def _calls(self, tools: list[Tool], ask: Ask) -> tuple[ToolCall, ...]:
        found = []
        for tool in tools:
            hints = tuple(match.group() for match in _NAMES.finditer(ask.question))
            if tool.kind == "custom":
                found.append(ToolCall(tool, {"input": " ".join(hints) or ask.question[:80]}))
            else:
                schema = tool.parameters or {"type": "object", "properties": {}}
                found.append(
                    ToolCall(tool, self._values.of(schema, tool.name, ask.question, hints=hints) or {})
                )
        return tuple(found)


def _named(tool: Tool, text: str) -> bool:
    """Whether the text names the tool, as written or with spaces."""
    if tool.kind in HOSTED:
        return "search the web" in text.lower() or "web search" in text.lower()
    if tool.kind not in {"function", "custom"}:
        return False
    lowered = text.lower()
    name = tool.name.lower()
    return name in lowered or (("_" in name) and name.replace("_", " ") in lowered)


def _likeness(tool: Tool, text: str) -> float:
    asked = set(_words(text))
    own = set(_words(f"{tool.name} {tool.description}"))
    named = set(_words(tool.name))
    return len(asked & own) + 0.5 * len(asked & named)


def _words(text: str) -> list[str]:
    found = (word.lower() for word in _WORD.findall(text))
    return [word.rstrip("s") for word in found if len(word) > 2 and word not in _COMMON]
