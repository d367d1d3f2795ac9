"""Roles of live calls: what a trace tells while it is still being written."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import msgspec

from tierwise.calls import Request
from tierwise.workloads._role import Span, told_of
from tierwise.workloads._types import Facts, Role

TRACES: Final = 5_000
"""Traces remembered; the one that had a call longest ago goes first."""
STEPS: Final = 200
"""Steps of a trace remembered; later ones are judged by these."""
PARTS: Final = 3
"""Different requests on one template, below one orchestrator, that make work in parts: two may be an
answer that is written again."""
_DEEPEST: Final = 16


class _Kind(msgspec.Struct):
    """What a trace has had of one template."""

    role: Role = "unknown"
    requests: set[int] = set()


class _Trace(msgspec.Struct):
    steps: dict[str, Span] = {}
    kinds: dict[int, _Kind] = {}


def step_of(request: Request, facts: Facts, *, span: str, parent: str | None, name: str | None) -> Span:
    """A live call as a step of its trace; workload and role are those of its facts.

    Args:
        request: The call; whether it goes on from a response that its prompt does not hold.
        facts: What recognising it gave.
        span: Its own id in the trace.
        parent: The id of the step that it was called from.
        name: What the application calls it.
    """
    return Span(
        id=span,
        parent=parent,
        name=name,
        role=facts.role,
        template=facts.workload,
        turn=facts.turn,
        request=facts.request,
        linked=bool(request.previous_response_id or request.conversation),
        tools=bool(facts.template.tools),
    )


class TraceMemory:
    """Remembers the steps of traces under way. Not locked."""

    def __init__(self) -> None:
        self._traces: OrderedDict[str, _Trace] = OrderedDict()

    def role(self, trace: str, step: Span) -> Role:
        """The role of a step by what it says itself and what came before in its trace; remembers it.

        What it says of itself stands, then what another step of its template was. Else it is a
        sub-agent's where a call of an orchestrator stands above it, and it has tools of its own or
        begins the third part of work on one template: a step without may be the one that joins
        the answers. 'unknown' is given rather than a 'sub-agent' that may be wrong; what an
        audit learned of whole traces (`roles_by_workload`) tells more.
        """
        known = self._known(trace)
        kind = known.kinds.get(step.template) if step.template else None
        role = told_of(step)
        if role == "unknown" and kind is not None:
            role = kind.role
        if role == "unknown" and step.fresh and _directed(step, known):
            begun = len(kind.requests | {step.request}) if kind is not None else 1
            role = "sub-agent" if step.tools or begun >= PARTS else role
        if len(known.steps) < STEPS or step.id in known.steps:
            known.steps[step.id] = msgspec.structs.replace(step, role=role)
            if step.template:
                _note(known.kinds.setdefault(step.template, _Kind()), step, role)
        return role

    def _known(self, trace: str) -> _Trace:
        known = self._traces.get(trace)
        if known is None:
            known = self._traces[trace] = _Trace()
            if len(self._traces) > TRACES:
                self._traces.popitem(last=False)
        self._traces.move_to_end(trace)
        return known


def _note(kind: _Kind, step: Span, role: Role) -> None:
    if role != "unknown" and kind.role != "orchestrator":
        kind.role = role
    if step.fresh and len(kind.requests) < PARTS:
        kind.requests.add(step.request)


def _directed(step: Span, known: _Trace) -> bool:
    """Whether a call of an orchestrator of another template is among the ancestors that are known."""
    parent = step.parent
    for _ in range(_DEEPEST):
        above = known.steps.get(parent) if parent is not None else None
        if above is None:
            return False
        if above.role == "orchestrator" and above.template != step.template:
            return True
        parent = above.parent
    return False
