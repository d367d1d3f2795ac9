"""What sends a workload back: quality below the bar, another snapshot than was proved, a drift of outcomes."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from tierwise.ledger._living import Living, living, scores_of
from tierwise.ledger._tables import calls
from tierwise.ledger._worth import Quality
from tierwise.policy import Bar, Evidence, Rule
from tierwise.stats import Change

REFERENCE: Final = 100
"""Sessions whose mean says what is usual, before a drift from it is looked for."""
RUN_LENGTH: Final = 100_000.0
"""Sessions to a false alarm of drift, on average at least."""


def breach_of(engine: sa.Engine, rule: str, workload: str, bar: Bar, since: int) -> str | None:
    """Why a workload's calls under a rule are below the bar, in a sentence with numbers; None where they are not.

    Args:
        engine: Of the ledger.
        rule: Its name.
        workload: Its fingerprint.
        bar: The quality to keep.
        since: Microseconds since the epoch from which on calls count.
    """
    found = living(engine, rule, since=since, workload=workload, confidence=bar.confidence)
    for one in found.quality:
        if below(one, bar):
            return _said(one, bar)
    return _drifted(engine, rule, workload, bar, since, found)


def below(quality: Quality, bar: Bar) -> bool:
    """Whether even the upper bound of what is left of the quality is below the bar."""
    if quality.routed_upper is None or quality.held_lower is None:
        return False
    margin = float(bar.margin)
    if bar.measure == "share":
        return quality.routed_upper < (1.0 - margin) * quality.held_lower
    return quality.routed_upper < quality.held_lower - margin


def _said(one: Quality, bar: Bar) -> str:
    lost = 100.0 * -(one.estimate or 0.0)
    of = "points" if bar.measure == "points" else "share"
    return (
        f"'{one.name}' of {one.sides.routed} routed calls is {lost:.1f} points below that of {one.sides.held} "
        f"held-back calls, more than the {of} {bar.margin} of the bar at {bar.confidence}"
    )


def _drifted(engine: sa.Engine, rule: str, workload: str, bar: Bar, since: int, found: Living) -> str | None:
    for one in found.quality:
        scores = scores_of(engine, rule, one.name, since=since, workload=workload)
        if len(scores) <= REFERENCE:
            continue
        usual = sum(scores[:REFERENCE]) / REFERENCE
        tolerated = float(bar.margin) * (1.0 if bar.measure == "points" else usual)
        if not 0.0 < tolerated < usual:
            continue
        change = Change(usual - tolerated - 1.0, usual - tolerated, run_length=RUN_LENGTH)
        for score in scores[REFERENCE:]:
            change.add(usual - tolerated - score)
        began = change.state.began_at
        if change.state.alarm_at is not None and began is not None:
            after = scores[REFERENCE + began :]
            return (
                f"'{one.name}' has drifted: {sum(after) / len(after):.3f} in the last {len(after)} routed sessions, "
                f"{usual:.3f} in the first {REFERENCE}"
            )
    return None


def served_otherwise(engine: sa.Engine, rule: Rule, proof: Evidence, since: int) -> str | None:
    """Whether another snapshot than the proof's served moved calls of its workload, in a sentence."""
    query = (
        sa.select(calls.c.served)
        .where(
            calls.c.rule == rule.name,
            calls.c.workload == proof.workload,
            calls.c.stage == "on",
            calls.c.moved.is_(True),
            calls.c.status == "ok",
            calls.c.at >= since,
            calls.c.served.is_not(None),
        )
        .order_by(calls.c.at.desc())
        .limit(1)
    )
    with engine.connect() as connection:
        served = connection.execute(query).scalar()
    if served is None or served in {proof.snapshot, proof.rung.model}:
        return None
    return f"{served} serves {proof.rung.model} today, the evidence is of {proof.snapshot}"


def rules_of(engine: sa.Engine) -> list[str]:
    """Names of the rules that have decided calls at stage 'on'."""
    query = sa.select(calls.c.rule).where(calls.c.stage == "on", calls.c.rule.is_not(None)).distinct()
    with engine.connect() as connection:
        return sorted(connection.execute(query).scalars())


def workloads_of(engine: sa.Engine, rule: str) -> list[str]:
    """Fingerprints of the workloads that a rule has decided at stage 'on'."""
    query = sa.select(calls.c.workload).where(
        calls.c.rule == rule, calls.c.stage == "on", calls.c.workload.is_not(None)
    )
    with engine.connect() as connection:
        return sorted(connection.execute(query.distinct()).scalars())
