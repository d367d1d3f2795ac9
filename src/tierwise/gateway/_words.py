"""One call in the words that its span, its line in the log and its alerts use. No text of it, and no key."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from tierwise.catalog import Tokens
from tierwise.online import Entry
from tierwise.policy import Rung

LONGEST = 200
"""Characters of a word that a caller chose, such as the model asked for."""


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a call that is over. None where nothing was decided, served or priced."""

    decision: str
    """Its id, as in the reply's headers."""
    key: str | None
    """Name of the key that called."""
    project: str | None
    endpoint: str
    asked: str | None
    """The model asked for."""
    model: str | None
    """The model that served it, as upstream names it."""
    rung: Rung | None
    """What it was sent to."""
    lane: str
    rule: str | None
    stage: str | None
    moved: bool
    unproven: bool
    workload: str | None
    """Fingerprint, 16 hex digits."""
    policy: str | None
    """Digest of the policy that decided."""
    response: str | None
    """The id that upstream gave the answer."""
    tokens: Tokens | None
    status: str
    """'ok', 'incomplete', 'error', 'abandoned' or 'unknown'."""
    error: str | None
    latency: int | None
    """Microseconds to the last byte."""
    expected: Decimal | None
    """USD expected for the call as it was sent."""
    cost: Decimal | None
    """USD by the usage that came back."""

    @property
    def failed(self) -> bool:
        """Whether the caller has no whole answer."""
        return self.status not in {"ok", "incomplete"}


def words(entry: Entry) -> Words:
    """A call as it was decided, served and priced."""
    line, decision, facts = entry.line, entry.decision, entry.facts
    # A call that upstream refused on the rung decided went as asked after all.
    moved = decision is not None and decision.moved and entry.reason is None
    rung, expected = None, None
    if decision is not None:
        rung, expected = decision.plan.rung, decision.expected_cost
        if not moved:
            rung = decision.baseline
            expected = decision.steps[0].cost if decision.steps else None
    return Words(
        decision=entry.id,
        key=line.key,
        project=line.project,
        endpoint=line.endpoint,
        asked=_short(line.asked),
        model=_short(line.served),
        rung=rung,
        lane=line.lane,
        rule=decision.rule if decision is not None else None,
        stage=decision.stage if decision is not None else None,
        moved=moved,
        unproven=moved and decision is not None and decision.unproven,
        workload=f"{facts.workload:016x}" if facts is not None else None,
        policy=decision.policy if decision is not None else None,
        response=line.id,
        tokens=None if line.estimated else line.tokens,
        status=line.status,
        error=_short(line.error),
        latency=line.latency,
        expected=expected,
        cost=entry.cost,
    )


def _short(text: str | None) -> str | None:
    return text[:LONGEST] if text is not None else None
