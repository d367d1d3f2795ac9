"""A call's place in a trace: orchestrator, sub-agent or alone.

One request tells little: who may hand work on, and who is told that it is a sub-agent. A whole
trace tells more, from who called whom.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tierwise.calls import Request
from tierwise.workloads._signals import TemplateSignals
from tierwise.workloads._types import Role

_DEEPEST = 64
"""Ancestors followed; deeper chains and circles in damaged logs end here."""
_SUB_NAMES = ("subagent", "sub-agent", "sub_agent", "worker agent", "worker_agent")
_LEAD_NAMES = ("orchestrator", "supervisor", "coordinator", "lead_agent", "lead agent")


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a trace, model call or not."""

    id: str
    parent: str | None = None
    """Id of the step that started it; may name a step that is not in the log."""
    name: str | None = None
    """What the application called the step."""
    calls_model: bool = True
    """False for agent, chain and tool steps."""
    role: Role = "unknown"
    """What the request alone says (`role_of`)."""


def role_of(request: Request, template: TemplateSignals) -> Role:
    """The role that one request alone tells; 'unknown' where it does not.

    'orchestrator' when it may hand work to agents (a hand-off tool) or is told to direct them,
    'sub-agent' when it is told that it is one or its metadata names it so. 'single' takes a
    whole trace to know.
    """
    if template.role == "unknown" and request.metadata:
        return _named(request.metadata.get("agent") or request.metadata.get("agent_name"))
    return template.role


def roles_in_trace(spans: Iterable[Span]) -> dict[str, Role]:
    """Roles of the model calls of one trace, by span id.

    A call is a sub-agent's when a model call stands above it: an ancestor itself, or one made
    directly by a step above the step that made it. The calls that such ancestors made are the
    orchestrator's. The only call of a trace is 'single' unless its request says more. Where
    the trace tells nothing, what the request says stands.

    Spans may come in any order; missing parents, repeated ids and circles do no harm.
    """
    by_id = {span.id: span for span in spans}
    calls = [span for span in by_id.values() if span.calls_model]
    direct: dict[str, list[str]] = {}
    for call in calls:
        if call.parent is not None:
            direct.setdefault(call.parent, []).append(call.id)
    roles: dict[str, Role] = {}
    leads: set[str] = set()
    for call in calls:
        above = _leads_above(call, by_id, direct)
        leads |= above
        roles[call.id] = "sub-agent" if above else _alone(call, len(calls))
    # Who directs others is an orchestrator, even when directed from above itself.
    roles.update((lead, "orchestrator") for lead in sorted(leads))
    return roles


def _leads_above(call: Span, by_id: dict[str, Span], direct: dict[str, list[str]]) -> set[str]:
    """Model calls above a call: its ancestors, and what the steps above its own step called."""
    leads: set[str] = set()
    seen = {call.id}
    parent, steps = call.parent, 0
    while parent is not None and parent not in seen and steps < _DEEPEST:
        seen.add(parent)
        span = by_id.get(parent)
        if span is not None and span.calls_model:
            leads.add(span.id)
        elif steps > 0:
            leads.update(direct.get(parent, ()))
        parent = span.parent if span is not None else None
        steps += 1
    return leads - {call.id}


def _alone(call: Span, calls: int) -> Role:
    """What a call is that has no model call above it."""
    if call.role != "unknown":
        return call.role
    named = _named(call.name)
    if named != "unknown":
        return named
    return "single" if calls == 1 else "unknown"


def _named(name: str | None) -> Role:
    """What a step's name says, if anything."""
    lowered = (name or "")[:200].lower()
    if any(word in lowered for word in _SUB_NAMES):
        return "sub-agent"
    return "orchestrator" if any(word in lowered for word in _LEAD_NAMES) else "unknown"
