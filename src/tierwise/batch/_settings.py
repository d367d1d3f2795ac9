"""When batches are made, and how large."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from tierwise.calls import MOST_LINES

HOUR: Final = 3_600
DAY: Final = 86_400
SMALLEST_SHARE: Final = 64
"""How far a batch is made smaller than one that was over the enqueued limit, at most."""


class BatchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Defaults are OpenAI's published limits (Batch guide), or ours where it says so."""

    collect: float = 300.0
    """Seconds that a request waits for others to share its batch. Ours."""
    most_items: int = MOST_LINES
    most_bytes: int = 48 << 20
    """Bytes of an input file: ours, below OpenAI's 200 MB, since a file is in memory while it is sent."""
    most_tokens: int | None = None
    """Input tokens of a batch; None for no limit but the enqueued one."""
    enqueued: Mapping[str, int] = {}
    """Enqueued input tokens by model, as the account's limits page has them; others are found out."""
    an_hour: int = 2_000
    """Batches created in an hour by one sender."""
    first_look: float = 5.0
    """Seconds between looks at a young batch. Ours."""
    most_look: float = 300.0
    """Seconds between looks at an old one. Ours."""
    window: int = DAY
    """Seconds within which a batch promises to be over."""
    cancelling: int = 600
    """Seconds that cancelling may take (Batch guide)."""
    live: int = 900
    """Seconds before its promise at which a request goes by itself at the latest. Ours: flex may take
    15 minutes."""
    most_tries: int = 3
    """Batches that a request is put into at most, where it failed in each for no fault of its own."""
    keep: float = HOUR * 24.0
    """Seconds that bodies are kept after their answer was fetched, or a request ended without one."""
    keep_unfetched: float = DAY * 30.0
    """Seconds that an answer is kept which nobody fetches."""
    lease: float = 30.0
    """Seconds for which a process has a batch; another takes it over after that."""

    def look_after(self, age: float) -> float:
        """Seconds until the next look at a batch of an age in seconds: a twentieth of it."""
        return min(self.most_look, max(self.first_look, age / 20))
