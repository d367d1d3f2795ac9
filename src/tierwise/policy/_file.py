"""The shape of `tierwise.toml`, table by table: what is read, and what editors are told of it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tierwise.calls import Endpoint
from tierwise.catalog import Lane
from tierwise.policy._certificate import Offer
from tierwise.policy._keep import REDACTIONS, Redaction
from tierwise.policy._types import Droppable, Fallback, Stage, Stream, Verbosity
from tierwise.workloads import Depth, Role, Task

Words = str | tuple[str, ...]
Duration = Annotated[str, Meta(pattern=r"^[0-9]+(ms|s|m|h|d)$")]
Hours = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$")]
Share = Annotated[Decimal, Meta(extra_json_schema={"minimum": 0, "maximum": 1})]
ShareOrMore = Annotated[Decimal, Meta(extra_json_schema={"minimum": 0})]
Dollars = ShareOrMore
Late = Literal["flex", "standard", "priority"]
_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file; a key it does not have is an error."""


class LadderTable(Table, frozen=True, kw_only=True):
    """A ladder of your own."""

    name: Annotated[str, Meta(description="What reports call it.")] = "inline"
    models: Annotated[
        tuple[str, str, str, str],
        Meta(description="Four models: commodity, routine, professional, frontier; cheapest first."),
    ]


class RungTable(Table, frozen=True, kw_only=True):
    """A tier and an effort."""

    model: Annotated[str | None, Meta(description="The model; left out, the one asked for.")] = None
    effort: Annotated[
        str | None,
        Meta(description="The most reasoning effort; a call that asked for less keeps less."),
    ] = None


class BarTable(Table, frozen=True, kw_only=True):
    """The quality that a cheaper rung must keep."""

    margin: Annotated[Share, Meta(description="What may be lost: points from 0 to 1, or a share.")] = Decimal(
        "0.05"
    )
    measure: Annotated[
        Literal["points", "share"],
        Meta(description="Whether the margin is in points of the score or a share of the baseline's."),
    ] = "points"
    confidence: Annotated[Share, Meta(description="Confidence of a proof, 0 to 1.")] = Decimal("0.95")


class LimitsTable(Table, frozen=True, kw_only=True):
    """The owner's limits, which nothing overrides."""

    approved: Annotated[
        tuple[str, ...] | None, Meta(description="Models that may be chosen; left out, any.")
    ] = None
    zero_retention: Annotated[
        bool,
        Meta(
            description="Nothing that stores bodies: no Batch, no background window, no long cache retention."
        ),
    ] = False
    residency: Annotated[
        str | None, Meta(description="Region calls are processed in; adds the uplift to every price.")
    ] = None


class SwitchTable(Table, frozen=True, kw_only=True):
    """When a switch is worth it."""

    margin: Annotated[
        Share, Meta(description="Share of the cost as asked that a move must save at least.")
    ] = Decimal("0.02")
    session: Annotated[
        ShareOrMore,
        Meta(
            description="How far above the worth of its warm cache a saving must be to move a conversation."
        ),
    ] = Decimal("0.25")


class KeepTable(Table, frozen=True, kw_only=True):
    """What text of calls the gateway keeps in its ledger: none unless this says so."""

    text: Annotated[
        Literal["off", "prompts", "all"],
        Meta(description="off: none; prompts: requests; all: requests and replies."),
    ] = "off"
    workloads: Annotated[
        Words, Meta(description="Only of these workloads, by fingerprint (16 hex digits); left out, of all.")
    ] = ()
    share: Annotated[Share, Meta(description="Share of calls, drawn by their ids.")] = Decimal(1)
    redact: Annotated[
        Redaction | tuple[Redaction, ...],
        Meta(description="What is taken out first; keys and tokens always are. Left out, all of it."),
    ] = REDACTIONS
    patterns: Annotated[
        dict[str, str], Meta(description="Your own regular expressions of what is taken out, by name.")
    ] = {}
    retention: Annotated[
        int | None,
        Meta(
            description="Days that text is kept; required where it is.",
            extra_json_schema={"minimum": 1, "maximum": 3650},
        ),
    ] = None


class DeferTable(Table, frozen=True, kw_only=True):
    """How calls wait whose rule lets them: by its lanes and its deadline, or the caller's own."""

    window: Annotated[
        Hours | None,
        Meta(
            description="Hours in which batches are sent, e.g. '22:00-06:00'; left out, at any: it costs the same."
        ),
    ] = None
    zone: Annotated[str, Meta(description="Time zone of the window, e.g. 'Europe/Berlin'.")] = "UTC"
    own_keys: Annotated[
        Literal["now", "refuse"],
        Meta(description="Calls that ask to wait and bring an OpenAI key of their own: run now, or refused."),
    ] = "now"
    late: Annotated[
        Late | tuple[Late, ...],
        Meta(description="Lanes for what no batch brings in time, first to last; none: it fails."),
    ] = ("flex", "standard")
    late_cost: Annotated[
        ShareOrMore,
        Meta(description="What a late call may cost at most, as a share of its cost as asked."),
    ] = Decimal(1)
    collect: Annotated[Duration, Meta(description="How long a call waits for others to share its batch.")] = (
        "5m"
    )
    keep: Annotated[Duration, Meta(description="How long bodies are kept once their answer was fetched.")] = (
        "24h"
    )
    keep_unfetched: Annotated[
        Duration, Meta(description="How long an answer is kept that nobody fetches.")
    ] = "30d"
    enqueued: Annotated[
        dict[str, int],
        Meta(description="Your account's limits of enqueued input tokens, by model; others are found out."),
    ] = {}
    key_env: Annotated[
        str | None, Meta(description="Environment variable with the key that what waits is sealed with.")
    ] = None


class MatchTable(Table, frozen=True, kw_only=True):
    """Which calls a rule is for: every key that is set must hold; of several words, one."""

    workload: Annotated[
        Words, Meta(description="Fingerprints (16 hex digits), or names that trusted callers hint.")
    ] = ()
    task: Annotated[Task | tuple[Task, ...], Meta(description="What the call asks for.")] = ()
    depth: Annotated[Depth | tuple[Depth, ...], Meta(description="How deep it goes.")] = ()
    role: Annotated[Role | tuple[Role, ...], Meta(description="Its place in a trace.")] = ()
    endpoint: Annotated[Endpoint | tuple[Endpoint, ...], Meta(description="The endpoint called.")] = ()
    model: Annotated[
        Words, Meta(description="The model asked for, as sent or by its own name; * is any text.")
    ] = ()
    tags: Annotated[Words, Meta(description="Tags of the call; one of them is enough.")] = ()
    metadata: Annotated[
        dict[str, Words], Meta(description="Metadata of the call: key to the value, or values, it may have.")
    ] = {}
    tools: Annotated[
        bool | str | tuple[str, ...],
        Meta(description="Whether it sends tools, or names of tools of which it sends one."),
    ] = ()


class CacheTable(Table, frozen=True, kw_only=True):
    """What may be done for the prompt cache."""

    key: Annotated[bool, Meta(description="Send a stable prompt_cache_key a workload.")] = False
    retention: Annotated[
        str | None,
        Meta(
            description="Retention to ask for, e.g. '24h'; 'auto' where the gaps between calls make it pay."
        ),
    ] = None
    order_tools: Annotated[
        bool, Meta(description="Bring the list of tools into one order, where calls send it in several.")
    ] = False
    breakpoints: Annotated[
        bool, Meta(description="Mark the end of the fixed prefix on models that charge for cache writes.")
    ] = False
    replicas: Annotated[
        int,
        Meta(
            description="Processes that share the traffic; each measures its own part.",
            extra_json_schema={"minimum": 1, "maximum": 1024},
        ),
    ] = 1


class ToolsTable(Table, frozen=True, kw_only=True):
    """What may be done with tool definitions."""

    drop_unused: Annotated[
        bool, Meta(description="Leave out definitions that no logged session of the workload used.")
    ] = False
    search: Annotated[
        Literal["off", "hosted", "client"],
        Meta(description="Defer definitions to OpenAI's tool search, or to a search of ours."),
    ] = "off"


class CascadeTable(Table, frozen=True, kw_only=True):
    """Try the rung first, check the answer, go up where it fails."""

    risk: Annotated[
        Share, Meta(description="Largest share that may be worse than as asked; of what, `offer` says.")
    ] = Decimal("0.05")
    offer: Annotated[
        Offer,
        Meta(
            description="selective: of accepted answers, with the certificate's confidence; joint: of all calls, in "
            "expectation."
        ),
    ] = "selective"
    checks: Annotated[tuple[str, ...], Meta(description="Checks that the certificate must have.")] = (
        "schema",
        "refusal",
        "truncation",
    )
    stream: Annotated[
        Stream, Meta(description="Streams: held until their answer is checked, or sent as asked.")
    ] = "direct"
    certificate: Annotated[
        str | None, Meta(description="Path of the certificate's file, from this file's folder.")
    ] = None
    to: Annotated[str | RungTable | None, Meta(description="Where it goes up to; left out, as asked.")] = None


class ScorerTable(Table, frozen=True, kw_only=True):
    """Which scorer is asked of each call, and how sure it must be."""

    file: Annotated[
        str,
        Meta(
            description="A file of `tierwise train`, from this file's folder; 'prior': the one that ships, up to stage "
            "shadow; 'own': the one that the program plugs in."
        ),
    ]
    quality: Annotated[
        Share | None,
        Meta(
            description="Least lower end of the chance that a rung holds; left out, 1 less the margin of [bar]."
        ),
    ] = None
    least: Annotated[
        dict[str, Decimal],
        Meta(description="In place of quality, by model; a model that is not named is never chosen."),
    ] = {}


class DefaultTable(Table, frozen=True, kw_only=True):
    """What happens to the calls that no rule matches."""

    rung: Annotated[
        str | RungTable | None,
        Meta(description="Where calls go; left out, they keep their model and effort."),
    ] = None
    verbosity: Annotated[
        Verbosity | None, Meta(description="The most verbosity, where the model takes one.")
    ] = None
    lanes: Annotated[
        Lane | tuple[Lane, ...], Meta(description="Lanes it may choose besides the one as asked.")
    ] = ()
    deadline: Annotated[
        Duration | None,
        Meta(description="How long its calls may wait, e.g. '24h'; a caller's own word wins."),
    ] = None
    cache: Annotated[CacheTable, Meta(description="Prompt cache.")] = CacheTable()
    tools: Annotated[ToolsTable, Meta(description="Tool definitions.")] = ToolsTable()
    cascade: Annotated[
        CascadeTable | None,
        Meta(description="Check the answer and go up where it fails, as a certificate says."),
    ] = None
    fallback: Annotated[
        Fallback | tuple[Fallback, ...] | None,
        Meta(
            description="Where calls go that upstream has no room for, first to last: 'proven', the rung of a rule "
            "whose evidence holds; 'up', the ladder above what was asked for. Left out, as the file's top says."
        ),
    ] = None
    max_latency: Annotated[
        Duration | None, Meta(description="Longest expected answer, e.g. '3s'; slower rungs are not chosen.")
    ] = None
    may_drop: Annotated[
        Droppable | tuple[Droppable, ...],
        Meta(description="Parameters that may be left out where the rung refuses them."),
    ] = ()
    through_responses: Annotated[
        bool,
        Meta(description="Chat calls with tools may go by Responses where Chat refuses them at that effort."),
    ] = False
    stage: Annotated[
        Stage, Meta(description="off: as asked; shadow: only recorded; canary: a share of sessions; on.")
    ] = "off"
    share: Annotated[Share | None, Meta(description="Share of sessions in the canary.")] = None
    holdback: Annotated[
        Share | None,
        Meta(
            description="Share of sessions that go as asked at stage on, so that the others are measured against them; "
            "0.01 without it where the rule rests on evidence, else 0."
        ),
    ] = None
    holdback_cap: Annotated[
        Dollars | None, Meta(description="Dollars a month that holding sessions back may cost.")
    ] = None
    owner: Annotated[str | None, Meta(description="Who answers for the rule.")] = None
    approved_by: Annotated[str | None, Meta(description="Who let it go on.")] = None
    since: Annotated[dt.date | None, Meta(description="First day that it is carried out.")] = None
    unproven: Annotated[
        bool, Meta(description="Go on without evidence; needs approved_by, and every decision says so.")
    ] = False
    evidence: Annotated[Words, Meta(description="Paths of evidence files, from this file's folder.")] = ()
    scorer: Annotated[
        str | ScorerTable | None,
        Meta(
            description="A learned scorer that must hold a rung good enough for the call: its file, or a table."
        ),
    ] = None


class RuleTable(DefaultTable, frozen=True, kw_only=True):
    """One rule. The first whose match holds decides, whatever its stage."""

    name: Annotated[str, Meta(description="What decisions call it; no two alike.", min_length=1)]
    match: Annotated[MatchTable, Meta(description="Which calls it is for.")]


class PolicyFile(Table, frozen=True, kw_only=True):
    """A policy of tierwise."""

    version: Annotated[Literal[1], Meta(description="Version of this format.")] = 1
    name: Annotated[str, Meta(description="What decisions and reports call the policy.")] = "tierwise.toml"
    ladder: Annotated[str | LadderTable, Meta(description="Name of a ladder, or one of your own.")]
    baseline: Annotated[
        str | RungTable | None, Meta(description="The rung of calls that ask for model 'auto'.")
    ] = None
    trusts: Annotated[
        Words, Meta(description="Callers whose hints count: 'key:NAME', 'project:NAME', or '*' for all.")
    ] = ()
    fallback: Annotated[
        Fallback | tuple[Fallback, ...],
        Meta(description="Where calls go that upstream has no room for, unless a rule says otherwise."),
    ] = ()
    learned: Annotated[
        str | None,
        Meta(description="What an audit learned (`tierwise audit --learned`), from this file's folder."),
    ] = None
    key: Annotated[
        str | None,
        Meta(description="Your key, that digests in rules and in what was learned were taken under."),
    ] = None
    bar: Annotated[BarTable, Meta(description="The quality to keep.")] = BarTable()
    limits: Annotated[LimitsTable, Meta(description="Hard limits.")] = LimitsTable()
    switch: Annotated[SwitchTable, Meta(description="When a switch is worth it.")] = SwitchTable()
    keep: Annotated[KeepTable, Meta(description="What text of calls is kept.")] = KeepTable()
    defer: Annotated[DeferTable | None, Meta(description="How calls wait for Batch.")] = None
    rule: Annotated[tuple[RuleTable, ...], Meta(description="The rules, first match wins.")] = ()
    default: Annotated[DefaultTable, Meta(description="Calls that no rule matches; required.")]


def milliseconds(duration: str) -> int:
    """A duration such as '3s', '500ms' or '24h' in milliseconds."""
    unit = "ms" if duration.endswith("ms") else duration[-1]
    return int(duration.removesuffix(unit)) * _UNITS[unit]


def words(value: Words) -> tuple[str, ...]:
    """One word or several, as several."""
    return (value,) if isinstance(value, str) else value


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the file, for editors."""
    _, found = msgspec.json.schema_components((PolicyFile,), ref_template="#/$defs/{name}")
    return {
        "$schema": DIALECT,
        "title": "tierwise.toml",
        "$ref": "#/$defs/PolicyFile",
        "$defs": {name: _numbers(found[name]) for name in sorted(found)},
    }


def schema_text() -> str:
    """The schema as the text of docs/policy.schema.json."""
    return msgspec.json.format(msgspec.json.encode(json_schema()), indent=2).decode() + "\n"


def _numbers(schema: Any) -> Any:
    """A schema with decimals as the numbers that TOML writes."""
    if isinstance(schema, list):
        return [_numbers(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _numbers(value) for key, value in schema.items()}
    if found.get("format") == "decimal":
        del found["format"]
        found["type"] = "number"
        if isinstance(found.get("default"), str):
            found["default"] = float(found["default"])
    return found
