"""How long a cached prefix stays warm after its last use, and what of a prompt is read from it."""

from __future__ import annotations

from typing import Final

from tierwise.catalog import Model

MINUTE: Final = 60_000_000
SHORT_WINDOW: Final = 10 * MINUTE
"""Microseconds. In-memory retention: entries live for 5 to 10 minutes after their last use."""
LONG_WINDOW: Final = 30 * MINUTE
"""Models that take 24-hour retention: entries typically live for about 30 minutes, often longer."""
_LONG: Final = frozenset({"24h", "30m", "12h"})


LONG_SINCE: Final = 1_780_012_800_000_000
"""2026-05-29, microseconds: since then organisations without zero data retention have 24 hours by default."""


def window_of(model: Model, *, zero_retention: bool = False) -> int:
    """Microseconds for which an entry of the model's cache stays warm.

    Source: OpenAI's prompt-caching guide; the lower figures, for an entry may go at any time. An
    organisation with zero data retention keeps entries in memory where the model lets it choose.
    """
    if zero_retention and chooses(model):
        return SHORT_WINDOW
    return LONG_WINDOW if _LONG & set(model.cache.retentions) else SHORT_WINDOW


def chooses(model: Model) -> bool:
    """Whether a model takes both retentions, so that the default of the day and organisation decides."""
    return {"in_memory", "24h"} <= set(model.cache.retentions)


def read_of(tokens: int, model: Model) -> int:
    """Of a warm prefix of so many tokens, those that are read from the cache: whole steps, from its minimum."""
    return 0 if tokens < model.cache.shortest else tokens - tokens % model.cache.grid
