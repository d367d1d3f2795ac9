"""The test of a mean: never wrong too often, the same bits however it is fed, quick enough."""

from __future__ import annotations

import math
import random
import time
from itertools import product

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.errors import OutOfBounds
from tierwise.stats import MeanTest, MeanTests, Record

LOW, HIGH = -0.95, 1.05
SCORES = st.floats(LOW, HIGH)
LISTS = st.lists(st.tuples(SCORES, st.floats(0.0, 1.0)), max_size=60)


def paired(seed: int, count: int, *, wins: float, losses: float) -> list[float]:
    rng = random.Random(seed)
    return rng.choices((LOW, 0.05, HIGH), (losses, 1.0 - wins - losses, wins), k=count)


def fed(observations: list[tuple[float, float]], low: float = LOW, high: float = HIGH) -> MeanTest:
    test = MeanTest(low, high)
    for x, weight in observations:
        test.add(x, weight)
    return test


@pytest.mark.parametrize(
    ("low", "high", "values", "chances"),
    [
        (LOW, HIGH, (LOW, 0.05), (0.05, 0.95)),
        (LOW, HIGH, (LOW, 0.05, HIGH), (0.1, 0.85, 0.05)),
        (-1.0, 1.0, (-1.0, 1.0), (0.5, 0.5)),
        (-0.05, 1.0, (-0.05, 1.0), (20 / 21, 1 / 21)),
        (-4.0, 1.0, (-4.0, 1.0), (0.2, 0.8)),
    ],
    ids=["losses alone", "a tenth differ", "coin", "rare wins", "rare losses"],
)
def test_a_mean_of_0_holds_in_at_most_5_of_100_runs_however_often_it_is_looked_at(
    low: float, high: float, values: tuple[float, ...], chances: tuple[float, ...]
) -> None:
    """4,000 runs of 400 looks: 5 % and four standard errors; a fixed-size test looked at so often errs in over 20 %."""
    rng = np.random.default_rng(20)
    tests = MeanTests(4000, low, high)
    for _ in range(400):
        tests.add(rng.choice(values, 4000, p=chances))

    assert 0.0 < np.mean(tests.held_at > 0) < 0.064


def test_the_capital_is_expected_to_stay_the_same_under_a_mean_of_0() -> None:
    """Over every sequence of eight observations of three weights, each with its chance: 1 to the last digits."""
    whole = 0.0
    for losses in product((False, True), repeat=8):
        test = fed([(LOW if lost else 0.05, (1.0, 0.3, 0.8)[at % 3]) for at, lost in enumerate(losses)])
        whole += 0.05 ** sum(losses) * 0.95 ** (8 - sum(losses)) * math.exp(test.log_e)

    assert whole == pytest.approx(1.0, rel=1e-12)


def test_a_true_difference_of_0_is_seen_and_a_clear_loss_falls() -> None:
    same, worse = MeanTest(LOW, HIGH), MeanTest(LOW, HIGH)
    same.extend(paired(1, 1500, wins=0.05, losses=0.05))
    worse.extend(paired(1, 1500, wins=0.02, losses=0.2))

    assert (same.holds, same.falls) == (True, False)
    assert (worse.holds, worse.falls) == (False, True)
    assert worse.upper < 0 < same.lower


@settings(deadline=None)
@given(LISTS)
def test_one_at_a_time_in_one_go_and_many_side_by_side_have_the_same_bits(
    observations: list[tuple[float, float]],
) -> None:
    single = fed(observations)
    batch = MeanTest(LOW, HIGH)
    batch.extend([x for x, _ in observations], [w for _, w in observations])
    many = MeanTests(2, LOW, HIGH)
    for x, weight in observations:
        many.add(np.array([x, 0.05]), np.array([weight, 1.0]))

    assert (batch.log_e, batch.lower, batch.upper) == (single.log_e, single.lower, single.upper)
    assert many.held_at[0] == (single.held_at or 0)
    assert many.log_e[0] == single.log_e


@settings(deadline=None)
@given(LISTS)
def test_what_was_recorded_makes_the_same_test_again(observations: list[tuple[float, float]]) -> None:
    test = fed(observations)
    record = msgspec.json.decode(msgspec.json.encode(test.record()), type=Record)

    assert MeanTest.replay(record).record() == test.record()
    assert MeanTest.replay(record).log_e == test.log_e


def test_a_record_that_was_changed_is_refused() -> None:
    test = MeanTest(LOW, HIGH)
    test.extend(paired(1, 900, wins=0.05, losses=0.05))
    record = test.record()
    assert record.held_at is not None
    worse = msgspec.structs.replace(record.observations, values=((LOW, 1.0), *record.observations.values[1:]))

    for changed in (
        msgspec.structs.replace(record, held_at=record.held_at - 1),
        msgspec.structs.replace(record, observations=worse),
        msgspec.structs.replace(record, observations=msgspec.structs.replace(worse, runs=((9, 1),))),
        msgspec.structs.replace(record, observations=msgspec.structs.replace(worse, runs=((0, 10**12),))),
    ):
        with pytest.raises(OutOfBounds):
            MeanTest.replay(changed)


@settings(deadline=None)
@given(LISTS, SCORES, SCORES)
def test_a_better_last_observation_is_never_less_evidence(
    observations: list[tuple[float, float]], one: float, other: float
) -> None:
    worse = fed([*observations, (min(one, other), 1.0)])
    better = fed([*observations, (max(one, other), 1.0)])

    assert better.log_e >= worse.log_e
    assert better.lower >= worse.lower
    assert better.upper >= worse.upper


@settings(deadline=None)
@given(LISTS)
def test_the_lower_bound_is_above_0_just_where_the_capital_is_above_the_threshold(
    observations: list[tuple[float, float]],
) -> None:
    test = fed(observations)
    if abs(test.log_e - math.log(20)) > 1e-4:
        assert (test.lower > -2e-6) == (test.log_e > math.log(20))
    assert LOW <= test.lower <= test.upper <= HIGH


def test_the_bounds_cover_the_mean_at_every_look() -> None:
    """100 runs, a look every 50 observations: each side misses in at most 5 %, here plus four errors."""
    below = above = 0
    for seed in range(100):
        test, mean = MeanTest(LOW, HIGH), 0.05 + 0.08 - 0.04
        missed = [False, False]
        xs = paired(seed, 200, wins=0.08, losses=0.04)
        for start in range(0, 200, 50):
            test.extend(xs[start : start + 50])
            missed = [missed[0] or test.lower > mean, missed[1] or test.upper < mean]
        below, above = below + missed[0], above + missed[1]

    assert max(below, above) <= 0.05 * 100 + 4 * math.sqrt(0.05 * 0.95 * 100)


def test_a_cluster_counts_as_one_and_weighs_what_it_holds() -> None:
    """A cluster of full size moves the capital as one observation; one of no size not at all."""
    test = MeanTest(LOW, HIGH)
    test.add(0.5, 0.0)
    assert test.log_e == pytest.approx(0.0, abs=1e-12)
    test.add(0.5, 1.0)
    once = MeanTest(LOW, HIGH)
    once.add(0.5)
    assert test.log_e == pytest.approx(once.log_e)
    assert test.estimate == pytest.approx(0.5)


def test_futility_stops_what_cannot_hold_and_leaves_what_can() -> None:
    hopeless, hopeful = MeanTest(LOW, HIGH), MeanTest(LOW, HIGH)
    hopeless.extend(paired(3, 300, wins=0.02, losses=0.15))
    hopeful.extend(paired(3, 100, wins=0.05, losses=0.05))

    assert hopeless.futile(300)
    assert not hopeful.futile(600)
    assert hopeful.futile(0)
    assert not MeanTest(LOW, HIGH).futile(10)


def test_what_would_hold_if_it_went_on_as_it_did_is_not_futile() -> None:
    """Equal scores throughout: the stakes grow as the spread that was expected gives way."""
    whole = MeanTest(LOW, HIGH, spread=0.35)
    whole.extend([0.05] * 200)
    assert whole.held_at is not None
    for seen in range(20, whole.held_at):
        part = MeanTest(LOW, HIGH, spread=0.35)
        part.extend([0.05] * seen)
        assert not part.futile(whole.held_at - seen + 30)


def test_capital_without_end_does_not_overflow() -> None:
    test = MeanTest(LOW, HIGH)
    test.extend([HIGH] * 5000)

    assert test.held_at is not None
    assert 300 < test.log_e < 5000
    assert test.lower > 0.9
    many = MeanTests(3, LOW, HIGH)
    for _ in range(2000):
        many.add(np.array([HIGH, LOW, 0.05]))
    assert list(many.held_at > 0) == [True, False, True]


def test_ten_thousand_observations_take_well_under_a_second() -> None:
    test = MeanTest(LOW, HIGH)
    xs = [random.Random(5).uniform(LOW, HIGH) for _ in range(10_000)]
    began = time.process_time()
    test.extend(xs)
    assert time.process_time() - began < 0.9


@pytest.mark.parametrize(
    ("x", "weight"), [(1.2, 1.0), (-2.0, 1.0), (math.nan, 1.0), (math.inf, 1.0), (0.0, 1.5), (0.0, -0.1)]
)
def test_what_lies_outside_the_bounds_is_refused_and_changes_nothing(x: float, weight: float) -> None:
    test = MeanTest(LOW, HIGH)
    with pytest.raises(OutOfBounds, match="expected one within"):
        test.add(x, weight)
    assert (test.count, test.log_e) == (0, 0.0)


@pytest.mark.parametrize(
    "arguments",
    [
        {"low": 0.1, "high": 1.0},
        {"low": -1.0, "high": math.inf},
        {"low": -1.0, "high": 1.0, "alpha": 0.0},
        {"low": -1.0, "high": 1.0, "aim": -1.0},
        {"low": -1.0, "high": 1.0, "spread": math.nan},
    ],
)
def test_a_design_that_is_none_is_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(OutOfBounds):
        MeanTest(**arguments)
