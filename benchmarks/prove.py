"""The sequential test of a proof against known truth: false 'holds', calls needed, and what a judge costs in labels.

    python benchmarks/prove.py                10,000 runs a setting, some minutes on one core
    python benchmarks/prove.py --runs 1000

Settings: pairs of right and wrong that differ in 5, 10 and 20 % of cases, continuous scores, scores in
clusters. The margin is 5 points, alpha 5 %, a run is looked at after every call and stopped at 3 n, where n is
what the exact fixed-size test of 80 % power needs at no difference. The judge has a known error and bias
and is corrected by labels drawn with a known chance. Everything is by tierwise.stats.
"""

from __future__ import annotations

import argparse
import math
import platform
import sys
import time
from collections.abc import Callable

import numpy as np

from tierwise.stats import Bets, augmented_bounds, clopper_pearson, normal_quantile, pairs_needed

MARGIN, ALPHA, POWER = 0.05, 0.05, 0.8
NEEDED = math.log(1 / ALPHA)
Draw = Callable[[np.random.Generator, int, float], np.ndarray]
"""Of so many runs, one difference candidate - baseline each, whose mean is the true difference."""


def pairs(discordance: float) -> Draw:
    """Right and wrong on both sides."""

    def draw(chance: np.random.Generator, runs: int, truth: float) -> np.ndarray:
        apart = max(discordance, abs(truth))
        u = chance.random(runs)
        return np.where(u < (apart + truth) / 2, 1.0, np.where(u < apart, -1.0, 0.0))

    return draw


def continuous(spread: float) -> Draw:
    """Scores in [0, 1] whose difference is a scaled beta: skewed, with its bounds reached."""

    def draw(chance: np.random.Generator, runs: int, truth: float) -> np.ndarray:
        strength = (1 - truth**2) / spread**2 - 1
        a, b = strength * (1 + truth) / 2, strength * (1 - truth) / 2
        scores: np.ndarray = 2 * chance.beta(a, b, runs) - 1
        return scores

    return draw


def clustered(discordance: float, members: int) -> Draw:
    """Means of clusters whose members go the same way in half of the cases."""
    one = pairs(discordance)

    def draw(chance: np.random.Generator, runs: int, truth: float) -> np.ndarray:
        shared = one(chance, runs, truth)
        own = np.stack([one(chance, runs, truth) for _ in range(members)])
        alike = chance.random((members, runs)) < 0.5
        means: np.ndarray = np.where(alike, shared, own).mean(axis=0)
        return means

    return draw


def needed_for(draw: Draw, seed: int) -> int:
    """Observations of a fixed-size normal test of the same power, by the spread of a large sample."""
    spread = float(draw(np.random.Generator(np.random.PCG64(seed)), 1_000_000, 0.0).std())
    z = normal_quantile(1 - ALPHA) + normal_quantile(POWER)
    return math.ceil((z * spread / MARGIN) ** 2)


def stops(draw: Draw, runs: int, length: int, truth: float, seed: int) -> np.ndarray:
    """After how many observations each run says 'holds'; length + 1 where it does not."""
    chance = np.random.Generator(np.random.PCG64(seed))
    bets = Bets(np.full(runs, MARGIN - 1), MARGIN + 1, MARGIN)
    found = np.full(runs, length + 1)
    for at in range(1, length + 1):
        bets.see(draw(chance, runs, truth) + MARGIN)
        found[(found > length) & (bets.log_wealth >= NEEDED)] = at
    return found


def judged(
    runs: int, length: int, truth: float, seed: int, chance_of_label: float
) -> tuple[np.ndarray, float]:
    """As `stops`, where a judge that errs in 15 % and leans 4 points to the candidate sees all, labels a share."""
    chance = np.random.Generator(np.random.PCG64(seed))
    low, high = augmented_bounds(MARGIN - 1, MARGIN + 1, chance_of_label)
    bets, found = Bets(np.full(runs, low), high, MARGIN), np.full(runs, length + 1)
    draw = pairs(0.1)
    for at in range(1, length + 1):
        right = draw(chance, runs, truth)
        u = chance.random(runs)
        said = np.where(u < 0.15, np.where(chance.random(runs) < 0.5, 1.0, -1.0), right)
        said = np.where(chance.random(runs) < 0.04, 1.0, said)
        drawn = chance.random(runs) < chance_of_label
        bets.see(MARGIN + said + np.where(drawn, (right - said) / chance_of_label, 0.0))
        found[(found > length) & (bets.log_wealth >= NEEDED)] = at
    variance = float(np.var(_stand_ins(seed, chance_of_label)))
    return found, variance


def _stand_ins(seed: int, chance_of_label: float) -> np.ndarray:
    chance, size = np.random.Generator(np.random.PCG64(seed + 1)), 1_000_000
    right = pairs(0.1)(chance, size, 0.0)
    said = np.where(chance.random(size) < 0.15, np.where(chance.random(size) < 0.5, 1.0, -1.0), right)
    said = np.where(chance.random(size) < 0.04, 1.0, said)
    drawn = chance.random(size) < chance_of_label
    return said + np.where(drawn, (right - said) / chance_of_label, 0.0)


def row(name: str, draw: Draw, n: int, runs: int, seed: int) -> None:
    """One line of the table."""
    wrong = int(np.sum(stops(draw, runs, 3 * n, -MARGIN, seed) <= 3 * n))
    low, high = clopper_pearson(wrong, runs)
    equal = stops(draw, runs, 3 * n, 0.0, seed + 1)
    better = stops(draw, runs, 3 * n, MARGIN, seed + 2)
    print(
        f"| {name} | {n} | {wrong / runs:.2%} ({low:.2%} to {high:.2%}) "
        f"| {np.minimum(equal, 3 * n).mean() / n:.2f} n | {np.mean(equal <= 3 * n):.1%} "
        f"| {np.minimum(better, 3 * n).mean() / n:.2f} n |",
        flush=True,
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10_000, help="runs a setting (10,000)")
    parser.add_argument("--seed", type=int, default=20261125)
    options = parser.parse_args()
    begun = time.monotonic()
    print(
        f"{options.runs:,} runs a setting, seed {options.seed}, Python {platform.python_version()}, {sys.platform}\n"
    )
    print("| scores | n | false 'holds' at the boundary | calls at 0 | 'holds' by 3 n | calls at +5 points |")
    print("|---|---|---|---|---|---|")
    for number, discordance in enumerate((0.05, 0.1, 0.2)):
        n = pairs_needed(discordance, MARGIN, ALPHA, POWER)
        row(
            f"pairs, {discordance:.0%} differ",
            pairs(discordance),
            n,
            options.runs,
            options.seed + 10 * number,
        )
    others = {
        "continuous, spread 0.2": continuous(0.2),
        "continuous, spread 0.4": continuous(0.4),
        "clusters of 5, 10 % differ": clustered(0.1, 5),
    }
    for number, (name, draw) in enumerate(others.items(), start=5):
        row(name, draw, needed_for(draw, options.seed), options.runs, options.seed + 10 * number)
    print(
        "\n| labels drawn | variance v | false 'holds' | calls judged at 0 | labels at 0 | 6.2 v / margin^2, as labels |"
    )
    print("|---|---|---|---|---|---|")
    for chance_of_label in (0.25, 0.5, 1.0):
        length = 8_000
        found, variance = judged(options.runs, length, -MARGIN, options.seed + 91, chance_of_label)
        wrong = int(np.sum(found <= length))
        low, high = clopper_pearson(wrong, options.runs)
        equal, _ = judged(options.runs, length, 0.0, options.seed + 92, chance_of_label)
        calls = float(np.minimum(equal, length).mean())
        theory = 6.2 * variance / MARGIN**2 * chance_of_label
        print(
            f"| {chance_of_label:.0%} | {variance:.2f} | {wrong / options.runs:.2%} ({low:.2%} to {high:.2%}) "
            f"| {calls:,.0f} | {calls * chance_of_label:,.0f} | {theory:,.0f} |",
            flush=True,
        )
    print(f"\n{time.monotonic() - begun:.0f} seconds")


if __name__ == "__main__":
    main()
