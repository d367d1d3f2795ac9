"""The words of a decision: Rung, Rule, Policy, State, Decision."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from hashlib import sha256

import msgspec

from tierwise.catalog import Ladder, Lane, Tokens
from tierwise.workloads import Depth, Task


class Rung(msgspec.Struct, frozen=True):
    """A tier and the reasoning effort it runs at; effort None is the model's default."""

    model: str
    effort: str | None = None

    def __str__(self) -> str:
        return self.model if self.effort is None else f"{self.model} ({self.effort})"


class Lengths(msgspec.Struct, frozen=True, kw_only=True):
    """How long answers of another rung are, in thousandths of the answer as asked."""

    output: int = 1000
    """Visible output, per mille."""
    reasoning: int = 1000
    """Reasoning tokens at the same effort, per mille."""
    learned: bool = False
    """True when read off calls of this workload on that rung, False when assumed."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The owner's hard limits. None allows anything."""

    models: frozenset[str] | None = None
    """Approved models; a rung outside is never chosen."""
    zero_retention: bool = False
    """No lane that stores bodies (Batch, background)."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Calls it matches, and the rung they go to. The first rule that matches wins."""

    name: str
    depths: frozenset[Depth] = frozenset()
    """Depths it matches; empty matches every one."""
    tasks: frozenset[Task] = frozenset()
    """Tasks it matches; empty matches every one."""
    model: str | None = None
    """The model to go to; None leaves calls as asked."""
    effort: str | None = None
    """The highest effort it allows; None leaves effort as asked."""
    unproven: bool = False
    """True when no evidence says that the rung holds the bar; every decision then says so."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Ladder, rules and limits. Equal policies have equal digests."""

    name: str
    ladder: Ladder
    rules: tuple[Rule, ...]
    limits: Limits = Limits()
    margin: Decimal = Decimal("0.02")
    """Share of the cost as asked that a move must save, at least, to be worth a switch."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the policy's content, 64 hex digits."""
        return sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision may know beyond the request. Frozen, small, stored beside the decision."""

    usage: Tokens
    """Tokens expected as asked: logged, learned, or estimated from the request."""
    lane: Lane = "standard"
    """The lane as asked."""
    unused_tools: frozenset[int] = frozenset()
    """Digests of tools that no logged session of this workload has used."""
    readable: int = 0
    """Input tokens that the prompt cache could serve with a stable prefix, as asked."""
    kept_warm: int = 1000
    """Per mille of the cached input that stays cached when the call changes its model."""
    lengths: Mapping[str, Lengths] = {}
    """Lengths by model, learned from history or stated."""
    efforts: Mapping[str, int] = {}
    """Reasoning tokens by effort, per mille of those at medium effort."""
    waits: bool = False
    """The call may wait up to 24 hours for its answer."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """The expected call after one lever: what it would use, and cost."""

    lever: str
    tokens: Tokens
    cost: Decimal


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with the call, lever by lever; the part of a decision that is carried out."""

    drop_tools: frozenset[int] = frozenset()
    """Digests of tool definitions to leave out or defer."""
    warm: bool = False
    """Keep the prefix stable so that the cache serves it."""
    rung: Rung
    lengths: Lengths = Lengths()
    effort_permille: int = 1000
    """Reasoning tokens at the new effort, per mille of those at the effort as asked."""
    lane: Lane = "standard"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What the policy says of one call, with its reasons and the numbers it used."""

    plan: Plan
    baseline: Rung
    """The rung the call would have had without tierwise."""
    lane_asked: Lane
    rule: str
    moved: bool
    """True when rung or lane differ from what was asked."""
    unproven: bool
    """True when it moves to a cheaper rung on no evidence."""
    reasons: tuple[str, ...]
    steps: tuple[Step, ...] = ()
    """The expected call after each lever, 'as asked' first. Empty when the call has no price."""
    policy: str
    prices: str
    """Digest of the policy and of the prices that decided."""

    @property
    def expected_cost(self) -> Decimal | None:
        """USD expected for the call as decided; None when it has no price."""
        return self.steps[-1].cost if self.steps else None

    @property
    def expected_saving(self) -> Decimal:
        """USD expected to be saved against the call as asked; may be negative."""
        return self.steps[0].cost - self.steps[-1].cost if self.steps else Decimal(0)
