"""Lower ends that hold together, and thresholds for a target."""

from __future__ import annotations

import numpy as np
import pytest

from tierwise.errors import CallerError
from tierwise.router import Outcome, Setting, Text, for_quality, for_spend, settings, train
from tierwise.router._calibrate import BLOCKS, calibrate, rising_means


def test_lower_ends_hold_for_all_blocks_of_all_rungs_nine_times_in_ten() -> None:
    """300 draws of two rungs whose chance is the score itself; the ends may fail together in a tenth."""
    draw, failed = np.random.default_rng(7), 0
    for _ in range(300):
        wrong = False
        for _rung in range(2):
            scores = draw.random(400)
            held = (draw.random(400) < scores).astype(float)
            curve = calibrate(scores, held, np.ones(400), rungs=2)
            truth = [block.mean() for block in np.array_split(np.sort(scores), BLOCKS)]
            wrong |= any(low > true for low, true in zip(curve.low, truth, strict=True))
        failed += wrong

    assert failed <= 30


def test_means_are_made_to_rise_and_keep_their_sum() -> None:
    made = rising_means(np.array([0.3, 0.1, 0.5, 0.4]), np.array([1.0, 3.0, 1.0, 1.0]))

    assert made.tolist() == pytest.approx([0.15, 0.15, 0.45, 0.45])


def rows(count: int, seed: int) -> list[Outcome]:
    draw, found = np.random.default_rng(seed), []
    for at in range(count):
        hard = at % 2 == 0
        text = Text(f"{'prove the theorem' if hard else 'label the ticket'} number {at % 23}")
        for rung, chance, cost in (("small", 0.2 if hard else 0.97, 1.0), ("large", 0.97, 10.0)):
            score = float(draw.random() < chance)
            found.append(Outcome(request=str(at), text=text, rung=rung, score=score, cost=cost))
    return found


def test_a_margin_moves_the_easy_half_and_no_more() -> None:
    scorer = train(rows(2000, 0), ("small", "large"), bits=12).scorer
    found = settings(scorer, rows(800, 1), draws=200)
    kept = for_quality(found, 0.03)

    assert kept.moved == pytest.approx(0.5, abs=0.05)
    assert kept.low >= -0.03
    assert found[-1].moved > 0.9
    assert found[-1].low < -0.2
    assert for_spend(found, 6.0).cost == pytest.approx(5.5, abs=0.5)


def test_a_threshold_after_one_that_failed_is_not_taken() -> None:
    made = [
        Setting(least=1 - at, moved=0, change=0, low=low, cost=5 - at) for at, low in enumerate((0, -0.1, 0))
    ]

    assert for_quality(made, 0.05) == made[0]
    with pytest.raises(CallerError, match="label more"):
        for_quality(made[1:], 0.05)
    with pytest.raises(CallerError, match="the least is"):
        for_spend(made, 1)
