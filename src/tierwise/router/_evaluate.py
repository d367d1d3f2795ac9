"""A scorer beside always-each-rung, random, prompt length, a shuffle of equal cost, best per task, oracle."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from tierwise.errors import CallerError
from tierwise.router import _curves as curves
from tierwise.router._model import Scorer
from tierwise.router._text import Text
from tierwise.router._train import Outcome
from tierwise.stats import expected_calibration_error

Floats = NDArray[np.float64]
DRAWS = 1000
SHUFFLES = 20


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One way to route, and how it did."""

    name: str
    apgr: float | None = None
    """Between the cheapest and the dearest rung; None for a way that is a single point."""
    low: float | None = None
    high: float | None = None
    """95 % bootstrap interval of APGR over requests."""
    better: tuple[float, float] | None = None
    """95 % interval of the scorer's APGR minus this way's, paired by request."""
    cpt50: float | None = None
    cpt80: float | None = None
    quality: float | None = None
    """Mean score of a single point."""
    cost: float | None = None
    """US dollars a request of a single point."""
    curve: tuple[tuple[float, float], ...] = ()
    """(share of calls at the dearest rung, PGR)."""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What `evaluate` found."""

    scorer: str
    """Digest."""
    rungs: tuple[str, ...]
    requests: int
    known: float
    """Share of requests that are not below the novelty floor."""
    rows: tuple[Row, ...]
    hull: tuple[tuple[float, float], ...]
    """(cost, quality) of the scorer over all rungs."""
    aiq: float
    neutral: float | None
    """US dollars a request at which the scorer's hull reaches the best single rung; None where it never does."""
    best_single: tuple[str, float, float]
    """Rung, quality, cost."""
    ece: dict[str, float]
    """Calibration error of each rung."""


class Table(msgspec.Struct, frozen=True, eq=False):
    """Requests with an outcome of every rung."""

    texts: tuple[Text, ...]
    tasks: tuple[str, ...]
    scores: Floats
    """A row a request, a column a rung."""
    costs: Floats


def table(outcomes: Sequence[Outcome], rungs: Sequence[str]) -> Table:
    """The requests that have an outcome of every rung. Raises CallerError where there are none."""
    found: dict[str, dict[str, Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.request, {})[outcome.rung] = outcome
    whole = [by for by in found.values() if all(rung in by for rung in rungs)]
    if not whole:
        raise CallerError(f"expected requests with an outcome of each of {', '.join(rungs)}, got none")
    firsts = [by[rungs[0]] for by in whole]
    return Table(
        tuple(o.text for o in firsts),
        tuple(next((s for s in o.text.signals if s.startswith("task: ")), "") for o in firsts),
        np.array([[by[rung].score for rung in rungs] for by in whole]),
        np.array([[by[rung].cost for rung in rungs] for by in whole]),
    )


def evaluate(scorer: Scorer, outcomes: Sequence[Outcome], *, draws: int = DRAWS, seed: int = 0) -> Evaluation:
    """Sets the scorer beside the baselines on requests with an outcome of each of its rungs.

    Where fewer than two rungs are scored, or the dearest is no better than the cheapest on these
    requests, rows of APGR are left out: there is no gap to recover.
    """
    rungs = scorer.about.rungs
    data = table(outcomes, rungs)
    scored = [scorer.score(text) for text in data.texts]
    chance = np.array([[r.chance for r in one.rungs] for one in scored])
    latent = np.array([[r.latent for r in one.rungs] for one in scored])
    points = [_point(pick, data) for pick in picks(latent, data)]
    line = curves.hull([p[0] for p in points], [p[1] for p in points])
    cost, quality = data.costs.mean(0), data.scores.mean(0)
    best = int(np.lexsort((cost, -quality))[0])
    held = data.scores >= scorer.about.bar
    return Evaluation(
        scorer=scorer.digest,
        rungs=rungs,
        requests=len(data.texts),
        known=float(np.mean([one.known for one in scored])),
        rows=(*_ranked(latent, data, draws, seed), *_single(latent, data, rungs, seed)),
        hull=tuple(line),
        aiq=curves.aiq(line, float(cost.min()), float(cost.max())),
        neutral=curves.neutral_cost(line, float(quality[best])),
        best_single=(rungs[best], float(quality[best]), float(cost[best])),
        ece={
            rung: expected_calibration_error(chance[:, at], held[:, at].astype(float))
            for at, rung in enumerate(rungs)
        },
    )


def picks(latent: Floats, data: Table) -> list[NDArray[np.int64]]:
    """The rung of each request as the price of a dollar rises, from the best expected to the cheapest.

    At a price the rung with the highest expected score minus price * cost is taken, as in RouterBench.
    """
    mean = data.costs.mean(0)
    spread = float(mean.max() - mean.min())
    prices = [0.0] if spread <= 0 else [0.0, *(np.geomspace(1e-3, 1e3, 61) / spread)]
    return [np.argmax(latent - price * mean, axis=1) for price in prices]


def _point(pick: NDArray[np.int64], data: Table) -> tuple[float, float]:
    """Mean cost and quality of taking these rungs."""
    rows = np.arange(len(pick))
    return float(data.costs[rows, pick].mean()), float(data.scores[rows, pick].mean())


def _ranked(latent: Floats, data: Table, draws: int, seed: int) -> list[Row]:
    """Ways that rank requests, between the cheapest and the dearest rung."""
    weak, strong = data.scores[:, 0], data.scores[:, -1]
    if latent.shape[1] < 2 or curves.gap(weak, strong) <= 0:
        return []
    draw = np.random.default_rng(seed)
    orders = {
        "scorer": latent[:, -1] - latent[:, 0],
        "random": draw.random(len(weak)),
        "prompt length": np.array([float(len(t.newest) + len(t.instructions)) for t in data.texts]),
        "oracle": strong - weak + draw.random(len(weak)) * 1e-9,
    }
    if len(set(data.tasks)) > 1:
        orders["best per task"] = _by_task(strong - weak, data.tasks)
    found = curves.resampled(list(orders.values()), weak, strong, draws=draws, seed=seed)
    return [_row(name, order, weak, strong, found, at) for at, (name, order) in enumerate(orders.items())]


def _row(name: str, order: Floats, weak: Floats, strong: Floats, found: Floats, at: int) -> Row:
    low, high = curves.interval(found[:, at])
    share, pgr = curves.recovered(order, weak, strong)
    return Row(
        name=name,
        apgr=curves.apgr(order, weak, strong),
        low=low,
        high=high,
        better=curves.interval(found[:, 0] - found[:, at]) if at else None,
        cpt50=curves.cpt(order, weak, strong, 50),
        cpt80=curves.cpt(order, weak, strong, 80),
        curve=tuple(zip(share.tolist(), pgr.tolist(), strict=True)),
    )


def _by_task(gain: Floats, tasks: Sequence[str]) -> Floats:
    """The mean gain of each request's task, the request itself left out."""
    names, places = np.unique(np.array(tasks), return_inverse=True)
    total, count = np.zeros(len(names)), np.zeros(len(names))
    np.add.at(total, places, gain)
    np.add.at(count, places, 1)
    mean = float(gain.mean())
    # Two requests of the overall mean are added, so that a task of one request says nothing.
    return np.asarray((total[places] - gain + 2 * mean) / (count[places] - 1 + 2))


def _single(latent: Floats, data: Table, rungs: Sequence[str], seed: int) -> list[Row]:
    """Ways that are one point each."""
    cost, quality = data.costs.mean(0), data.scores.mean(0)
    rows = [
        Row(name=f"always {rung}", quality=float(quality[at]), cost=float(cost[at]))
        for at, rung in enumerate(rungs)
    ]
    cheap = np.argsort(cost, kind="stable")
    oracle = _point(cheap[np.argmax(data.scores[:, cheap], axis=1)], data)
    rows.append(Row(name="oracle, one point", cost=oracle[0], quality=oracle[1]))
    middle = float(cost.min() + cost.max()) / 2
    pick = min(picks(latent, data), key=lambda p: abs(_point(p, data)[0] - middle))
    own = _point(pick, data)
    draw = np.random.default_rng(seed)
    shuffled = np.mean([_point(draw.permutation(pick), data) for _ in range(SHUFFLES)], axis=0)
    rows.append(Row(name="scorer, half way in cost", cost=own[0], quality=own[1]))
    rows.append(Row(name="shuffle of equal cost", cost=float(shuffled[0]), quality=float(shuffled[1])))
    return rows
