"""OpenAI's tool search for a caller who did not ask for it: what is deferred, and what is put back.

Only for calls whose history is the caller's to send (`store` false, no previous response): the items of a
search are taken out of the reply, and put back in the next turn in front of the call that they led to,
from the names remembered here and the definitions of that turn. A call of the history that is not
remembered keeps its tool direct. Not locked: the pipeline is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from tierwise.calls import Request
from tierwise.catalog import count_tokens
from tierwise.online._recent import Recent
from tierwise.online._tools import Toolbox, chosen
from tierwise.policy import Narrowing
from tierwise.tools import HEAD, described, namespaces

CALLS: Final = 50_000
"""Calls of tools that a search led to, by id."""
OVERHEAD: Final = 350
"""Input tokens of OpenAI's own words on tool search, by recorded exchanges (gpt-5.4 and gpt-5.6)."""
WORKLOADS: Final = 5_000
LISTS: Final = 64
LEARNED: Final = 50
"""Calls of a workload from which it is known how many of them load something."""
ASSUMED: Final = 500
"""Calls of a thousand that load something, before that. Assumed."""
LEAST: Final = 10
"""Functions below which nothing is deferred."""
_SEARCHES: Final = frozenset({"tool_search_call", "tool_search_output"})
_MCP_CALLS: Final = frozenset({"mcp_call", "mcp_approval_request"})
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])


class Loaded(msgspec.Struct, frozen=True):
    """What a search loaded right before a call."""

    namespace: str
    names: tuple[str, ...]
    first: bool = True
    """Whether the search items stand in front of this call; a second call of one answer has none."""


class Deferral(msgspec.Struct, frozen=True):
    """What of a call is deferred: places by namespace; and the searches to put back, by the call they led to."""

    box: Toolbox
    spaces: dict[str, tuple[int, ...]]
    tokens: int
    """Input tokens that go."""
    loaded: dict[str, Loaded] = {}
    root: str = ""
    """The conversation; '' where it would not be known again."""
    servers: frozenset[str] = frozenset()
    """Labels of the MCP servers that are not deferred."""

    def deferred(self, body: bytes) -> bytes:
        """A Responses body whose tools are deferred, with the search items of earlier turns in their places."""
        fields = _FIELDS.decode(body)
        entries = _LIST.decode(fields["tools"])
        fields["tools"] = _raw(_tools(entries, self.box, self))
        if self.loaded and bytes(fields.get("input", msgspec.Raw()))[:1] == b"[":
            fields["input"] = _raw(_input(_LIST.decode(fields["input"]), self.box, entries, self))
        return msgspec.json.encode(fields)

    def weight(self, names: Sequence[str]) -> int:
        """Input tokens of definitions that a search loaded."""
        offered, places = self.box.offered, self.box.offered.places
        return sum(offered.tokens(places[name]) for name in names if name in places) + HEAD * bool(names)


class _Groups(msgspec.Struct, frozen=True):
    """Functions by namespace, by place."""

    box: Toolbox
    """Held, so that its identity stays its own."""
    spaces: dict[str, tuple[int, ...]]
    tokens: int
    """Input tokens that go, those of namespaces and search taken off."""
    loads: int
    """Tokens of a namespace, about."""


def _grouped(box: Toolbox, direct: frozenset[str]) -> _Groups:
    offered, plain = box.offered, box.offered.places
    names = list(plain)
    spaces: dict[str, tuple[int, ...]] = {}
    # Grouped before the direct ones are taken out, so that the other namespaces stay as they are.
    for space in namespaces(names, {entry.name for entry in offered.entries}):
        members = tuple(plain[names[at]] for at in space.members if names[at] not in direct)
        if members:
            spaces[space.name] = members
    weight = sum(offered.tokens(at) for members in spaces.values() for at in members)
    seen = (
        f"\n\n// {described([offered.entries[at].name for at in members])}\ndeferred namespace {name};"
        for name, members in spaces.items()
    )
    gone = weight - sum(map(count_tokens, seen)) - OVERHEAD
    return _Groups(box, spaces, gone, weight // max(1, len(spaces)))


class Hosted:
    """Remembers what searches loaded, by the id of the call that they led to."""

    def __init__(self) -> None:
        self._loaded: Recent[str, Loaded] = Recent(CALLS)
        self._grouped: Recent[tuple[int, frozenset[str]], _Groups] = Recent(LISTS)
        self._under_way: Recent[str, bool] = Recent(CALLS)
        self._counted: Recent[int, tuple[int, int]] = Recent(WORKLOADS)
        """Calls of a workload, and those of them that loaded something."""

    def defer(
        self, request: Request, body: bytes, box: Toolbox, workload: int, root: str
    ) -> tuple[Deferral | None, Narrowing]:
        """What is deferred, and what that comes to; None where nothing is."""
        offered, plain = box.offered, box.offered.places
        why = _why_not(request, body, box)
        if why is not None:
            return None, Narrowing(sent=len(offered.entries), why_not=why)
        loaded = self._known(request)
        unknown = {name for identity, name in _history(request) if identity not in loaded}
        direct = (unknown | chosen(body)) & plain.keys()
        groups = self._groups(box, frozenset(direct))
        gone = groups.tokens
        if gone <= 0:
            return None, Narrowing(
                sent=len(offered.entries), why_not="the search would weigh as much as the tools"
            )
        needed = _needed(body)
        servers = [_label(entry.raw) for entry in offered.entries if entry.kind == "mcp"]
        narrowing = Narrowing(
            sent=len(offered.entries),
            stay=len(offered.entries) - len(plain) + len(direct) - sum(one not in needed for one in servers),
            tokens=gone,
            loads=groups.loads,
            under_way=bool(root) and self._under_way.get(root) is not None,
            steps=self._share(workload),
        )
        return Deferral(box, groups.spaces, gone, loaded, root, needed), narrowing

    def _groups(self, box: Toolbox, direct: frozenset[str]) -> _Groups:
        """The namespaces of a list, worked out once for each set of tools that stay direct."""
        found = self._grouped.get((id(box), direct))
        return found or self._grouped.put((id(box), direct), _grouped(box, direct))

    def _share(self, workload: int) -> int:
        """Of a thousand calls, those that load something."""
        calls, loads = self._counted.get(workload) or (0, 0)
        return loads * 1000 // calls if calls >= LEARNED else ASSUMED

    def remember(self, reply: object, workload: int, root: str) -> tuple[str, ...]:
        """Take down what the searches of a reply loaded; the names of all of it."""
        every = tuple(self._take(_values(reply)))
        calls, loads = self._counted.get(workload) or (0, 0)
        if calls >= 2_000:
            calls, loads = calls // 2, loads // 2
        self._counted.put(workload, (calls + 1, loads + bool(every)))
        if root:
            self._under_way.put(root, True)
        return every

    def _take(self, reply: Mapping[str, Any] | None) -> list[str]:
        output = reply.get("output") if reply is not None else None
        every: list[str] = []
        space, first = "", True
        names: tuple[str, ...] = ()
        for item in output if isinstance(output, list) else ():
            if not isinstance(item, dict):
                continue
            if item.get("type") == "tool_search_output":
                space, names = _loaded_in(item)
                first = True
                every += names
            elif item.get("type") == "function_call" and item.get("namespace") and item.get("call_id"):
                self._loaded.put(
                    str(item["call_id"]), Loaded(str(item["namespace"]), names if space else (), first)
                )
                first = False
        return every

    def _known(self, request: Request) -> dict[str, Loaded]:
        """Calls of the history that a search remembered here led to."""
        found = ((identity, self._loaded.get(identity)) for identity, _ in _history(request) if identity)
        return {identity: loaded for identity, loaded in found if loaded is not None}


def _input(
    items: list[msgspec.Raw], box: Toolbox, entries: list[msgspec.Raw], deferral: Deferral
) -> list[Any]:
    where = {place: space for space, places in deferral.spaces.items() for place in places}
    out: list[Any] = []
    for raw in items:
        item = _decoded(raw)
        found = deferral.loaded.get(str(item.get("call_id"))) if item.get("type") == "function_call" else None
        place = box.offered.places.get(str(item.get("name")))
        if found is None or place is None or place not in where:
            out.append(raw)
            continue
        space = where[place]
        members = {box.offered.entries[at].name: at for at in deferral.spaces[space]}
        names = [name for name in found.names if name in members]
        if found.first and names:
            tools = [_deferred(entries[members[name]]) for name in names]
            out += _search_items(str(item["call_id"]), space, described(names), tools)
        out.append(item | {"namespace": space})
    return out


def hides_search(item: Mapping[str, Any]) -> bool:
    """Whether an output item belongs to a search."""
    return item.get("type") in _SEARCHES


def _why_not(request: Request, body: bytes, box: Toolbox) -> str | None:
    if any(mark in request.tools for mark in (b'"tool_search"', b'"namespace"', b'"defer_loading"')):
        return "the caller searches by itself"
    if len(box.offered.places) < LEAST:
        return f"{len(box.offered.places)} functions are few"
    if request.previous_response_id or request.conversation:
        return "its history is kept upstream"
    if request.endpoint == "responses" and request.store is not False:
        return "its answer is stored upstream, where a next turn would find the search"
    if request.tool_choice == "none":
        return "tool_choice is none"
    if b'"tool_search_' in body:
        return "its history holds searches of the caller's own"
    return None


def _history(request: Request) -> list[tuple[str | None, str]]:
    """Calls of the history: id and name."""
    found: list[tuple[str | None, str]] = []
    for message in request.messages:
        if message.tool_calls:
            calls = message.tool_calls
            found += [(call.id, call.function.name) for call in calls if call.function and call.function.name]
        elif message.type == "function_call" and message.name:
            found.append((message.call_id, message.name))
    return found


def _tools(entries: list[msgspec.Raw], box: Toolbox, deferral: Deferral) -> list[Any]:
    """The search, namespaces, and what stays direct in the caller's order; MCP servers deferred too."""
    deferred = {place for places in deferral.spaces.values() for place in places}
    listed: list[Any] = [{"type": "tool_search"}]
    for space, places in deferral.spaces.items():
        tools = [_deferred(entries[at]) for at in places]
        about = described([box.offered.entries[at].name for at in places])
        listed.append({"type": "namespace", "name": space, "description": about, "tools": tools})
    for at, entry in enumerate(entries):
        if at in deferred:
            continue
        server = box.offered.entries[at].kind == "mcp"
        waits = server and _label(entry) not in deferral.servers
        listed.append(_deferred(entry) if waits else entry)
    return listed


def _label(server: msgspec.Raw | bytes) -> Any:
    return _decoded(server).get("server_label")


class _Uses(msgspec.Struct):
    """Where a body speaks of MCP servers."""

    tool_choice: Any = None
    input: Any = None


_USES: Final = msgspec.json.Decoder(_Uses)


def _needed(body: bytes) -> frozenset[str]:
    """Labels of MCP servers that `tool_choice` names or that the conversation called: their tools stay direct."""
    if b'"server_label"' not in body:
        return frozenset()
    found = _USES.decode(body)
    items = found.input if isinstance(found.input, list) else []
    called = [item for item in items if isinstance(item, dict) and item.get("type") in _MCP_CALLS]
    choice = found.tool_choice if isinstance(found.tool_choice, dict) else {}
    allowed = choice.get("tools")
    named = (
        [choice, *(each for each in allowed if isinstance(each, dict))]
        if isinstance(allowed, list)
        else [choice]
    )
    return frozenset(str(one["server_label"]) for one in [*called, *named] if "server_label" in one)


def _search_items(identity: str, space: str, about: str, tools: list[Any]) -> list[dict[str, Any]]:
    """The items of a search as they came, with ids of their own, made of the call's."""
    mark = re.sub(r"\W", "", identity)[-40:]
    common = {"execution": "server", "call_id": None, "status": "completed"}
    namespace = {"type": "namespace", "name": space, "description": about, "tools": tools}
    return [
        {"type": "tool_search_call", "id": f"tsc_{mark}", "arguments": {"paths": [space]}, **common},
        {"type": "tool_search_output", "id": f"tso_{mark}", "tools": [namespace], **common},
    ]


def _loaded_in(item: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The namespace that a search loaded, and the names of what is in it."""
    space, names = "", []
    for tool in item.get("tools") or ():
        if isinstance(tool, dict) and tool.get("type") == "namespace":
            space = str(tool.get("name"))
            names += [str(each.get("name")) for each in tool.get("tools") or () if isinstance(each, dict)]
    return space, tuple(names)


def _deferred(entry: msgspec.Raw) -> msgspec.Raw:
    """A definition marked as deferred; all else of it keeps its bytes."""
    return msgspec.Raw(bytes(entry).rstrip()[:-1] + b',"defer_loading":true}')


def _values(reply: object) -> Mapping[str, Any] | None:
    """A reply, as bytes or values, as values; None for what is no object."""
    found = reply
    if isinstance(reply, bytes):
        try:
            found = msgspec.json.decode(reply)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
    return found if isinstance(found, Mapping) else None


def _decoded(raw: msgspec.Raw | bytes) -> dict[str, Any]:
    found = msgspec.json.decode(raw)
    return found if isinstance(found, dict) else {}


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
