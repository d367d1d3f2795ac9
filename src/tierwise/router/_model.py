"""A scorer: from a request's texts to the chance, per rung, that the rung's answer holds the bar."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from tierwise.calls import Request
from tierwise.policy import About, RungScore, Scored
from tierwise.router._calibrate import Curve
from tierwise.router._features import counted
from tierwise.router._matrix import Space
from tierwise.router._text import Text, text_of
from tierwise.workloads import Facts


class Scorer(msgspec.Struct, frozen=True, eq=False):
    """Weights and curves, one a rung. Made by `train` or `load`; scoring changes nothing."""

    about: About
    space: Space
    weights: NDArray[np.float32]
    """A row for each rung: hashed columns, dense columns, intercept."""
    curves: tuple[Curve, ...]
    digest: str = ""

    def score(self, text: Text) -> Scored:
        """Scores one request's texts. Pure: equal texts give equal numbers."""
        features = counted(text, self.space.bits)
        columns, values = self.space.sparse(features)
        dense = self.space.dense(features.shape)
        wide = self.space.idf.size
        latent = self.weights[:, columns] @ values + self.weights[:, wide:-1] @ dense + self.weights[:, -1]
        rungs = []
        for name, curve, value in zip(self.about.rungs, self.curves, latent.tolist(), strict=True):
            chance, low = curve.at(value)
            rungs.append(RungScore(name, chance, low, value))
        support = self.space.support(features)
        return Scored(tuple(rungs), support, support >= self.about.floor, self.digest)

    def __call__(self, request: Request, facts: Facts | None = None) -> Scored:
        """Scores a request as it is about to be sent."""
        return self.score(text_of(request, facts))


def cheapest(scored: Scored, *, least: float, baseline: int) -> int:
    """The place of the cheapest rung whose lower end is at least `least`; the baseline where none is.

    A move down needs support, and a lower end that stands out from noise for all rungs at once.
    """
    if not scored.known:
        return baseline
    for at in range(baseline):
        if scored.rungs[at].low >= least:
            return at
    return baseline
