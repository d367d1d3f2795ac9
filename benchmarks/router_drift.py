"""How soon a scorer's drift is seen, and how often it is seen where there is none: `python benchmarks/router_drift.py`.

Calls are drawn with the chances that a calibrated scorer gives, and answers hold with just that chance.
After `--before` calls both fall by 5 points: the delay is counted from there. Without a fall, at the
edge of what is tolerated, the run to a false alarm is measured at a run length that a simulation can
reach, 1,000, and counted up to 20,000: the bound of 100,000 has the same proof. About two minutes.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from tierwise.router import TOLERATED, Drift, Outcome, Scorer, Text, train

FALL = 0.05
MOST = 20_000


def scorer() -> Scorer:
    """A scorer of half hard, half easy calls."""
    draw, found = np.random.default_rng(0), []
    for at in range(1000):
        hard = at % 2 == 0
        text = Text(f"{'prove the theorem' if hard else 'label the ticket'} number {at % 23}")
        score = float(draw.random() < (0.4 if hard else 0.96))
        found.append(Outcome(request=str(at), text=text, rung="small", score=score))
    return train(found, ("small",), bits=10).scorer


def chances(draw: np.random.Generator, kind: str, count: int) -> np.ndarray:
    """Chances of calls: those that were let through, near 0.96, or of all."""
    if kind == "let through":
        return draw.uniform(0.93, 0.99, count)
    return draw.choice([0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97], count)


def delay(made: Scorer, kind: str, before: int, seed: int) -> int:
    """Calls from the fall to the alarm; below 0 for one that came before it."""
    draw = np.random.default_rng(seed)
    drift, chance = Drift(made), chances(draw, kind, before + MOST)
    lucky = draw.random(before + MOST)
    for at in range(before + MOST):
        fall = FALL if at >= before else 0.0
        if kind == "scores":
            # Spread around the mean of training as the scorer's own curve is.
            gave = float(np.clip(draw.choice(made.curves[0].chance) * 0.98 - fall, 0, 1))
            alarm = drift.scored(gave)
        else:
            alarm = drift.told(float(chance[at]), bool(lucky[at] < chance[at] - fall))
        if alarm:
            return at + 1 - before
    return MOST


def run(made: Scorer, run_length: float, seed: int) -> int:
    """Calls to a false alarm, up to `MOST`, both streams falling by just what is tolerated."""
    draw = np.random.default_rng(seed)
    drift = Drift(made, run_length=run_length)
    chance, lucky = chances(draw, "all", MOST), draw.random(MOST)
    drawn = draw.choice(made.curves[0].chance, MOST)
    for at in range(MOST):
        gave = float(np.clip(drawn[at] + drift.expected - np.mean(made.curves[0].chance) - TOLERATED, 0, 1))
        held = bool(lucky[at] < chance[at] - TOLERATED)
        fell = drift.scored(gave)
        if drift.told(float(chance[at]), held) or fell:
            return at + 1
    return MOST


def main() -> None:
    """Prints a line a setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--before", type=int, default=2000)
    options = parser.parse_args()
    began, made = time.perf_counter(), scorer()
    for kind in ("let through", "all", "scores"):
        found = np.array([delay(made, kind, options.before, seed) for seed in range(options.runs)])
        late = found[found > 0]
        print(
            f"{kind}: 5 points seen after {late.mean():.0f} calls on average, {np.quantile(late, 0.95):.0f} in 95 of 100, "
            f"never within {MOST:,} in {(found == MOST).sum()}; {(found <= 0).sum()} of {options.runs} before they fell",
            flush=True,
        )
    runs = np.array([run(made, 1000.0, seed) for seed in range(options.runs // 4)])
    print(
        f"run length 1,000 at the edge: {runs.mean():.0f} calls to a false alarm on average (cut at {MOST:,})"
    )
    print(f"{time.perf_counter() - began:.0f} s, {Path(__file__).name}")


if __name__ == "__main__":
    main()
