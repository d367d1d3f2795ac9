"""What a decision may know beside the facts: State, and what stands in a request beside its prompt."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from tierwise.catalog import Lane, Tokens
from tierwise.policy._lengths import Lengths, Rung
from tierwise.workloads import Depth, Role, Task

ARMS = 1_000_000
"""Canary arms: `State.arm` is one of 0 to ARMS - 1."""


class Hints(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller says of its call outside the prompt. Counts only where the policy trusts it."""

    task: Task | None = None
    depth: Depth | None = None
    role: Role | None = None
    workload: str | None = None
    """A fingerprint, or a name that rules use."""


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in a request beside its prompt, as far as a rung can refuse it."""

    parameters: frozenset[str] = frozenset()
    """Names of the body's top-level keys; empty where the body is not at hand."""
    temperature: float | None = None
    top_p: float | None = None
    n: int | None = None
    verbosity: str | None = None
    store: bool | None = None
    stream: bool = False
    background: bool = False
    tools: frozenset[str] = frozenset()
    """Names of the tools sent."""
    extras: frozenset[str] = frozenset()
    """As `calls.Request.extras`."""
    released: bool = False
    """Whether the conversation holds a tool call that its caller was given."""
    linked: str | None = None
    """What ties the call to the model that answered before: 'previous_response_id',
    'conversation', 'reasoning items'; None where nothing does."""


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Time of an answer: to its first token, and for each after it."""

    first: int
    """Milliseconds."""
    token: int
    """Microseconds an output token, reasoning included."""
    learned: bool = True


class Narrowing(msgspec.Struct, frozen=True, kw_only=True):
    """What a search for the tools of a live call comes to: counts alone."""

    sent: int = 0
    """Definitions as sent."""
    stay: int = 0
    """Of them those that go out at first."""
    tokens: int = 0
    """Input tokens that go, those of the search itself taken off."""
    warm: int = 0
    """Input tokens that are warm with the definitions that stay."""
    loads: int = 0
    """Input tokens of what one search of OpenAI's loads, about; 0 for a search of ours."""
    under_way: bool = False
    """Whether the conversation runs with fewer definitions already: a list of all of them is not warm."""
    steps: int = 50
    """Extra steps, or searches of OpenAI's, expected in a thousand calls: assumed, until enough were counted."""
    why_not: str = ""
    """Why all of them go out; '' where some may be left to the search."""


class Warmth(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the prompt cache of a live call's workload: counts, and a key without anybody's text."""

    key: str
    """The `prompt_cache_key` of its shard."""
    shard: int = 0
    shards: int = 1
    rate: int = 0
    """Calls of the workload in the last minute, here."""
    gaps: tuple[int, ...] = ()
    """Times between its calls, counted by the classes of `caching.GAPS`."""
    prefix: int = 0
    """Tokens of tools, schema and instructions."""
    warm: Mapping[str, int] = {}
    """Input tokens warm by model where the call would be sent with what the policy lets be done."""
    orders_vary: bool = False
    """Whether its calls send the same tools in other orders, and the order of this list is free."""
    mark: str | None = None
    """The message whose end is the end of the fixed prefix, e.g. 'messages[0]', where a breakpoint may stand."""


class Chance(msgspec.Struct, frozen=True):
    """What a scorer says of one rung, in ten-thousandths: the same bytes on every machine and on replay."""

    rung: str
    chance: int
    """That its answer holds the bar, 0 to 10,000."""
    low: int
    """Lower end of that chance."""


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """What the scorer of a call's rule says of it: numbers alone."""

    scorer: str
    """Which scorer, as `ScorerRule.scorer`."""
    artefact: str = ""
    """What a scorer that is plugged in calls itself."""
    rungs: tuple[Chance, ...] = ()
    support: int = 0
    """Share of the newest turn's words that training has seen, in ten-thousandths."""
    known: bool = False
    """Whether that is enough; where it is not, nothing moves down."""
    why_not: str = ""
    """Why there are no numbers; '' where there are."""


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """Why calls of one workload go as asked until their rule is proved again, or somebody lifts it."""

    rule: str
    evidence: str | None = None
    """Digest of the evidence that it speaks against; None for a rule without."""
    why: str


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision may know beyond the request. Frozen, small, stored beside the decision."""

    usage: Tokens
    """Tokens expected as asked: logged, learned, or estimated from the request."""
    lane: Lane = "standard"
    """The lane as asked."""
    unused_tools: frozenset[int] = frozenset()
    """Digests of tools that no logged session of this workload has used."""
    unused_tokens: int | None = None
    """Input tokens of those among the tools sent, as a live call carries them out; None where only
    facts are known, as in an audit."""
    unused_sessions: int = 0
    """The fewest sessions that any of them was logged in, unused."""
    kept_tools: Mapping[str, int] = {}
    """Why tools that no logged session used stay all the same, with how many."""
    readable: int = 0
    """Input tokens that the prompt cache could serve with a stable prefix, as asked."""
    kept_warm: int = 1000
    """Per mille of the cached input that stays cached when the call changes its model."""
    search: Narrowing | None = None
    """For a rule that lets tools be searched for; None where nothing was looked for."""
    warm: Mapping[str, int] = {}
    """Input tokens warm by model, by the catalog's name, where that is known; else `kept_warm` holds."""
    lengths: Mapping[str, Lengths] = {}
    """Lengths by model, learned from history or stated."""
    efforts: Mapping[str, int] = {}
    """Reasoning tokens by effort, per mille of those at medium effort."""
    waits: bool = False
    """The call may wait up to 24 hours for its answer."""
    deadline: int | None = None
    """Seconds that the caller lets the answer take; None: it waits for it."""
    sent: Sent | None = None
    """None where only facts are known, as in an audit."""
    callers: frozenset[str] = frozenset()
    """Who calls: 'key:NAME', 'project:NAME'."""
    hints: Hints | None = None
    tags: frozenset[str] = frozenset()
    metadata: Mapping[str, str] = {}
    """Only keys that the policy looks at (`Policy.metadata_keys`)."""
    arm: int | None = None
    """The session's draw for a canary, from `arm_of`; None takes no part."""
    draw: int | None = None
    """The session's draw for the holdback of a rule, from `arm_of` with another salt; None takes no part."""
    held_back: Mapping[str, Decimal] = {}
    """USD that holding sessions back has cost this month, by rule that has a cap."""
    alarms: tuple[Alarm, ...] = ()
    """Those that were raised for the call's workload."""
    session_rung: Rung | None = None
    """The rung that the conversation's last turn ran on; None for a first turn."""
    session_warm: int = 0
    """Input tokens of this call that are warm on that rung."""
    latency: Mapping[str, Latency] = {}
    """Learned times by 'MODEL LANE'."""
    completion: Mapping[Lane, int] = {}
    """Learned seconds to completion of lanes that wait, at a high percentile."""
    batch_kept: int = 1000
    """Per mille of the cached input that stays cached where the call goes by Batch."""
    opens: int = 0
    """Seconds until what waits may be sent: 0 within the owner's window, and where there is none."""
    snapshots: Mapping[str, str] = {}
    """Dated model that serves each model name today, as responses say."""
    full: frozenset[str] = frozenset()
    """Models on which upstream turned this very call away, by the catalog's name: a fallback is asked for."""
    cache: Warmth | None = None
    """None where nothing is known of it, as in an audit."""
    tried: int = 0
    """Rungs of a cascade whose answers to this very call were not accepted."""
    unchecked: bool = False
    """Whether whoever carries the decision out cannot check an answer: nothing cascades."""
    scored: Scores | None = None
    """For a rule that asks a scorer; None where none was asked, as in an audit."""
    lanes: frozenset[Lane] | None = None
    """Lanes that whoever carries the decision out can use; None: any."""
