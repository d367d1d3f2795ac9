"""What a new policy would change on logged calls: every call decided with both, one by one."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from tierwise.calls import Call, named_place, plan, read
from tierwise.catalog import KINDS, LANES, Catalog, Tokens
from tierwise.errors import CallerError
from tierwise.online import scored, scorers_of
from tierwise.policy import (
    Decision,
    Learned,
    Live,
    Policy,
    Scorer,
    State,
    arm_of,
    decide,
    hints_of,
    kept_metadata,
    rule_of,
    sent_of,
)
from tierwise.workloads import DEPTHS, ROLES, Facts, Recogniser, facts_from

if TYPE_CHECKING:
    from tierwise.audit import Audit

MICROSECONDS_A_DAY = 86_400_000_000
Key = tuple[int, int, int | None]
"""File, line within its unit, and time of a record: what tells it among all records of a log."""


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """One logged call under both policies."""

    workload: str
    old: Decision
    new: Decision

    @property
    def changes(self) -> bool:
        """Whether rung, lane or anything in the request differ between the two."""
        return self.old.plan != self.new.plan or self.old.changes != self.new.changes


class Side(msgspec.Struct, kw_only=True):
    """Sums of one policy over all calls."""

    cost: Decimal = Decimal(0)
    moved: int = 0
    unproven: int = 0
    shadowed: int = 0
    unpriced: int = 0
    breaches: int = 0

    def add(self, decision: Decision) -> None:
        """Take one decision in."""
        self.cost += decision.expected_cost or 0
        self.moved += decision.moved
        self.unproven += decision.unproven
        self.shadowed += decision.shadow is not None
        self.unpriced += decision.expected_cost is None
        self.breaches += decision.breach is not None


class Move(msgspec.Struct, kw_only=True):
    """Calls of one workload that change the same way."""

    calls: int = 0
    old: Decimal = Decimal(0)
    new: Decimal = Decimal(0)


class Difference(msgspec.Struct, kw_only=True):
    """Everything that `policy diff` prints."""

    calls: int = 0
    left_out: int = 0
    as_asked: Decimal = Decimal(0)
    changed: int = 0
    old: Side = msgspec.field(default_factory=Side)
    new: Side = msgspec.field(default_factory=Side)
    moves: dict[tuple[str, str, str], Move] = {}
    refused: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    """(rule, reason) to calls that the new policy would have moved but may not."""
    reached: Counter[str] = msgspec.field(default_factory=Counter)
    """New rule to calls it decided."""
    labels: dict[str, str] = {}

    def add(self, pair: Pair) -> None:
        """Take one call in."""
        old, new = pair.old, pair.new
        self.calls += 1
        self.as_asked += new.steps[0].cost if new.steps else 0
        self.old.add(old)
        self.new.add(new)
        self.reached[new.rule] += 1
        for reason in new.reasons:
            if reason.startswith("stays: ") and _is_gap(reason):
                self.refused[new.rule, reason.removeprefix("stays: ")] += 1
        if pair.changes:
            self.changed += 1
            key = (pair.workload, went(old), went(new))
            move = self.moves.setdefault(key, Move())
            move.calls += 1
            move.old += old.expected_cost or 0
            move.new += new.expected_cost or 0


def went(decision: Decision) -> str:
    """Where a call goes, as a reader names it."""
    plan = decision.plan
    lane = "" if plan.lane == "standard" else f", {plan.lane}"
    return f"{plan.rung}{lane}"


_GAPS = (
    " lacks ",
    " takes ",
    " refuses ",
    " does not ",
    " exceed",
    " writes at most ",
    "approved models",
    "evidence",
    "no model is called",
    "unpriced",
    "not through Responses",
)


def _is_gap(reason: str) -> bool:
    return any(words in reason for words in _GAPS)


def compare(
    paths: Sequence[str], old: Policy | None, live: Live, catalog: Catalog, *, format: str | None = None
) -> Difference:
    """Decide every logged call with both policies; `old` None lets calls go as asked.

    Workloads are those that the new policy's `learned` file tells, else those of these logs.

    Raises:
        LogError: nothing to read at the paths.
        CallerError: only totals there, no calls one by one.
    """
    from tierwise.audit import audit

    new = live.policy
    found = audit(paths, format=format, ladder=_ladder(new, catalog), key=live.key)
    if found.analysis is None:
        raise CallerError("expected logs of calls one by one, found only totals; a policy decides on calls")
    result = Difference()
    result.labels = {row.id: row.label for row in found.findings.workloads}
    before = old if old is not None else _nothing(new)
    logged = LoggedCalls(found, live.learned, catalog, scorers_of(live))
    recogniser = live.recogniser()
    for call, row in logged.calls(paths, format):
        known = recognised(call, recogniser)
        if row is None or known is None:
            result.left_out += 1
            continue
        facts = logged.facts(known, call, row)
        day = logged.day(row)
        result.add(
            Pair(
                workload=f"{facts.workload:016x}",
                old=decide(facts, before, logged.state(call, facts, row, before), catalog, day),
                new=decide(facts, new, logged.state(call, facts, row, new), catalog, day),
            )
        )
    return result


def recognised(call: Call, recogniser: Recogniser) -> Facts | None:
    """A call's facts: of its request, else as they were recorded; None where there are none."""
    if call.request is not None:
        return recogniser.recognise(call.request)
    if call.recorded is None or not bytes(call.recorded.facts):
        return None
    try:
        return facts_from(call.recorded.facts)
    except ValueError:
        return None


def _ladder(policy: Policy, catalog: Catalog) -> str:
    names = [ladder.name for ladder in catalog.ladders()]
    return policy.ladder.name if policy.ladder.name in names else names[0]


def _nothing(like: Policy) -> Policy:
    """A policy that lets every call go as asked."""
    off = msgspec.structs.replace(like.rules[-1], stage="off", name="as asked")
    return msgspec.structs.replace(like, name="no policy", rules=(off,))


class LoggedCalls:
    """What the audit knows of each call of a log, found again by the place of its record."""

    def __init__(
        self, found: Audit, learned: Learned | None, catalog: Catalog, scorers: Mapping[str, Scorer]
    ) -> None:
        self._learned, self._catalog, self._scorers = learned, catalog, scorers
        analysis: Any = found.analysis
        self._inputs = analysis.levers.inputs
        self._account = analysis.account
        self._calls = analysis.calls
        columns = (self._calls[name].tolist() for name in ("file", "line", "at"))
        self._rows = {
            (file, line, at if at >= 0 else None): row
            for row, (file, line, at) in enumerate(zip(*columns, strict=True))
        }

    def calls(
        self, paths: Sequence[str], format: str | None, *, bodies: bool = False
    ) -> Iterator[tuple[Call, int | None]]:
        """Every call whose request is in the log, with its row; None for what the audit left out.

        A request and its answer that stand in two records (Batch files) come as one call.
        """
        halves: dict[str, Call] = {}
        answers: dict[str, tuple[int, Call]] = {}
        for unit in plan(paths, format=format).units:
            for record in read(unit, bodies=bodies):
                if not isinstance(record, Call):
                    continue
                row = self._rows.get(_key(record))
                if record.join is None and (record.request is not None or record.recorded is not None):
                    yield record, row
                elif record.join is not None and record.request is not None:
                    halves[record.join] = record
                elif record.join is not None and row is not None:
                    answers[record.join] = row, record
        for join, call in halves.items():
            found = answers.get(join)
            if found is None:
                yield call, self._rows.get(_key(call))
            else:
                row, answer = found
                yield msgspec.structs.replace(answer, request=call.request, endpoint=call.endpoint), row

    def sub_agent(self, row: int) -> bool:
        """Whether the call's place in its trace is a sub-agent's."""
        return ROLES[int(self._calls["role"][row])] == "sub-agent"

    def facts(self, facts: Facts, call: Call, row: int) -> Facts:
        """Facts with what only the whole log tells: the workload, the conversation's depth, the role."""
        inputs, calls = self._inputs, self._calls
        served = calls.words("served", int(calls["served"][row]))
        if self._learned is not None and call.request is not None:
            workload = self._learned.workload_of(facts.workload, call.name or named_place(call.metadata))
        else:
            workload = inputs.workload_ids[int(inputs.workload[row])]
        return msgspec.structs.replace(
            facts,
            workload=workload,
            depth=DEPTHS[int(inputs.depth[row])],
            role=ROLES[int(calls["role"][row])],
            model=facts.model or served,
        )

    def state(self, call: Call, facts: Facts, row: int, policy: Policy) -> State:
        """What a live decision would have known of the call, its scores too where its text is there."""
        state, request = self._state(call, row, policy), call.request
        if request is None or not policy.scores:
            return state
        rule = rule_of(facts, policy, state, self._catalog)
        found = scored(rule, policy, request, facts, self._scorers)
        return msgspec.structs.replace(state, scored=found)

    def _state(self, call: Call, row: int, policy: Policy) -> State:
        inputs, calls = self._inputs, self._calls
        number = int(inputs.workload[row])
        session = call.session or call.trace
        names = (("key", call.key), ("project", call.project))
        request = call.request
        metadata = {**(request.metadata if request is not None else {}), **call.metadata}
        return State(
            usage=Tokens(**{kind: int(calls[kind][row]) for kind in KINDS}),
            lane=LANES[int(calls["lane"][row])],
            unused_tools=inputs.unused.get(number, frozenset()),
            readable=int(inputs.readable[row]),
            kept_warm=int(inputs.kept_warm[row]),
            lengths=inputs.lengths.get(number, {}),
            waits=bool(inputs.waits[row]),
            sent=sent_of(request) if request is not None else None,
            callers=frozenset(f"{kind}:{name}" for kind, name in names if name),
            hints=hints_of(metadata) if metadata else None,
            tags=frozenset(call.tags),
            metadata=kept_metadata(metadata, policy) if metadata else {},
            arm=arm_of(session, policy) if session else None,
        )

    def day(self, row: int) -> dt.date:
        """The day whose prices hold for the call."""
        at = int(self._calls["at"][row])
        found: dt.date = self._account.book.day(at // MICROSECONDS_A_DAY if at >= 0 else -1)
        return found


def _key(call: Call) -> Key:
    place = call.place
    return (place.file if place is not None else 0, place.line if place is not None else 0, call.at)
