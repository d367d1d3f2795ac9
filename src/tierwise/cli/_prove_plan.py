"""From logs to planned proofs: which workloads, which rungs, which grader, at what cost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from tierwise.audit import WorkloadRow, audit
from tierwise.catalog import Catalog
from tierwise.cli._diff import LoggedCalls, recognised
from tierwise.errors import CallerError, CatalogError, ConfigurationError
from tierwise.policy import EFFORTS, Bar, Limits, Live, Rule, Rung, effort_as_asked
from tierwise.prove import (
    OVER,
    Case,
    Embedding,
    EmbeddingNamed,
    Grader,
    Hypothesis,
    Judge,
    JudgeNamed,
    Level,
    Logged,
    People,
    Planned,
    Population,
    chance,
    choose_grader,
    cluster_cap,
    clusters,
    expected_calls,
    expected_clusters,
    grader,
    judge,
    labelled_low,
    populations,
    problem_of,
    restricted,
    step_of,
)
from tierwise.workloads import Recogniser

if TYPE_CHECKING:
    from tierwise.prove import Cluster

REPEATS = 0.5
"""Share of calls whose baseline is asked afresh where answers are held against the logged ones, and there are
plenty of calls: it takes more of them, and less money."""
PLENTY = 8
"""Times the clusters that a test is expected to take: its newest quarter is then twice as many."""
FEWEST_OUTPUT = 4_000
"""Output tokens that a call without a cap may have at least; else eight times its workload's longest answer."""
AGREEING_LOW = -1.2
"""Least that D less its margin can be where a baseline is asked afresh on half of the calls."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asked for."""

    workloads: tuple[str, ...] = ()
    """Beginnings of fingerprints, or labels; empty takes the one with most at stake."""
    all: bool = False
    rungs: tuple[Rung, ...] = ()
    grader: str | None = None
    right: Mapping[str, str] | None = None
    people: People | None = None
    labels: str = ""
    """Digest of the file of labels."""
    label_share: float = 0.5
    """Share of judged answers that people are to label."""
    seed: str
    lane: str
    ladder: str
    format: str | None = None


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """A planned workload with what its proof takes; without where it cannot be tried."""

    planned: Planned
    case: Case | None = None
    people: int = 0
    """Clusters whose judged answers people would need, in part, to make a judge's word hold."""


class Planner:
    """Plans proofs of the workloads of logs.

    Args:
        wanted: What was asked for.
        live: The policy, with what was learned and the key; None without one.
        catalog: Prices.
        key: The owner's key, for digests; workloads are named under the policy's.
        day: Today.
    """

    def __init__(self, wanted: Wanted, live: Live | None, catalog: Catalog, key: bytes, day: dt.date) -> None:
        self.wanted, self.live, self.catalog, self.key, self.day = wanted, live, catalog, key, day
        self.bar = live.policy.bar if live is not None else Bar()
        self.limits = live.policy.limits if live is not None else Limits()
        self.recogniser = live.recogniser() if live is not None else Recogniser(b"")

    def read(self, paths: Sequence[str]) -> tuple[list[WorkloadRow], list[Population]]:
        """Workloads as an audit finds them, most at stake first, and their calls.

        Raises:
            CallerError: Only totals are there, or standard input.
        """
        if "-" in paths:
            raise CallerError("expected files or folders of logs, got standard input; it is read twice")
        names_key = self.live.key if self.live is not None else b""
        found = audit(paths, format=self.wanted.format, ladder=self.wanted.ladder, key=names_key)
        if found.analysis is None:
            raise CallerError(
                "expected logs of calls one by one, found only totals; a proof asks calls again"
            )
        calls = LoggedCalls(found, self.live.learned if self.live is not None else None, self.catalog, {})
        logged = []
        for call, row in calls.calls(paths, self.wanted.format, bodies=True):
            facts = recognised(call, self.recogniser)
            if row is None or facts is None:
                continue
            workload = f"{calls.facts(facts, call, row).workload:016x}"
            logged.append(Logged(call=call, workload=workload, sub_agent=calls.sub_agent(row)))
        rows = sorted(found.findings.workloads, key=lambda row: (-row.could_save, row.id))
        return rows, populations(logged, self.catalog, self.key)

    def plan(self, rows: Sequence[WorkloadRow], found: Sequence[Population]) -> list[Ready]:
        """The workloads that were asked for, most at stake first, each knowing how many they are.

        Raises:
            CallerError: One that is not in the logs.
        """
        by_id = {row.id: row for row in rows}
        chosen = [
            (by_id.get(one.workload), one) for one in found if self._asked(by_id.get(one.workload), one)
        ]
        if self.wanted.workloads and not chosen:
            known = ", ".join(f"{row.id} ({row.label:.30})" for row in rows[:8])
            raise CallerError(
                f"expected a workload of these logs, found none that begins with {', '.join(self.wanted.workloads)}; "
                f"there are {known or 'none'}"
            )
        first = [self._ready(row, one, 1) for row, one in chosen]
        first.sort(key=lambda one: (one.case is None, -one.planned.stake, one.planned.workload))
        if not self.wanted.all and not self.wanted.workloads:
            return first[:1]
        count = sum(one.case is not None for one in first)
        if count <= 1:
            return first
        again = {one.workload: (row, one) for row, one in chosen}
        return [
            self._ready(*again[one.planned.workload], count) if one.case is not None else one for one in first
        ]

    def _asked(self, row: WorkloadRow | None, population: Population) -> bool:
        names = self.wanted.workloads
        return not names or any(
            population.workload.startswith(name) or (row is not None and row.label == name) for name in names
        )

    def _ready(self, row: WorkloadRow | None, population: Population, planned: int) -> Ready:
        if self.wanted.right is not None:
            population = restricted(
                population, self.wanted.right.keys(), "no right answer is given", self.key
            )
        rule = self._rule(population)
        rungs = self._rungs(row, population, rule)
        label = row.label if row is not None else population.workload
        spend = row.spend if row is not None else Decimal(0)
        graded = self._grader(population, rungs)
        problem = problem_of(population, rungs, graded is not None)
        if problem is not None or graded is None:
            plan = Planned(
                workload=population.workload,
                label=label,
                population=population,
                spend=spend,
                steps=(),
                chance=0.0,
                problem=problem,
            )
            return Ready(planned=plan)
        return self._with_case(row, population, rule, rungs, graded, planned)

    def _with_case(
        self,
        row: WorkloadRow | None,
        population: Population,
        rule: Rule,
        rungs: tuple[Rung, ...],
        graded: Grader | Embedding | Judge,
        planned: int,
    ) -> Ready:
        order = clusters(population.calls, self.key, self.wanted.seed)
        cap = cluster_cap(order)
        hypothesis, calls = self._hypothesis(population, rungs, graded, order, cap, planned)
        try:
            steps = tuple(
                step_of(population, rung, hypothesis, calls, self.catalog, self.day) for rung in rungs
            )
        except CatalogError as error:
            raise CallerError(f"{population.workload}: {error}; name another rung (--rung)") from None
        longest = max((call.tokens.output_total for call in population.calls if call.tokens), default=0)
        case = Case(
            hypothesis=hypothesis,
            rule=rule,
            limits=self.limits,
            prices=self.catalog,
            day=self.day,
            grader=graded,
            right=self.wanted.right or {},
            people=self.wanted.people,
            cap=max(8 * longest, FEWEST_OUTPUT),
            key=self.key,
        )
        level = Level(planned=planned, held_before=0, alpha=1.0 - float(self.bar.confidence))
        low = labelled_low(self.wanted.label_share)
        people = (
            expected_calls(order, cap, float(self.bar.margin), level.each, low)
            if hypothesis.reference == "judge"
            else 0
        )
        simple = row is not None and row.proposed is not None
        plan = Planned(
            workload=population.workload,
            label=row.label if row is not None else population.workload,
            population=population,
            spend=row.spend if row is not None else Decimal(0),
            steps=steps,
            chance=chance(rungs, simple),
            grader=f"graded by {hypothesis.grader}, against {hypothesis.reference}",
            labels=int(people * self.wanted.label_share),
        )
        return Ready(planned=plan, case=case, people=people // cap)

    def _hypothesis(
        self,
        population: Population,
        rungs: tuple[Rung, ...],
        graded: Grader | Embedding | Judge,
        order: list[Cluster],
        cap: int,
        planned: int,
    ) -> tuple[Hypothesis, int]:
        """What is fixed, and the calls that a rung is expected to take."""
        agreeing = not isinstance(graded, Judge) and self.wanted.right is None
        level = Level(planned=planned, held_before=0, alpha=1.0 - float(self.bar.confidence))
        plenty = len(order) >= PLENTY * expected_clusters(float(self.bar.margin), level.each)
        repeats = REPEATS if agreeing and plenty else 1.0
        low = AGREEING_LOW if repeats < 1 else -1.0
        calls = expected_calls(order, cap, float(self.bar.margin), level.each, low)
        reference: Any = "logged answers" if agreeing else "right answers"
        if isinstance(graded, Judge):
            reference = "judge" if self.wanted.people is None else "judge and people"
        hypothesis = Hypothesis(
            workload=population.workload,
            population=population.digest,
            baseline=population.baseline,
            rungs=rungs,
            margin=self.bar.margin,
            measure=self.bar.measure,
            confidence=self.bar.confidence,
            grader=graded.name,
            reference=reference,
            seed=self.wanted.seed,
            cluster=cap,
            repeats=repeats,
            most_calls=max(OVER * calls, 1),
            planned=planned,
            labels=self.wanted.labels,
            lane=self.wanted.lane,
        )
        return hypothesis, calls

    def _rule(self, population: Population) -> Rule:
        """The rule that would move its calls: the policy's for that workload, else a plain one."""
        for rule in self.live.policy.rules if self.live is not None else ():
            if population.workload in rule.match.workloads:
                return rule
        return Rule(name="proof")

    def _rungs(self, row: WorkloadRow | None, population: Population, rule: Rule) -> tuple[Rung, ...]:
        """Those named; else the rule's; else down the ladder from below the baseline to where the audit would go."""
        if self.wanted.rungs:
            return tuple(rung for rung in self.wanted.rungs if rung != population.baseline)
        baseline = population.baseline
        if rule.model or rule.effort:
            return (Rung(rule.model or baseline.model, rule.effort),)
        ladder = self.live.policy.ladder if self.live is not None else self.catalog.ladder(self.wanted.ladder)
        below = [name for name in reversed(ladder.models) if self._cheaper(name, baseline.model)]
        proposed = row.proposed if row is not None else None
        last = below.index(proposed) + 1 if proposed in below else 1
        return tuple(
            Rung(name, self._effort(name, baseline, row.proposed_effort if row is not None else None))
            for name in below[:last]
        )

    def _cheaper(self, name: str, than: str) -> bool:
        try:
            here, there = (self.catalog.rate_card(one, at=self.day).short.output for one in (name, than))
        except CatalogError:
            return False
        return here is not None and there is not None and here < there

    def _effort(self, name: str, baseline: Rung, proposed: str | None) -> str | None:
        """The effort that the audit proposes, else the baseline's, where the model has it."""
        model = self.catalog.resolve(name).model
        for wanted in (proposed, baseline.effort):
            if wanted is not None and wanted in model.efforts and wanted in EFFORTS:
                return wanted
        return effort_as_asked(None, model)

    def _grader(self, population: Population, rungs: tuple[Rung, ...]) -> Grader | Embedding | Judge | None:
        if self.wanted.grader is None:
            return choose_grader(population.calls).grader
        named = grader(self.wanted.grader)
        if isinstance(named, JudgeNamed):
            compared = {population.baseline.model, *(rung.model for rung in rungs)}
            return judge(named.model, compared, self.catalog, self.day, effort=named.effort)
        return named.at(self.catalog, self.day) if isinstance(named, EmbeddingNamed) else named


def rung_named(text: str, catalog: Catalog) -> Rung:
    """A rung as `MODEL` or `MODEL:EFFORT`.

    Raises:
        ConfigurationError: No such model, or it has no such effort.
    """
    name, colon, effort = text.rpartition(":")
    # Names of fine-tuned models have colons too.
    if not colon or effort not in EFFORTS:
        name, effort = text, ""
    try:
        model = catalog.resolve(name).model
    except CatalogError as error:
        raise ConfigurationError(f"--rung: {error}") from None
    if effort and effort not in model.efforts:
        offered = ", ".join(model.efforts) or "none at all"
        raise ConfigurationError(f"--rung: {name} offers efforts {offered}, not {effort!r}")
    return Rung(name, effort or None)
