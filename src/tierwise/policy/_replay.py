"""Recorded decisions made again: the same facts, policy, state, prices and day must give the same bytes."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from tierwise.calls import Recorded
from tierwise.catalog import Catalog
from tierwise.policy._decide import canonical, decide
from tierwise.policy._decision import Decision
from tierwise.policy._state import State
from tierwise.policy._types import Policy
from tierwise.workloads import facts_from

SHOWN: Final = 20
"""Differences that are kept."""
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DECISION = msgspec.json.Decoder(Decision)
_STATE = msgspec.json.Decoder(State)


class Differs(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that came out differently."""

    call: str
    """The response's id, or when the call was made."""
    recorded: str
    """What was decided: rule and rung."""
    now: str
    """What comes out now."""


class Replayed(msgspec.Struct, kw_only=True):
    """What became of recorded decisions."""

    same: int = 0
    """Decisions that gave the same bytes."""
    differ: int = 0
    differences: list[Differs] = []
    """The first `SHOWN` that differ."""
    left: Counter[str] = msgspec.field(default_factory=Counter)
    """Why others could not be made again, each with how many."""

    @property
    def decisions(self) -> int:
        """Decisions that were recorded."""
        return self.same + self.differ + self.left.total()


def replay(
    recorded: Iterable[Recorded | None], policy_of: Callable[[str], Policy | None], prices: Catalog
) -> Replayed:
    """Make every recorded decision again.

    Args:
        recorded: Calls, None for one that does not read; those without a decision are passed over.
        policy_of: The policy of a digest; None where it is not to be had.
        prices: The catalog, which must be the one that decided.
    """
    found = Replayed()
    for line in recorded:
        if line is None:
            found.left["the line is damaged"] += 1
        elif bytes(line.decision):
            _one(line, policy_of, prices, found)
    return found


def _one(line: Recorded, policy_of: Callable[[str], Policy | None], prices: Catalog, found: Replayed) -> None:
    try:
        before = _DECISION.decode(line.decision)
        state, facts = _STATE.decode(line.state), facts_from(bytes(line.facts))
        day = _EPOCH + dt.timedelta(microseconds=_known(line.at))
    except (msgspec.DecodeError, ValueError, OverflowError, RecursionError):
        found.left["facts, state or decision are of another version, or damaged"] += 1
        return
    policy = policy_of(before.policy)
    if policy is None:
        found.left[f"policy {before.policy:.12} is not there"] += 1
        return
    if before.prices != prices.digest:
        found.left[f"made by prices {before.prices:.12}, here are {prices.digest:.12}"] += 1
        return
    again = decide(facts, policy, state, prices, day.date())
    if canonical(again) == bytes(line.decision):
        found.same += 1
        return
    found.differ += 1
    if len(found.differences) < SHOWN:
        found.differences.append(
            Differs(call=line.id or str(line.at), recorded=_said(before), now=_said(again))
        )


def _known(at: int | None) -> int:
    if at is None:
        raise ValueError("a call without its time")
    return at


def _said(decision: Decision) -> str:
    return f"{decision.rule}: {decision.plan.rung} ({decision.plan.lane})"
