"""Lengths on other models, read off workloads that already run on more than one."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from tierwise.audit._account import Account
from tierwise.audit._workloads import Workloads
from tierwise.policy import Lengths

LEAST_CALLS: Final = 50
"""Calls on each of two models before their lengths are compared."""
BOUND: Final = (200, 5000)
"""Ratios outside are taken for a difference of the calls, not of the models; per mille."""


def learned_lengths(account: Account, workloads: Workloads) -> dict[int, dict[str, Lengths]]:
    """Workload number to lengths by model, against the model that most of its calls use."""
    models = len(account.models)
    chosen = account.priced
    pair = workloads.of[chosen] * models + account.model[chosen]
    unique, inverse, counts = np.unique(pair, return_inverse=True, return_counts=True)
    output = _sums(account, chosen, inverse, "output")
    reasoning = _sums(account, chosen, inverse, "reasoning")
    by_workload: dict[int, list[tuple[int, int, float, float]]] = {}
    for value, count, out, reason in zip(unique.tolist(), counts.tolist(), output, reasoning, strict=True):
        number, model = divmod(value, models)
        if count >= LEAST_CALLS:
            by_workload.setdefault(number, []).append((count, model, out / count, reason / count))
    learned: dict[int, dict[str, Lengths]] = {}
    for number, rows in by_workload.items():
        _, usual, out, reason = max(rows)
        for _, model, other_out, other_reason in rows:
            if model != usual and out:
                learned.setdefault(number, {})[account.models[model]] = Lengths(
                    output=_ratio(other_out, out), reasoning=_ratio(other_reason, reason), learned=True
                )
    return learned


def _sums(account: Account, chosen: Any, inverse: Any, kind: str) -> list[float]:
    sums: list[float] = np.bincount(inverse, weights=account.counts[kind][chosen].astype(np.float64)).tolist()
    return sums


def _ratio(other: float, usual: float) -> int:
    if not usual:
        return 1000
    return int(min(max(other * 1000 / usual, BOUND[0]), BOUND[1]))
