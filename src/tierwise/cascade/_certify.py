"""Fit, choose and certify a cascade, each on calls of its own.

The scores are fitted on one set. On a second the rungs that are worth trying are chosen, and where on the
line of thresholds, from strict to loose, to begin. On the third the risk is certified: every rung has the
same threshold of its calibrated score, so that one number moves them all, and they are certified together.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from itertools import combinations
from typing import Any, Final, Literal

import msgspec

from tierwise.cascade._cases import Case, Sets, Table, divided
from tierwise.cascade._score import fitted, score
from tierwise.errors import OutOfBounds
from tierwise.policy import (
    ALWAYS,
    Certificate,
    Lengths,
    Offer,
    PaidCheck,
    Rung,
    Scoring,
    Trial,
    certificate_digest,
)
from tierwise.stats import (
    MeanTest,
    binomial_tail,
    certify_selective,
    clopper_pearson,
    conformal_threshold,
    one_each,
    selective_counts,
)

SETTINGS: Final = 60
"""Thresholds that are looked at."""
CLOSED: Final = 2.0
"""A threshold that no score reaches."""


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """A rung that may be tried."""

    rung: Rung
    snapshot: str
    paid: tuple[PaidCheck, ...] = ()
    lengths: Lengths = Lengths()


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be certified; fixed before the answers are seen."""

    workload: str
    baseline: Rung
    snapshot: str
    stages: tuple[Stage, ...]
    offer: Offer
    risk: Decimal
    confidence: Decimal
    created: dt.date
    expires: dt.date
    seed: int = 0
    signals: tuple[str, ...] | None = None
    """Signals that the scores may use; None: all."""


class Chosen(msgspec.Struct, frozen=True):
    """What the second set chose: rungs by place, their line of thresholds, strict to loose, and where to begin."""

    rungs: tuple[int, ...]
    line: tuple[float, ...]
    start: int
    costs: tuple[float, ...]
    """Mean cost of each setting there, USD."""


def certify(cases: Sequence[Case], terms: Terms) -> Certificate:
    """The certificate of a cascade, whatever it says.

    `holds` names thresholds whose risk is bounded and that save money with the terms' confidence;
    `accepts nothing`: no threshold could be certified on so many calls; `does not pay`: one could, but what it
    saves, checks and escalations paid, is not surely above 0.

    Raises:
        OutOfBounds: for cases with another number of answers than stages, and for too few to fit on.
    """
    if any(len(case.tried) != len(terms.stages) for case in cases):
        raise OutOfBounds(f"expected {len(terms.stages)} answers a case, one a stage")
    sets = divided(cases, seed=terms.seed)
    scorings = tuple(_scoring(sets, place, terms) for place in range(len(terms.stages)))
    choose, every = table(sets.choose, scorings), table(sets.certify, scorings)
    held = every.rows(one_each([case.cluster for case in sets.certify], seed=terms.seed))
    chosen = _choose(choose, len(held.baseline), terms)
    place = _place(chosen, held, terms) if chosen is not None else None
    if chosen is None or place is None:
        return _certificate(terms, "accepts nothing", held)
    caps = [*sets.fit, *sets.calibrate, *sets.choose]
    return _paying(terms, scorings, chosen, place, held, caps)


def table(cases: Sequence[Case], scorings: Sequence[Scoring]) -> Table:
    """Cases as numbers, scored."""
    import numpy as np

    shape = (len(cases), len(scorings))
    scores = [[score(s, t.seen) for s, t in zip(scorings, case.tried, strict=True)] for case in cases]
    return Table(
        np.asarray(scores, dtype=np.float64).reshape(shape),
        np.asarray([[t.worse for t in case.tried] for case in cases], dtype=bool).reshape(shape),
        np.asarray([[t.cost for t in case.tried] for case in cases], dtype=np.float64).reshape(shape),
        np.asarray([case.baseline for case in cases], dtype=np.float64),
    )


def _scoring(sets: Sets, place: int, terms: Terms) -> Scoring:
    def answers(cases: list[Case]) -> list[Any]:
        return [(case.tried[place].seen, not case.tried[place].worse) for case in cases]

    return fitted(answers(sets.fit), answers(sets.calibrate), terms.signals)


def _choose(found: Table, certify: int, terms: Terms) -> Chosen | None:
    """Rungs and line with the least cost that look certifiable; None where no line does."""
    best: tuple[float, Chosen] | None = None
    for size in range(1, len(terms.stages) + 1):
        for rungs in combinations(range(len(terms.stages)), size):
            one = _line(found.only(rungs), rungs, certify, terms)
            if one is not None and (best is None or one[0] < best[0]):
                best = one
    return best[1] if best is not None else None


def _line(found: Table, rungs: tuple[int, ...], certify: int, terms: Terms) -> tuple[float, Chosen] | None:
    """The line of thresholds of some rungs, and what it would cost where its risk looks certifiable."""
    import numpy as np

    pooled = np.unique(found.scores[found.scores > 0])[::-1]
    if not len(pooled) or not certify:
        return None
    picks = np.unique(np.linspace(0, len(pooled) - 1, min(SETTINGS, len(pooled))).astype(int))
    line = tuple(float(pooled[pick]) for pick in picks)
    costs = tuple(float(found.spent([at] * len(rungs)).mean()) for at in line)
    p_values = [_looks(found, at, len(rungs), certify / max(len(found.baseline), 1), terms) for at in line]
    # Ties go to the stricter one, from which the walk can still go on.
    start = min(range(len(line)), key=lambda place: (p_values[place], place))
    delta = 1 - float(terms.confidence)
    likely = [cost for cost, p in zip(costs[start:], p_values[start:], strict=True) if p <= delta]
    least = min(likely, default=float(found.baseline.mean()))
    return least, Chosen(rungs, line, start, costs)


def _looks(found: Table, at: float, rungs: int, ratio: float, terms: Terms) -> float:
    """The p-value that the certify set would give, if it were like this one."""
    ((worse, accepted),) = selective_counts(found.scores, found.worse, [[at] * rungs])
    of = accepted if terms.offer == "selective" else len(found.baseline)
    return binomial_tail(round(worse * ratio), round(of * ratio), float(terms.risk)) if of else 1.0


def _place(chosen: Chosen, held: Table, terms: Terms) -> int | None:
    """The certified setting that cost least where the line was chosen; None: nothing is accepted."""
    mine = held.only(chosen.rungs)
    alpha = float(terms.risk)
    if terms.offer == "joint":
        loosest = conformal_place(mine, chosen.line, alpha)
        certified = list(range(loosest + 1)) if loosest is not None else []
    else:
        settings = [[at] * len(chosen.rungs) for at in chosen.line]
        counts = selective_counts(mine.scores, mine.worse, settings)
        delta = 1 - float(terms.confidence)
        certified = list(
            certify_selective(counts, alpha=alpha, delta=delta, starts=(chosen.start,)).certified
        )
    return min(certified, key=lambda place: (chosen.costs[place], place), default=None)


def conformal_place(found: Table, line: Sequence[float], alpha: float) -> int | None:
    """The loosest setting whose expected share of accepted and worse answers is at most alpha.

    A looser threshold can let an earlier rung take a case that a later one had wrong, and its loss then falls:
    the running maximum, which never falls, is controlled in its place, and what it bounds is no larger.
    """
    import numpy as np

    if not len(found.baseline):
        return None
    rungs = found.scores.shape[1]
    losses = np.stack([found.harmed([at] * rungs) for at in line], axis=1).astype(np.float64)
    return conformal_threshold(np.maximum.accumulate(losses, axis=1), alpha=alpha)


def _paying(
    terms: Terms,
    scorings: tuple[Scoring, ...],
    chosen: Chosen,
    place: int,
    held: Table,
    seen: Sequence[Case],
) -> Certificate:
    """The certificate of a certified setting: whether it pays, and how often each rung passes a call on."""
    mine, at = held.only(chosen.rungs), chosen.line[place]
    thresholds = [at] * len(chosen.rungs)
    saves = _saves(mine, thresholds, seen, 1 - float(terms.confidence))
    ((worse, accepted),) = selective_counts(mine.scores, mine.worse, [thresholds])
    if saves <= 0:
        return _certificate(terms, "does not pay", held, accepted=accepted, worse=worse, saves=saves)
    left = list(range(len(mine.baseline)))
    trials = []
    for number, which in enumerate(chosen.rungs):
        on = [row for row in left if mine.scores[row, number] < at]
        stage = terms.stages[which]
        most = (
            clopper_pearson(len(on), len(left), alpha=2 * (1 - float(terms.confidence)))[1] if left else 1.0
        )
        trials.append(
            Trial(
                rung=stage.rung,
                snapshot=stage.snapshot,
                least=at,
                scoring=scorings[which],
                paid=stage.paid,
                passes=min(1000, math.ceil(1000 * most)),
                lengths=stage.lengths,
            )
        )
        left = on
    return _certificate(
        terms, "holds", held, accepted=accepted, worse=worse, saves=saves, trials=tuple(trials)
    )


def _saves(found: Table, thresholds: Sequence[float], seen: Sequence[Case], delta: float) -> float:
    """Lower bound on what a call saves, in shares of the baseline's mean cost.

    Of savings cut to what was seen on other calls: above at the dearest baseline, which only lowers the
    bound, below at twice the dearest attempts.
    """
    top = max(case.baseline for case in seen)
    bottom = 2 * max(sum(one.cost for one in case.tried) for case in seen)
    if not top > 0:
        return 0.0
    test = MeanTest(-max(bottom / top, 1e-9), 1.0, alpha=delta)
    saved = (found.baseline - found.spent(thresholds)) / top
    test.extend(float(min(max(x, test.low), 1.0)) for x in saved)
    mean = float(found.baseline.mean())
    return test.lower * top / mean if mean > 0 else 0.0


def _checks(trials: Sequence[Trial]) -> tuple[str, ...]:
    """Checks that decide: those that nothing passes without, those of the scores, those that are paid."""
    scored = {name.partition(".")[0] for trial in trials for name in trial.scoring.weights}
    return tuple(sorted({*ALWAYS, *scored, *(check.name for trial in trials for check in trial.paid)}))


def _certificate(
    terms: Terms,
    verdict: Literal["holds", "accepts nothing", "does not pay"],
    held: Table,
    *,
    accepted: int = 0,
    worse: int = 0,
    saves: float = 0.0,
    trials: tuple[Trial, ...] = (),
) -> Certificate:
    share = Decimal(repr(saves)).quantize(Decimal("0.0001"), rounding=ROUND_FLOOR)
    found = Certificate(
        workload=terms.workload,
        baseline=terms.baseline,
        snapshot=terms.snapshot,
        verdict=verdict,
        offer=terms.offer,
        risk=terms.risk,
        confidence=terms.confidence,
        trials=trials,
        checks=_checks(trials),
        seed=terms.seed,
        calls=len(held.baseline),
        accepted=accepted,
        worse=worse,
        saves=share,
        created=terms.created,
        expires=terms.expires,
    )
    return msgspec.structs.replace(found, digest=certificate_digest(found))
