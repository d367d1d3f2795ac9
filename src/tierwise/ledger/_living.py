"""The living proof: what a rule is worth, by its routed calls and those that it held back, as the ledger has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, localcontext
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from tierwise.calls import Flag
from tierwise.ledger._money import exact, read_amount
from tierwise.ledger._outcomes import outcomes_of
from tierwise.ledger._tables import BOOK, PAID, calls
from tierwise.ledger._worth import Arms, Money, Quality, Sides, difference, saving

CHECK: Final = "check"
"""The outcome that every answer has by itself: 1, or 0 where it failed a free check or was asked for again."""
_BAD: Final = frozenset[Flag]({"useless", "again"})
_PAGE: Final = 2_000


class Living(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one rule, or of one workload of it, as of now."""

    rule: str
    workloads: tuple[str, ...]
    """Fingerprints."""
    since: int | None
    """When the first call that counts was sent, microseconds since the epoch; None where there is none."""
    sides: Sides
    """Calls and sessions, routed and held back."""
    unpriced: int
    """Calls whose cost is not known; they count for quality alone."""
    money: Money
    quality: tuple[Quality, ...]
    """By outcome: what callers said first, `CHECK` last."""


class _Step(msgspec.Struct):
    cost: Decimal


class _Decision(msgspec.Struct):
    policy: str
    stage: str = "on"
    steps: tuple[_Step, ...] = ()
    propensity: Decimal | None = None
    held_cost: Decimal | None = None


class _State(msgspec.Struct):
    draw: int | None = None


class _Line(msgspec.Struct):
    decision: _Decision | None = None
    state: _State | None = None
    flags: frozenset[str] = frozenset()


_LINE: Final = msgspec.json.Decoder(_Line)


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """A call that a rule moved, or would have moved and held back."""

    id: str
    at: int
    workload: str
    unit: tuple[str, int]
    """Its session: the policy that drew, and the draw."""
    held: bool
    propensity: float
    """The chance of its side, above 0."""
    as_asked: Decimal | None
    """USD that it would have cost as asked, estimated where it was moved."""
    forgone: Decimal
    """USD that holding it back was expected to cost; 0 for a routed call."""
    cost: Decimal | None
    answered: bool
    bad: bool


def counted(
    engine: sa.Engine, rule: str, *, since: int = 0, workload: str | None = None
) -> Iterator[Counted]:
    """The calls of a rule that were drawn for, sent since a time in microseconds, oldest first."""
    columns: tuple[Any, ...] = (
        calls.c.id,
        calls.c.at,
        calls.c.workload,
        calls.c.line,
        PAID,
        calls.c.as_asked,
    )
    where = [calls.c.rule == rule, calls.c.stage == "on", calls.c.at >= since, calls.c.line.is_not(None)]
    if workload is not None:
        where.append(calls.c.workload == workload)
    query = sa.select(*columns).select_from(BOOK).where(*where).order_by(calls.c.at, calls.c.id)
    with engine.connect().execution_options(yield_per=_PAGE) as connection:
        for identity, at, found, line, paid, asked in connection.execute(query):
            one = _counted(identity, at, found or "", bytes(line), read_amount(paid), read_amount(asked))
            if one is not None:
                yield one


def _counted(
    identity: str, at: int, workload: str, line: bytes, cost: Decimal | None, as_asked: Decimal | None
) -> Counted | None:
    try:
        read = _LINE.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    decision, state = read.decision, read.state
    if decision is None or state is None or state.draw is None or not decision.propensity:
        return None
    if not decision.steps or not 0 < decision.propensity <= 1:
        return None
    held = decision.held_cost is not None
    return Counted(
        id=identity,
        at=at,
        workload=workload,
        unit=(decision.policy, state.draw),
        held=held,
        propensity=float(decision.propensity),
        as_asked=as_asked if as_asked is not None else cost,
        forgone=decision.steps[-1].cost - decision.held_cost
        if decision.held_cost is not None
        else Decimal(0),
        cost=cost,
        answered="answered" in read.flags,
        bad=bool(_BAD & read.flags),
    )


def living(
    engine: sa.Engine,
    rule: str,
    *,
    since: int = 0,
    workload: str | None = None,
    confidence: Decimal = Decimal("0.95"),
) -> Living:
    """What a rule is worth since a time in microseconds.

    The intervals may be looked at at any time: docs/living.md says what they claim.
    """
    known: dict[str, Counted] = {}
    arms: dict[str, Arms] = {}
    costs, check = Arms(), Arms()
    forgone, unpriced, workloads, first = Decimal(0), 0, dict[str, None](), None
    with localcontext(exact()):
        for one in counted(engine, rule, since=since, workload=workload):
            first = one.at if first is None else first
            known[one.id] = one
            workloads[one.workload] = None
            forgone += one.forgone
            if one.cost is None or one.as_asked is None:
                unpriced += 1
            else:
                costs.spend(one.unit, one.held, one.propensity, one.cost, one.as_asked)
            if one.answered:
                check.add(one.unit, one.held, one.propensity, 0.0 if one.bad else 1.0)
    for name, identity, score in _said(engine, since, known):
        one = known[identity]
        arms.setdefault(name, Arms()).add(one.unit, one.held, one.propensity, score)
    alpha = 1.0 - float(confidence)
    named = [*sorted(arms.items()), *([(CHECK, check)] if check.sides.calls else [])]
    return Living(
        rule=rule,
        workloads=tuple(workloads),
        since=first,
        sides=_sides(known),
        unpriced=unpriced,
        money=saving(costs, forgone, alpha),
        quality=tuple(difference(name, each, alpha) for name, each in named),
    )


def _said(engine: sa.Engine, since: int, known: Mapping[str, Counted]) -> Iterator[tuple[str, str, float]]:
    """Outcomes with a score of these calls, in the order in which they were said."""
    for said in outcomes_of(engine, since=since) if known else ():
        if said.score is not None and said.call in known and 0 <= said.score <= 1:
            yield said.name, said.call, float(said.score)


def scores_of(
    engine: sa.Engine, rule: str, name: str, *, since: int = 0, workload: str | None = None
) -> list[float]:
    """The mean of one outcome for each routed session of a rule, in the order in which they came."""
    known = {one.id: one for one in counted(engine, rule, since=since, workload=workload) if not one.held}
    arms = Arms()
    if name == CHECK:
        said = ((one, 0.0 if one.bad else 1.0) for one in known.values() if one.answered)
    else:
        said = ((known[call], score) for found, call, score in _said(engine, since, known) if found == name)
    for one, score in said:
        arms.add(one.unit, one.held, one.propensity, score)
    return arms.means(held=False)


def _sides(known: Mapping[str, Counted]) -> Sides:
    held = [one for one in known.values() if one.held]
    routed = [one for one in known.values() if not one.held]
    return Sides(
        routed=len(routed),
        held=len(held),
        routed_sessions=len({one.unit for one in routed}),
        held_sessions=len({one.unit for one in held}),
    )


def forgone_since(engine: sa.Engine, since: int) -> dict[str, Decimal]:
    """USD that holding sessions back was expected to cost since a time in microseconds, by rule."""
    found: dict[str, Decimal] = {}
    query = sa.select(calls.c.rule, calls.c.line).where(
        calls.c.at >= since, calls.c.stage == "on", calls.c.moved.is_(False), calls.c.line.is_not(None)
    )
    with localcontext(exact()), engine.connect().execution_options(yield_per=_PAGE) as connection:
        for rule, line in connection.execute(query):
            one = _counted("", 0, "", bytes(line), None, None)
            if one is not None and one.held:
                found[rule] = found.get(rule, Decimal(0)) + one.forgone
    return found
