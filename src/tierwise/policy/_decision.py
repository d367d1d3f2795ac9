"""What comes out: Plan, Change, Decision."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from tierwise.catalog import Lane, Tokens
from tierwise.policy._lengths import Lengths, Rung
from tierwise.policy._types import NO_CACHE, NO_TOOLS, CacheSettings, Stage, ToolSettings


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """The expected call after one lever: what it would use, and cost."""

    lever: str
    tokens: Tokens
    cost: Decimal


class Caching(msgspec.Struct, frozen=True, kw_only=True):
    """What is done for the prompt cache."""

    key: str | None = None
    """The `prompt_cache_key` to send."""
    retention: str | None = None
    """The retention to ask for."""
    order_tools: bool = False
    """Whether the list of tools goes in the order of its names."""
    mark: str | None = None
    """The message whose last part a breakpoint marks, e.g. 'messages[0]'."""


NO_CACHING = Caching()


class Cascading(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is checked before its caller has it, and the call sent higher where it is not accepted."""

    certificate: str
    """Digest of the certificate that says how."""
    trial: int
    """Which of its rungs this is, from 0."""
    passes: int
    """Per mille of calls that are expected to go on to the baseline, at most."""


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
    endpoint: str | None = None
    """The endpoint to send by where it is not the one called."""
    verbosity: str | None = None
    """The verbosity to ask for; None leaves the caller's."""
    cache: CacheSettings = NO_CACHE
    caching: Caching = NO_CACHING
    tools: ToolSettings = NO_TOOLS
    cascade: Cascading | msgspec.UnsetType = msgspec.UNSET
    """Unset, which leaves a decision's bytes as they were without this: the answer is the caller's."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in the request that will differ from what was sent."""

    parameter: str
    before: str | None
    """As sent; None where it was not."""
    after: str | None
    """As it goes out; None where it is left out."""
    why: str


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
    stage: Stage = "on"
    shadow: Plan | None = None
    """Under stage 'shadow': what would have been done; never shown to the caller."""
    propensity: Decimal | None = None
    """Under stage 'canary', and of a rule that holds sessions back: the chance that this session fell on the
    side it did."""
    changes: tuple[Change, ...] = ()
    """Everything in the request that will differ."""
    latency: int | None = None
    """Milliseconds that the answer is expected to take; None where the lane is not waited for."""
    evidence: str | None = None
    """Digest of the evidence that the move rests on."""
    breach: str | None = None
    """Why the call as decided is outside the owner's limits (it asked for a model that is not
    approved and nothing eligible is); who carries decisions out refuses it."""
    held: Plan | msgspec.UnsetType = msgspec.UNSET
    """Of a call that was held back: what would have been done."""
    held_cost: Decimal | msgspec.UnsetType = msgspec.UNSET
    """USD expected for that."""

    @property
    def held_back(self) -> Decimal:
        """USD that holding the call back is expected to cost; 0 for one that was not."""
        if isinstance(self.held_cost, Decimal) and self.steps:
            return self.steps[-1].cost - self.held_cost
        return Decimal(0)

    @property
    def expected_cost(self) -> Decimal | None:
        """USD expected for the call as decided; None when it has no price."""
        return self.steps[-1].cost if self.steps else None

    @property
    def expected_saving(self) -> Decimal:
        """USD expected to be saved against the call as asked; may be negative."""
        return self.steps[0].cost - self.steps[-1].cost if self.steps else Decimal(0)
