"""How much calls write at most: the 99th percentile of their output, bounded, a step of 2 % wide."""

from __future__ import annotations

from math import ceil, exp, floor, log
from typing import Final

import msgspec

ENOUGH: Final = 30
"""Calls from which a percentile is taken for known."""
HALF: Final = 2_000
"""Calls after which older ones are given half their weight: models and prompts change."""
STEP: Final = log(1.02)
"""Counts stand in steps of 2 %, so that up to a million tokens there are at most 700 of them."""
SHARE: Final = 0.99


class Most(msgspec.Struct):
    """Output of the calls of one workload on one rung."""

    calls: float = 0
    steps: dict[int, float] = {}
    """Weight of calls, by step of their output."""

    def add(self, output: int) -> None:
        """Take a call in, by its output tokens, from 0."""
        if self.calls >= HALF:
            # What has nearly no weight goes, so that old lengths do not pile up.
            self.steps = {step: weight / 2 for step, weight in self.steps.items() if weight > 0.1}
            self.calls = sum(self.steps.values())
        step = floor(log(output + 1) / STEP)
        self.steps[step] = self.steps.get(step, 0) + 1
        self.calls += 1

    @property
    def tokens(self) -> int | None:
        """Tokens that 99 of 100 calls do not pass, at most 2 % above what they wrote; None before enough."""
        if self.calls < ENOUGH:
            return None
        wanted, seen = self.calls * SHARE, 0.0
        for step in sorted(self.steps):
            seen += self.steps[step]
            if seen >= wanted:
                return ceil(exp((step + 1) * STEP)) - 1
        return None  # pragma: no cover - weights add up to what is wanted
