"""Models, capabilities, ladders, token counts made disjoint, and usage turned into money.

In: model names as logs write them, lanes, dates, token counts. Out: what a model can do,
what a call cost to the last digit, or a named refusal. Prices come from genai-prices; the
layer here adds what that lacks and turns its silent fallbacks into errors.
"""

from __future__ import annotations

from tierwise.catalog._catalog import DEFAULT_LADDER, Catalog
from tierwise.catalog._count import at_most_tokens, count_tokens
from tierwise.catalog._days import utc_day
from tierwise.catalog._lanes import LANES, WINDOWS, Lane, LaneBasis, served_lane
from tierwise.catalog._models import TIERS, CacheRules, Feature, Ladder, Model, Resolution, Tier
from tierwise.catalog._overrides import Reserved
from tierwise.catalog._rates import Cost, RateCard, Rates
from tierwise.catalog._tokens import KINDS, MOST_TOKENS, Tokens, disjoint_tokens

__all__ = [
    "DEFAULT_LADDER",
    "KINDS",
    "LANES",
    "MOST_TOKENS",
    "TIERS",
    "WINDOWS",
    "CacheRules",
    "Catalog",
    "Cost",
    "Feature",
    "Ladder",
    "Lane",
    "LaneBasis",
    "Model",
    "RateCard",
    "Rates",
    "Reserved",
    "Resolution",
    "Tier",
    "Tokens",
    "at_most_tokens",
    "count_tokens",
    "disjoint_tokens",
    "served_lane",
    "utc_day",
]
