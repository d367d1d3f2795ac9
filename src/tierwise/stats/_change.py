"""Has a mean risen above 0 since some moment: an alarm that is rarely false."""

from __future__ import annotations

import math

import msgspec

from tierwise.errors import OutOfBounds
from tierwise.stats import _bets

FRACTIONS = tuple(round(0.97 * 2.0 ** (-k / 2) * 2**20) / 2**20 for k in range(16))
"""Stakes, from nearly all of the capital down to half a percent of it, a factor of 1.4 apart."""

_WIDTH = 0.6
"""Of the split over them, in natural logarithms: a change has no size that is known beforehand."""


class ChangeState(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """All that a detector remembers: a few hundred bytes of JSON."""

    count: int = 0
    """Observations so far."""
    alarm_at: int | None = None
    """The observation at which it gave alarm."""
    began_at: int | None = None
    """Where the change seems to have begun: the observation after which the alarm's own evidence starts."""
    sums: list[float]
    """Shiryaev-Roberts sum a bet."""
    peaks: list[float]
    """Cumulative-sum statistic a bet."""
    since: list[int]
    """The observation after which each cumulative sum last began anew."""


class Change:
    """Watches observations in [low, high] that should have a mean of at most 0, and alarms when it rises.

    An e-detector (Shin, Ramdas & Rinaldo 2023, "E-detectors: a nonparametric framework for sequential
    change detection"): the Shiryaev-Roberts sums of the bets of
    `MeanTest`, M_n = (1 + M_{n-1}) * (1 + c x_n / -low), mixed over fixed c. While every observation has, given
    those before, a mean of at most 0, M_n - n is a supermartingale, so the mean number of observations to
    a false alarm is at least `run_length`. Cumulative sums beside them only tell where it began.

    Nothing is promised about the time from change to alarm; about ln(run_length) / (gain a observation),
    where the gain is near mean^2 / (2 variance): measured in benchmarks/prove.py.

    Args:
        low: the least an observation can be, below 0.
        high: the most, above 0. To watch for a loss of quality: margin lost minus what is tolerated.
        run_length: mean observations to a false alarm, at least; above 1.
        aim: the mean that should be seen soonest; by default 1/10 of the range.
        spread: standard deviation expected; by default 0.15 of the range.
        state: of a detector that went before, to go on from.

    Raises:
        OutOfBounds: for arguments or observations that are not as said.
    """

    def __init__(
        self,
        low: float,
        high: float,
        *,
        run_length: float = 100_000.0,
        aim: float | None = None,
        spread: float | None = None,
        state: ChangeState | None = None,
    ) -> None:
        aim, spread = _bets.design(low, high, aim, spread, middle=(high - low) / 10.0)
        if not 1.0 < run_length < math.inf:
            raise OutOfBounds(f"run length {run_length} is a mean number of observations, above 1")
        self.low, self.high, self.run_length = low, high, run_length
        centre = min(max(-low * aim / (spread * spread), FRACTIONS[-1]), FRACTIONS[0])
        self._split = _bets.split(FRACTIONS, centre=centre, width=_WIDTH)
        size = len(self._split)
        self.state = state or ChangeState(sums=[0.0] * size, peaks=[1.0] * size, since=[0] * size)
        if not (len(self.state.sums) == len(self.state.peaks) == len(self.state.since) == size):
            raise OutOfBounds(
                f"a state of other than {size} bets: it was written by another version; begin anew"
            )

    def add(self, x: float) -> bool:
        """One observation; whether the alarm is given, now or before. After an alarm nothing changes."""
        state, slack = self.state, 1e-9 * (self.high - self.low)
        if not self.low - slack <= x <= self.high + slack:
            raise OutOfBounds(f"observation {x}: expected one within [{self.low}, {self.high}]")
        if state.alarm_at is not None:
            return True
        state.count += 1
        gain = min(max(x, self.low), self.high) / -self.low
        for k, c in enumerate(FRACTIONS):
            factor = 1.0 + c * gain
            state.sums[k] = (1.0 + state.sums[k]) * factor
            if state.peaks[k] <= 1.0:
                state.peaks[k], state.since[k] = 1.0, state.count - 1
            state.peaks[k] *= factor
        total = 0.0
        for part, one in zip(self._split, state.sums, strict=True):
            total += part * one
        if total >= self.run_length:
            state.alarm_at = state.count
            best = max(range(len(state.peaks)), key=lambda k: (self._split[k] * state.peaks[k], -k))
            state.began_at = state.since[best]
        return state.alarm_at is not None

    @property
    def delay(self) -> int | None:
        """Observations from where the change seems to have begun to the alarm; None without one."""
        state = self.state
        if state.alarm_at is None or state.began_at is None:
            return None
        return state.alarm_at - state.began_at
