"""What may be spent."""

from __future__ import annotations

from decimal import Decimal

import msgspec


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """USD that may be spent."""

    day: Decimal | None = None
    """In one UTC day."""
    month: Decimal | None = None
    """In one UTC month."""
