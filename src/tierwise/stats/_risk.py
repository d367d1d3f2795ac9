"""Thresholds that keep a risk: in expectation (conformal risk control) or with a chance (learn then test)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tierwise.stats._binomial import binomial_at_most


def conformal_threshold(scores: ArrayLike, losses: ArrayLike, alpha: float) -> float | None:
    """The least threshold whose expected joint risk is at most alpha; None where none is: accept nothing.

    An answer is accepted where its score is at least the threshold. The loss of a call is its given
    loss where it is accepted and 0 where it is not, so that it never grows with the threshold. The
    least threshold with (sum of losses + 1) / (n + 1) <= alpha keeps E[loss of the next call] at most
    alpha if calls are exchangeable. Source: Angelopoulos, Bates, Fisch, Lei and Schuster, "Conformal
    Risk Control", ICLR 2024, theorem 1 with B = 1.

    Args:
        scores: Of n calls that were not used to make the score; higher is safer.
        losses: Of the same calls if accepted, from 0 to 1.
        alpha: Between 0 and 1.
    """
    score, loss = _checked(scores, losses)
    order = np.argsort(-score, kind="stable")
    ranked, total = score[order], np.cumsum(loss[order])
    # Only where the next score is smaller does a threshold lie between them.
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) if len(ranked) else np.array([], int)
    good = [int(at) for at in ends if (total[at] + 1) / (len(ranked) + 1) <= alpha]
    return float(ranked[good[-1]]) if good else None


def selective_risk_test(wrong: int, accepted: int, alpha: float) -> float:
    """P-value of 'of accepted answers more than alpha are worse', for binary losses: an exact binomial tail.

    Given how many are accepted, those that are worse are binomial. 1 where none is accepted.
    """
    return binomial_at_most(wrong, accepted, alpha) if accepted else 1.0


def learn_then_test(p_values: Sequence[float], delta: float) -> int | None:
    """The last of settings, ordered from strict to loose beforehand, that is certified; None for none.

    Fixed-sequence testing: as long as each p-value is at most delta, so that the chance of certifying
    any setting whose risk is too large is at most delta. Source: Angelopoulos, Bates, Candes, Jordan and
    Lei, "Learn then Test", 2021, section 3; a setting may be a vector of thresholds of several stages.
    """
    last: int | None = None
    for at, p in enumerate(p_values):
        if p > delta:
            break
        last = at
    return last


def selective_threshold(
    scores: ArrayLike, worse: ArrayLike, thresholds: Sequence[float], alpha: float, delta: float
) -> float | None:
    """The loosest threshold whose selective risk (worse, given accepted) is at most alpha with chance 1 - delta.

    Args:
        scores: Of calls that neither made the score nor chose the thresholds.
        worse: Of the same calls: whether the answer is worse, 0 or 1.
        thresholds: From strict (high) to loose, fixed beforehand.
        alpha: Share of accepted answers that may be worse.
        delta: Chance that more are.

    Thresholds that accept too few to be certified even if none of them were worse are left out: which
    these are depends on the scores alone.
    """
    score, loss = _checked(scores, worse)
    if np.any((loss != 0) & (loss != 1)):
        raise ValueError("expected losses of 0 or 1 for a selective risk")
    tried, p_values = [], []
    for threshold in thresholds:
        accepted = score >= threshold
        count = int(accepted.sum())
        if selective_risk_test(0, count, alpha) <= delta:
            tried.append(threshold)
            p_values.append(selective_risk_test(int(loss[accepted].sum()), count, alpha))
    last = learn_then_test(p_values, delta)
    return tried[last] if last is not None else None


def _checked(scores: ArrayLike, losses: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    score, loss = np.asarray(scores, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    if score.shape != loss.shape or score.ndim != 1:
        raise ValueError(f"expected as many losses as scores, got {loss.shape} and {score.shape}")
    if np.any(~np.isfinite(score)) or np.any((loss < 0) | (loss > 1) | ~np.isfinite(loss)):
        raise ValueError("expected finite scores, and losses from 0 to 1")
    return score, loss
