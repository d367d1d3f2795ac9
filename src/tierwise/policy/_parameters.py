"""Parameters made valid for the rung that was chosen, and nothing else: every change, with its reason."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tierwise.catalog import WINDOWS, Model
from tierwise.policy._caching import cache_changes
from tierwise.policy._decision import Change, Plan
from tierwise.policy._eligible import REFUSED_WHEN_REASONING
from tierwise.policy._lengths import Rung
from tierwise.policy._state import Narrowing, Sent, Warmth
from tierwise.policy._types import Rule
from tierwise.workloads import Facts

AUTO = "auto"
"""The model name that leaves the choice to the policy; without one, it is the baseline."""
_NOTHING_SENT = Sent()
_SEARCHED = {"client": "find_tools", "hosted": "tool_search"}
_TIERS = {"standard": "default", "flex": "flex", "priority": "priority"}
"""What lanes are called in `service_tier`; the others do not travel by that parameter."""


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A call on its way: what was asked, and what was decided."""

    facts: Facts
    sent: Sent | None
    plan: Plan
    baseline: Rung
    target: Model
    rule: Rule
    lane_asked: str
    search: Narrowing | None = None
    warmth: Warmth | None = None
    why_kept: str = ""
    """Why a retention is asked for."""

    @property
    def auto(self) -> bool:
        """Whether the caller left the model to the policy."""
        return (self.facts.model or "").strip().lower() == AUTO

    @property
    def other_model(self) -> bool:
        """Whether another model than the one named serves the call; else what was sent stays."""
        return self.auto or self.plan.rung.model != self.baseline.model


def changes_of(call: Outgoing) -> tuple[Change, ...]:
    """Everything in the request that will differ, in the order of the levers."""
    cached = cache_changes(call.plan.caching, call.warmth, call.target, call.why_kept)
    return (
        *_tools(call),
        *cached,
        *_rung(call),
        *_caps(call),
        *_sampling(call),
        *_lane(call),
        *_endpoint(call),
    )


def _tools(call: Outgoing) -> Iterator[Change]:
    if call.plan.tools.search != "off" and call.search is not None:
        yield Change(
            parameter="tools",
            before=f"{call.search.sent} definitions",
            after=f"{call.search.stay} definitions and {_SEARCHED[call.plan.tools.search]}",
            why="the others are found when they are asked for",
        )
    if dropped := len(call.plan.drop_tools):
        sent = len(call.facts.template.tools)
        yield Change(
            parameter="tools",
            before=f"{sent} definitions",
            after=f"{sent - dropped} definitions",
            why="no logged session of this workload used the others",
        )


def _rung(call: Outgoing) -> Iterator[Change]:
    facts, plan, target = call.facts, call.plan, call.target
    if call.other_model:
        yield Change(parameter="model", before=facts.model, after=plan.rung.model, why=call.rule.name)
    parameter = _effort_parameter(call)
    effort = plan.rung.effort
    if effort is None and facts.effort is not None and not target.efforts:
        yield Change(
            parameter=parameter, before=facts.effort, after=None, why=f"{target.name} does not reason"
        )
    elif (
        effort is not None
        and (call.other_model or effort != call.baseline.effort)
        and effort != (facts.effort or target.default_effort)
    ):
        why = (
            "the rule's ceiling"
            if call.rule.effort is not None
            else f"{target.name} has a default of its own"
        )
        yield Change(parameter=parameter, before=facts.effort, after=effort, why=why)
    if plan.verbosity is not None:
        before = call.sent.verbosity if call.sent is not None else None
        name = "text.verbosity" if _responses(call) else "verbosity"
        yield Change(parameter=name, before=before, after=plan.verbosity, why="the rule's ceiling")


def _caps(call: Outgoing) -> Iterator[Change]:
    """max_tokens is refused by reasoning models in Chat; Responses has one name of its own."""
    cap = call.facts.max_output_tokens
    if cap is None or call.sent is None:
        return
    named = sorted(call.sent.parameters & {"max_tokens", "max_completion_tokens"})
    if call.plan.endpoint == "responses":
        wanted = "max_output_tokens"
    elif call.other_model and "max_tokens" in named and call.target.efforts and call.facts.endpoint == "chat":
        wanted = "max_completion_tokens"
    else:
        return
    for name in named:
        yield Change(parameter=name, before=str(cap), after=None, why=f"goes as {wanted}")
    if named and wanted not in named:
        yield Change(parameter=wanted, before=None, after=str(cap), why=f"{call.target.name} names it so")


def _sampling(call: Outgoing) -> Iterator[Change]:
    """Sampling parameters that the rung refuses: the caller's default, or what the rule lets go."""
    sent, target = call.sent or _NOTHING_SENT, call.target
    if not call.other_model and call.plan.rung.effort == call.baseline.effort:
        return
    reasons = bool(target.efforts) and call.plan.rung.effort != "none"
    if target.sampling in {"never", "unknown"} or (target.sampling == "effort-none" and reasons):
        for name, value in (("temperature", sent.temperature), ("top_p", sent.top_p)):
            if value is not None and (value == 1 or name in call.rule.may_drop):
                why = "its default" if value == 1 else "the rule lets it go"
                yield Change(
                    parameter=name, before=f"{value:g}", after=None, why=f"{target.name} refuses it; {why}"
                )
    if target.efforts:
        for name in sorted(sent.extras & REFUSED_WHEN_REASONING & call.rule.may_drop):
            yield Change(
                parameter=name, before="set", after=None, why=f"{target.name} refuses it; the rule lets it go"
            )


def _lane(call: Outgoing) -> Iterator[Change]:
    before, after = call.lane_asked, call.plan.lane
    if before == after:
        return
    if after in _TIERS and before in _TIERS:
        yield Change(
            parameter="service_tier",
            before=_TIERS[before],
            after=_TIERS[after],
            why="the cheapest lane allowed",
        )
    elif after in WINDOWS:
        yield Change(
            parameter="background_options.completion_window",
            before=None,
            after=WINDOWS[after],
            why="the cheapest lane in its deadline",
        )
    else:
        yield Change(parameter="lane", before=before, after=after, why="the cheapest lane in its deadline")


def _endpoint(call: Outgoing) -> Iterator[Change]:
    if call.plan.endpoint is None:
        return
    why = f"{call.target.name} takes tools at this effort only in Responses"
    yield Change(parameter="endpoint", before=call.facts.endpoint, after=call.plan.endpoint, why=why)
    sent = call.sent or _NOTHING_SENT
    if sent.store is not True:
        yield Change(
            parameter="store",
            before=None if sent.store is None else "false",
            after="false",
            why="Responses stores unless told otherwise, Chat does not",
        )
    yield Change(
        parameter="tools[].strict",
        before=None,
        after="false where unset",
        why="Responses takes unset as true, Chat as false",
    )


def _responses(call: Outgoing) -> bool:
    return (call.plan.endpoint or call.facts.endpoint) == "responses"


def _effort_parameter(call: Outgoing) -> str:
    return "reasoning.effort" if _responses(call) else "reasoning_effort"
