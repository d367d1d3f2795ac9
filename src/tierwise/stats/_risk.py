"""Thresholds with a certificate: risk in expectation, and risk among what was accepted."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from random import Random
from typing import Any

import msgspec

from tierwise.errors import OutOfBounds
from tierwise.stats._binomial import binomial_tail
from tierwise.stats._several import fixed_sequence


class Certified(msgspec.Struct, frozen=True, kw_only=True):
    """What learn-then-test may say; `place` None is the answer 'accept nothing'."""

    place: int | None
    """The loosest certified setting: a place in the sequence that was given."""
    certified: tuple[int, ...]
    """All certified ones; any of them may be used."""
    p_values: tuple[float, ...]
    """One a setting, in order; 1 where nothing is accepted."""


def conformal_threshold(losses: Any, *, alpha: float, bound: float = 1.0) -> int | None:
    """The loosest setting whose expected loss on a new item is at most alpha.

    Conformal risk control (Angelopoulos, Bates, Fisch, Lei & Schuster 2022, theorem 1):
    the last setting up to which (sum of losses + bound) / (n + 1) <= alpha. Needs items that are
    exchangeable with the new one, and for each of them a loss that never falls from strict to loose;
    holds on average over calibration sets, not for each of them.

    Args:
        losses: n x settings array of losses in [0, bound], settings from strict to loose, fixed
            beforehand.
        alpha: bound on the expected loss.
        bound: most that a loss can be.

    Returns:
        The place of the setting, or None: accept nothing.

    Raises:
        OutOfBounds: for losses outside [0, bound], or that fall from one setting to a looser one.
    """
    import numpy as np

    table = np.atleast_2d(np.asarray(losses, dtype=np.float64))
    if not bool(((table >= 0.0) & (table <= bound)).all()):
        raise OutOfBounds(f"losses must lie within [0, {bound}]")
    if bool((np.diff(table, axis=1) < 0.0).any()):
        raise OutOfBounds(
            "a loss falls from one setting to a looser one: risk control in expectation needs losses that do not"
        )
    passes = (table.sum(axis=0) + bound) / (len(table) + 1) <= alpha
    count = len(passes) if passes.all() else int(np.argmin(passes))
    return count - 1 if count else None


def selective_counts(scores: Any, harms: Any, settings: Any) -> list[tuple[int, int]]:
    """For each setting of a line of stages: how many accepted items are worse, of how many accepted.

    An item is taken by the first stage whose score reaches its threshold, and by none if no one's
    does (then something outside these stages takes it, and it does not count).

    Args:
        scores: n x stages array.
        harms: n x stages array, true where that stage's answer is worse.
        settings: settings x stages array of thresholds; infinity closes a stage.

    Returns:
        (worse, accepted) a setting.
    """
    import numpy as np

    score, harm = np.asarray(scores, dtype=np.float64), np.asarray(harms, dtype=bool)
    found = []
    for thresholds in np.asarray(settings, dtype=np.float64):
        open_ = score >= thresholds
        taken, first = open_.any(axis=1), open_.argmax(axis=1)
        worse = harm[np.arange(len(harm)), first] & taken
        found.append((int(worse.sum()), int(taken.sum())))
    return found


def certify_selective(
    counts: Sequence[tuple[int, int]], *, alpha: float, delta: float, starts: Sequence[int] = (0,)
) -> Certified:
    """Settings whose share of worse items among the accepted is at most alpha, with 1 - delta.

    Learn then test (Angelopoulos, Bates, Candes, Jordan & Lei 2021, with fixed
    sequence testing): the hypothesis 'above alpha' of a setting has the exact binomial p-value
    P(Bin(accepted, alpha) <= worse), given how many are accepted (Clopper & Pearson's upper bound,
    the other way round), and is tested only after the stricter ones were rejected.

    Args:
        counts: (worse, accepted) a setting, strict to loose, on items drawn independently that had no
            part in choosing settings, their order or `starts`: at most one a cluster (`one_each`).
        alpha: bound on the share, in (0, 1).
        delta: chance that any certified setting is above it.
        starts: where to begin. The strictest settings accept too few items to be certified (fewer
            than log(delta) / log(1 - alpha)); choose on other data a start that accepts enough.

    Raises:
        OutOfBounds: for impossible counts, levels or starts.
    """
    if not 0.0 < alpha < 1.0:
        raise OutOfBounds(f"alpha {alpha} is a share, above 0 and below 1")
    p_values = [binomial_tail(worse, accepted, alpha) for worse, accepted in counts]
    return _certified(p_values, delta, starts)


def certify_mean(losses: Any, *, alpha: float, delta: float, starts: Sequence[int] = (0,)) -> Certified:
    """Settings whose expected loss is at most alpha, with probability 1 - delta.

    As `certify_selective`, for losses in [0, 1] of any shape, by the p-value of Hoeffding and Bentkus
    (Bates et al. 2021; Angelopoulos et al. 2021): the smaller of
    exp(-n h(min(mean, alpha), alpha)) and e P(Bin(n, alpha) <= ceil(n mean)).

    Args:
        losses: n x settings array in [0, 1], strict to loose, rows independent.
        alpha: bound on the mean.
        delta: chance of any wrong certificate.
        starts: as for `certify_selective`.

    Raises:
        OutOfBounds: for losses outside [0, 1], impossible levels or starts.
    """
    import numpy as np

    table = np.atleast_2d(np.asarray(losses, dtype=np.float64))
    if not bool(((table >= 0.0) & (table <= 1.0)).all()):
        raise OutOfBounds("losses must lie within [0, 1]")
    if not 0.0 < alpha < 1.0:
        raise OutOfBounds(f"alpha {alpha} is a mean loss, above 0 and below 1")
    n = len(table)
    p_values = [_hoeffding_bentkus(math.fsum(column), n, alpha) for column in table.T.tolist()]
    return _certified(p_values, delta, starts)


def _hoeffding_bentkus(whole: float, n: int, alpha: float) -> float:
    mean = min(whole / n, alpha)
    distance = (mean * math.log(mean / alpha) if mean else 0.0) + (1 - mean) * math.log(
        (1 - mean) / (1 - alpha)
    )
    # A sum of floats that is an integer but for its last bits is that integer.
    bentkus = math.e * binomial_tail(min(n, math.ceil(whole - 1e-9)), n, alpha)
    return min(1.0, math.exp(-n * distance), bentkus)


def _certified(p_values: list[float], delta: float, starts: Sequence[int]) -> Certified:
    found = fixed_sequence(p_values, level=delta, starts=starts)
    return Certified(place=found[-1] if found else None, certified=tuple(found), p_values=tuple(p_values))


def one_each(clusters: Sequence[Hashable], *, seed: int) -> list[int]:
    """The place of one item drawn at random from each cluster, ascending: independent items of a log."""
    members: dict[Hashable, list[int]] = {}
    for place, cluster in enumerate(clusters):
        members.setdefault(cluster, []).append(place)
    rng = Random(seed)  # noqa: S311 - a draw to be repeated, no secret
    return sorted(rng.choice(places) for places in members.values())
