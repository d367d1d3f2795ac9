"""An alarm that is rarely false, comes soon after a change, and survives a restart."""

from __future__ import annotations

import math
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.errors import OutOfBounds
from tierwise.stats import Change, ChangeState


def run(rng: random.Random, detector: Change, worse: float, better: float, limit: int) -> int:
    """Observations to the alarm: -1 and 1 with these chances, else 0."""
    for at in range(1, limit + 1):
        if detector.add(rng.choices((1.0, -1.0, 0.0), (worse, better, 1 - worse - better))[0]):
            return at
    return limit


def test_a_false_alarm_takes_as_long_as_was_said() -> None:
    """Run length 200, a mean of exactly 0: 120 runs, each cut at 4,000, which only shortens the average."""
    rng = random.Random(1)
    lengths = [run(rng, Change(-1, 1, run_length=200), 0.1, 0.1, 4000) for _ in range(120)]
    assert sum(lengths) / len(lengths) >= 200


def test_after_a_change_the_alarm_comes_soon_and_says_where_it_began() -> None:
    """A mean of 0.2 with variance 0.26 gains 0.07 a time at best: ln 100,000 / 0.07 is 160."""
    rng, delays, off = random.Random(2), [], []
    for _ in range(40):
        detector = Change(-1, 1)
        assert run(rng, detector, 0.05, 0.05, 300) == 300
        run(rng, detector, 0.25, 0.05, 2000)
        state = detector.state
        assert state.alarm_at is not None
        assert state.began_at is not None
        delays.append(state.alarm_at - 300)
        off.append(abs(state.began_at - 300))
        assert detector.delay == state.alarm_at - state.began_at
    assert sum(delays) / len(delays) < 200
    assert sorted(off)[len(off) // 2] < 40


@settings(deadline=None)
@given(st.lists(st.floats(-1, 1), max_size=80), st.integers(0, 80))
def test_a_detector_goes_on_from_what_it_wrote_down(xs: list[float], cut: int) -> None:
    whole, first = Change(-1, 1, run_length=50), Change(-1, 1, run_length=50)
    for x in xs:
        whole.add(x)
    for x in xs[:cut]:
        first.add(x)
    text = msgspec.json.encode(first.state)
    again = Change(-1, 1, run_length=50, state=msgspec.json.decode(text, type=ChangeState))
    for x in xs[cut:]:
        again.add(x)
    assert again.state == whole.state
    assert len(text) < 2000


def test_after_an_alarm_nothing_changes() -> None:
    detector = Change(-1, 1, run_length=10)
    assert not detector.add(0.0)
    assert detector.delay is None
    while not detector.add(1.0):
        pass
    before = msgspec.json.encode(detector.state)
    assert detector.add(-1.0)
    assert msgspec.json.encode(detector.state) == before


def test_what_is_no_detector_or_observation_is_refused() -> None:
    for arguments in ({"run_length": 1.0}, {"aim": 0.0}, {"spread": math.inf}):
        with pytest.raises(OutOfBounds):
            Change(-1, 1, **arguments)
    with pytest.raises(OutOfBounds):
        Change(0, 1)
    with pytest.raises(OutOfBounds, match="another version"):
        Change(-1, 1, state=ChangeState(sums=[0.0], peaks=[1.0], since=[0]))
    for x in (1.5, math.nan):
        with pytest.raises(OutOfBounds):
            Change(-1, 1).add(x)
