"""Text that is past its time goes: from the ledger, and from files of the spool that it lies in still."""

from __future__ import annotations

from typing import Final

from tierwise.ledger import Ledger, Spool, purge
from tierwise.online import Pipeline
from tierwise.policy import Keep

PURGE: Final = 60.0
"""Seconds between looks for text that is past its time."""
TURN: Final = 3_600.0
"""Seconds that text stays in a file of the spool at most, once the ledger has it."""


class Housekeeping:
    """Looks for text that is to go.

    Args:
        pipeline: Whose policy says whether text is kept.
        ledger: Where it is.
        spool: Through which it came.
    """

    def __init__(self, pipeline: Pipeline, ledger: Ledger, spool: Spool) -> None:
        self._pipeline, self._ledger, self._spool = pipeline, ledger, spool
        self._purged = self._turned = float("-inf")

    def tend(self, now: float) -> None:
        """Do what is due, at a time in seconds that only goes forward. Raises what database and disk do."""
        if now - self._purged >= PURGE:
            self._purged = now
            purge(self._ledger.engine)
        policy = self._pipeline.policy
        if policy is not None and isinstance(policy.keep, Keep) and now - self._turned >= TURN:
            # A file goes once the next one is begun and all of it is folded.
            self._turned = now
            self._spool.turn()
