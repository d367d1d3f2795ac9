"""The built-in policy: each depth to its tier on a ladder, every move marked unproven.

It is what an audit and `tierwise route` use before a company has a policy of its own. The
figures below are assumptions, stated as such wherever they are used; what a log can tell
(lengths on a rung that already runs) replaces them.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from tierwise.catalog import TIERS, Ladder
from tierwise.policy._lengths import Lengths
from tierwise.policy._types import CacheSettings, Limits, Match, Policy, Rule, ToolSettings

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Reasoning efforts, least first."""
RANK: Final = {effort: rank for rank, effort in enumerate(EFFORTS)}
"""The place of each among them, from 0."""

EFFORT_PERMILLE: Final = {
    "none": 0,
    "minimal": 100,
    "low": 400,
    "medium": 1000,
    "high": 2000,
    "xhigh": 3500,
    "max": 5000,
}
"""Reasoning tokens by effort, per mille of medium. Assumed: OpenAI publishes no such figure."""

LENGTHS: Final = Lengths(output=1000, reasoning=1200)
"""A cheaper model writes as much and reasons a fifth longer. Assumed."""

HIGHEST_EFFORT: Final = {"commodity": "none", "routine": "low", "professional": "medium"}
"""The most effort the proposal leaves to a depth; frontier work keeps what it asked for."""


NO_LIMITS: Final = Limits()


def proposal(ladder: Ladder, limits: Limits = NO_LIMITS) -> Policy:
    """The built-in policy over a ladder: one rule a depth, unknown depth stays as asked."""
    lossless = Rule(
        name="no signal of depth: stays as asked",
        lanes=frozenset({"batch"}),
        cache=CacheSettings(key=True),
        tools=ToolSettings(drop_unused=True),
    )
    rules = tuple(
        replace(
            lossless,
            name=f"{depth} depth",
            match=Match(depths=frozenset({depth})),
            model=ladder.model_for(depth),
            effort=HIGHEST_EFFORT.get(depth),
            unproven=True,
        )
        for depth in TIERS
    )
    return Policy(
        name=f"built-in proposal on ladder {ladder.name}",
        ladder=ladder,
        rules=(*rules, lossless),
        limits=limits,
    )
