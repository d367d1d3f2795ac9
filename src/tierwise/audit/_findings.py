"""What an audit found. These structs are the JSON of `tierwise audit --json`, field by field.

All money is USD as an exact Decimal (a string in JSON), never rounded here.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

Basis = Literal["measured", "simulated", "assumed"]
"""What a saving rests on: counted in the log, replayed under documented rules, or assumed."""

LeverName = Literal["waste", "tools", "cache", "tier", "effort", "lane"]
LEVERS: tuple[LeverName, ...] = ("waste", "tools", "cache", "tier", "effort", "lane")
"""In the order they are applied; each lever's share is the cost before it minus after it."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Calls, tokens and money of one group. Token counts are disjoint and add up."""

    calls: int = 0
    input: int = 0
    """Uncached input tokens, audio included."""
    cached: int = 0
    written: int = 0
    output: int = 0
    """Visible output tokens, audio included."""
    reasoning: int = 0
    spend: Decimal = Decimal(0)
    unpriced_calls: int = 0


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a breakdown: by model, project, tag, day, lane, key."""

    name: str
    counts: Counts


class ModelRow(msgspec.Struct, frozen=True, kw_only=True):
    """Spend on one model as it was served."""

    model: str
    tier: str | None
    """Its depth on the ladder in use, None when it is not on it."""
    counts: Counts
    note: str | None = None
    """How the name was resolved, or why it is unpriced."""


class LeverShare(msgspec.Struct, frozen=True, kw_only=True):
    """What one lever could save, over all workloads or in one."""

    lever: LeverName
    saves: Decimal
    low: Decimal
    high: Decimal
    basis: Basis
    measured: Decimal
    """The part of `saves` that was counted in the log, with no assumption about the future."""
    calls: int
    """Calls that it touches."""
    assumption: str
    """What must be true for `saves`, in one sentence."""
    needs: str | None = None
    """For a log too coarse to tell: what record is needed and the command that makes it."""
    worthwhile: bool = True
    """False when the saving a month is not worth the work, by the threshold in the report."""


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """What the log lets one see of success. None where it does not."""

    sessions: int = 0
    tokens_per_session: float | None = None
    spend_per_session: Decimal | None = None
    first_attempt_success: float | None = None
    """Share of tasks whose first attempt ended well, 0 to 1."""
    cost_per_success: Decimal | None = None
    retries: int = 0
    errors: int = 0
    scored: int = 0
    score_mean: float | None = None
    success_rule: str | None = None
    """What was counted as success, in words."""


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """What makes prompts of a workload differ early, so that the cache cannot hold."""

    kind: str
    """In the instructions: timestamp, date, id, email, number, name, retrieval (documents before what does not
    vary), text. Before them: tool order, tool text, schema, tools or schema (where a log without text leaves
    that open). Between the turns of a conversation: tools (added or removed), model, effort, verbosity, cache key."""
    where: str
    """e.g. 'instructions, character 41 of 812'."""
    example: tuple[str, str]
    """The differing text of two calls, at most 60 characters each."""
    calls: int
    """Those that would have read more of the cache without it."""
    saves: Decimal
    tokens: int = 0
    """Of the prompt in front of it, estimated; 0 for settings, which all of a prefix depends on."""
    excerpt: tuple[str, str] | None = None
    """The differing text with some around it, what differs between '[[' and ']]'; None without text."""
    advice: str = ""
    """What to do, in a line."""


class CacheCheck(msgspec.Struct, frozen=True, kw_only=True):
    """The replayed prompt cache beside what the log says was read, in tokens, where it tells both."""

    calls: int
    input: int
    seen: int
    """Read from the cache, as billed."""
    simulated: int
    """What the replay says would have been read."""
    close: int
    """Calls where the two are at most 256 tokens apart."""
    not_explained: int
    """Read, though the replay found less: longer retention, or a start shared within a part of a prompt."""
    not_read: int
    """Found by the replay, though not read: evicted, or broken by what a log does not show."""


class WorkloadRow(msgspec.Struct, frozen=True, kw_only=True):
    """Calls that come from the same place in the application, and what they could cost."""

    id: str
    """16 hex digits."""
    label: str
    task: str
    depth: str
    role: str
    calls: int
    spend: Decimal
    counts: Counts
    model: str
    """The model most of its spend goes to."""
    models: dict[str, int]
    proposed: str | None
    """The model most of its calls would move to; None when they stay."""
    proposed_effort: str | None
    proposed_lane: str | None
    levers: dict[LeverName, Decimal]
    could_save: Decimal
    low: Decimal
    high: Decimal
    signals: tuple[str, ...]
    depths: dict[str, int]
    """Calls by depth."""
    reasons: tuple[str, ...]
    """Why its calls move or stay, most frequent first."""
    projects: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    outcomes: Outcomes = Outcomes()
    cached_share: float = 0.0
    """Cached share of input as billed, 0 to 1."""
    cacheable_share: float = 0.0
    """Share of input that could have been read from the cache."""
    simulated_share: float = 0.0
    """Share of input that the replayed cache would have read with the prompts as they were."""
    breakers: tuple[Breaker, ...] = ()
    tools_sent: int = 0
    tools_unused: tuple[str, ...] = ()
    """Names of definitions sent and never used in the log."""


class Shutdown(msgspec.Struct, frozen=True, kw_only=True):
    """A model in use whose end is announced."""

    model: str
    date: str
    successor: str | None
    calls: int
    spend: Decimal
    spend_on_successor: Decimal | None
    """The same tokens at the successor's prices."""
    past: bool = False
    """True when that day was over when the audit was made."""
    workloads: tuple[str, ...] = ()


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing worth a reader's time, in a sentence, with the money where there is any."""

    kind: str
    """e.g. duplicates, retries, loop, unpriced, breaker, unused-tools, shutdown, top-tier, mismatch."""
    text: str
    workload: str | None = None
    saves: Decimal | None = None
    calls: int = 0
    advice: str = ""


AdviceKind = Literal["breaker", "unused-tools", "effort"]


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """What to change in the caller's own code, as a patch where the log has the text.

    Its money is part of a lever's share, a breaker's on its own before the other levers: it is
    never to be added to `could_save`, and pieces of advice are not to be added to each other.
    """

    kind: AdviceKind
    workload: str
    label: str
    where: str
    """The part of the request: e.g. 'instructions, character 41 of 812', 'tools, 17 of 22 definitions'."""
    trace: str
    """The first such call in the log: file, line where it is known, and time."""
    diff: tuple[str, ...]
    """Lines that begin with '-', '+', ' ' or '@@', as in a patch; empty where the log has no text to show."""
    calls: int
    saves: Decimal
    """In the period of the log."""
    monthly: Decimal | None
    """The same in 30 days; None where the log has no times or covers under six hours."""
    basis: Basis
    unproven: bool
    """True where the change may alter answers: show on your own calls first that they stay good."""
    text: str


class Spend(msgspec.Struct, frozen=True, kw_only=True):
    """Money of the period, as the catalog prices it."""

    total: Decimal
    unpriced_calls: int
    unpriced: dict[str, int]
    """Calls without a price, by reason."""
    logged: Decimal | None = None
    """What the log itself says it cost, over the calls that carry a cost."""
    logged_calls: int = 0
    charged: Decimal | None = None
    """What OpenAI's cost export says was charged, where one was read."""
    monthly: Decimal | None = None
    """Spend scaled to 30 days, None when the log has no times."""


class Headline(msgspec.Struct, frozen=True, kw_only=True):
    """What a manager needs: who needs the top tier, who is sent there, and the money."""

    needs_frontier: float
    """Share of recognised calls that need frontier depth, 0 to 1."""
    sent_to_top: float
    """Share of calls that is sent to the top tier, 0 to 1."""
    spend_on_top: Decimal
    spend_needing_frontier: Decimal
    spend: Decimal
    could_be: Decimal
    measured: Decimal
    """The part of the saving that was measured."""
    by_depth: dict[str, Counts]
    unknown: float
    """Share of calls with no signal of depth, 0 to 1; they stay where they are."""


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """Spend and saving a month at N times the volume."""

    times: float
    spend: Decimal
    spend_low: Decimal
    spend_high: Decimal
    could_save: Decimal
    low: Decimal
    high: Decimal


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """The whole audit."""

    version: int = 1
    tierwise: str
    policy: str
    """Digest of the policy that proposed the moves."""
    prices: str
    """Digest and date of the prices."""
    ladder: str
    files: int
    calls: int
    """Calls counted once each."""
    duplicates: int
    """Records of a call already counted, left out."""
    skipped: dict[str, int]
    skipped_examples: tuple[str, ...]
    """file:line: reason, for the first few."""
    start: str | None
    end: str | None
    per_call: bool
    """False when the log only had totals: no workloads, no tools, no waste."""
    counts: Counts
    spend: Spend
    headline: Headline | None
    models: tuple[ModelRow, ...]
    workloads: tuple[WorkloadRow, ...]
    projects: tuple[Group, ...]
    keys: tuple[Group, ...]
    tags: tuple[Group, ...]
    days: tuple[Group, ...]
    lanes: tuple[Group, ...]
    hours: tuple[Group, ...] = ()
    """By hour of the period, at most 31 days' worth; name is an ISO hour in UTC."""
    levers: dict[LeverName, Decimal]
    lever_shares: tuple[LeverShare, ...]
    could_save: Decimal
    low: Decimal
    high: Decimal
    outcomes: Outcomes
    cache_check: CacheCheck | None = None
    """How far the replayed cache is from the cached tokens in the log."""
    findings: tuple[Finding, ...]
    advice: tuple[Advice, ...] = ()
    """What to change in the caller's code, most money first; at most 100, `notes` count the rest."""
    shutdowns: tuple[Shutdown, ...]
    forecasts: tuple[Forecast, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader must know of how the numbers came about."""
    learned: str | None = None
    """The file that what the log taught was written to."""
    key: str | None = None
    """The file of the key that workloads are named under."""
    key_id: str | None = None
    """Name of that key (16 hex digits), which tells nothing of it; '' for none, None where keys are
    mixed or there is no workload."""
