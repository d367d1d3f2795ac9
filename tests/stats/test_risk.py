"""Certificates of risk: right on average, rarely wrong, and 'accept nothing' where nothing can be certified."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tierwise.errors import OutOfBounds
from tierwise.stats import (
    binomial_tail,
    certify_mean,
    certify_selective,
    conformal_threshold,
    one_each,
    selective_counts,
)

SETTINGS = np.linspace(1.0, 0.0, 21)
"""Thresholds from strict to loose."""


def drawn(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and whether the item is worse: with chance (1 - score) / 2."""
    scores = rng.random(count)
    return scores, rng.random(count) < (1 - scores) / 2


def test_the_loosest_setting_whose_corrected_risk_passes() -> None:
    losses = np.array([[0, 0, 1], [0, 0, 1], [0, 1, 1], [0, 0, 0]])
    assert conformal_threshold(losses, alpha=0.4) == 1  # (1 + 1) / 5
    assert conformal_threshold(losses, alpha=0.39) == 0
    assert conformal_threshold(losses, alpha=0.19) is None
    assert conformal_threshold(losses, alpha=1.0) == 2
    assert conformal_threshold(np.zeros((0, 3)), alpha=0.5) is None


def test_the_expected_joint_loss_is_at_most_alpha() -> None:
    """P(accepted at t and worse) = (1-t)^2 / 4, on average over 1,000 calibrations of 100 items; tight too."""
    rng, risks = np.random.default_rng(1), []
    for _ in range(1000):
        scores, worse = drawn(rng, 100)
        place = conformal_threshold((scores[:, None] >= SETTINGS) & worse[:, None], alpha=0.1)
        risks.append(0.0 if place is None else (1 - SETTINGS[place]) ** 2 / 4)
    assert 0.07 < np.mean(risks) <= 0.1 + 3 * np.std(risks) / math.sqrt(1000)


def test_the_share_of_worse_among_the_accepted_is_above_alpha_in_at_most_delta_of_runs() -> None:
    """The share at threshold t is (1 - t) / 4: above 10 % for t < 0.6. Begun where a tenth is accepted."""
    rng, wrong, some = np.random.default_rng(2), 0, 0
    for _ in range(1000):
        scores, worse = drawn(rng, 800)
        counts = selective_counts(scores[:, None], worse[:, None], SETTINGS[:, None])
        found = certify_selective(counts, alpha=0.1, delta=0.1, starts=(2,))
        if found.place is not None:
            some += 1
            wrong += SETTINGS[found.place] < 0.6 - 1e-9
    assert some > 900
    assert 0 < wrong / 1000 < 0.1 + 3 * math.sqrt(0.09 / 1000)


def test_nothing_is_certified_on_too_few_items() -> None:
    """Without a single worse one, 5 % at 95 % takes 59 items."""
    assert certify_selective([(0, 58)], alpha=0.05, delta=0.05).place is None
    assert certify_selective([(0, 59)], alpha=0.05, delta=0.05).place == 0
    assert certify_selective([(0, 0), (0, 59)], alpha=0.05, delta=0.05).place is None
    assert certify_selective([(0, 0), (0, 59)], alpha=0.05, delta=0.05, starts=(1,)).place == 1
    assert certify_selective([], alpha=0.05, delta=0.05).place is None


def test_an_item_is_taken_by_the_first_stage_that_is_sure() -> None:
    scores = [[0.9, 0.9], [0.2, 0.9], [0.2, 0.2]]
    harms = [[True, False], [False, True], [True, True]]
    assert selective_counts(scores, harms, [[0.5, 0.5], [math.inf, 0.5], [math.inf, math.inf]]) == [
        (2, 2),
        (1, 2),
        (0, 0),
    ]


def test_mean_losses_have_the_better_of_two_p_values() -> None:
    losses = np.zeros((100, 1))
    losses[:3] = 1.0
    p_value = certify_mean(losses, alpha=0.1, delta=0.05).p_values[0]
    hoeffding = math.exp(-100 * (0.03 * math.log(0.3) + 0.97 * math.log(0.97 / 0.9)))
    assert p_value == pytest.approx(min(hoeffding, math.e * binomial_tail(3, 100, 0.1)))
    assert certify_mean(np.full((100, 1), 0.1), alpha=0.1, delta=0.05).p_values == (1.0,)


def test_a_false_certificate_of_a_mean_is_rare() -> None:
    """The mean loss is alpha exactly: any certificate is false."""
    rng = np.random.default_rng(3)
    found = [
        certify_mean(rng.random((60, 1)) * 0.4, alpha=0.2, delta=0.1).place is not None for _ in range(1000)
    ]
    binary = [
        certify_mean(rng.random((60, 1)) < 0.2, alpha=0.2, delta=0.1).place is not None for _ in range(1000)
    ]
    assert np.mean(found) < 0.1
    assert 0 < np.mean(binary) < 0.1


def test_one_item_of_each_cluster_is_drawn_alike_for_a_seed() -> None:
    clusters = ["a", "b", "a", "a", "c"]
    places = one_each(clusters, seed=3)
    assert places == one_each(clusters, seed=3)
    assert sorted(clusters[at] for at in places) == ["a", "b", "c"]
    assert {tuple(one_each(clusters, seed=s)) for s in range(40)} == {(0, 1, 4), (1, 2, 4), (1, 3, 4)}


@pytest.mark.parametrize(
    "call",
    [
        lambda: conformal_threshold([[0.5, 0.4]], alpha=0.1),
        lambda: conformal_threshold([[1.5]], alpha=0.1),
        lambda: conformal_threshold([[math.nan]], alpha=0.1),
        lambda: certify_selective([(2, 1)], alpha=0.1, delta=0.1),
        lambda: certify_selective([(0, 1)], alpha=0.0, delta=0.1),
        lambda: certify_mean([[2.0]], alpha=0.1, delta=0.1),
        lambda: certify_mean([[0.5]], alpha=1.0, delta=0.1),
    ],
)
def test_impossible_arguments_are_refused(call: object) -> None:
    with pytest.raises(OutOfBounds):
        call()  # type: ignore[operator]
