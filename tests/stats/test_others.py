"""Intervals, families, risks, calibration, alarms: against exact arithmetic and known values."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.stats import (
    DropDetector,
    augmented,
    augmented_bounds,
    beta_cdf,
    binomial_at_most,
    bootstrap,
    calibration_error,
    clopper_pearson,
    cohen_kappa,
    conformal_threshold,
    e_benjamini_hochberg,
    fixed_sequence,
    isotonic,
    kappa_interval,
    learn_then_test,
    normal_quantile,
    pairs_needed,
    platt,
    selective_risk_test,
    selective_threshold,
    upper_bound,
    wilson,
)


@given(st.integers(1, 60), st.data())
def test_binomial_tails_are_those_of_exact_arithmetic(n: int, data: st.DataObject) -> None:
    k, part = data.draw(st.integers(0, n)), data.draw(st.integers(1, 99))
    p = Fraction(part, 100)
    exact = sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))
    assert binomial_at_most(k, n, part / 100) == pytest.approx(float(exact), abs=1e-12)


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    # Published tables of exact 95 % limits.
    [(0, 10, 0.0, 0.3085), (1, 10, 0.0025, 0.4450), (5, 10, 0.1871, 0.8129), (10, 10, 0.6915, 1.0)],
)
def test_clopper_and_pearson_are_those_of_the_tables(k: int, n: int, low: float, high: float) -> None:
    assert clopper_pearson(k, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 400), st.data())
def test_the_intervals_hold_the_share_and_the_exact_one_is_the_wider(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    low, high = clopper_pearson(k, n)
    assert low <= k / n <= high
    assert wilson(k, n)[0] <= k / n <= wilson(k, n)[1]
    assert upper_bound(k, n, 0.975) == pytest.approx(high, abs=1e-9)


def test_three_over_n_is_the_bound_for_nothing_seen() -> None:
    assert upper_bound(0, 300, 0.95) == pytest.approx(3 / 300, rel=0.01)
    assert upper_bound(0, 0, 0.95) == 1


def test_normal_quantiles_are_known() -> None:
    known = {
        0.975: 1.959963984540054,
        0.95: 1.6448536269514722,
        0.8: 0.8416212335729143,
        0.001: -3.090232306167813,
    }
    for p, z in known.items():
        assert normal_quantile(p) == pytest.approx(z, abs=1e-11)


def test_as_many_pairs_as_the_normal_approximation_or_a_few_more() -> None:
    for discordance in (0.05, 0.1, 0.2):
        about = (1.6449 + 0.8416) ** 2 * discordance / 0.05**2
        assert about * 0.85 <= pairs_needed(discordance, 0.05) <= about * 1.25


@given(st.lists(st.booleans(), max_size=8))
def test_a_ladder_is_shown_down_to_the_first_rung_that_is_not(holds: list[bool]) -> None:
    shown = fixed_sequence(holds)
    assert all(holds[:shown])
    assert shown == len(holds) or not holds[shown]


def test_e_values_across_hypotheses() -> None:
    logs = [math.log(v) for v in (100, 1, 45, 31, 2)]
    assert e_benjamini_hochberg(logs, 0.1) == (0, 2, 3)
    assert e_benjamini_hochberg(logs, 0.01) == ()
    assert e_benjamini_hochberg([], 0.05) == ()


@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=60),
    st.floats(0.01, 0.9),
)
def test_the_conformal_threshold_is_the_least_that_keeps_the_corrected_risk(
    rows: list[tuple[int, float]], alpha: float
) -> None:
    scores, losses = [float(s) for s, _ in rows], [loss for _, loss in rows]

    def risk(threshold: float) -> float:
        return (sum(x for s, x in zip(scores, losses, strict=True) if s >= threshold) + 1) / (len(rows) + 1)

    good = [t for t in sorted(set(scores)) if risk(t) <= alpha]
    assert conformal_threshold(scores, losses, alpha) == (good[0] if good else None)


def test_the_joint_risk_is_kept_on_average() -> None:
    draw = np.random.Generator(np.random.PCG64(11))
    risks = []
    for _ in range(300):
        score = draw.random(400)
        loss = (draw.random(400) > score).astype(float)
        threshold = conformal_threshold(score[:200], loss[:200], 0.1)
        accepted = score[200:] >= (2 if threshold is None else threshold)
        risks.append(float((loss[200:] * accepted).mean()))
    assert np.mean(risks) <= 0.1 + 3 * np.std(risks) / math.sqrt(300)


def test_the_selective_risk_is_passed_in_at_most_delta_of_splits() -> None:
    draw, over, accepted = np.random.Generator(np.random.PCG64(13)), 0, 0
    thresholds = [1 - i / 20 for i in range(20)]
    for _ in range(300):
        score = draw.random(600)
        worse = (draw.random(600) > 0.5 + score / 2).astype(float)
        threshold = selective_threshold(score, worse, thresholds, 0.15, 0.1)
        if threshold is not None:
            accepted += 1
            # The truth: the mean of (1 - s) / 2 over s from the threshold to 1.
            over += (1 - threshold) / 4 > 0.15
    assert accepted > 200
    assert clopper_pearson(over, 300, 0.99)[0] <= 0.1


def test_settings_are_certified_from_strict_to_loose_until_the_first_that_fails() -> None:
    assert learn_then_test([0.01, 0.02, 0.2, 0.01], 0.05) == 1
    assert learn_then_test([0.2, 0.01], 0.05) is None
    assert selective_risk_test(0, 0, 0.1) == 1
    with pytest.raises(ValueError, match="0 or 1"):
        selective_threshold([1.0], [0.5], [0.5], 0.1, 0.1)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.05, 1))
def test_a_stand_in_is_unbiased_and_within_its_bounds(guess: float, value: float, chance: float) -> None:
    known, unknown = augmented(guess, value, chance), augmented(guess, None, chance)
    assert chance * known + (1 - chance) * unknown == pytest.approx(value, abs=1e-9)
    low, high = augmented_bounds(0, 1, chance)
    assert low - 1e-9 <= min(known, unknown) <= max(known, unknown) <= high + 1e-9


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1)), min_size=1, max_size=50))
def test_isotonic_rises_keeps_the_mean_and_is_as_good_as_any_of_its_kind(rows: list[tuple[int, int]]) -> None:
    scores, outcomes = [float(s) for s, _ in rows], [float(y) for _, y in rows]
    knots, values = isotonic(scores, outcomes)
    fitted = np.interp(scores, knots, values)
    assert np.all(np.diff(values) >= -1e-12)
    assert fitted.mean() == pytest.approx(np.mean(outcomes))
    flat = float(np.mean(outcomes))
    assert np.sum((fitted - outcomes) ** 2) <= np.sum((flat - np.array(outcomes)) ** 2) + 1e-9


def test_platt_finds_the_curve_that_drew_the_outcomes_and_it_is_calibrated() -> None:
    draw = np.random.Generator(np.random.PCG64(17))
    score = draw.normal(size=20_000)
    outcome = (draw.random(20_000) < 1 / (1 + np.exp(-(2 * score - 1)))).astype(float)
    slope, intercept = platt(score, outcome)
    assert (slope, intercept) == pytest.approx((2, -1), abs=0.1)
    chance = 1 / (1 + np.exp(-(slope * score + intercept)))
    assert calibration_error(chance, outcome) < 0.01
    assert calibration_error(chance**3, outcome) > 0.1


def test_platt_ends_where_scores_tell_the_outcomes_apart() -> None:
    slope, _ = platt([0.0, 0.1, 0.9, 1.0], [0, 0, 1, 1])
    assert math.isfinite(slope)
    assert slope > 0


def test_the_bootstrap_draws_whole_clusters_and_the_same_with_the_same_seed() -> None:
    values = np.repeat([0.0, 1.0, 0.0, 1.0], 50)
    clusters = np.repeat([0, 1, 2, 3], 50)
    wide = bootstrap(lambda at: float(values[at].mean()), clusters, seed=1)
    narrow = bootstrap(lambda at: float(values[at].mean()), np.arange(200), seed=1)
    assert wide == bootstrap(lambda at: float(values[at].mean()), clusters, seed=1)
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])


def test_an_alarm_is_rare_where_nothing_fell_and_soon_where_it_did() -> None:
    draw = np.random.Generator(np.random.PCG64(19))
    quiet = DropDetector(0.9, rare=2_000)
    alarms = sum(quiet.see(float(s)) for s in (draw.random(60_000) < 0.9))
    assert alarms <= 60_000 / 2_000
    delays = []
    for _ in range(20):
        falling, count = DropDetector(0.9), 0
        while not falling.see(float(draw.random() < 0.8)):
            count += 1
        delays.append(count)
    assert np.mean(delays) < 600


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1), max_size=40), st.integers(0, 40))
def test_a_detector_goes_on_from_its_state(scores: list[float], at: int) -> None:
    whole, first = DropDetector(0.8), DropDetector(0.8)
    for score in scores:
        whole.see(score)
    for score in scores[:at]:
        first.see(score)
    second = DropDetector(0.8, state=first.state)
    for score in scores[at:]:
        second.see(score)
    assert second.state == whole.state


def test_kappa_is_cohens() -> None:
    # Cohen's kind of table: 20 both yes, 15 both no, 5 and 10 apart.
    first = ["y"] * 25 + ["n"] * 25
    second = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    assert cohen_kappa(first, second) == pytest.approx(0.4)
    assert cohen_kappa(["y"], ["y"]) is None
    low, high = kappa_interval(first, second, seed=1)
    assert low < 0.4 < high
    with pytest.raises(ValueError, match="both"):
        cohen_kappa([], [])


@pytest.mark.parametrize("bad", [(0.0, 1.0, 0.5), (1.0, 1.0, 1.5), (1.0, -1.0, 0.5)])
def test_beta_of_what_is_none_is_refused(bad: tuple[float, float, float]) -> None:
    a, b, x = bad
    with pytest.raises(ValueError, match="expected"):
        beta_cdf(x, a, b)
