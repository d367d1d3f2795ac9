"""What a process looks after batches with: made once, and shared by all that is done for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from secrets import token_hex

from tierwise.batch._protocols import Senders, Store, Told
from tierwise.batch._seal import Sealer
from tierwise.batch._settings import BatchSettings


@dataclass(frozen=True, slots=True)
class Means:
    """Everything that whoever looks after batches needs from others."""

    store: Store
    """Where requests and batches are kept."""
    senders: Senders
    """Who can send."""
    sealer: Sealer
    """Opens and seals bodies."""
    told: Told
    """Is told every end before it is kept."""
    settings: BatchSettings
    """Limits and times."""
    runner: str = field(default_factory=lambda: f"r_{token_hex(8)}")
    """Name of this process, unlike any before it."""
    clock: Callable[[], float] = time.time
    """Unix seconds."""

    def now(self) -> int:
        """Microseconds since the epoch."""
        return int(self.clock() * 1e6)
