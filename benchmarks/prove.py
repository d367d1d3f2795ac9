"""What a proof promises, against known truth: `python benchmarks/prove.py` (a minute or two on one core).

10,000 runs a setting (`--runs`), looked at after every observation, at most three times the exact
fixed-size test of 80 % power long; a margin of 5 points, alpha 5 %. Prints how often 'holds' was said
at the boundary (a true difference of -5 points), with its exact interval, and how many observations it
took at a true difference of 0 and of +5 points, in parts of the fixed size. Then a judge with known
error and bias, corrected by a random share of labels, and the detector of changes. The bets were
chosen on other settings: discordance 5.5, 9 and 18 %. Exit status 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from tierwise.stats import Change, MeanTests, clopper_pearson, paired_size, rectified_bounds, rectify

MARGIN = 0.05
ALPHA = 0.05
LOW, HIGH = MARGIN - 1.0, MARGIN + 1.0
Draw = Callable[[np.random.Generator, int, float], tuple[Any, Any]]
"""(generator, runs, true difference) to the next observation of every run and its weight."""


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """A population, the size of the fixed test on it, and the goals."""

    name: str
    draw: Draw
    size: int
    bounds: tuple[float, float] = (LOW, HIGH)
    spread: float | None = None
    at_zero: float = 1.25
    """Most observations at a difference of 0, in sizes."""
    held: float = 0.95
    at_five: float = 0.5
    goals: bool = True
    """Whether those three are goals here; that of the boundary always is."""


def binary(discordance: float) -> Draw:
    """Right or wrong on the same calls; this share of pairs differs."""

    def draw(rng: np.random.Generator, runs: int, difference: float) -> tuple[Any, Any]:
        return MARGIN + outcome(rng, runs, discordance, difference), 1.0

    return draw


def outcome(rng: np.random.Generator, count: int, discordance: float, difference: float) -> Any:
    """Candidate minus baseline: 1, 0 or -1."""
    wins = (discordance + difference) / 2
    u = rng.random(count)
    return (u < wins) * 1.0 - ((u >= wins) & (u < discordance))


def continuous(rng: np.random.Generator, runs: int, difference: float) -> tuple[Any, Any]:
    """Scores in [0,1]; their difference is uniform, 60 points wide."""
    baseline = rng.uniform(0.35, 0.65, runs)
    candidate = baseline + difference + rng.uniform(-0.3, 0.3, runs)
    return candidate - baseline + MARGIN, 1.0


def clustered(rng: np.random.Generator, runs: int, difference: float) -> tuple[Any, Any]:
    """Sessions of 1 to 5 calls, a tenth of pairs differ; in half of the sessions all calls come out alike."""
    sizes = rng.integers(1, 6, runs)
    items = np.stack([outcome(rng, runs, 0.1, difference) for _ in range(5)])
    items = np.where(rng.random(runs) < 0.5, items[0], items)
    inside = np.arange(5)[:, None] < sizes
    return MARGIN + (items * inside).sum(axis=0) / sizes, sizes / 5


JUDGE_WRONG, LABELLED = 0.06, 0.25


def judge(rng: np.random.Generator, runs: int, difference: float) -> tuple[Any, Any]:
    """(Truth, judge's word): wrong in 6 % of cases, and then for the candidate in most."""
    truth = outcome(rng, runs, 0.1, difference)
    word = np.where(rng.random(runs) < 0.7, 1.0, -1.0)
    return truth, np.where(rng.random(runs) < JUDGE_WRONG, word, truth)


def judged(rng: np.random.Generator, runs: int, difference: float) -> tuple[Any, Any]:
    """The judge on all calls, corrected by labels on a quarter of them."""
    truth, word = judge(rng, runs, difference)
    known = rng.random(runs) < LABELLED
    return rectify(MARGIN + word, MARGIN + truth, known, probability=LABELLED), 1.0


def uncorrected(rng: np.random.Generator, runs: int, difference: float) -> tuple[Any, Any]:
    """The judge alone."""
    return MARGIN + judge(rng, runs, difference)[1], 1.0


def normal_size(draw: Draw) -> int:
    """Observations of a fixed test by the normal formula, 6.18 variances over the squared margin."""
    x, weight = draw(np.random.default_rng(1), 1_000_000, 0.0)
    weight = np.broadcast_to(weight, x.shape)
    return round(6.18 * float(np.mean((weight * (x - MARGIN)) ** 2)) / (MARGIN * float(weight.mean())) ** 2)


def settings() -> list[Setting]:
    """All populations; the goals on binary scores are the project's, the others' only the error."""
    corrected = rectified_bounds(LOW, HIGH, probability=LABELLED)
    return [
        Setting(
            name="binary, 5 % differ",
            draw=binary(0.05),
            size=paired_size(0.05, MARGIN),
            at_zero=1.5,
            held=0.9,
        ),
        Setting(name="binary, 10 % differ", draw=binary(0.1), size=paired_size(0.1, MARGIN)),
        Setting(name="binary, 20 % differ", draw=binary(0.2), size=paired_size(0.2, MARGIN)),
        Setting(name="continuous", draw=continuous, size=normal_size(continuous), goals=False),
        Setting(name="clustered, a cluster", draw=clustered, size=normal_size(clustered), goals=False),
        Setting(
            name="judge and labels",
            draw=judged,
            size=normal_size(judged),
            bounds=corrected,
            spread=0.5,
            goals=False,
        ),
    ]


def stopped(setting: Setting, runs: int, difference: float, seed: int) -> Any:
    """The observation at which each run held; 0 where it did not within three sizes."""
    rng = np.random.default_rng(seed)
    tests = MeanTests(runs, *setting.bounds, alpha=ALPHA, aim=MARGIN, spread=setting.spread)
    for _ in range(3 * setting.size):
        tests.add(*setting.draw(rng, runs, difference))
        if tests.held_at.all():
            break
    return tests.held_at


def report(setting: Setting, runs: int, seed: int) -> bool:
    """Prints a setting's line; whether its goals are met."""
    false = int((stopped(setting, runs, -MARGIN, seed) > 0).sum())
    lower, upper = clopper_pearson(false, runs)
    at = [stopped(setting, runs, difference, seed + 1) for difference in (0.0, MARGIN)]
    taken = [float(np.where(one > 0, one, 3 * setting.size).mean()) / setting.size for one in at]
    held = float((at[0] > 0).mean())
    soon = taken[0] <= setting.at_zero and held >= setting.held and taken[1] <= setting.at_five
    met = false / runs <= ALPHA and (soon or not setting.goals)
    print(
        f"{setting.name:22} n {setting.size:5}  at -5: {false / runs:6.2%} [{lower:.2%}, {upper:.2%}]  "
        f"at 0: {taken[0]:5.2f} n, {held:.1%} hold  at +5: {taken[1]:5.2f} n  {'ok' if met else 'MISSED'}",
        flush=True,
    )
    return met


def report_judge(runs: int, seed: int) -> None:
    """What the judge says uncorrected, and the labels that the correction took."""
    setting = settings()[-1]
    alone = Setting(name="", draw=uncorrected, size=setting.size)
    wrong = float((stopped(alone, runs, -MARGIN, seed) > 0).mean())
    held = stopped(setting, runs, 0.0, seed + 1)
    labels = float(np.where(held > 0, held, 3 * setting.size).mean()) * LABELLED
    print(
        f"judge: uncorrected it says 'holds' at the boundary in {wrong:.1%} of runs; corrected, {labels:.0f} labels at a "
        f"difference of 0 (a fixed test: {setting.size * LABELLED:.0f}; without a judge {paired_size(0.1, MARGIN)})"
    )


def report_change(seed: int) -> None:
    """Delay after a mean of -10 points becomes +10, and the false alarms of a short run length."""
    rng, delays, early = random.Random(seed), [], 0
    for _ in range(200):
        detector, at = Change(-1.0, 1.0), 0
        while not detector.add(
            rng.choices((1.0, -1.0, 0.0), (0.15, 0.05, 0.8) if at >= 200 else (0.05, 0.15, 0.8))[0]
        ):
            at += 1
        early += at < 200
        delays.append(at + 1 - 200)
    lengths = []
    for _ in range(100):
        detector, at = Change(-1.0, 1.0, run_length=500.0), 1
        while at < 10_000 and not detector.add(rng.choices((1.0, -1.0, 0.0), (0.1, 0.1, 0.8))[0]):
            at += 1
        lengths.append(at)
    delays.sort()
    print(
        f"change, run length 100,000, mean -0.1 to +0.1, 20 % differ: delay {sum(delays) / 200:.0f} on average, "
        f"{delays[189]} in 95 %, {early} early of 200; run length 500 at a mean of 0: {np.mean(lengths):.0f} (cut at 10,000)"
    )


def main() -> int:
    """Runs all settings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=8)
    options = parser.parse_args()
    began = time.perf_counter()
    met = [report(setting, options.runs, options.seed) for setting in settings()]
    report_judge(options.runs, options.seed)
    report_change(options.seed)
    print(f"{time.perf_counter() - began:.0f} s")
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
