"""What the living proof says of rules to decisions: alarms, and what holding sessions back has cost."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from tierwise.policy import Alarm


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """Replaced whole by whoever watches; decisions only read it."""

    alarms: Mapping[str, tuple[Alarm, ...]] = {}
    """By fingerprint of the workload, 16 hex digits."""
    held_back: Mapping[str, Decimal] = {}
    """USD that holding back has cost this month, by rule that has a cap."""

    def against(self, workload: int) -> tuple[Alarm, ...]:
        """The alarms of one workload."""
        return self.alarms.get(f"{workload:016x}", ()) if self.alarms else ()


NOTHING_WATCHED: Final = Watched()
