"""The proof of planned workloads, one after another: rungs down the order, evidence after each."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from decimal import Decimal

import msgspec

from tierwise.calls import Send
from tierwise.catalog import Catalog
from tierwise.policy import Evidence, Rung
from tierwise.prove._answers import Answers, Careful
from tierwise.prove._bench import Level
from tierwise.prove._clusters import clusters
from tierwise.prove._evidence import About, evidence_of
from tierwise.prove._grading import Case
from tierwise.prove._labels import Pair
from tierwise.prove._population import Population
from tierwise.prove._proof import HOLDING
from tierwise.prove._purse import Purse
from tierwise.prove._trial import Progress, Ran, Trial
from tierwise.workloads import Recogniser


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """One workload that is to be proved."""

    label: str
    population: Population
    case: Case
    before: int = 0
    """Hypotheses about it that were opened before."""
    least: int = 0
    """Clusters that are asked at least, for people to label their answers."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What one rung of one workload came to."""

    work: Work
    place: int
    """Of the rung in the order."""
    evidence: Evidence | None
    """None where no call got a score."""
    why: str
    """Why the trial stopped."""
    sent: int
    """Requests that went out, for this workload so far."""
    reused: int
    """Requests answered by what was kept."""
    ended: bool
    """Whether it can go on: it was stopped by hand, or by the money."""
    pairs: tuple[Pair, ...] = ()
    """Judged answers that people could label."""

    @property
    def rung(self) -> Rung:
        """The rung that was tried."""
        return self.work.case.hypothesis.rungs[self.place]

    @property
    def holds(self) -> bool:
        """Whether the next rung down may be tried."""
        return self.evidence is not None and self.evidence.verdict in HOLDING


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What a proof works with."""

    send: Send
    """With the key of the project whose calls they are."""
    answers: Answers
    """What was paid for before."""
    prices: Catalog
    day: dt.date
    """The UTC day that prices the calls."""
    recogniser: Recogniser
    key: bytes
    """The owner's, for digests."""
    version: str
    """Of tierwise."""
    concurrency: int = 8
    """Clusters asked at once."""
    end: asyncio.Event | None = None
    """Set to end early, in a state from which it can go on."""
    progress: Callable[[Work, Progress], None] | None = None
    """Told after each cluster."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    """Waits between attempts."""


async def prove(works: Sequence[Work], most: Decimal, means: Means) -> AsyncIterator[Told]:
    """Prove workloads in the order given.

    Args:
        works: What was planned, all of it: how many they are sets how sure each must be.
        most: USD, of all of them together, what earlier runs of the same hypotheses spent included.
        means: What it works with.

    Raises:
        GraderError: The owner's own grading function failed.
        CatalogError: A model has no price.
    """
    held = 0
    earlier = (means.answers.spent(work.case.hypothesis.digest) for work in works)
    purse = Purse(most, sum(earlier, Decimal(0)))
    for work in works:
        level = Level(
            planned=work.case.hypothesis.planned,
            held_before=held,
            alpha=round(1.0 - float(work.case.hypothesis.confidence), 12),
        )
        async for told in _one(work, level, purse, means):
            yield told
            if told.ended:
                return
            held += told.place == 0 and told.holds


async def _one(work: Work, level: Level, purse: Purse, means: Means) -> AsyncIterator[Told]:
    """One workload: its rungs down the order, to the first that does not hold."""
    case, population = work.case, work.population
    plan, unknown = case.hypothesis.digest, purse.unknown
    careful = Careful(
        means.send,
        purse,
        means.answers,
        plan=plan,
        key=means.key,
        prices=means.prices,
        day=means.day,
        sleep=means.sleep,
    )
    trial = Trial(
        case,
        population.calls,
        clusters(population.calls, means.key, case.hypothesis.seed),
        level,
        careful,
        means.recogniser,
        concurrency=means.concurrency,
        least=work.least,
        end=means.end,
        progress=_for(means.progress, work),
    )
    for place, rung in enumerate(case.hypothesis.rungs):
        ran = await trial.run(rung)
        evidence = None
        if ran.calls:
            about = About(
                place=place,
                before=work.before,
                version=means.version,
                spent=means.answers.spent(plan),
                unknown=purse.unknown - unknown,
            )
            evidence = evidence_of(ran, case, population, level, about)
        told = _told(work, place, evidence, ran, careful)
        yield told
        if ran.ended or not told.holds:
            return


def _for(progress: Callable[[Work, Progress], None] | None, work: Work) -> Callable[[Progress], None] | None:
    return None if progress is None else lambda told: progress(work, told)


def _told(work: Work, place: int, evidence: Evidence | None, ran: Ran, careful: Careful) -> Told:
    why = ran.stopped
    if not ran.calls and ran.refused:
        why = f"the rung may take none of its calls: {ran.refused.most_common(1)[0][0]}"
    elif not ran.calls and ran.missing:
        why = f"no call has a score: {ran.missing.most_common(1)[0][0]}"
    return Told(
        work=work,
        place=place,
        evidence=evidence,
        why=why,
        sent=careful.sent,
        reused=careful.reused,
        ended=ran.ended,
        pairs=tuple(ran.pairs),
    )
