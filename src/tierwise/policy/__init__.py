"""Bars, rules and decisions: what is to be done with one call, and why.

In: Facts of a request, a Policy, a State and the prices of a day. Out: a Decision that
carries its reasons and numbers. `decide` is the one brain: audit, client, gateway and batch
all call it, and it is pure. A Policy is built in (`proposal`) or read from `tierwise.toml`.
"""

from __future__ import annotations

from tierwise.policy._apply import Fields, applied, object_in
from tierwise.policy._caching import MARK, ORDER
from tierwise.policy._cascade import certificate_of
from tierwise.policy._certificate import (
    ALWAYS,
    PAID,
    SCORED,
    Certificate,
    Offer,
    PaidCheck,
    Scoring,
    Trial,
    certificate_bytes,
    certificate_digest,
)
from tierwise.policy._decide import canonical, decide, rule_of
from tierwise.policy._decision import NO_CACHING, Caching, Cascading, Change, Decision, Plan, Step
from tierwise.policy._defer import Defer, Window
from tierwise.policy._eligible import effort_as_asked
from tierwise.policy._file import schema_text
from tierwise.policy._first import Suggestion, first_policy
from tierwise.policy._keep import KEYS, REDACTIONS, Keep, Redaction, Text, unsafe
from tierwise.policy._lanes import late_lanes, wait_of
from tierwise.policy._learned import (
    Learned,
    Uses,
    learned_bytes,
    learned_digest,
    lengths_against,
    load_learned,
    parse_learned,
    save_learned,
    use_name,
)
from tierwise.policy._lengths import Lengths, Rung
from tierwise.policy._levers import Use, at_effort, moved, reading, rewritten, scaled, warmed, without_tools
from tierwise.policy._live import Live, load_live
from tierwise.policy._load import Checked, check_policy, load_policy, parse_policy
from tierwise.policy._match import trusted_hints, workload_of
from tierwise.policy._narrow import below_the_cache
from tierwise.policy._pinned import Pinned, pinned
from tierwise.policy._problems import Problem
from tierwise.policy._proof import evidence_bytes, evidence_digest, expiring
from tierwise.policy._proposal import EFFORT_PERMILLE, EFFORTS, LENGTHS, NO_LIMITS, proposal
from tierwise.policy._replay import Differs, Replayed, replay
from tierwise.policy._scored import SCORE_UNIT, scores_of
from tierwise.policy._scorer import RungScore, Scored, Scorer
from tierwise.policy._scorer_file import SCORER_MAGIC, About, Framed, framed_scorer, prior_bytes, scorer_bytes
from tierwise.policy._sent import HOLDBACK_SALT, arm_of, hints_of, kept_metadata, sent_of
from tierwise.policy._state import ARMS, Alarm, Chance, Hints, Latency, Narrowing, Scores, Sent, State, Warmth
from tierwise.policy._types import (
    NO_CACHE,
    OWN_SCORER,
    Bar,
    CacheSettings,
    Cascade,
    Evidence,
    Limits,
    Match,
    Policy,
    Rule,
    ScorerRule,
    Stage,
    ToolSettings,
)

__all__ = [
    "ALWAYS",
    "ARMS",
    "EFFORTS",
    "EFFORT_PERMILLE",
    "HOLDBACK_SALT",
    "KEYS",
    "LENGTHS",
    "MARK",
    "NO_CACHE",
    "NO_CACHING",
    "NO_LIMITS",
    "ORDER",
    "OWN_SCORER",
    "PAID",
    "REDACTIONS",
    "SCORED",
    "SCORER_MAGIC",
    "SCORE_UNIT",
    "About",
    "Alarm",
    "Bar",
    "CacheSettings",
    "Caching",
    "Cascade",
    "Cascading",
    "Certificate",
    "Chance",
    "Change",
    "Checked",
    "Decision",
    "Defer",
    "Differs",
    "Evidence",
    "Fields",
    "Framed",
    "Hints",
    "Keep",
    "Latency",
    "Learned",
    "Lengths",
    "Limits",
    "Live",
    "Match",
    "Narrowing",
    "Offer",
    "PaidCheck",
    "Pinned",
    "Plan",
    "Policy",
    "Problem",
    "Redaction",
    "Replayed",
    "Rule",
    "Rung",
    "RungScore",
    "Scored",
    "Scorer",
    "ScorerRule",
    "Scores",
    "Scoring",
    "Sent",
    "Stage",
    "State",
    "Step",
    "Suggestion",
    "Text",
    "ToolSettings",
    "Trial",
    "Use",
    "Uses",
    "Warmth",
    "Window",
    "applied",
    "arm_of",
    "at_effort",
    "below_the_cache",
    "canonical",
    "certificate_bytes",
    "certificate_digest",
    "certificate_of",
    "check_policy",
    "decide",
    "effort_as_asked",
    "evidence_bytes",
    "evidence_digest",
    "expiring",
    "first_policy",
    "framed_scorer",
    "hints_of",
    "kept_metadata",
    "late_lanes",
    "learned_bytes",
    "learned_digest",
    "lengths_against",
    "load_learned",
    "load_live",
    "load_policy",
    "moved",
    "object_in",
    "parse_learned",
    "parse_policy",
    "pinned",
    "prior_bytes",
    "proposal",
    "reading",
    "replay",
    "rewritten",
    "rule_of",
    "save_learned",
    "scaled",
    "schema_text",
    "scorer_bytes",
    "scores_of",
    "sent_of",
    "trusted_hints",
    "unsafe",
    "use_name",
    "wait_of",
    "warmed",
    "without_tools",
    "workload_of",
]
