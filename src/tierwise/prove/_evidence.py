"""From a trial to evidence: the verdict, what was measured beside it, and the path of the tests."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Final

import msgspec

from tierwise.catalog import Catalog, Tokens
from tierwise.errors import CatalogError
from tierwise.policy import EFFORT_PERMILLE, Evidence, Lengths, Rung
from tierwise.prove._bench import Level
from tierwise.prove._grading import Case, Graded, tokens_of
from tierwise.prove._hypothesis import Hypothesis
from tierwise.prove._intervals import points, saved, share
from tierwise.prove._population import Population
from tierwise.prove._proof import Counted, Proof, Spend, lower_bound, verdict_of
from tierwise.prove._slices import names_of, slices_of
from tierwise.prove._trial import Ran

EXPIRES: Final = 90
"""Days that evidence may be used: models, prompts and callers change."""
_BOUND: Final = (200, 5000)
"""As for lengths that an audit learned: ratios outside are not believed; per mille."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What evidence records beside the trial."""

    place: int
    """Of the rung in the order."""
    before: int
    """Hypotheses about the workload that were opened before."""
    version: str
    """Of tierwise."""
    spent: Decimal
    """USD that the workload's proof has cost so far."""
    unknown: Decimal
    """The part of it, in this run, that stands for calls whose cost is not known."""


def evidence_of(ran: Ran, case: Case, population: Population, level: Level, about: About) -> Evidence:
    """The evidence of a trial that gave at least one score.

    Args:
        ran: The trial.
        case: What was fixed.
        population: Its calls.
        level: How sure.
        about: What else is recorded.
    """
    hypothesis = case.hypothesis
    proof = _proof(ran, case, population, level, about)
    verdict, _ = verdict_of(proof)
    return Evidence(
        workload=population.workload,
        baseline=hypothesis.baseline,
        rung=hypothesis.rungs[about.place],
        snapshot=ran.served("rung"),
        verdict=verdict,
        lower_bound=lower_bound(proof),
        margin=hypothesis.margin,
        measure=hypothesis.measure,
        confidence=hypothesis.confidence,
        calls=ran.calls,
        created=case.day,
        expires=case.day + dt.timedelta(days=EXPIRES),
        lengths=_lengths(ran, hypothesis, hypothesis.rungs[about.place]),
        proof=msgspec.to_builtins(proof),
    )


def _proof(ran: Ran, case: Case, population: Population, level: Level, about: About) -> Proof:
    seen = [
        (names_of(one.call, one.reference, case.grader, case.key), item.rung, item.baseline)
        for one, item in ran.every
    ]
    costs = [(float(as_billed(one, case.prices, case.day)), float(one.cost.cost or 0)) for one in ran.graded]
    return Proof(
        hypothesis=case.hypothesis,
        opened_before=about.before,
        place=about.place,
        level=level,
        labelled=case.people.probability if case.people is not None else 1.0,
        population=Counted(
            calls=len(population.calls),
            first=population.first,
            last=population.last,
            unreplayable=dict(population.unreplayable),
            aside=dict(population.aside),
            share=round(population.share, 6),
            per_step=population.per_step,
        ),
        tests={name: test.record() for name, test in ran.bench.tests.items()},
        points=points(ran.bench.rows, ran.design, level.alpha),
        share=share(ran.bench.rows, ran.design, level.alpha),
        saved=saved(costs, level.alpha),
        hard=(sum(one.hard_rung for one in ran.graded), sum(one.hard_baseline for one in ran.graded)),
        slices=slices_of(seen, ran.design),
        missing=dict(ran.missing.most_common()),
        refused=dict(ran.refused.most_common()),
        tested=len(ran.graded),
        tried=ran.calls + ran.missing.total(),
        stopped=ran.stopped,
        snapshots={who: ran.served(who) for who in ran.snapshots},
        spend=Spend(
            proof=about.spent,
            unknown=about.unknown,
            rung=sum((one.cost.cost or Decimal(0) for one in ran.graded), Decimal(0)),
            baseline=sum((as_billed(one, case.prices, case.day) for one in ran.graded), Decimal(0)),
        ),
        tierwise=about.version,
        prices=case.prices.digest,
    )


def as_billed(one: Graded, prices: Catalog, day: dt.date) -> Decimal:
    """What the logged answer to a call costs in the standard lane at the day's prices, its usage as logged.

    Raises nothing: 0 where its model has no price.
    """
    call = one.call
    request = call.request
    name = call.model_served or (request.model if request is not None else None) or ""
    try:
        return prices.rate_card(name, "standard", at=day, residency=call.residency).total(
            call.tokens or Tokens()
        )
    except CatalogError:
        return Decimal(0)


def _lengths(ran: Ran, hypothesis: Hypothesis, rung: Rung) -> Lengths:
    """Lengths of the rung's answers against the logged ones, reasoning as if both had the same effort."""
    ours, theirs = [0, 0], [0, 0]
    for one in ran.graded:
        mine, logged = tokens_of(one)
        ours = [ours[0] + mine.output, ours[1] + mine.reasoning]
        theirs = [theirs[0] + logged.output, theirs[1] + logged.reasoning]
    if not theirs[0] or not ours[0]:
        return Lengths()
    low, high = (
        EFFORT_PERMILLE.get(effort or "", 1000) for effort in (rung.effort, hypothesis.baseline.effort)
    )
    expected = theirs[1] * low // high if high else 0
    return Lengths(
        output=_ratio(ours[0], theirs[0]),
        reasoning=_ratio(ours[1], expected) if expected else 1000,
        learned=True,
    )


def _ratio(other: int, base: int) -> int:
    return min(max(other * 1000 // base, _BOUND[0]), _BOUND[1])


def file_name(evidence: Evidence) -> str:
    """What its file is called: workload and rung."""
    rung = f"{evidence.rung.model}-{evidence.rung.effort or 'default'}"
    return f"{evidence.workload}-{''.join(c if c.isalnum() or c in '.-' else '-' for c in rung)}.json"
