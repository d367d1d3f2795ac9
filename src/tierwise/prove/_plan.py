"""What a proof would ask, learn and cost, before anything is sent."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from tierwise.calls import Call
from tierwise.catalog import Catalog, Tokens
from tierwise.errors import CatalogError
from tierwise.policy import EFFORT_PERMILLE, LENGTHS, Rung
from tierwise.prove._clusters import NEWEST, Cluster
from tierwise.prove._hypothesis import Hypothesis
from tierwise.prove._population import FEWEST_REPLAYABLE, Population

CHANCES: Final = (0.7, 0.5, 0.3)
"""Chance that a rung one, two, three places below the baseline holds; assumed, and only used to order
workloads. Halved where the audit sees no sign that the work is that simple."""
DISCORDANCE: Final = 0.1
"""Share of calls on which rung and baseline are expected to differ. Assumed."""
OVER: Final = 3
"""Times the expected number of calls after which a rung is undecided."""
SCORES_JUDGED: Final = 600
"""Output tokens of one order of a judge's comparison, reasoning included. Assumed."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One rung of a plan."""

    rung: Rung
    calls: int
    """Expected until it holds, if it is as good as the baseline."""
    cost: Decimal
    """USD expected for them."""
    saves: Decimal
    """USD of the log's period, expected, if its calls went there."""


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What one workload's proof would take."""

    workload: str
    label: str
    population: Population
    spend: Decimal
    """USD of its calls as billed in the log."""
    steps: tuple[Step, ...]
    chance: float
    grader: str = ""
    """How answers are graded, in a few words."""
    labels: int = 0
    """Labels of people that a judge's word would need beside it."""
    problem: str | None = None
    """Why it is not tried."""

    @property
    def stake(self) -> Decimal:
        """Expected gain: the last rung's saving times the chance to hold."""
        return self.steps[-1].saves * Decimal(str(round(self.chance, 3))) if self.steps else Decimal(0)

    @property
    def cost(self) -> Decimal:
        """USD expected for all its rungs."""
        return sum((step.cost for step in self.steps), Decimal(0))


def cluster_cap(order: Sequence[Cluster]) -> int:
    """Calls of one cluster that are asked at most: the mean size, so that most clusters weigh near 1."""
    return max(1, round(sum(len(cluster.members) for cluster in order) / len(order))) if order else 1


def expected_clusters(margin: float, level: float, *, low: float = -1.0) -> int:
    """Clusters until a test holds where both rungs are as good and differ in `DISCORDANCE` of calls.

    From the growth of the best fixed bet on D (margin, margin - 1 and margin + 1 with the chances that
    follow), times 1.25 and two observations for what a mixture of bets pays to find it.
    """
    q = DISCORDANCE
    stake = -(low + margin)

    def growth(c: float) -> float:
        values = ((margin, 1 - q), (margin - 1, q / 2), (margin + 1, q / 2))
        return sum(chance * math.log1p(c * x / stake) for x, chance in values)

    best = max(growth(step / 100) for step in range(1, 98))
    return math.ceil(1.25 * math.log(1 / level) / best) + 2 if best > 0 else 1_000_000


def labelled_low(share: float) -> float:
    """Least that D less its margin can be where people label a share of judged calls."""
    return 2.0 * (1.0 - 1.0 / share) - 1.0


def expected_calls(order: Sequence[Cluster], cap: int, margin: float, level: float, low: float = -1.0) -> int:
    """Calls until a rung as good as the baseline holds, overall and on the newest quarter."""
    each = expected_clusters(margin, level, low=low)
    whole = min(each + each * (NEWEST - 1) // NEWEST, len(order))
    sizes = [min(len(cluster.members), cap) for cluster in order]
    return math.ceil(whole * sum(sizes) / len(sizes)) if sizes else 0


def priced(
    calls: Sequence[Call], rung: Rung, baseline: Rung, prices: Catalog, day: dt.date
) -> tuple[Decimal, Decimal]:
    """USD of logged calls on the baseline, as used, and on a rung, lengths assumed as an audit does.

    Both are at the day's standard prices with nothing read from the cache on the rung.

    Raises:
        CatalogError: A model has no price.
    """
    here, there = prices.rate_card(baseline.model, at=day), prices.rate_card(rung.model, at=day)
    effort = EFFORT_PERMILLE.get(rung.effort or "medium", 1000)
    asked = EFFORT_PERMILLE.get(baseline.effort or "medium", 1000)
    before = after = Decimal(0)
    for call in calls:
        used = call.tokens or Tokens()
        before += here.total(used)
        reasoning = used.reasoning * effort // asked if asked else 0
        after += there.total(
            Tokens(
                uncached=used.input_total,
                output=used.output * LENGTHS.output // 1000,
                reasoning=reasoning * LENGTHS.reasoning // 1000,
            )
        )
    return before, after


def step_of(
    population: Population, rung: Rung, hypothesis: Hypothesis, calls: int, prices: Catalog, day: dt.date
) -> Step:
    """One rung's expected calls, cost and saving.

    Raises:
        CatalogError: A model has no price.
    """
    before, after = priced(population.calls, rung, population.baseline, prices, day)
    number = max(len(population.calls), 1)
    cost = after * calls / number
    if hypothesis.reference == "logged answers":
        cost += before * calls * Decimal(str(hypothesis.repeats)) / number
    elif hypothesis.reference in {"judge", "judge and people"}:
        cost += 2 * calls * _judged(population, hypothesis.grader, prices, day)
    return Step(rung=rung, calls=calls, cost=cost, saves=before - after)


def _judged(population: Population, grader: str, prices: Catalog, day: dt.date) -> Decimal:
    """USD of one order of a comparison: the call, two answers and the rules in, a verdict out."""
    name = grader.partition('"')[2].partition('"')[0]
    read = sum(
        (call.tokens or Tokens()).input_total + 2 * (call.tokens or Tokens()).output
        for call in population.calls
    )
    mean = read // max(len(population.calls), 1) + 400
    try:
        return prices.rate_card(name, at=day).total(Tokens(uncached=mean, output=SCORES_JUDGED))
    except CatalogError:
        return Decimal(0)


def problem_of(population: Population, rungs: Sequence[Rung], graded: bool) -> str | None:
    """Why a workload cannot be proved; None where it can be tried."""
    if not population.calls:
        reasons = [*population.unreplayable, *population.aside]
        return f"no call can be asked again: {reasons[0][0]}" if reasons else "no calls"
    if not rungs:
        return f"nothing on the ladder is below {population.baseline}"
    if not graded:
        return (
            "its answers are prose: name a judge (--judge), right answers (--labels) or a grader (--grader)"
        )
    return None


def warning_of(population: Population) -> str | None:
    """What a plan should say of a population that no verdict can carry a rule for."""
    if population.share < FEWEST_REPLAYABLE:
        return f"only {population.share:.0%} of its calls can be asked again: 'undecided' at best"
    return None


def chance(rungs: Sequence[Rung], simple: bool) -> float:
    """The assumed chance that the last of the rungs holds."""
    found = CHANCES[min(len(rungs), len(CHANCES)) - 1] if rungs else 0.0
    return found if simple else found / 2
