"""One rung tried on one population: clusters in the seed's order, folded in that order, stopped early."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from tierwise.calls import Call
from tierwise.errors import SpendReached
from tierwise.policy import Rung
from tierwise.prove._answers import Careful
from tierwise.prove._bench import Bench, Design, Item, Level, design
from tierwise.prove._clusters import Cluster
from tierwise.prove._grading import Case, Graded, Grading, Missing
from tierwise.prove._labels import Pair
from tierwise.prove._population import call_id
from tierwise.stats import rectified
from tierwise.workloads import Recogniser

LOOK: Final = 10
"""Clusters between two looks at whether going on is of use."""
EARLIEST: Final = 60
"""Clusters before the first: a rung that is clearly worse is then found to fall short, which says more."""
HOPELESS: Final = 20
"""Calls without a score after which a trial ends, where they are more than a quarter of all."""

Outcome = Graded | Missing


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a trial is."""

    rung: Rung
    calls: int
    log_e: float
    """Of the overall test; it holds at `goal`."""
    level: float


class Ran(msgspec.Struct, kw_only=True):
    """What a trial gave."""

    rung: Rung
    design: Design
    bench: Bench
    graded: list[Graded] = []
    """Calls of the overall test, in their order."""
    every: list[tuple[Graded, Item]] = []
    """All that have a score, those of the newest quarter alone included."""
    missing: Counter[str] = msgspec.field(default_factory=Counter)
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    calls: int = 0
    """Calls with a score, those of the newest quarter alone included."""
    clusters: int = 0
    asked: int = 0
    """Clusters that were asked, those that no test wanted any more included."""
    pairs: list[Pair] = []
    """Judged answers of all of them, in their order."""
    stopped: str = ""
    ended: bool = False
    """Whether it was told to end, or ran out of money, and can go on."""
    snapshots: dict[str, Counter[str]] = {}

    def served(self, who: str) -> str:
        """The one model that answered; '' where there is none, or several."""
        names = self.snapshots.get(who, Counter())
        return next(iter(names)) if len(names) == 1 else ""


class Trial:
    """Tries one rung.

    Args:
        case: What is fixed.
        calls: The population's.
        order: Its clusters, as drawn.
        level: How sure.
        send: Pays.
        recogniser: Gives facts.
        concurrency: Clusters asked at once.
        least: Clusters that are asked at least, for people to label their answers.
        end: Set to end early, in a state from which it can go on.
        progress: Told after each cluster.
    """

    def __init__(
        self,
        case: Case,
        calls: Sequence[Call],
        order: Sequence[Cluster],
        level: Level,
        send: Careful,
        recogniser: Recogniser,
        *,
        concurrency: int = 8,
        least: int = 0,
        end: asyncio.Event | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._case, self._calls, self._order = case, calls, order
        self._level, self._send, self._recogniser = level, send, recogniser
        self._concurrency, self._least = concurrency, least
        self._end = end or asyncio.Event()
        self._progress = progress
        self._closed = False

    async def run(self, rung: Rung) -> Ran:
        """Ask and fold until the verdict is known, or nothing more can be learned."""
        people = self._case.people
        plan = design(self._case.hypothesis, self._level, people.probability if people is not None else 1.0)
        ran = Ran(rung=rung, design=plan, bench=Bench(plan))
        grading = Grading(self._case, rung, self._send, self._recogniser)
        window: deque[tuple[int, asyncio.Task[list[Outcome]]]] = deque()
        self._closed = False
        places = iter(range(len(self._order)))
        try:
            while not ran.stopped:
                self._fill(window, places, ran, grading)
                if not window:
                    ran.stopped = "every call was asked"
                    break
                place, task = window.popleft()
                await self._one(ran, place, task)
        finally:
            # What is on its way is paid for: it is waited for and kept, and not folded.
            self._closed = True
            await asyncio.gather(*(task for _, task in window), return_exceptions=True)
        return ran

    def _fill(
        self,
        window: deque[tuple[int, asyncio.Task[list[Outcome]]]],
        places: Iterator[int],
        ran: Ran,
        grading: Grading,
    ) -> None:
        while len(window) < self._concurrency:
            place = next((place for place in places if self._wants(place, ran)), None)
            if place is None:
                return
            window.append((place, asyncio.create_task(self._cluster(self._order[place], grading))))

    def _wants(self, place: int, ran: Ran) -> bool:
        return place < self._least or ran.bench.wants(self._order[place].newest)

    async def _cluster(self, cluster: Cluster, grading: Grading) -> list[Outcome]:
        """The calls of a cluster that are asked, at most as many as the hypothesis fixed, one after another."""
        found: list[Outcome] = []
        for place in self._drawn(cluster):
            if self._closed:
                break
            found.append(await grading.grade(self._calls[place]))
        return found

    def _drawn(self, cluster: Cluster) -> list[int]:
        most, seed = self._case.hypothesis.cluster, self._case.hypothesis.seed
        if len(cluster.members) <= most:
            return list(cluster.members)

        def rank(place: int) -> bytes:
            data = f"{seed}\x1fmember\x1f{call_id(self._calls[place])}".encode("utf-8", "surrogatepass")
            return blake2b(data, digest_size=8).digest()

        return sorted(sorted(cluster.members, key=rank)[:most])

    async def _one(self, ran: Ran, place: int, task: asyncio.Task[list[Outcome]]) -> None:
        """Wait for a cluster, fold it, and see whether that was the last one."""
        ended = asyncio.create_task(self._end.wait())
        await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if not task.done() or self._end.is_set():
            ran.stopped, ran.ended = "stopped by hand", True
            self._closed = True
            await asyncio.gather(task, return_exceptions=True)
            return
        try:
            outcomes = task.result()
        except SpendReached as error:
            ran.stopped, ran.ended = f"the money is spent: {error}", True
            return
        cluster = self._order[place]
        ran.asked = place + 1
        ran.pairs += [one.pair for one in outcomes if isinstance(one, Graded) and one.pair is not None]
        if ran.bench.wants(cluster.newest):
            self._fold(ran, cluster, outcomes)
        self._look(ran, place)

    def _fold(self, ran: Ran, cluster: Cluster, outcomes: Sequence[Outcome]) -> None:
        if any(isinstance(one, Missing) and one.unlabelled for one in outcomes):
            ran.stopped = "the labels end here: later calls were not among those drawn for people"
            return
        graded = [one for one in outcomes if isinstance(one, Graded)]
        guess = ran.bench.guess.value
        items = [self._item(one, guess) for one in graded]
        before = len(ran.bench.rows)
        ran.bench.add(items, cluster.newest)
        ran.clusters += 1
        if len(ran.bench.rows) > before:
            ran.graded += graded
        ran.every += zip(graded, items, strict=True)
        ran.calls += len(graded)
        for one in graded:
            for who, name in one.snapshots.items():
                ran.snapshots.setdefault(who, Counter())[name] += 1
        for lost in (one for one in outcomes if isinstance(one, Missing)):
            (ran.refused if lost.refused else ran.missing)[lost.reason] += 1
            if lost.hopeless:
                ran.stopped = lost.reason

    def _item(self, one: Graded, guess: float) -> Item:
        """A graded call as the tests take it: what was known of a share alone is augmented."""
        hard = int(one.hard_rung) - int(one.hard_baseline)
        people, hypothesis = self._case.people, self._case.hypothesis
        if people is not None:
            # Where both answers are the same, or a check decided, people's word is known without asking.
            known = one.corrected if one.pair is not None else None
            score = rectified([one.rung], [known], probability=people.probability)[0]
            return Item(rung=score, baseline=1.0 - score, hard=hard)
        if hypothesis.reference != "logged answers":
            return Item(rung=one.rung, baseline=one.baseline or 0.0, hard=hard)
        share = hypothesis.repeats
        baseline = one.baseline if share >= 1 else rectified([guess], [one.baseline], probability=share)[0]
        return Item(rung=one.rung, baseline=baseline or 0.0, hard=hard, again=one.baseline)

    def _look(self, ran: Ran, place: int) -> None:
        """Whether to stop, and why."""
        bench, hypothesis = ran.bench, self._case.hypothesis
        if self._progress is not None:
            overall = bench.tests["overall"]
            self._progress(
                Progress(rung=ran.rung, calls=ran.calls, log_e=overall.log_e, level=bench.design.level)
            )
        if ran.stopped:
            return
        missing = ran.missing.total()
        several = [who for who, names in ran.snapshots.items() if len(names) > 1]
        if bench.falls:
            ran.stopped = "a test says that it is below the bar"
        elif bench.holds:
            ran.stopped = "all tests hold" if ran.asked >= min(self._least, len(self._order)) else ""
        elif several:
            names = ", ".join(sorted(ran.snapshots[several[0]]))
            ran.stopped = f"what serves the {several[0]} changed meanwhile: {names}"
        elif missing >= HOPELESS and missing * 4 > missing + ran.calls:
            ran.stopped = f"too many calls have no score: {ran.missing.most_common(1)[0][0]}"
        elif ran.calls >= hypothesis.most_calls:
            ran.stopped = f"{hypothesis.most_calls} calls are as many as were planned"
        elif ran.clusters >= EARLIEST and ran.clusters % LOOK == 0 and self._futile(ran, place):
            ran.stopped = "the calls that are left have next to no chance to show that it holds"

    def _futile(self, ran: Ran, place: int) -> bool:
        rest = self._order[place + 1 :]
        # As many clusters as the calls that were planned allow.
        per = ran.calls / max(ran.clusters, 1)
        most = int((self._case.hypothesis.most_calls - ran.calls) / max(per, 1e-9)) + 1
        newest = sum(cluster.newest for cluster in rest)
        return ran.bench.futile(min(len(rest), most), min(newest, most))
