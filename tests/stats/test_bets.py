"""A mean is said to be above 0 only where it is, however often one looks, and soon where it is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.stats import Bets, MeanTest, clopper_pearson

LOW, HIGH, AIM = -0.95, 1.05, 0.05
VALUES = st.lists(st.floats(LOW, HIGH), min_size=1, max_size=60)


def seen(values: list[float], alpha: float = 0.05) -> MeanTest:
    test = MeanTest(LOW, HIGH, alpha, AIM)
    test.see_all(values)
    return test


@given(VALUES)
def test_the_same_observations_give_the_same_bits(values: list[float]) -> None:
    one, two = seen(values), seen(values)
    assert (one.log_e, one.bounds()) == (two.log_e, two.bounds())


@given(VALUES)
def test_many_gamblers_at_once_own_what_each_would_alone(values: list[float]) -> None:
    turned = [-0.1 * v for v in values]
    both = Bets([LOW, LOW], HIGH, AIM)
    alone = [Bets(LOW, HIGH, AIM), Bets(LOW, HIGH, AIM)]
    for a, b in zip(values, turned, strict=True):
        both.see([a, b])
        alone[0].see(a)
        alone[1].see(b)
    assert both.log_wealth.tolist() == [float(one.log_wealth) for one in alone]


@given(VALUES)
def test_the_bounds_hold_the_words_said(values: list[float]) -> None:
    test = seen(values)
    lower, upper = test.bounds()
    step = (HIGH - LOW) / 10_000
    needed = math.log(1 / 0.05)
    assert LOW <= lower <= upper <= HIGH
    assert (lower > 0) <= test.holds
    assert (upper < 0) <= test.fails
    if test.log_e >= needed:
        assert lower >= -step
    assert lower <= test.mean + step
    assert upper >= test.mean - step


@given(VALUES, st.floats(LOW * 0.9, HIGH * 0.9), st.floats(0.001, 0.5))
def test_wealth_never_grows_with_the_mean_that_is_bet_against(
    values: list[float], null: float, more: float
) -> None:
    higher = min(null + more, HIGH * 0.95)
    bets = Bets(LOW, HIGH, AIM, [null, higher])
    for value in values:
        bets.see([value, value])
        first, second = bets.log_wealth
        assert second <= first + 1e-9


@given(st.floats(-0.9, 0.9), st.lists(st.floats(LOW, HIGH), max_size=30))
def test_no_bet_is_more_than_fair_at_its_own_mean(share: float, past: list[float]) -> None:
    """Whatever was seen: wealth after one more observation of mean 0 is on average what it was."""
    bets = [Bets(LOW, HIGH, AIM) for _ in range(2)]
    for value in past:
        for one in bets:
            one.see(value)
    before = float(bets[0].log_wealth)
    # Two values whose mean under their chances is exactly 0.
    down, up = LOW * abs(share), HIGH * (1 - abs(share) / 2)
    chance = -down / (up - down)
    bets[0].see(up)
    bets[1].see(down)
    after = [math.exp(float(one.log_wealth) - before) for one in bets]
    assert chance * after[0] + (1 - chance) * after[1] == pytest.approx(1, abs=1e-9)


def test_an_observation_of_size_nothing_changes_nothing() -> None:
    test = seen([0.5, -0.2])
    before = (test.log_e, test.mean)
    test.see(-0.95, 0.0)
    assert (test.log_e, test.mean) == before


@pytest.mark.parametrize("discordance", [0.05, 0.2])
def test_at_the_boundary_holds_is_said_in_at_most_one_of_twenty_however_often_one_looks(
    discordance: float,
) -> None:
    runs, length = 2_000, 1_200
    draw = np.random.Generator(np.random.PCG64(7)).random((length, runs))
    minus = (discordance + AIM) / 2
    bets, most = Bets(np.full(runs, LOW), HIGH, AIM), np.zeros(runs)
    for row in draw:
        plus = row < discordance - minus
        bets.see(np.where(plus, 1.0, np.where(row < discordance, -1.0, 0.0)) + AIM)
        most = np.maximum(most, bets.log_wealth)
    wrong = int(np.sum(most >= math.log(20)))
    assert clopper_pearson(wrong, runs, 0.99)[0] <= 0.05


def test_a_difference_of_nothing_is_found_and_a_loss_is_told() -> None:
    draw = np.random.Generator(np.random.PCG64(3))
    equal = MeanTest(LOW, HIGH, 0.05, AIM)
    equal.see_all(draw.choice([LOW, AIM, HIGH], 700, p=[0.05, 0.9, 0.05]).tolist())
    assert equal.holds
    assert not equal.fails
    worse = MeanTest(LOW, HIGH, 0.05, AIM)
    worse.see_all(draw.choice([LOW, AIM, HIGH], 700, p=[0.2, 0.78, 0.02]).tolist())
    assert worse.fails
    assert not worse.holds


def test_a_mean_other_than_hoped_for_is_found_too() -> None:
    draw = np.random.Generator(np.random.PCG64(5))
    test = MeanTest(-1, 1, 0.05, 0.5)
    test.see_all((draw.uniform(-0.3, 0.36, 6_000)).tolist())
    assert test.holds


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: MeanTest(0, 1, 0.05, 0.1), "low < 0"),
        (lambda: MeanTest(-1, 1, 0, 0.1), "alpha"),
        (lambda: MeanTest(-1, 1, 0.05, 0), "aim"),
        (lambda: seen([]).see(2), "value"),
        (lambda: seen([]).see(float("nan")), "value"),
        (lambda: seen([]).see(0, 2), "size"),
    ],
)
def test_what_does_not_fit_is_refused(call: object, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        call()  # type: ignore[operator]


def test_before_the_first_observation_nothing_is_known() -> None:
    assert seen([]).bounds() == (LOW, HIGH)
    assert (seen([]).count, seen([]).mean) == (0, 0.0)
