"""An alarm for a mean that has fallen: rare where it has not, however long one watches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

PARTS: Final = (0.1, 0.2, 0.4, 0.8)
"""Stakes, as parts of the largest that leaves something: small falls are found by small ones."""


class DropDetector:
    """Watches scores from 0 to 1 whose mean should be at least `usual`.

    An e-detector of Shiryaev and Roberts' kind: R = (R + 1) (1 + stake (usual - score)), averaged over
    several stakes. As long as each score's mean given the past is at least `usual`, the mean number of
    scores until the alarm is at least `rare`. Source: Shin, Ramdas and Rinaldo, "E-detectors", New England
    Journal of Statistics in Data Science 2(2), 2024, theorem 2.4.

    Args:
        usual: The mean that holds, above 0 and below 1.
        rare: Scores between false alarms, on average at least.
        state: As `state` gave it, to go on from.

    Raises:
        ValueError: The mean is not between 0 and 1, or `rare` not above 1.
    """

    def __init__(self, usual: float, rare: float = 100_000.0, state: Sequence[float] = ()) -> None:
        if not 0 < usual < 1 or not rare > 1:
            raise ValueError(f"expected a mean between 0 and 1 and a rarity above 1, got {usual} and {rare}")
        if state and len(state) != len(PARTS):
            raise ValueError(f"expected a state of {len(PARTS)} numbers, got {len(state)}")
        self._usual, self._rare = usual, rare
        self._stakes = np.array(PARTS) / (1 - usual)
        self._sums = np.array(state, dtype=np.float64) if state else np.zeros(len(PARTS))

    def see(self, score: float) -> bool:
        """Take a score; whether there is an alarm, after which it begins anew.

        Raises:
            ValueError: The score is not from 0 to 1.
        """
        if not 0 <= score <= 1:
            raise ValueError(f"expected a score from 0 to 1, got {score}")
        self._sums = (self._sums + 1) * (1 + self._stakes * (self._usual - score))
        if float(self._sums.mean()) < self._rare:
            return False
        self._sums = np.zeros(len(PARTS))
        return True

    @property
    def state(self) -> tuple[float, ...]:
        """What is remembered: a few numbers."""
        return tuple(float(one) for one in self._sums)
