"""How a call travels, and what each way is called."""

from __future__ import annotations

from typing import Literal, get_args

Lane = Literal["standard", "flex", "batch", "priority", "background-2h", "background-8h"]
"""How a call travels: the price and the promise of time that it was sent under."""

LANES: tuple[Lane, ...] = get_args(Lane)
"""Every lane, standard first."""
