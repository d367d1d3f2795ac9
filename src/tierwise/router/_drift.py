"""Whether a scorer still fits: the chances it gives, and what became of the calls, watched as they come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from tierwise.calls import Recorded, decode_recorded
from tierwise.catalog import Catalog
from tierwise.errors import TierwiseError
from tierwise.policy import SCORE_UNIT, Scores, State
from tierwise.router._calibrate import Curve
from tierwise.router._model import Scorer
from tierwise.router._train import FLOOR_SHARE
from tierwise.stats import Change, ChangeState

RUN_LENGTH: Final = 100_000.0
"""Scored calls on average, at least, to a false alarm of either kind."""
TOLERATED: Final = 0.01
"""Points that scores and outcomes may fall without being drift: training has seen a sample alone."""
_AIM: Final = 0.04
"""The mean to be seen soonest: a fall of 5 points, less what is tolerated."""
_SPREADS: Final = (0.2, 0.25)
"""Standard deviations expected of scores and of outcomes; they cost time to an alarm where they are wrong, no more."""
_STATE = msgspec.json.Decoder(State)


class DriftState(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """All that is remembered between calls: about a kilobyte of JSON."""

    scores: ChangeState
    outcomes: ChangeState


class Drift:
    """Watches one scorer; says whether its scores or its outcomes have fallen.

    - Scores: the chance that a call's cheapest rung holds, 0 for a call that is not known, against its mean in training.
    - Outcomes: whether the rung that served a call held the bar, against the chance that was given.

    Two e-detectors (`stats.Change`) of twice the run length each. The mean of their sums, less the number of
    scored calls, is a supermartingale while neither mean has fallen by more than `TOLERATED`, outcomes being
    no more than calls; so the first alarm of either comes after `RUN_LENGTH` scored calls on average, or later.

    Args:
        scorer: Which one.
        run_length: See `RUN_LENGTH`.
        state: Of a watch that went before, to go on from.
    """

    def __init__(
        self, scorer: Scorer, *, run_length: float = RUN_LENGTH, state: DriftState | None = None
    ) -> None:
        self.expected = mean_chance(scorer.curves[0]) * (1 - FLOOR_SHARE)
        low, high, spreads = -1 - TOLERATED, 1 - TOLERATED, _SPREADS
        self._scores, self._outcomes = (
            Change(low, high, run_length=2 * run_length, aim=_AIM, spread=spread, state=before)
            for spread, before in zip(
                spreads, (state.scores, state.outcomes) if state is not None else (None, None), strict=True
            )
        )

    @property
    def state(self) -> DriftState:
        """All that is remembered."""
        return DriftState(scores=self._scores.state, outcomes=self._outcomes.state)

    def scored(self, chance: float, *, known: bool = True) -> bool:
        """One call was scored; `chance` is its cheapest rung's, 0 to 1. Whether scores have fallen, now or before."""
        return self._scores.add(self.expected - (chance if known else 0.0) - TOLERATED)

    def told(self, chance: float, held: bool) -> bool:
        """What became of a scored call on its rung, whose chance this was. Whether outcomes have fallen."""
        return self._outcomes.add(chance - held - TOLERATED)


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """What a watch over recorded calls came to."""

    scored: int
    """Calls that were scored."""
    told: int
    """Of them those with a score of their answer."""
    expected: float
    """Mean chance of the cheapest rung in training, 0 where a call is not known."""
    mean: float
    """The same of the scored calls."""
    scores_fell: int | None = None
    """The scored call, counted from 1, at which the alarm for scores was given; None without one."""
    scores_since: int | None = None
    """Scored calls after which the fall seems to have begun."""
    outcomes_fell: int | None = None
    """The same of those whose answer has a score."""
    outcomes_since: int | None = None


def mean_chance(curve: Curve) -> float:
    """The mean chance in training: blocks of a curve weigh the same."""
    return sum(curve.chance) / len(curve.chance)


def watch(lines: Iterable[bytes], scorer: Scorer, prices: Catalog, *, name: str = "score") -> Watched:
    """Go over recorded calls in the order they were sent, those that this scorer was asked about.

    Args:
        lines: Lines of a recorder file, as a ledger exports them.
        scorer: Which one.
        prices: Knows which model a dated name is.
        name: Of the score that tells whether the bar is held.
    """
    drift, scored, told, total = Drift(scorer), 0, 0, 0.0
    for line in lines:
        read = _read(line, scorer.digest)
        if read is None:
            continue
        call, scores = read
        chance = scores.rungs[0].chance / SCORE_UNIT
        drift.scored(chance, known=scores.known)
        scored, total = scored + 1, total + (chance if scores.known else 0.0)
        own = _chance(call, scores, prices)
        score = call.scores.get(name)
        if own is not None and score is not None:
            drift.told(own, score >= scorer.about.bar)
            told += 1
    state = drift.state
    return Watched(
        scored=scored,
        told=told,
        expected=drift.expected,
        mean=total / scored if scored else 0.0,
        scores_fell=state.scores.alarm_at,
        scores_since=state.scores.began_at,
        outcomes_fell=state.outcomes.alarm_at,
        outcomes_since=state.outcomes.began_at,
    )


def _read(line: bytes, digest: str) -> tuple[Recorded, Scores] | None:
    """A call that this scorer was asked about, with its numbers; None for any other, and for one that does not read."""
    try:
        call = decode_recorded(line)
        scores = _STATE.decode(call.state).scored if bytes(call.state) else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return None
    if scores is None or scores.scorer != digest or scores.why_not or not scores.rungs:
        return None
    fits = all(0 <= one.chance <= SCORE_UNIT for one in scores.rungs)
    return (call, scores) if fits else None


def _chance(call: Recorded, scores: Scores, prices: Catalog) -> float | None:
    """The chance that was given of the rung that served the call; None where none was."""
    if call.served is None or not scores.known:
        return None
    try:
        model = prices.resolve(call.served).model.name
    except TierwiseError:
        return None
    return next((one.chance / SCORE_UNIT for one in scores.rungs if one.rung == model), None)
