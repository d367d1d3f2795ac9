"""Cases of a cascade: what each rung made of one call, and their division into sets that share no cluster."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from tierwise.cascade._signals import Seen

FIT, CHOOSE = 0.35, 0.5
"""Shares of clusters up to which they fit the scores, and choose; the rest certifies."""


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One rung's answer to one call."""

    seen: Seen
    """Its signals, those of paid checks among them."""
    worse: bool
    """Whether it is worse than the baseline's answer to the same call."""
    cost: float
    """USD of the answer and its checks, from 0."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One call that every rung answered."""

    cluster: str
    """Calls of one session, or nearly alike, are one cluster."""
    tried: tuple[Tried, ...]
    """In the order tried."""
    baseline: float
    """USD of the baseline's answer, above 0."""
    stopped: bool = False
    """Whether it comes from a proof that stopped early: when it stopped hung on what came, so it may fit only."""


class Sets(msgspec.Struct, frozen=True, kw_only=True):
    """Cases divided; no cluster stands in two of them."""

    fit: list[Case]
    calibrate: list[Case]
    choose: list[Case]
    certify: list[Case]


def divided(cases: Sequence[Case], *, seed: int) -> Sets:
    """Cases in four sets by a draw of their clusters that the seed fixes.

    A cluster with a case of a stopped proof never certifies, nor chooses.
    """
    stopped = {case.cluster for case in cases if case.stopped}
    found = Sets(fit=[], calibrate=[], choose=[], certify=[])
    for case in cases:
        at = _draw(case.cluster, seed)
        if case.cluster in stopped:
            at *= FIT
        if at < FIT:
            (found.fit if at < FIT * 0.7 else found.calibrate).append(case)
        else:
            (found.choose if at < CHOOSE else found.certify).append(case)
    return found


def _draw(cluster: str, seed: int) -> float:
    data = f"{seed}\x1f{cluster}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8, person=b"tw-cascade").digest(), "big") / 2**64


class Table(msgspec.Struct, frozen=True):
    """Cases as numbers: scores and harms (cases x rungs), costs of rungs, costs of the baseline."""

    scores: Any
    worse: Any
    costs: Any
    baseline: Any

    def only(self, rungs: Sequence[int]) -> Table:
        """The same cases with some rungs alone."""
        places = list(rungs)
        return Table(self.scores[:, places], self.worse[:, places], self.costs[:, places], self.baseline)

    def rows(self, places: Sequence[int]) -> Table:
        """Some of the cases."""
        picked = list(places)
        return Table(self.scores[picked], self.worse[picked], self.costs[picked], self.baseline[picked])

    def taken(self, thresholds: Sequence[float]) -> tuple[Any, Any]:
        """For each case: the first rung whose score reaches its threshold (0 where none does), and whether any does."""
        reached = self.scores >= thresholds
        return reached.argmax(axis=1), reached.any(axis=1)

    def spent(self, thresholds: Sequence[float]) -> Any:
        """USD of each case: every rung up to the one that is accepted, and the baseline where none is."""
        import numpy as np

        first, any_ = self.taken(thresholds)
        last = np.where(any_, first, self.scores.shape[1] - 1)
        sums = np.cumsum(self.costs, axis=1)[np.arange(len(last)), last]
        return sums + np.where(any_, 0.0, self.baseline)

    def harmed(self, thresholds: Sequence[float]) -> Any:
        """For each case whether it is accepted and worse."""
        import numpy as np

        first, any_ = self.taken(thresholds)
        return self.worse[np.arange(len(first)), first] & any_
