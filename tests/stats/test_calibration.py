"""Curves from scores to chances, and how far chances are from what happened."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.errors import OutOfBounds
from tierwise.stats import beta_curve, expected_calibration_error, isotonic, platt

PAIRS = st.lists(
    st.tuples(st.integers(0, 12).map(lambda n: n / 12), st.integers(0, 1)), min_size=1, max_size=40
)


def test_neighbours_that_fall_are_pooled() -> None:
    steps = isotonic([1, 2, 3, 4, 5], [0.0, 1.0, 0.5, 0.0, 1.0])
    assert [steps(s) for s in (0, 1, 2, 3.5, 4, 9)] == [0.0, 0.0, 0.5, 0.5, 0.5, 1.0]


@settings(deadline=None)
@given(PAIRS)
def test_steps_rise_keep_the_mean_and_are_the_nearest(pairs: list[tuple[float, int]]) -> None:
    """The max-min formula says what the nearest rising fit is, in a way that pools nothing."""
    scores, outcomes = np.array([s for s, _ in pairs]), np.array([o for _, o in pairs], dtype=float)
    steps = isotonic(scores, outcomes)
    edges = np.unique(scores)
    for at, edge in enumerate(edges):
        nearest = max(
            min(outcomes[(scores >= low) & (scores <= high)].mean() for high in edges[at:])
            for low in edges[: at + 1]
        )
        assert steps(float(edge)) == pytest.approx(nearest)
    assert list(steps.chances) == sorted(steps.chances)
    assert np.mean([steps(s) for s in scores]) == pytest.approx(outcomes.mean())


@settings(deadline=None)
@given(PAIRS)
def test_platts_curve_is_where_the_likelihood_is_level(pairs: list[tuple[float, int]]) -> None:
    scores, outcomes = [s for s, _ in pairs], [o for _, o in pairs]
    good, bad = sum(outcomes), len(outcomes) - sum(outcomes)
    target = {1: (good + 1) / (good + 2), 0: 1 / (bad + 2)}
    curve = platt(scores, outcomes)
    off = [curve(s) - target[o] for s, o in pairs]
    assert sum(off) == pytest.approx(0, abs=1e-5)
    assert sum(o * s for o, s in zip(off, scores, strict=True)) == pytest.approx(0, abs=1e-5)


@settings(deadline=None)
@given(PAIRS, st.floats(-1e6, 1e6))
def test_every_curve_gives_chances_that_never_fall(pairs: list[tuple[float, int]], score: float) -> None:
    scores, outcomes = [s for s, _ in pairs], [o for _, o in pairs]
    grid = [n / 50 for n in range(51)]
    for curve in (isotonic(scores, outcomes), beta_curve(scores, outcomes)):
        chances = [curve(s) for s in grid]
        assert all(a <= b + 1e-12 for a, b in pairwise(chances))
    for curve in (isotonic(scores, outcomes), platt(scores, outcomes), beta_curve(scores, outcomes)):
        assert 0.0 <= curve(score) <= 1.0


def test_the_beta_curve_finds_what_bent_the_chances() -> None:
    """Scores whose true chance is s^2 / (s^2 + 1 - s): rise 2, fall 1."""
    rng = np.random.default_rng(1)
    scores = rng.random(40_000)
    truth = scores**2 / (scores**2 + 1 - scores)
    outcomes = rng.random(40_000) < truth
    curve = beta_curve(scores, outcomes)
    assert (curve.rise, curve.fall) == pytest.approx((2.0, 1.0), abs=0.1)
    assert max(abs(curve(s) - s**2 / (s**2 + 1 - s)) for s in np.linspace(0.02, 0.98, 50)) < 0.02
    assert expected_calibration_error([curve(s) for s in scores], outcomes) < 0.01
    assert expected_calibration_error(scores, outcomes) > 0.05


def test_the_error_is_the_mean_distance_over_bins_of_equally_many() -> None:
    chances = [0.1, 0.1, 0.4, 0.6, 0.9, 0.9]
    outcomes = [0, 1, 0, 1, 1, 1]
    by_hand = (abs(0.2 - 1) + abs(1.0 - 1) + abs(1.8 - 2)) / 6
    assert expected_calibration_error(chances, outcomes, bins=3) == pytest.approx(by_hand)
    assert expected_calibration_error([0.7] * 10, [1] * 7 + [0] * 3) == pytest.approx(0.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: isotonic([], []),
        lambda: isotonic([1.0], [1.5]),
        lambda: isotonic([math.nan], [1.0]),
        lambda: isotonic([1.0, 2.0], [1.0]),
        lambda: platt([1.0], [0.5]),
        lambda: beta_curve([1.5], [1.0]),
        lambda: expected_calibration_error([1.5], [1.0]),
        lambda: expected_calibration_error([0.5], [1.0], bins=0),
    ],
)
def test_impossible_arguments_are_refused(call: object) -> None:
    with pytest.raises(OutOfBounds):
        call()  # type: ignore[operator]
