"""What a model can do, how its name was understood, and ladders of models."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

Feature = Literal[
    "tools",
    "structured_output",
    "tool_search",
    "computer_use",
    "images",
    "files",
    "audio",
    "verbosity",
    "reasoning",
    "hosted_tools",
]
"""What a request can need of a model."""

Tier = Literal["commodity", "routine", "professional", "frontier"]
"""The four rungs of a ladder, named by the depth of work they are for."""

TIERS: tuple[Tier, ...] = ("commodity", "routine", "professional", "frontier")
"""From the cheapest to the dearest."""

How = Literal["exact", "snapshot", "fine-tune", "azure", "prefix", "alias"]
"""How a name led to a model."""


class CacheRules(msgspec.Struct, frozen=True, kw_only=True):
    """How a model's prompt cache works. Source: OpenAI's prompt-caching guide, September 2026."""

    minimum: int = 1024
    """Shortest prefix that is cached, in tokens."""
    step: int = 128
    """Reported cached counts are rounded down to a multiple of this; 1 where they are exact."""
    spacing: int = 128
    """Tokens between the places where an implicit prefix may end; 0 where it ends with a message."""
    write_fee: bool = False
    """Whether writing to the cache has a rate of its own (gpt-5.6 and later)."""
    retentions: tuple[str, ...] = ()
    """Retentions that a request may ask for: 'in_memory', '24h', '30m', '12h'."""

    @property
    def shortest(self) -> int:
        """Fewest tokens of a prefix of which anything is read."""
        return max(self.minimum, self.spacing)

    @property
    def grid(self) -> int:
        """What is read of a warm prefix is a multiple of so many tokens."""
        return max(self.step, self.spacing)


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One model as data. None and empty mean 'not known' where `known` is False."""

    name: str
    context: int | None = None
    """Whole window in tokens, input and output together."""
    max_output: int | None = None
    max_input: int | None = None
    efforts: tuple[str, ...] = ()
    """Reasoning efforts that the API accepts, least first; empty: not a reasoning model."""
    default_effort: str | None = None
    features: frozenset[Feature] = frozenset()
    endpoints: frozenset[str] = frozenset()
    """Of chat, responses, batch, embeddings, completions, decisions."""
    sampling: Literal["always", "effort-none", "never", "unknown"] = "unknown"
    """When temperature, top_p and logprobs are accepted."""
    chat_tools: Literal["always", "effort-none", "never"] = "always"
    """When Chat Completions accepts function tools."""
    successor: str | None = None
    successor_note: str | None = None
    shutdown: date | None = None
    """Announced end, None where none is announced."""
    released: date | None = None
    cache: CacheRules = CacheRules()
    encoding: str = "o200k_base"
    note: str | None = None
    """What is uncertain in this row."""
    source: str = ""
    known: bool = True
    """False for a model that only the price data knows: priced, capabilities unknown."""

    def can(self, features: frozenset[str]) -> bool:
        """Whether the model has every one of `features`; False where its capabilities are unknown."""
        return self.known and features <= self.features


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """A model, and how the name that was asked for led to it."""

    model: Model
    asked: str
    how: How
    note: str | None = None
    """E.g. 'priced as gpt-5.4'; None for an exact name."""


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """Four models in order of depth, cheapest first."""

    name: str
    models: tuple[str, str, str, str]
    why: str = ""

    def model_for(self, depth: str) -> str:
        """The model for work of `depth` (a word of `TIERS`); 'unknown' and others are a ValueError."""
        if depth not in TIERS:
            raise ValueError(f"expected one of {', '.join(TIERS)}, got {depth!r:.40}")
        return self.models[TIERS.index(depth)]

    def tier_of(self, model: str) -> Tier | None:
        """The depth that `model` (a canonical name) stands for on this ladder, None if it is not on it."""
        rank = self.rank(model)
        return None if rank is None else TIERS[rank]

    def rank(self, model: str) -> int | None:
        """0 for the cheapest rung to 3 for the dearest, None for a model that is not on the ladder."""
        return self.models.index(model) if model in self.models else None
