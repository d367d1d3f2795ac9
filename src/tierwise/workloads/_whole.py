"""Roles of calls once their whole trace can be seen.

A wrong 'sub-agent' sends a step to a cheaper rung that it should not be on, so position alone
makes none: a step below another may as well be the next of a pipeline. Proof is that work was
handed out in parts, that its answer went back to who asked, or that who stands above is told
to hand on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import groupby, pairwise
from typing import Final

from tierwise.workloads._role import Span, told_of
from tierwise.workloads._types import Role

DEEPEST: Final = 64
"""Ancestors followed; deeper chains and circles in damaged logs end here."""
MOST_LEADS: Final = 64
"""Calls above a call that are looked at."""


def roles_in_trace(spans: Iterable[Span]) -> dict[str, Role]:
    """Roles of the model calls of one trace, by span id.

    What a call says of itself stands, unless calls below it are proven to work for it: who
    directs others is an orchestrator, even when directed from above. Else:

    - Calls that begin one after the other on the same template with different requests do work in
      parts where they ran at the same time or who stands before, above or after them is told
      to hand on or to put together, and another call followed: sub-agents'. The call before them,
      or above, handed the work out and the calls after them put it together: the orchestrator's.
    - A call below another is a sub-agent's where that one's conversation went on afterwards. Below
      one that is told to hand on work, it is where it has tools of its own or more of the team's
      work came after it.
    - Calls of a template that has a role have that role.
    - 'single' is the only agent of a trace: all calls are of one template, or there is one call.

    Where the trace tells nothing, 'unknown' stands. Spans may come in any order; missing
    parents, repeated ids, missing times and circles do no harm.
    """
    trace = _Trace({span.id: span for span in spans})
    for find in (_below, _parts, _around, _left):
        find(trace)
    return trace.roles


class _Trace:
    """A trace while its roles are worked out."""

    def __init__(self, by_id: Mapping[str, Span]) -> None:
        calls = [span for span in by_id.values() if span.calls_model]
        self.timed = all(call.at is not None for call in calls)
        self.calls = sorted(calls, key=lambda call: (call.at or 0, call.id))
        self.told: dict[str, Role] = {call.id: told_of(call) for call in self.calls}
        self.roles: dict[str, Role] = dict(self.told)
        self.place = {call.id: place for place, call in enumerate(self.calls)}
        direct: dict[str, list[Span]] = defaultdict(list)
        for call in self.calls:
            if call.parent is not None:
                direct[call.parent].append(call)
        self.above = {call.id: _leads_above(call, by_id, direct) for call in self.calls}

    def after(self, one: Span, other: Span) -> bool:
        return self.timed and self.place[one.id] > self.place[other.id]

    def hand(self, call: Span, leads: Iterable[Span]) -> None:
        """Take a call for a sub-agent's unless it is told otherwise, and who stands above for orchestrators."""
        if self.told[call.id] == "unknown":
            self.roles[call.id] = "sub-agent"
        for lead in leads:
            self.roles[lead.id] = self.told[lead.id] = "orchestrator"

    def of(self, role: Role) -> set[int]:
        """Templates whose calls have a role."""
        return {call.template for call in self.calls if call.template and self.roles[call.id] == role}


def _leads_above(call: Span, by_id: Mapping[str, Span], direct: Mapping[str, list[Span]]) -> list[Span]:
    """Calls above a call: its ancestors, and what the steps above its own step called.

    Not those of its own template: a chat whose turns name each other is one agent.
    """
    leads: dict[str, Span] = {}
    seen = {call.id}
    parent, steps = call.parent, 0
    while parent is not None and parent not in seen and steps < DEEPEST and len(leads) < MOST_LEADS:
        seen.add(parent)
        span = by_id.get(parent)
        if span is not None and span.calls_model:
            leads[span.id] = span
        elif steps > 0:
            leads.update((other.id, other) for other in direct.get(parent, ())[:MOST_LEADS])
        parent = span.parent if span is not None else None
        steps += 1
    return [lead for lead in leads.values() if lead.id != call.id and not _alike(lead, call)]


def _alike(one: Span, other: Span) -> bool:
    return one.template != 0 and one.template == other.template


def _below(trace: _Trace) -> None:
    """Calls that are told that they do a part, and calls whose answer went back to who stands above."""
    later: dict[int, list[Span]] = defaultdict(list)
    for call in trace.calls:
        if call.template and call.turn:
            later[call.template].append(call)
    for call in trace.calls:
        told = trace.told[call.id]
        if told == "orchestrator":
            continue
        leads = trace.above[call.id]
        if told == "sub-agent":
            trace.hand(call, leads)
            continue
        back = [
            lead
            for lead in leads
            if any(
                other.turn > lead.turn and trace.after(other, call) and trace.after(call, lead)
                for other in later[lead.template]
            )
        ]
        if back:
            trace.hand(call, back)


def _parts(trace: _Trace) -> None:
    """Calls that begin on one template one after the other, each with another request: work in parts.

    The turns of a chat that the service keeps look the same, so that more must speak for it.
    """
    runs = [list(run) for _, run in groupby(trace.calls, key=lambda call: call.template or call.id)]
    for number, run in enumerate(runs):
        open_ = [call for call in run if trace.told[call.id] == "unknown"]
        fresh = [call for call in open_ if call.fresh]
        if len({call.request for call in fresh}) < 2 or (trace.timed and number + 1 == len(runs)):
            continue
        above = [{lead.id: lead for lead in trace.above[call.id]} for call in fresh]
        shared = [lead for id_, lead in above[0].items() if all(id_ in leads for leads in above)]
        near = [runs[number + 1][0], *runs[number - 1][-1:]] if trace.timed and number else []
        near += [runs[number + 1][0]] if trace.timed and not number else []
        told = any(trace.told[call.id] == "orchestrator" for call in (*shared, *near))
        if _overlap(fresh) or (told and (shared or number)):
            for call in open_:
                trace.hand(call, shared)


def _overlap(calls: list[Span]) -> bool:
    """Whether one began before another had ended."""
    return any(
        one.until is not None and other.at is not None and one.until > other.at
        for one, other in pairwise(calls)
    )


def _around(trace: _Trace) -> None:
    """Who stands before, above and after sub-agents, and what else stands below who hands on."""
    for call in trace.calls:
        if trace.roles[call.id] != "unknown" or not trace.timed:
            continue
        leads = [lead for lead in trace.above[call.id] if trace.roles[lead.id] == "orchestrator"]
        if leads and (call.tools or _more_work(trace, call)):
            trace.hand(call, leads)
    work = trace.of("sub-agent")
    places = [trace.place[call.id] for call in trace.calls if call.template in work]
    if not places or not trace.timed:
        return
    alike = len(places) > len(work)
    for call in trace.calls[max(places) + 1 :]:
        if trace.roles[call.id] == "unknown" and alike:
            trace.roles[call.id] = "orchestrator"
    first = trace.calls[: min(places)]
    if first and trace.roles[first[-1].id] == "unknown":
        trace.roles[first[-1].id] = "orchestrator"


def _more_work(trace: _Trace, call: Span) -> bool:
    """Whether a later call stands below the same orchestrators: a call with none may join the others' answers."""
    above = {lead.id for lead in trace.above[call.id] if trace.roles[lead.id] == "orchestrator"}
    return any(
        not _alike(other, call) and above & {lead.id for lead in trace.above[other.id]}
        for other in trace.calls[trace.place[call.id] + 1 :]
    )


def _left(trace: _Trace) -> None:
    """Calls that are left take the role of their template; the only agent of a trace is 'single'."""
    leads, work = trace.of("orchestrator"), trace.of("sub-agent")
    for call in trace.calls:
        if trace.roles[call.id] == "unknown" and call.template in leads | work:
            trace.roles[call.id] = "orchestrator" if call.template in leads else "sub-agent"
    kinds = {call.template or call.id for call in trace.calls}
    if len(kinds) == 1:
        for call in trace.calls:
            if trace.roles[call.id] == "unknown":
                trace.roles[call.id] = "single"
