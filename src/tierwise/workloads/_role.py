"""A call's place in a trace: orchestrator, sub-agent or alone.

One request tells little: who may hand work on, and who is told that it is a sub-agent. A whole
trace tells more, from who called whom.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

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
    template: int = 0
    """Digest of what it shares with calls like it (`Template.base` mixed with its segments); 0 where unknown."""
    at: int | None = None
    """When it was sent, microseconds since the epoch."""


def role_of(request: Request, template: TemplateSignals) -> Role:
    """The role that one request alone tells; 'unknown' where it does not.

    'orchestrator' when it may hand work to agents (a hand-off tool) or is told to direct them,
    'sub-agent' when it is told that it is one or its metadata names it so. 'single' takes a
    whole trace to know.
    """
    if template.role == "unknown" and request.metadata:
        return _named(request.metadata.get("agent") or request.metadata.get("agent_name"))
    return template.role


def role_in(step: Span, earlier: Mapping[str, Span]) -> Role:
    """The role of a live step by its own word and the earlier steps of its trace, their roles known.

    What directs others or puts their answers together is the orchestrator's. A step becomes a
    sub-agent's only where a model call stands above it. A step of a template of its own that comes
    once several alike have run below the same call may be the one that joins their answers: it
    stays 'unknown', for a wrong 'sub-agent' would send it to a cheaper rung.
    """
    told = step.role if step.role != "unknown" else _named(step.name)
    if told != "unknown":
        return told
    like = _like(step, earlier.values())
    if like is not None:
        return like
    if not _call_above(step, earlier):
        return "unknown"
    below = [other.template for other in earlier.values() if other.role == "sub-agent"]
    return "unknown" if len(below) > len(set(below)) else "sub-agent"


def _like(step: Span, others: Iterable[Span]) -> Role | None:
    """The role of another step of the same template, or of the same agent: the same parent, not a call."""
    for other in others:
        same = step.template != 0 and other.template == step.template
        if same and other.role != "unknown":
            return other.role
    return None


def _call_above(step: Span, earlier: Mapping[str, Span]) -> bool:
    """Whether a model call is among the ancestors that are known."""
    parent, seen = step.parent, {step.id}
    while parent is not None and parent not in seen and len(seen) < _DEEPEST:
        seen.add(parent)
        above = earlier.get(parent)
        if above is None:
            return False
        if above.calls_model:
            return True
        parent = above.parent
    return False


def roles_in_trace(spans: Iterable[Span]) -> dict[str, Role]:
    """Roles of the model calls of one trace, by span id.

    What a call says itself stands: it directs others, puts their answers together, or is told
    that it is a sub-agent. Else a call is a sub-agent's when a model call stands above it: an
    ancestor itself, or one made directly by a step above the step that made it; the calls that
    such ancestors made are the orchestrator's, and so is every call of their template. The last
    call below an orchestrator that is of a template of its own, where several others are alike,
    joins their answers and is the orchestrator's too. The only call of a trace is 'single'
    unless its request says more. Where the trace tells nothing, 'unknown' stands.

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
        told = _told(call)
        if told != "orchestrator":
            leads |= above
        roles[call.id] = told if told != "unknown" else "sub-agent" if above else _alone(len(calls))
    # Who directs others is an orchestrator, even when directed from above itself.
    roles.update((lead, "orchestrator") for lead in sorted(leads))
    _spread(calls, roles)
    joins = _joins(calls, roles)
    if joins is not None:
        roles[joins] = "orchestrator"
    return roles


def _told(call: Span) -> Role:
    return call.role if call.role != "unknown" else _named(call.name)


def _spread(calls: list[Span], roles: dict[str, Role]) -> None:
    """Calls of a template that an orchestrator has are the orchestrator's, unless told otherwise."""
    own = {call.template for call in calls if call.template and roles[call.id] == "orchestrator"}
    for call in calls:
        if call.template in own and _told(call) == "unknown":
            roles[call.id] = "orchestrator"


def _joins(calls: list[Span], roles: dict[str, Role]) -> str | None:
    """The last call by time, where it alone is of its template and several sub-agents' calls are alike."""
    timed = [call for call in calls if call.at is not None]
    below = Counter(call.template for call in calls if call.template and roles[call.id] == "sub-agent")
    if not timed or len(below) < 2:
        return None
    last = max(timed, key=lambda call: (call.at or 0, call.id))
    alone = below.get(last.template) == 1 and _told(last) == "unknown"
    return last.id if alone and max(below.values()) > 1 else None


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


def _alone(calls: int) -> Role:
    """What a call is that says nothing and has no model call above it."""
    return "single" if calls == 1 else "unknown"


def _named(name: str | None) -> Role:
    """What a step's name says, if anything."""
    lowered = (name or "")[:200].lower()
    if any(word in lowered for word in _SUB_NAMES):
        return "sub-agent"
    return "orchestrator" if any(word in lowered for word in _LEAD_NAMES) else "unknown"
