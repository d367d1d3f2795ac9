"""Who called whom inside a trace, where the whole trace is at hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec


class Node(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One span of a trace, a call or not."""

    id: str
    parent: str | None
    call: bool = False
    """A call to a model."""
    reply: str | None = None
    """The id that OpenAI gave the answer, where the span has it."""
    tool: bool = False
    """The execution of a tool that a model asked for."""
    start: int = 0
    """Microseconds since the epoch; 0 where unknown."""
    end: int = 0


def callers(nodes: Iterable[Node]) -> Mapping[str, str | None]:
    """The calls among the spans of a trace, each with the span id to give as its parent.

    The nearest ancestor that is a call. Else, where the way up passes the execution of a tool,
    the last call beside that tool that had ended before it started: the call that asked for
    the tool, inside which this one ran (an agent used as a tool). Else the parent as logged.

    A call that only wraps another logged call is none: frameworks log the step that a person
    wrote (`ai.generateText`) and the request inside it (`ai.generateText.doGenerate`) both
    with tokens, and only the inner one was sent.
    """
    by_id = {node.id: node for node in nodes}
    outer = {node.parent for node in by_id.values() if _wrapped(node, by_id.get(node.parent or ""))}
    calls = {node.id: node for node in by_id.values() if node.call and node.id not in outer}
    beside: dict[str, list[Node]] = defaultdict(list)
    for node in calls.values():
        if node.parent:
            beside[node.parent].append(node)
    return {key: _caller(node, by_id, calls, beside) for key, node in calls.items()}


def _wrapped(node: Node, parent: Node | None) -> bool:
    """Whether the span is a call directly inside a call, and not of an answer of its own."""
    if parent is None or not (node.call and parent.call) or node.id == parent.id:
        return False
    return node.reply is None or parent.reply is None or node.reply == parent.reply


def _caller(
    node: Node,
    by_id: Mapping[str, Node],
    calls: Mapping[str, Node],
    beside: Mapping[str, list[Node]],
) -> str | None:
    seen = {node.id}
    above = by_id.get(node.parent or "")
    while above is not None and above.id not in seen:
        seen.add(above.id)
        if above.id in calls:
            return above.id
        if above.tool and above.parent:
            earlier = [call for call in beside.get(above.parent, ()) if call.end <= above.start]
            if earlier:
                return max(earlier, key=lambda call: (call.end, call.id)).id
        above = by_id.get(above.parent or "")
    return node.parent
