"""A call on one named rung, whatever a policy would say of it: how a proof asks for its answers."""

from __future__ import annotations

import msgspec

from tierwise.catalog import Catalog, Tokens
from tierwise.policy._decision import Change, Plan
from tierwise.policy._eligible import (
    ask_of,
    effort_as_asked,
    may_translate,
    refusal,
    tools_refused_in_chat,
)
from tierwise.policy._lengths import Rung
from tierwise.policy._parameters import Outgoing, changes_of
from tierwise.policy._state import Sent
from tierwise.policy._types import Limits, Rule
from tierwise.workloads import Facts


class Pinned(msgspec.Struct, frozen=True, kw_only=True):
    """What a call needs to go to a rung, or why it may not."""

    rung: Rung
    """With the effort it runs at; None for a model that does not reason."""
    changes: tuple[Change, ...] = ()
    endpoint: str | None = None
    """The endpoint to send by where it is not the one called."""
    refused: str | None = None
    """Why the rung may not take the call, in words without its text."""


def pinned(
    facts: Facts, sent: Sent, rung: Rung, rule: Rule, prices: Catalog, limits: Limits, usage: Tokens
) -> Pinned:
    """The changes that bring a call to `rung`, the same that a live call moved there by `rule` gets.

    Args:
        facts: Of the call.
        sent: Its parameters.
        rung: Where it goes; effort None is the model's default.
        rule: Says what may be left out, and whether Chat may go by Responses.
        prices: The catalog.
        limits: The owner's.
        usage: The tokens that it used, as logged.

    Raises:
        UnknownModel: The rung's model, or the one asked for, is not in the catalog.
    """
    target, asked = prices.resolve(rung.model).model, prices.resolve(facts.model or "").model
    runs = Rung(rung.model, effort_as_asked(rung.effort, target))
    baseline = Rung(facts.model or "", effort_as_asked(facts.effort, asked))
    if runs == baseline:
        return Pinned(rung=runs)
    ask, endpoint = ask_of(facts, usage, sent, rule.may_drop), None
    if rule.through_responses and tools_refused_in_chat(ask, target, runs.effort):
        if blocked := may_translate(facts, sent):
            return Pinned(rung=runs, refused=blocked)
        ask, endpoint = msgspec.structs.replace(ask, endpoint="responses"), "responses"
    if rung.effort is not None and target.efforts and rung.effort not in target.efforts:
        return Pinned(rung=runs, refused=f"{target.name} has no effort {rung.effort}")
    if why := refusal(ask, target, runs.effort, limits):
        return Pinned(rung=runs, refused=why)
    call = Outgoing(
        facts=facts,
        sent=sent,
        plan=Plan(rung=runs, endpoint=endpoint),
        baseline=baseline,
        target=target,
        rule=rule,
        lane_asked="standard",
    )
    return Pinned(rung=runs, changes=changes_of(call), endpoint=endpoint)
