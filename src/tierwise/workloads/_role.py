"""A call's place in a trace by its own word: what a request, a step's name and its metadata tell.

What the other steps of its trace add is worked out in `_whole` for a trace at hand, and in
`_traces` for one under way.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from tierwise.calls import Request
from tierwise.workloads._signals import TemplateSignals
from tierwise.workloads._types import Role

LOOKED_AT: Final = 200
"""Characters of a name that are read."""
_SUB: Final = re.compile(r"sub[-_ ]?agent|worker[-_ ]?agent")
_LEAD: Final = re.compile(
    r"orchestrator|supervisor|coordinator|(?:lead|manager)[-_ ]?agent|team[-_ ]?lead"
    r"|planner|synthesi[sz]|aggregator|final[-_ ]?(?:answer|report|writer)|report[-_ ]?writer"
    r"|^(?:re[-_ ]?)?plan(?:ning)?(?:[-_ ]?(?:step|node))?$|^(?:aggregate|consolidate|finali[sz]e|combine|merge)(?:[-_ ]?(?:step|node))?$"
)


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
    """What it shares with calls like it: the id of its workload; 0 where unknown."""
    at: int | None = None
    """When it was sent, microseconds since the epoch."""
    until: int | None = None
    """When its answer was complete, microseconds since the epoch."""
    turn: int = 0
    """Responses already in its prompt, as in `Facts.turn`."""
    request: int = 0
    """Digest of what it asks, as in `Facts.request`; 0 where unknown. A request sent again is no
    second part of the work."""
    linked: bool = False
    """Goes on from an earlier response that its prompt does not hold."""
    tools: bool = False
    """Has tools of its own."""

    @property
    def fresh(self) -> bool:
        """Whether it begins something: no later turn of a conversation."""
        return self.turn == 0 and not self.linked and self.request != 0


def role_of(request: Request, template: TemplateSignals) -> Role:
    """The role that one request alone tells; 'unknown' where it does not.

    'orchestrator' when it may hand work to agents (a hand-off tool), is told to plan, split or
    direct work, or to put the answers of others together; 'sub-agent' when it is told that it
    does a part for others, or its metadata names it so. 'single', the only agent of a trace,
    takes a whole trace to know: a request that says nothing of others may still be one of many.
    """
    if template.role == "unknown" and request.metadata:
        return role_named(request.metadata.get("agent") or request.metadata.get("agent_name"))
    return template.role


def told_of(step: Span) -> Role:
    """What a step says of itself: its request, else its name."""
    return step.role if step.role != "unknown" else role_named(step.name)


def role_named(name: str | None) -> Role:
    """What a step's name says, if anything."""
    if not name:
        return "unknown"
    lowered = name[:LOOKED_AT].lower()
    if _SUB.search(lowered):
        return "sub-agent"
    return "orchestrator" if _LEAD.search(lowered) else "unknown"
