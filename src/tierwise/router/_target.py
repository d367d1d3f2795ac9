"""The threshold for a target: how sure a cheaper rung must be, so that quality is kept or a spend is met."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from tierwise.errors import CallerError
from tierwise.router._evaluate import table
from tierwise.router._model import Scorer, cheapest
from tierwise.router._train import Outcome
from tierwise.stats import bootstrap

ALPHA = 0.05
DRAWS = 1000
LEVELS = tuple(round(0.99 - 0.03 * step, 2) for step in range(31))
"""Thresholds that are tried, strictest first."""


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One threshold on held-out requests."""

    least: float
    """What the lower end of a rung's chance must reach for a move."""
    moved: float
    """Share of requests that leave the baseline."""
    change: float
    """Mean score minus the baseline's."""
    low: float
    """Lower end of that change, one-sided 95 %, bootstrap over requests."""
    cost: float
    """US dollars a request."""


def settings(
    scorer: Scorer, outcomes: Sequence[Outcome], *, draws: int = DRAWS, seed: int = 0
) -> list[Setting]:
    """Every threshold of `LEVELS`, strictest first; the baseline is the dearest rung.

    Raises CallerError where no request has an outcome of each rung.
    """
    data = table(outcomes, scorer.about.rungs)
    scored = [scorer.score(text) for text in data.texts]
    rows, base = np.arange(len(scored)), len(scorer.about.rungs) - 1
    found = []
    for least in LEVELS:
        pick = np.array([cheapest(one, least=least, baseline=base) for one in scored])
        change = data.scores[rows, pick] - data.scores[:, base]
        low = bootstrap(change, alpha=2 * ALPHA, draws=draws, seed=seed).lower
        cost = float(data.costs[rows, pick].mean())
        moved = float((pick != base).mean())
        found.append(Setting(least=least, moved=moved, change=float(change.mean()), low=low, cost=cost))
    return found


def for_quality(found: Sequence[Setting], margin: float) -> Setting:
    """The laxest threshold up to which no lower end falls below -margin.

    Thresholds are gone through from the strictest and the first that fails ends it (a fixed
    sequence), so that trying many costs no confidence. Raises CallerError where the strictest fails.
    """
    kept = None
    for one in found:
        if one.low < -margin:
            break
        kept = one
    if kept is None:
        raise CallerError(
            f"expected a threshold that keeps quality within {margin}, and the strictest does not: label more"
        )
    return kept


def for_spend(found: Sequence[Setting], cost: float) -> Setting:
    """The strictest threshold that costs at most `cost` a request. Raises CallerError where none does."""
    for one in found:
        if one.cost <= cost:
            return one
    least = min(one.cost for one in found)
    raise CallerError(
        f"expected a spend that routing reaches, got ${cost:.6f} a request: the least is ${least:.6f}"
    )
