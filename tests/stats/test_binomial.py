"""Exact numbers, held to exact rational arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.errors import OutOfBounds
from tierwise.stats import beta_cdf, binomial_tail, clopper_pearson, paired_size, wilson


def exact_tail(successes: int, trials: int, share: Fraction) -> Fraction:
    return sum(
        (math.comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in range(successes + 1)),
        Fraction(0),
    )


@settings(deadline=None)
@given(st.integers(0, 150), st.integers(0, 150), st.integers(0, 64))
def test_a_tail_is_that_of_rational_arithmetic(successes: int, more: int, of_64: int) -> None:
    trials = successes + more
    exact = float(exact_tail(successes, trials, Fraction(of_64, 64)))

    assert binomial_tail(successes, trials, of_64 / 64) == pytest.approx(exact, rel=1e-10, abs=1e-13)


@pytest.mark.parametrize(("successes", "trials"), [(40, 2000), (1000, 2000), (1, 2000), (5300, 100_000)])
def test_large_counts_stay_exact(successes: int, trials: int) -> None:
    share = Fraction(successes + 3, trials)
    logs = [
        math.lgamma(trials + 1)
        - math.lgamma(k + 1)
        - math.lgamma(trials - k + 1)
        + k * math.log(share)
        + (trials - k) * math.log1p(-share)
        for k in range(successes + 1)
    ]
    assert binomial_tail(successes, trials, float(share)) == pytest.approx(
        math.fsum(map(math.exp, logs)), rel=1e-8
    )


@settings(deadline=None)
@given(st.floats(0.001, 0.999), st.floats(0.1, 500), st.floats(0.1, 500))
def test_the_beta_function_turned_round_is_its_complement(x: float, a: float, b: float) -> None:
    assert beta_cdf(x, a, b) + beta_cdf(1 - x, b, a) == pytest.approx(1.0, abs=1e-9)


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 300), st.floats(0.005, 0.4))
def test_an_exact_interval_ends_where_a_tail_is_half_of_alpha(
    successes: int, failures: int, alpha: float
) -> None:
    trials = successes + failures
    lower, upper = clopper_pearson(successes, trials, alpha=alpha)
    assert 0.0 <= lower <= upper <= 1.0
    if failures:
        assert binomial_tail(successes, trials, upper) == pytest.approx(alpha / 2, rel=1e-6)
    if successes:
        assert 1 - binomial_tail(successes - 1, trials, lower) == pytest.approx(alpha / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("successes", "trials", "lower", "upper"),
    # One-sided ends in closed form, and R's binom.test(7, 20).
    [
        (0, 30, 0.0, 1 - 0.025 ** (1 / 30)),
        (30, 30, 0.025 ** (1 / 30), 1.0),
        (7, 20, 0.1539092, 0.5921885),
        (0, 0, 0.0, 1.0),
    ],
)
def test_known_intervals(successes: int, trials: int, lower: float, upper: float) -> None:
    assert clopper_pearson(successes, trials) == pytest.approx((lower, upper), abs=1e-6)


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 300), st.floats(0.01, 0.4))
def test_wilsons_ends_are_where_the_score_test_is_at_alpha(
    successes: int, failures: int, alpha: float
) -> None:
    from statistics import NormalDist

    trials = successes + failures
    lower, upper = wilson(successes, trials, alpha=alpha)
    assert 0.0 <= lower <= upper <= 1.0
    for end in (lower, upper):
        if trials and 0.0 < end < 1.0:
            score = abs(successes / trials - end) / math.sqrt(end * (1 - end) / trials)
            assert score == pytest.approx(NormalDist().inv_cdf(1 - alpha / 2), rel=1e-5)


@pytest.mark.parametrize(("discordance", "pairs"), [(0.05, 124), (0.1, 250), (0.2, 495)])
def test_the_size_of_the_fixed_test_is_near_the_normal_formula(discordance: float, pairs: int) -> None:
    """(z.95 + z.80)^2 = 6.18 variances over the squared margin."""
    assert paired_size(discordance, 0.05) == pairs
    assert pairs == pytest.approx(6.18 * discordance / 0.05**2, rel=0.03)


def test_where_only_losses_differ_the_size_is_the_binomial_one() -> None:
    """At discordance = margin the boundary has losses alone: exact by rational arithmetic, wins included."""
    n, tenth = paired_size(0.1, 0.1, power=0.9), Fraction(1, 10)

    def power(n: int) -> Fraction:
        allowed = max((k for k in range(n) if exact_tail(k, n, tenth) <= Fraction(1, 20)), default=-1)
        if allowed < 0:
            return Fraction(0)
        half = Fraction(1, 20)
        return sum(
            (
                Fraction(math.factorial(n), math.factorial(w) * math.factorial(x) * math.factorial(n - w - x))
                * half ** (w + x)
                * (1 - tenth) ** (n - w - x)
                for x in range(n + 1)
                for w in range(n + 1 - x)
                if x - w <= allowed
            ),
            Fraction(0),
        )

    assert power(n) >= Fraction(9, 10) > power(n - 1)


@pytest.mark.parametrize(
    "call",
    [
        lambda: beta_cdf(1.5, 1, 1),
        lambda: binomial_tail(3, 2, 0.5),
        lambda: binomial_tail(1, 2, 1.5),
        lambda: clopper_pearson(-1, 2),
        lambda: clopper_pearson(1, 2, alpha=1.0),
        lambda: wilson(3, 2),
        lambda: paired_size(0.01, 0.05),
    ],
)
def test_impossible_arguments_are_refused(call: object) -> None:
    with pytest.raises(OutOfBounds):
        call()  # type: ignore[operator]
