"""What a scorer says of a request, and what may be plugged in as one."""

from __future__ import annotations

from typing import Protocol

import msgspec

from tierwise.calls import Request
from tierwise.workloads import Facts


class RungScore(msgspec.Struct, frozen=True):
    """What is expected of one rung."""

    rung: str
    chance: float
    """That its answer holds the bar, 0 to 1, calibrated on held-out calls."""
    low: float
    """Lower end of that chance; the lower ends of all rungs hold together, nine times in ten."""
    latent: float
    """The regression's own value, finer than the chance; it ranks requests."""


class Scored(msgspec.Struct, frozen=True):
    """What a scorer says of one request."""

    rungs: tuple[RungScore, ...]
    """In the order of the ladder, cheapest first."""
    support: float
    """Share of the words of the newest turn that training has seen."""
    known: bool
    """The support is not below the floor. Where it is not known, nothing moves down."""
    digest: str
    """Of the artefact that scored it."""

    @property
    def difficulty(self) -> float:
        """What the dearest rung is expected to gain over the cheapest: ranks requests, and is no chance."""
        return self.rungs[-1].latent - self.rungs[0].latent


class Scorer(Protocol):
    """From a request and what was recognised of it to a chance for each rung.

    Pure: no network, no clock, equal requests give equal numbers. `tierwise.router.load` gives one; any
    callable of this shape is another.
    """

    def __call__(self, request: Request, facts: Facts | None = None, /) -> Scored:
        """Scores a request as it is about to be sent."""
        ...
