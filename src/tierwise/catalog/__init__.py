"""Models, capabilities, ladders, token counts made disjoint, and usage turned into money.

In: model names as logs write them, lanes, dates, token counts. Out: what a model can do,
what a call cost to the last digit, or a named refusal. Prices come from genai-prices; the
layer here adds what that lacks and turns its silent fallbacks into errors.
"""

from __future__ import annotations

from tierwise.catalog._lanes import LANES, Lane
from tierwise.catalog._tokens import KINDS, MOST_TOKENS, Tokens, disjoint_tokens

__all__ = ["KINDS", "LANES", "MOST_TOKENS", "Lane", "Tokens", "disjoint_tokens"]
