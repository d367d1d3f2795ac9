"""The words of a policy: Rung, Bar, Limits, Match, Rule, Policy."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from typing import Any, Final, Literal, get_args

import msgspec

from tierwise.calls import Endpoint
from tierwise.catalog import Ladder, Lane
from tierwise.policy._certificate import Certificate, Offer
from tierwise.policy._defer import Defer
from tierwise.policy._keep import Keep
from tierwise.policy._lengths import Lengths, Rung
from tierwise.workloads import Depth, Role, Task

Stage = Literal["off", "shadow", "canary", "on"]
"""How far a rule is carried out: not at all, only recorded, on a share of sessions, always."""

Verbosity = Literal["low", "medium", "high"]
VERBOSITIES: tuple[Verbosity, ...] = get_args(Verbosity)

Droppable = Literal[
    "temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias", "seed", "prediction"
]
"""Parameters that a rule may allow to be left out; others change what the caller would notice."""


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """The quality that a cheaper rung must keep."""

    margin: Decimal = Decimal("0.05")
    """How much may be lost: points of a score from 0 to 1, or a share of the baseline's quality."""
    measure: Literal["points", "share"] = "points"
    confidence: Decimal = Decimal("0.95")
    """One minus the chance that a rung below the bar is said to hold it, 0 to 1."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The record of one proof: population, rung, test, result. Holds no text.

    `evidence_digest` seals it; docs/policy.md says what each verdict allows.
    """

    version: Literal[1] = 1
    workload: str
    """Fingerprint of the workload, 16 hex digits."""
    baseline: Rung
    """The rung its calls had as asked."""
    rung: Rung
    """The rung that was tried."""
    snapshot: str
    """Dated model that served the rung during the proof, e.g. gpt-5.4-nano-2026-03-17."""
    verdict: Literal[
        "holds (gold)",
        "holds (human-corrected)",
        "holds per step",
        "agrees",
        "falls short",
        "undecided",
    ]
    lower_bound: Decimal
    """Lower bound on the mean of D = candidate - baseline + margin; above 0 holds the bar."""
    margin: Decimal
    measure: Literal["points", "share"] = "points"
    confidence: Decimal
    calls: int
    """Calls the verdict rests on."""
    created: dt.date
    expires: dt.date
    """Last day that it may be used."""
    lengths: Lengths = Lengths()
    """Measured lengths of the rung's answers against the baseline's, per mille."""
    proof: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    """How it was proved, as `tierwise.prove` writes it; the digest covers it. A policy that was read does not
    keep it: it decides nothing."""
    digest: str = ""
    """SHA-256 of everything else, 64 hex digits."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The owner's hard limits. None allows anything."""

    models: frozenset[str] | None = None
    """Approved models; a rung outside is never chosen."""
    zero_retention: bool = False
    """No lane that stores bodies (Batch, background), no cache retention of 12 or 24 hours."""
    residency: str | None = None
    """Region that calls must be processed in; its uplift is then part of every price."""


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls a rule is for: every condition that is set must hold. Empty matches all calls."""

    workloads: frozenset[str] = frozenset()
    """Fingerprints (16 hex digits), or names that trusted callers hint."""
    tasks: frozenset[Task] = frozenset()
    depths: frozenset[Depth] = frozenset()
    roles: frozenset[Role] = frozenset()
    endpoints: frozenset[Endpoint] = frozenset()
    models: frozenset[str] = frozenset()
    """Models asked for, lower case, as sent or by the catalog's name; * stands for any characters."""
    tags: frozenset[str] = frozenset()
    """The call has at least one of them."""
    metadata: Mapping[str, frozenset[str]] = {}
    """Key to the values of which the call has one."""
    tools: bool | None = None
    """Whether tool definitions are sent."""
    tool_names: frozenset[str] = frozenset()
    """At least one of these tools is sent."""


class CacheSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What may be done for the prompt cache."""

    key: bool = False
    """Send a stable prompt_cache_key a workload."""
    retention: str | None = None
    """Retention to ask for, where the model has it and the caller asked for none; 'auto': where gaps make it pay."""
    order_tools: bool = False
    """Bring the tool list (never what is inside a definition) into one order."""
    breakpoints: bool = False
    """Mark the end of the fixed prefix on models that have breakpoints, where that pays."""
    replicas: int = 1
    """Processes that share the traffic, 1 or more: each sees its part of the calls a minute."""


class ToolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What may be done with tool definitions."""

    drop_unused: bool = False
    """Leave out definitions that no logged session of the workload has used."""
    search: Literal["off", "hosted", "client"] = "off"
    """Defer definitions to OpenAI's tool search, or to a search of ours."""


_LATER: Final = ("fallback", "scorer", "holdback", "holdback_cap")
"""Fields of a rule that came after policies had been kept by their digest."""
_LATER_OF_CACHE: Final = {"breakpoints": False, "replicas": 1}
"""Those of its cache settings, with what they are where nothing is said."""
_LATER_OF_CASCADE: Final = {"offer": "selective", "stream": "direct", "certificate": None}
"""Those of its cascade."""

Stream = Literal["hold", "direct"]
"""A stream that would cascade: held until its answer is checked, or sent as asked."""

HOLDBACK: Final = Decimal("0.01")
"""Share of sessions that a rule on evidence holds back where it does not say."""

Fallback = Literal["proven", "up"]
"""proven: the rule's rung, where evidence says that it holds for this workload. up: the ladder above."""


class Cascade(msgspec.Struct, frozen=True, kw_only=True):
    """Try the rung first, check the answer, go up where it fails: as its certificate says."""

    risk: Decimal = Decimal("0.05")
    """Largest share that may be worse than the baseline's: of accepted answers, or of all calls (`offer`)."""
    checks: tuple[str, ...] = ("schema", "refusal", "truncation")
    """Checks that the certificate must have."""
    to: Rung | None = None
    """Where it goes up to; None is the rung as asked."""
    offer: Offer = "selective"
    stream: Stream = "direct"
    certificate: Certificate | None = None


OWN_SCORER: Final = "own"
"""The scorer that a program plugs in itself."""


class ScorerRule(msgspec.Struct, frozen=True, kw_only=True):
    """Which scorer a rule asks of a call, and how sure it must be of a rung."""

    scorer: str
    """SHA-256 at the end of the scorer's file, 64 hex digits; `OWN_SCORER` for one that is plugged in."""
    rungs: tuple[str, ...] = ()
    """Those it was made for; none for one that is plugged in."""
    general: bool = False
    """Free of a ladder: what it says of its cheapest rung counts for every rung below the one asked for."""
    proven: bool = True
    """Whether it may take part above stage shadow."""
    quality: Decimal | None = None
    """Least lower end of a rung's chance, above 0 and up to 1, for every rung; or None, and by rung:"""
    least: Mapping[str, Decimal] = {}
    """Least lower end by model; a rung that is not named is never chosen."""


NO_CACHE = CacheSettings()
NO_TOOLS = ToolSettings()


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Calls it matches, and the rung they go to. The first rule that matches wins."""

    name: str
    match: Match = Match()
    model: str | None = None
    """The model to go to; None leaves calls as asked."""
    effort: str | None = None
    """The highest effort it allows; None leaves effort as asked."""
    verbosity: Verbosity | None = None
    """The highest verbosity it allows."""
    lanes: frozenset[Lane] = frozenset()
    """Lanes it may choose besides the one as asked, where the deadline allows."""
    deadline: int | None = None
    """Seconds that its calls may wait for an answer; None: only as long as the call itself says."""
    cache: CacheSettings = NO_CACHE
    tools: ToolSettings = NO_TOOLS
    cascade: Cascade | None = None
    fallback: tuple[Fallback, ...] = ()
    """Where a call may go that upstream has no room for, first to last; then upstream's error."""
    max_latency: int | None = None
    """Milliseconds that an answer may take as expected; a slower rung or lane is not chosen."""
    may_drop: frozenset[Droppable] = frozenset()
    """Parameters that may be left out where the rung refuses them."""
    through_responses: bool = False
    """Chat calls with tools may be sent by Responses where Chat refuses them at that effort."""
    stage: Stage = "on"
    share: Decimal | None = None
    """Share of sessions in the canary, 0 to 1."""
    holdback: Decimal | None = None
    """Share of sessions that go as asked so that the others are measured against them, 0 to 1; None is `HOLDBACK`
    for a rule that rests on evidence, and 0 for others."""
    holdback_cap: Decimal | None = None
    """USD a month that holding sessions back may cost; None: no limit but the share."""
    unproven: bool = False
    """True when no evidence says that the rung holds the bar; every decision then says so."""
    evidence: tuple[Evidence, ...] = ()
    owner: str | None = None
    approved_by: str | None = None
    since: dt.date | None = None
    """The first day that it is carried out; before, its calls go as asked."""
    scorer: ScorerRule | None = None
    """What a call's move must stand up to beside the rule; None asks no scorer."""

    @property
    def holds_back(self) -> Decimal:
        """Share of sessions that it holds back, 0 to 1: only at stage 'on'."""
        if self.stage != "on":
            return Decimal(0)
        if self.holdback is not None:
            return self.holdback
        return HOLDBACK if self.evidence and not self.unproven else Decimal(0)


class Policy(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Ladder, bars, limits and rules; the last rule matches every call. Equal policies have equal digests."""

    name: str
    ladder: Ladder
    rules: tuple[Rule, ...]
    limits: Limits = Limits()
    margin: Decimal = Decimal("0.02")
    """Share of the cost as asked that a move must save, at least, to be worth a switch."""
    session_margin: Decimal = Decimal("0.25")
    """A conversation leaves its rung only for a saving above the worth of its warm cache, times one
    plus this."""
    bar: Bar = Bar()
    baseline: Rung | None = None
    """The rung of calls that ask for model 'auto'."""
    trusts: frozenset[str] = frozenset()
    """Callers whose hints count ('key:jobs', 'project:internal'); '*' is everyone."""
    learned: str | None = None
    """SHA-256 of the file of what an audit learned, 64 hex digits."""
    key_id: str = ""
    """Of the key that workloads in its rules are named under; '' for none."""
    keep: Keep | msgspec.UnsetType = msgspec.UNSET
    """What text of calls is kept; unset, which leaves a policy's digest as it was without this: none."""
    defer: Defer | msgspec.UnsetType = msgspec.UNSET
    """How calls wait; unset, which leaves a policy's digest as it was without this: as `Defer` says by itself."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the policy's content, 64 hex digits.

        What stands in `_LATER`, `_LATER_OF_CACHE` and `_LATER_OF_CASCADE` counts only where a rule sets it, so that ledgers, approvals and recorded
        decisions of before there was such a key still name the same policy.
        """
        content = msgspec.to_builtins(self, order="deterministic")
        for rule in content["rules"]:
            for name in _LATER:
                if not rule[name]:
                    del rule[name]
            for name, usual in _LATER_OF_CACHE.items():
                if rule["cache"][name] == usual:
                    del rule["cache"][name]
            cascade = rule["cascade"] or {}
            for name, as_before in _LATER_OF_CASCADE.items():
                if cascade and cascade[name] == as_before:
                    del cascade[name]
        return sha256(msgspec.json.encode(content)).hexdigest()

    @cached_property
    def defers(self) -> bool:
        """Whether a rule that is carried out lets calls wait for Batch."""
        waits = any("batch" in rule.lanes and rule.stage in {"on", "canary"} for rule in self.rules)
        return waits and not self.limits.zero_retention

    @cached_property
    def waiting(self) -> Defer:
        """How calls wait."""
        return self.defer if isinstance(self.defer, Defer) else Defer()

    @cached_property
    def holds_back(self) -> bool:
        """Whether a rule keeps sessions as asked to measure the others by."""
        return any(rule.holds_back for rule in self.rules)

    @cached_property
    def narrows(self) -> bool:
        """Whether a rule may leave out tool definitions."""
        return any(rule.tools != NO_TOOLS for rule in self.rules)

    @cached_property
    def scores(self) -> bool:
        """Whether a rule that is not off asks a scorer."""
        return any(rule.scorer is not None and rule.stage != "off" for rule in self.rules)

    @cached_property
    def caches(self) -> CacheSettings:
        """What any rule that is carried out lets be done for the prompt cache."""
        found = [rule.cache for rule in self.rules if rule.stage != "off"]
        return CacheSettings(
            key=any(one.key for one in found),
            retention=next((one.retention for one in found if one.retention is not None), None),
            order_tools=any(one.order_tools for one in found),
            breakpoints=any(one.breakpoints for one in found),
            replicas=max((one.replicas for one in found), default=1),
        )

    @cached_property
    def metadata_keys(self) -> frozenset[str]:
        """Metadata keys that a rule looks at: all that a State need keep of a call's metadata."""
        return frozenset(key for rule in self.rules for key in rule.match.metadata)
