"""What the process knows of tool definitions: lists taken apart, what is needed after all, what is used often.

A definition that no logged session used is left out until something speaks for it: the conversation called
it, `tool_choice` names it, an answer asked for it, a tool's result says that a tool is missing, or upstream
refused the call without it. The first two hold for the call at hand, and all five for the workload from
then on, in this process. Not locked: the pipeline is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from tierwise.calls import Call, Message, Request
from tierwise.online._recent import Recent
from tierwise.policy import Learned
from tierwise.tools import Offered, Unused
from tierwise.workloads import Facts, tool_digest

LISTS: Final = 64
"""Tool lists that stay taken apart."""
WORKLOADS: Final = 5_000
"""Workloads of which it is remembered what they need after all."""
MOST_KEPT: Final = 5_000
"""Definitions that a workload is remembered to need."""
READ: Final = 400
"""Characters of a tool's result that are read for a word of a missing tool."""

IN_HISTORY: Final = "the conversation called them"
CHOSEN: Final = "tool_choice names them"
ANSWERED: Final = "an answer asked for them"
MISSED: Final = "a tool's result said that a tool is missing"
REFUSED: Final = "upstream refused a call without them"
_REQUIRED: Final = frozenset({"required", "forced"})
_MISSING: Final = re.compile(
    r"(?:unknown|unrecogni[sz]ed|no such|undefined|invalid|missing|unavailable) (?:tool|function)s?\b"
    r"|\b(?:tool|function)s?\b.{0,80}\b(?:not (?:found|available|defined|known|registered|exist)"
    r"|(?:is|are)n't (?:available|defined)|(?:does|do)(?: not|n't) exist|unknown|unavailable)",
    re.IGNORECASE | re.DOTALL,
)


class Toolbox:
    """A tool list with the digests that its plain functions are known by."""

    def __init__(self, raw: bytes, key: bytes) -> None:
        self.offered = Offered(raw)
        self.digests: dict[int, int] = {
            tool_digest(name, key): at for name, at in self.offered.places.items()
        }
        """Digest of a plain function to its place."""

    def name_of(self, digest: int) -> str:
        """The name of a plain function. Raises KeyError for a digest that is none's."""
        return self.offered.entries[self.digests[digest]].name


class Unneeded(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision may know of the unused definitions of a call."""

    digests: frozenset[int] = frozenset()
    tokens: int = 0
    sessions: int = 0
    kept: dict[str, int] = {}


NOTHING: Final = Unneeded()


class ToolMemory:
    """Remembers tools.

    Args:
        learned: What an audit learned.
        key: The owner's key, under which tools have their digests.
    """

    def __init__(self, learned: Learned | None, key: bytes) -> None:
        self._boxes: Recent[bytes, Toolbox] = Recent(LISTS)
        self._kept: Recent[int, dict[int, str]] = Recent(WORKLOADS)
        self.go_by(learned, key)

    def go_by(self, learned: Learned | None, key: bytes) -> None:
        """Know tools by what another audit learned."""
        self._unused: Mapping[int, tuple[Unused, ...]] = learned.unused if learned is not None else {}
        self._key = key
        self._boxes = Recent(LISTS)

    def box(self, request: Request) -> Toolbox:
        """The request's tools."""
        found = self._boxes.get(request.tools)
        return found or self._boxes.put(request.tools, Toolbox(request.tools, self._key))

    def unneeded(self, request: Request, body: bytes, facts: Facts) -> Unneeded:
        """The definitions of this call that no logged session used, and those that stay all the same."""
        known = self._unused.get(facts.workload)
        if not known or not request.tools:
            return NOTHING
        box = self.box(request)
        unused = {u.tool.digest: u for u in known if u.tool.digest in box.digests}
        if not unused:
            return NOTHING
        self._note(request, body, facts, frozenset(unused))
        kept = self._kept.get(facts.workload) or {}
        left = frozenset(unused) - kept.keys()
        if len(left) == len(box.offered.entries) and request.tool_choice in _REQUIRED:
            # Something has to be called.
            return Unneeded(kept={"tool_choice asks for a call": len(left)})
        why: dict[str, int] = {}
        for digest in unused:
            if digest in kept:
                why[kept[digest]] = why.get(kept[digest], 0) + 1
        offered = box.offered
        tokens = sum(offered.tokens(box.digests[digest]) for digest in left) + offered.weight(len(left))
        fewest = min((unused[digest].sessions for digest in left), default=0)
        return Unneeded(digests=left, tokens=tokens if left else 0, sessions=fewest, kept=why)

    def after(self, call: Call, facts: Facts | None, dropped: frozenset[int]) -> None:
        """Learn from an answer which of the tools left out it asked for."""
        if facts is None or call.response is None or not dropped:
            return
        called = {tool_digest(name, self._key) for name in call.response.tool_calls}
        self.keep(facts.workload, dropped & called, ANSWERED)

    def keep(self, workload: int, digests: frozenset[int], why: str) -> None:
        """Leave definitions in from now on, for a reason; the first reason stays."""
        if not digests:
            return
        kept = self._kept.get(workload) or self._kept.put(workload, {})
        for digest in digests:
            if len(kept) < MOST_KEPT:
                kept.setdefault(digest, why)

    def _note(self, request: Request, body: bytes, facts: Facts, unused: frozenset[int]) -> None:
        """Keep what this request speaks for."""
        kept = self._kept.get(facts.workload) or {}
        if unused <= kept.keys():
            return
        for names, why in ((called(request), IN_HISTORY), (chosen(body), CHOSEN)):
            self.keep(facts.workload, unused & {tool_digest(name, self._key) for name in names}, why)
        if any(_MISSING.search(text) for text in newest_results(request)):
            self.keep(facts.workload, unused, MISSED)


def called(request: Request) -> set[str]:
    """Names of the tools that the conversation called."""
    names: set[str] = set()
    for message in request.messages:
        if message.tool_calls:
            names.update(
                call.function.name for call in message.tool_calls if call.function and call.function.name
            )
        elif message.name and message.type is not None and message.type.endswith("_call"):
            names.add(message.name)
    return names


class _Choice(msgspec.Struct):
    tool_choice: Any = None
    function_call: Any = None


def chosen(body: bytes) -> set[str]:
    """Names that `tool_choice` names: the one tool to be called, or those allowed."""
    if b'"tool_choice"' not in body and b'"function_call"' not in body:
        return set()
    try:
        found = msgspec.json.decode(body, type=_Choice)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return set()
    return {name for value in (found.tool_choice, found.function_call) for name in _names(value, 6)}


def _names(value: Any, depth: int) -> Iterator[str]:
    if not depth:
        return
    if isinstance(value, dict):
        if isinstance(value.get("name"), str):
            yield value["name"]
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _names(each, depth - 1)


def newest_results(request: Request) -> Iterator[str]:
    """The beginnings of the tool results that the prompt ends with."""
    for message in reversed(request.messages):
        if message.role == "tool":
            yield message.text[:READ]
        elif message.type is not None and message.type.endswith("_call_output"):
            yield _output(message)
        else:
            return


def _output(message: Message) -> str:
    return bytes(message.output)[: READ * 4].decode("utf-8", "replace")[:READ]
