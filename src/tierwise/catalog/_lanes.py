"""How a call travels, what each way is called, and which way a served call took."""

from __future__ import annotations

from typing import Final, Literal, get_args

from tierwise.errors import Unpriced

Lane = Literal["standard", "flex", "batch", "priority", "background-2h", "background-8h"]
"""How a call travels: the price and the promise of time that it was sent under."""

LANES: tuple[Lane, ...] = get_args(Lane)
"""Every lane, standard first."""

WINDOWS: Final[dict[Lane, str]] = {"background-2h": "2h", "background-8h": "8h"}
"""Lanes of background responses, with what each is called in `background_options.completion_window`."""

LaneBasis = Literal["served", "asked", "assumed"]
"""What a lane rests on: the response says so, only the request does, or neither."""


def _lane_of(tier: str) -> Lane | None:
    """The lane that a `service_tier` word bills at; None for words that leave it open."""
    match tier.strip().lower():
        case "default" | "standard":
            return "standard"
        case "flex":
            return "flex"
        case "priority" | "fast":
            return "priority"  # renamed Fast mode on 2026-07-30; responses still say priority
        case "" | "auto":
            return None
        case unknown:
            raise Unpriced(
                f"no lane is known for service tier {unknown!r:.40}; expected default, flex, priority or fast"
            )


def served_lane(request_tier: str | None, response_tier: str | None) -> tuple[Lane, LaneBasis]:
    """The lane that a synchronous call is billed in, and what that rests on.

    The response decides. Where it says nothing, the request's tier is taken ('asked'). 'auto'
    is not a price: a project setting decides, so alone it gives standard, 'assumed'. Batch and
    background windows are not in `service_tier`; the caller knows them from elsewhere.

    Raises:
        Unpriced: a tier without published prices ('ultrafast', 'scale'), by name.
    """
    if response_tier and (lane := _lane_of(response_tier)):
        return lane, "served"
    if request_tier and (lane := _lane_of(request_tier)):
        return lane, "asked"
    return "standard", "assumed"
