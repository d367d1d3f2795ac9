"""Calls that somebody else sends: decided here, sent elsewhere, taken down here when it is told how they went."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, Final

import msgspec

from tierwise.calls import Status
from tierwise.online._shape import as_asked
from tierwise.online._values import Admitted, Routed

KEPT: Final = 10_000
"""Decisions that are remembered until their call is told of; the oldest gives way."""
FORGOTTEN: Final = "its decision is not remembered here"


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """How a call went that somebody else sent."""

    at: int
    """When it was sent, microseconds since the epoch, UTC."""
    latency: int | None = None
    """Microseconds from there to the last byte."""
    status: Status | None = None
    """How it ended, where the reply cannot say."""
    error: str | None = None
    reply: bytes | None = None
    """The body that came back, in the form of the endpoint; None where none came."""
    decision: str | None = None
    """Its id, as `Pipeline.decided` gave it; None where nobody asked."""
    carried: bool = False
    """Whether it went as decided."""
    reason: str | None = None
    """Why it did not."""


class _Kept(msgspec.Struct):
    project: str | None
    routed: Routed
    told: int = 0


class Decisions:
    """What was decided for calls that are sent elsewhere, without their text. Safe for several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, identity: str, project: str | None, routed: Routed) -> None:
        """Remember a decision for the project that asked."""
        bare = msgspec.structs.replace(routed.outgoing, headers=(), body=b"")
        with self._lock:
            self._kept[identity] = _Kept(project, msgspec.structs.replace(routed, outgoing=bare))
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)

    def find(self, identity: str | None, project: str | None) -> tuple[str, Routed] | None:
        """The id that a call is taken down under, and what was decided; None where that is not known.

        Whoever sends may try again: the first try has the decision's id, the others a number behind it.
        """
        with self._lock:
            kept = self._kept.get(identity) if identity is not None else None
            if kept is None or kept.project != project:
                return None
            kept.told += 1
            return f"{identity}.{kept.told}" if kept.told > 1 else f"{identity}", kept.routed


def as_sent(call: Admitted, sent: Sent, routed: Routed) -> Routed:
    """What was decided, or the call as asked where the decision was not carried out."""
    if sent.carried or not routed.carried:
        return routed
    plain = as_asked(call, reason=sent.reason or "not sent as decided")
    return msgspec.structs.replace(plain, facts=routed.facts, state=routed.state, decision=routed.decision)


def in_words(identity: str, routed: Routed) -> dict[str, Any]:
    """A decision for whoever sends the call: what to send, and why."""
    decision = routed.decision
    found: dict[str, Any] = {
        "id": identity,
        "path": routed.outgoing.path,
        "body": msgspec.Raw(routed.outgoing.body) if decision is not None else None,
        "reason": routed.reason,
    }
    if decision is None:
        return found
    plan, expected = decision.plan, decision.expected_cost
    return found | {
        "rung": {"model": plan.rung.model, "effort": plan.rung.effort},
        "lane": plan.lane,
        "rule": decision.rule,
        "moved": decision.moved,
        "unproven": decision.unproven,
        "expected_cost": f"{expected:f}" if expected is not None else None,
        "reasons": decision.reasons,
        "changes": decision.changes,
        "breach": decision.breach,
    }
