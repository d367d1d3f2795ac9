"""Intervals by drawing again, and the agreement of two raters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.errors import OutOfBounds
from tierwise.stats import bootstrap, kappa, krippendorff

LABELS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=30)


def test_equal_seeds_give_equal_intervals_near_the_normal_one() -> None:
    values = np.random.default_rng(1).normal(2.0, 1.0, 400)
    found = bootstrap(values, seed=5)
    assert found == bootstrap(values, seed=5) != bootstrap(values, seed=6)
    assert (found.lower, found.upper) == pytest.approx(
        (values.mean() - 0.098, values.mean() + 0.098), abs=0.015
    )


def test_clusters_are_drawn_whole() -> None:
    """100 clusters of ten equal values: as wide as on 100 values, not as on 1,000."""
    heads = np.random.default_rng(2).normal(0.0, 1.0, 100)
    values, clusters = np.repeat(heads, 10), np.repeat(np.arange(100), 10).tolist()
    whole, apart = bootstrap(values, clusters=clusters), bootstrap(values)
    assert (whole.upper - whole.lower) / (apart.upper - apart.lower) == pytest.approx(10**0.5, rel=0.1)


def test_another_number_than_the_mean() -> None:
    rows = np.stack([np.arange(50.0), np.arange(50.0) + 1.0], axis=1)
    found = bootstrap(rows, of=lambda some: float((some[:, 1] - some[:, 0]).mean()), draws=50)
    assert (found.estimate, found.lower, found.upper) == (1.0, 1.0, 1.0)


def test_known_agreement() -> None:
    """Cohen's coefficient on 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no is 0.4."""
    first, second = "y" * 25 + "n" * 25, "y" * 20 + "n" * 5 + "y" * 10 + "n" * 15
    found = kappa(first, second)
    assert found.estimate == pytest.approx(0.4)
    assert found.lower < 0.4 < found.upper
    assert found == kappa(first, second)


def test_krippendorffs_own_example() -> None:
    """Ten nominal values of two observers (Krippendorff 2011, section A): 0.095."""
    first = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    second = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert krippendorff(first, second).estimate == pytest.approx(0.095, abs=0.001)
    assert krippendorff([*first, None], [*second, 1]).estimate == krippendorff(first, second).estimate


@settings(deadline=None)
@given(LABELS)
def test_agreement_is_the_same_from_either_side_and_1_only_if_whole(pairs: list[tuple[str, str]]) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    for of in (kappa, krippendorff):
        found = of(first, second, draws=20)
        assert found.estimate == pytest.approx(of(second, first, draws=20).estimate)
        assert (found.estimate == 1.0) == (first == second)
        assert found.lower <= found.upper


@pytest.mark.parametrize(
    "call",
    [
        lambda: bootstrap([]),
        lambda: bootstrap([1.0], alpha=0.0),
        lambda: bootstrap([1.0], clusters=["a", "b"]),
        lambda: kappa([], []),
        lambda: kappa(["a"], ["a", "b"]),
        lambda: krippendorff(["a"], [None]),
        lambda: krippendorff(["a"], []),
    ],
)
def test_impossible_arguments_are_refused(call: object) -> None:
    with pytest.raises(OutOfBounds):
        call()  # type: ignore[operator]
