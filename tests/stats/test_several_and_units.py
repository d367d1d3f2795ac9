"""Several hypotheses, clusters, and samples with a known chance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.errors import OutOfBounds
from tierwise.stats import (
    MeanTests,
    Unit,
    by_cluster,
    e_bh,
    fixed_sequence,
    rectified,
    rectified_bounds,
    rectify,
)


def test_a_ladder_stops_at_the_first_that_does_not_hold() -> None:
    assert fixed_sequence([0.01, 0.05, 0.06, 0.001], level=0.05) == [0, 1]
    assert fixed_sequence([0.06, 0.001], level=0.05) == []
    assert fixed_sequence([], level=0.05) == []


def test_several_starts_share_the_level() -> None:
    assert fixed_sequence([0.5, 0.02, 0.02, 0.03], level=0.05, starts=(0, 1)) == [1, 2]


def test_e_bh_takes_the_most_that_carry_each_other() -> None:
    """Of four at 5 %: thresholds 80, 40, 26.7 and 20."""
    logs = [math.log(e) for e in (45.0, 10.0, 45.0, 1.0)]
    assert e_bh(logs, level=0.05) == [0, 2]
    assert e_bh(logs[:1] + logs[1:2] * 3, level=0.05) == []
    assert e_bh([], level=0.05) == []


@settings(deadline=None)
@given(st.lists(st.floats(-5, 12), max_size=12), st.floats(0.01, 0.5), st.integers(0, 11))
def test_more_evidence_never_takes_a_rejection_away(logs: list[float], level: float, place: int) -> None:
    if place < len(logs):
        more = [one + 1.0 if at == place else one for at, one in enumerate(logs)]
        assert set(e_bh(logs, level=level)) <= set(e_bh(more, level=level))


def test_false_discoveries_stay_below_the_level() -> None:
    """8 of 10 hypotheses are null, e-values of them exp(z - 1/2), which average 1; all from one z: dependent."""
    rng, shares = np.random.default_rng(4), []
    for _ in range(2000):
        null = 3 * rng.standard_normal() - 4.5
        found = e_bh([null] * 8 + [9.0, 9.0], level=0.2)
        shares.append(sum(at < 8 for at in found) / max(1, len(found)))
    assert np.mean(shares) < 0.2


def test_items_of_a_cluster_become_one_observation() -> None:
    units = by_cluster([1.0, 0.0, 0.5, 0.5], ["a", "b", "a", "a"], cap=4)
    assert units == [Unit(pytest.approx(2 / 3), 0.75), Unit(0.0, 0.25)]
    with pytest.raises(OutOfBounds, match="cluster of 3"):
        by_cluster([1.0, 0.0, 0.5, 0.5], ["a", "b", "a", "a"], cap=2)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-1, 1), st.integers(0, 4)), min_size=1, max_size=40))
def test_the_mean_over_items_is_kept(items: list[tuple[float, int]]) -> None:
    units = by_cluster([x for x, _ in items], [c for _, c in items], cap=40)
    mean = sum(u.x * u.weight for u in units) / sum(u.weight for u in units)
    assert mean == pytest.approx(sum(x for x, _ in items) / len(items), abs=1e-9)


@settings(deadline=None)
@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(0.05, 1.0))
def test_a_rectified_observation_has_the_mean_of_the_value_whatever_was_guessed(
    guess: float, value: float, probability: float
) -> None:
    known, unknown = rectified([guess, guess], [value, None], probability=probability)
    assert probability * known + (1 - probability) * unknown == pytest.approx(value, abs=1e-9)
    low, high = rectified_bounds(-1, 1, probability=probability)
    assert low - 1e-9 <= min(known, unknown) <= max(known, unknown) <= high + 1e-9


def test_arrays_are_rectified_as_numbers_are() -> None:
    guesses, values = [0.2, -0.4, 1.0], [0.5, None, -1.0]
    known = np.array([True, False, True])
    many = rectify(np.array(guesses), np.array([0.5, 9.0, -1.0]), known, probability=0.3)
    assert many.tolist() == rectified(guesses, values, probability=0.3)


def test_a_judge_that_always_sees_a_win_buys_no_verdict() -> None:
    """At the boundary, a tenth labelled at random: 1,500 runs of 300 looks, 5 % and four standard errors."""
    rng = np.random.default_rng(6)
    tests = MeanTests(1500, *rectified_bounds(-0.95, 1.05, probability=0.1), aim=0.05, spread=1.0)
    for _ in range(300):
        truth = 0.05 - (rng.random(1500) < 0.05)
        tests.add(rectify(1.05, truth, rng.random(1500) < 0.1, probability=0.1))
    assert np.mean(tests.held_at > 0) < 0.05 + 4 * math.sqrt(0.05 * 0.95 / 1500)


def test_narrower_guesses_narrow_the_bounds() -> None:
    assert rectified_bounds(-1, 1, probability=0.25) == (-7.0, 7.0)
    assert rectified_bounds(-1, 1, probability=0.25, guess_low=0.0, guess_high=0.5) == (-5.5, 4.0)
    assert rectified_bounds(-1, 1, probability=1.0) == (-1.0, 1.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: fixed_sequence([0.1], level=0.0),
        lambda: fixed_sequence([0.1], level=0.1, starts=()),
        lambda: fixed_sequence([0.1], level=0.1, starts=(1,)),
        lambda: e_bh([0.1], level=1.0),
        lambda: rectified([0.1], [None], probability=0.0),
        lambda: rectified_bounds(-1, 1, probability=1.5),
        lambda: rectified_bounds(1, -1, probability=0.5),
    ],
)
def test_impossible_arguments_are_refused(call: object) -> None:
    with pytest.raises(OutOfBounds):
        call()  # type: ignore[operator]
