"""Tools by search: which definitions a call goes out with, and what `find_tools` adds to them.

A conversation keeps its definitions in one order, and grows them at the end, in large steps: whatever
changes in the list loses the cached prefix from there on. Not locked: the pipeline is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import msgspec

from tierwise import tools as room
from tierwise.caching import read_of, window_of
from tierwise.calls import Request
from tierwise.catalog import Model, count_tokens
from tierwise.online._recent import Recent
from tierwise.online._tools import Toolbox, called, chosen
from tierwise.policy import Narrowing
from tierwise.tools import Described, shown

FIRST: Final = 20
"""Definitions that a search brings at first."""
MORE: Final = 40
"""Definitions that one growth brings."""
STEPS: Final = 3
"""Extra steps of one call at most; with the last one the whole list goes out."""
SMALL: Final = 2 * FIRST
"""Functions up to which a list is left alone."""
SETS: Final = 20_000
"""Conversations whose definitions are remembered."""
LEARNED: Final = 50
"""Calls of a workload from which its extra steps and its frequent tools are taken from what happened."""
ASSUMED: Final = 50
"""Extra steps in a thousand calls before that. Assumed: on BFCL a search for 20 of 1,032 finds every
needed tool in about 95 % of tasks."""
NAMED: Final = 500
"""Names of tools that are counted for one workload."""
READ: Final = 4_000
"""Characters of a text that are searched by."""
FIND: Final = "find_tools"
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
FUNCTION: Final[dict[str, Any]] = {
    "name": FIND,
    "description": "Finds further tools. When no other tool does what is needed, call this one alone and "
    "before any text; tools that it finds can be called next.",
    "parameters": {
        "type": "object",
        "properties": {"need": {"type": "string", "description": "What the tool has to do, in a few words."}},
        "required": ["need"],
    },
}


class Selection(msgspec.Struct, frozen=True):
    """The plain functions that go out, by place in the caller's list, in the order they go."""

    places: tuple[int, ...]
    base: int
    """How many of them stand where the caller put them; the others came later, and stand behind."""
    root: str
    """The conversation; '' where it would not be known again."""
    tokens: int
    """Input tokens that go, those of find_tools taken off."""
    steps: int = 0
    """Extra steps so far."""


class _Set(msgspec.Struct):
    names: tuple[str, ...]
    base: int
    tokens: int = 0
    """Of the last prompt that went out with them; 0 where none has."""
    at: int = 0


class _Counted(msgspec.Struct):
    calls: int = 0
    steps: int = 0
    uses: dict[str, int] = {}


class ToolSearch:
    """Remembers indexes, the definitions of conversations, and how often a search was not enough."""

    def __init__(self) -> None:
        self._indexes: Recent[int, tuple[Toolbox, room.ToolIndex]] = Recent(16)
        self._sets: Recent[tuple[str, int], _Set] = Recent(SETS)
        self._counted: Recent[int, _Counted] = Recent(5_000)

    def select(
        self,
        request: Request,
        body: bytes,
        box: Toolbox,
        workload: int,
        root: str,
        unneeded: frozenset[int],
        model: Model,
        at: int,
    ) -> tuple[Selection | None, Narrowing]:
        """The functions to begin with, and what that comes to; None where all of them go out."""
        offered, plain = box.offered, box.offered.places
        why = _why_not(request, body, box)
        if why is not None:
            return None, Narrowing(sent=len(offered.entries), why_not=why)
        before = self._sets.get((root, workload)) if root else None
        held = (called(request) | chosen(body)) & plain.keys()
        unused = {box.digests[digest] for digest in unneeded}
        if before is None:
            held |= self._frequent(workload) & plain.keys()
        places, base = self._places(request, box, before, held, unused)
        gone = sum(offered.tokens(at) for at in set(plain.values()) - set(places)) - _own_tokens()
        if gone <= 0 or len(places) * 5 > len(plain) * 4:
            return None, Narrowing(
                sent=len(offered.entries), why_not=f"{len(places)} of {len(plain)} are needed"
            )
        names = tuple(offered.entries[place].name for place in places)
        warm = 0
        if before is not None and before.names == names and at - before.at <= window_of(model):
            warm = read_of(before.tokens, model)
        if root and (before is None or before.names != names):
            self._sets.put((root, workload), _Set(names, base))
        narrowing = Narrowing(
            sent=len(offered.entries),
            stay=len(offered.entries) - len(plain) + len(places),
            tokens=gone,
            warm=warm,
            under_way=before is not None,
            steps=self._steps(workload),
        )
        return Selection(places, base, root, gone), narrowing

    def grown(self, selection: Selection, box: Toolbox, workload: int, needs: Sequence[str]) -> Selection:
        """More functions, behind those that went out: those asked for by name, and what a search finds.

        With the last step that a call may take, all of them.
        """
        plain, have = box.offered.places, set(selection.places)
        named = [plain[need] for need in needs if need in plain]
        if selection.steps + 1 >= STEPS:
            found = sorted(plain.values())
        else:
            found = self._search(box, list(needs), len(have) + MORE)
        new = [place for place in dict.fromkeys([*named, *found]) if place not in have]
        new = new if selection.steps + 1 >= STEPS else new[:MORE]
        gone = selection.tokens - sum(box.offered.tokens(place) for place in new)
        places = (*selection.places, *new)
        names = tuple(box.offered.entries[place].name for place in places)
        if selection.root:
            self._sets.put((selection.root, workload), _Set(names, selection.base))
        return Selection(places, selection.base, selection.root, gone, selection.steps + 1)

    def after(self, workload: int, selection: Selection, used: Sequence[str], tokens: int, at: int) -> None:
        """Learn from a call that is over: what it used, how many steps it took, what is warm now."""
        counted = self._counted.get(workload) or self._counted.put(workload, _Counted())
        if counted.calls >= 2_000:
            counted.calls, counted.steps = counted.calls // 2, counted.steps // 2
            counted.uses = {name: uses // 2 for name, uses in counted.uses.items() if uses > 1}
        counted.calls += 1
        counted.steps += selection.steps
        for name in set(used):
            if name in counted.uses or len(counted.uses) < NAMED:
                counted.uses[name] = counted.uses.get(name, 0) + 1
        found = self._sets.get((selection.root, workload))
        if found is not None:
            found.tokens, found.at = tokens, at

    def _places(
        self, request: Request, box: Toolbox, before: _Set | None, held: set[str], unused: set[int]
    ) -> tuple[tuple[int, ...], int]:
        """The functions that go out, and how many of them stand where the caller put them."""
        plain = box.offered.places
        queries = _queries(request)
        if before is None:
            found = [
                place for place in self._search(box, queries, FIRST + len(unused)) if place not in unused
            ]
            first = tuple(sorted({plain[name] for name in held} | set(found[:FIRST])))
            return first, len(first)
        places = [plain[name] for name in before.names if name in plain]
        more = sorted(plain[name] for name in held if name not in before.names)
        if _asks(request):
            best = self._search(box, queries[:1], FIRST)
            if best and best[0] not in {*places, *more, *unused}:
                # The turn is about something else: one large step, in place of a step of the model.
                more += [place for place in best if place not in unused]
        base = sum(name in plain for name in before.names[: before.base])
        return tuple(dict.fromkeys([*places, *more])), base

    def _search(self, box: Toolbox, queries: list[str], k: int) -> list[int]:
        """Places of the plain functions that a search finds, best first."""
        known = self._indexes.get(id(box))
        plain = sorted(box.offered.places.values())
        if known is None:
            entries = box.offered.entries
            index = room.ToolIndex([_described(entries[at]) for at in plain])
            known = self._indexes.put(id(box), (box, index))
        return [plain[at] for at in known[1].search(queries, min(k, len(plain))) if 0 <= at < len(plain)]

    def _frequent(self, workload: int) -> set[str]:
        """Tools that most calls of the workload used."""
        counted = self._counted.get(workload)
        if counted is None or counted.calls < LEARNED:
            return set()
        return {name for name, uses in counted.uses.items() if 2 * uses > counted.calls}

    def _steps(self, workload: int) -> int:
        counted = self._counted.get(workload)
        if counted is None or counted.calls < LEARNED:
            return ASSUMED
        return counted.steps * 1000 // counted.calls


def is_search(item: Mapping[str, Any]) -> bool:
    """Whether an output item is a call of find_tools."""
    return item.get("type") == "function_call" and item.get("name") == FIND


def with_only(body: bytes, box: Toolbox, selection: Selection) -> bytes:
    """The body with the selected functions and find_tools, all else as it was; all of it at the last step.

    First what stands where the caller put it, then find_tools, then what came later: a list that grows
    begins as it began before.
    """
    fields = _FIELDS.decode(body)
    entries = _LIST.decode(fields["tools"])
    plain = set(box.offered.places.values())
    if set(selection.places) == plain:
        return body
    base = set(selection.places[: selection.base])
    first = [entry for at, entry in enumerate(entries) if at not in plain or at in base]
    later = [entries[at] for at in selection.places[selection.base :]]
    nested = b'"messages"' in body and "messages" in fields
    own: dict[str, Any] = (
        {"type": "function", "function": FUNCTION}
        if nested
        else {"type": "function", **FUNCTION, "strict": False}
    )
    fields["tools"] = msgspec.Raw(msgspec.json.encode([*first, own, *later]))
    return msgspec.json.encode(fields)


def _why_not(request: Request, body: bytes, box: Toolbox) -> str | None:
    """Why all definitions of a call go out, in words."""
    names = {entry.name for entry in box.offered.entries}
    plain = len(box.offered.places)
    if plain <= SMALL:
        return f"{plain} functions are few"
    if FIND in names:
        return f"a tool is named {FIND} already"
    if request.tool_choice == "none":
        return "tool_choice is none"
    if b'"allowed_tools"' in body:
        return "tool_choice allows named tools only"
    if request.n is not None and request.n > 1:
        return "several answers are asked for"
    if request.background:
        return "it runs in the background"
    if request.conversation:
        return "a conversation kept upstream would keep the search"
    return None


def _queries(request: Request) -> list[str]:
    """What is searched by: the newest words of the user, then the ones before."""
    said = [message.text for message in request.messages if message.role == "user" and message.text]
    return [text[:READ] for text in reversed(said[-3:])] or [""]


def _asks(request: Request) -> bool:
    """Whether the newest message is a user's."""
    return bool(request.messages) and request.messages[-1].role == "user"


def _described(entry: room.Definition) -> Described:
    schema = entry.inner.get("parameters")
    raw = msgspec.json.encode(schema) if schema is not None else b""
    return Described(entry.name, entry.description, raw)


@cache
def _own_tokens() -> int:
    return count_tokens(shown(FUNCTION))
