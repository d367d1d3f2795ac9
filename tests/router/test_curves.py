"""The figures of a router on cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.router import aiq, apgr, cpt, deferral, hull, neutral_cost, resampled


def test_a_perfect_order_recovers_the_gap_at_once() -> None:
    """Half the requests need the strong model; they are sent there first."""
    weak, strong = np.array([0.0] * 50 + [1.0] * 50), np.ones(100)
    order = np.arange(100)[::-1].astype(float)
    share, quality = deferral(order, weak, strong)

    assert share[0] == 0
    assert share[-1] == 1
    assert quality[0] == 0.5
    assert quality[-1] == 1
    assert apgr(order, weak, strong) == pytest.approx(0.75, abs=0.01)
    assert cpt(order, weak, strong, 50) == pytest.approx(25, abs=1)
    assert cpt(order, weak, strong, 80) == pytest.approx(40, abs=1)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31))
def test_an_order_and_its_reverse_share_the_square(seed: int) -> None:
    """What one ranking gains over random, its reverse loses, up to the width of a level."""
    draw = np.random.default_rng(seed)
    weak, strong, order = np.zeros(400), draw.random(400), draw.permutation(400).astype(float)

    assert apgr(order, weak, strong) + apgr(-order, weak, strong) == pytest.approx(1, abs=0.03)


def test_a_hull_keeps_what_no_mix_of_others_beats() -> None:
    assert hull([1, 2, 3, 4, 2], [0.2, 0.3, 0.8, 0.7, 0.1]) == [(1, 0.2), (3, 0.8)]


def test_the_mean_height_of_a_hull() -> None:
    assert aiq([(0.0, 0.0), (1.0, 1.0)], 0, 1) == pytest.approx(0.5)
    assert aiq([(0.0, 0.5)], 0, 2) == pytest.approx(0.5)


def test_the_cost_that_matches_a_quality() -> None:
    points = [(1.0, 0.2), (3.0, 0.8)]

    assert neutral_cost(points, 0.5) == pytest.approx(2)
    assert neutral_cost(points, 0.1) == 1
    assert neutral_cost(points, 0.9) is None


def test_bootstrap_samples_are_shared_between_ways() -> None:
    draw = np.random.default_rng(1)
    weak, strong, order = np.zeros(200), draw.random(200), draw.random(200)
    found = resampled([order, order], weak, strong, draws=20)

    assert found[:, 0].tolist() == found[:, 1].tolist()
    assert len(set(found[:, 0].tolist())) > 10
