"""What a gateway holds to: sizes, times, numbers at once."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Limits, with their defaults, and where things are."""

    spool: Path = Path("tierwise-spool")
    """Folder that calls are written down in before anything else; on a disk that outlives the process."""
    most_body: int = 64 * 1024 * 1024
    """Bytes of a request."""
    slowest_body: float = 60.0
    """Seconds that a request's body may take to come."""
    slowest_upload: float = 900.0
    """Seconds that a file for batches may take to come."""
    at_once: int = 1_000
    """Calls under way at once; beyond that 503 with retry-after."""
    keys_remembered: float = 5.0
    """Seconds that a key is taken for what it was without asking the database: how long an ended key
    may still open the door, and how old the word of a database that is gone may be is ten times this."""
    vigil: float = 30.0
    """Seconds between looks at whether the rules that are on still hold the bar, at least."""
    fold_every: float = 0.5
    """Seconds between foldings of the spool into the database."""
    look_later: float = 60.0
    """Seconds between looks at background calls whose callers have not asked for their answer."""
    linger: float = 0.0
    """Seconds that it goes on taking calls, but is not ready, before it stops: for whoever sends it calls to notice."""
    drain: float = 30.0
    """Seconds that calls under way may take to end when the gateway stops."""
