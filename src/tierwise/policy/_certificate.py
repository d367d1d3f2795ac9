"""Whether a cascade's certificate carries a call: sealed, of this workload and baseline, not expired."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Final, Literal

import msgspec

from tierwise.catalog import Tokens
from tierwise.policy._digests import seal_of, sealed_bytes
from tierwise.policy._lengths import Lengths, Rung

Offer = Literal["selective", "joint"]
"""selective: worse, given that it was accepted; joint: accepted and worse."""
ALWAYS: Final = ("empty", "refusal", "schema", "tools", "truncation")
"""Checks that every certificate has: an answer that fails one is never accepted."""
SCORED: Final = (
    "arithmetic",
    "doubt",
    "figures",
    "language",
    "length",
    "logprobs",
    "question",
    "refusal in words",
    "repeats",
    "unfinished",
)
"""Checks that cost nothing and go into the score."""
PAID: Final = ("agreement", "judge")
"""Checks that ask a model."""


class Scoring(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The chance that an answer is not worse: 1 / (1 + exp(-(offset + sum of weight * signal)))."""

    offset: float
    weights: dict[str, float]
    """By signal; an answer that lacks one of them is not accepted."""
    centre: float = 0.0
    """Mean of ln(1 + characters) of the answers it was fitted on."""
    spread: float = 1.0
    """Their standard deviation, above 0."""


class PaidCheck(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A check that asks a model, and what it uses on average."""

    name: Literal["agreement", "judge"]
    model: str
    tokens: Tokens


class Trial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rung that is tried: its answer is accepted where its score is at least `least`."""

    rung: Rung
    snapshot: str
    """Dated model that served the rung."""
    least: float
    """0 to 1; an answer below goes on to the next rung."""
    scoring: Scoring
    paid: tuple[PaidCheck, ...] = ()
    passes: int = 1000
    """Per mille of its answers that are not accepted, at most: the upper bound on the certify set."""
    lengths: Lengths = Lengths()
    """Its answers against the baseline's, per mille."""


class Certificate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was certified of a cascade of one workload. Holds no text; `certificate_digest` seals it."""

    version: Literal[1] = 1
    workload: str
    """Fingerprint, 16 hex digits."""
    baseline: Rung
    """Where calls go whose answers are not accepted, and what answers were compared with."""
    snapshot: str
    """Dated model that served the baseline."""
    verdict: Literal["holds", "accepts nothing", "does not pay"]
    offer: Offer
    risk: Decimal
    """Bound on the share that is worse: of accepted answers (selective), of all calls (joint)."""
    confidence: Decimal
    """One minus the chance that a selective bound, or the bound on cost, is wrong; a joint bound holds
    in expectation."""
    trials: tuple[Trial, ...]
    """In the order tried; empty unless it holds."""
    checks: tuple[str, ...]
    """By which answers are accepted: those that every certificate has, and those of its scores."""
    seed: int = 0
    calls: int
    """Of the certify set: one a cluster."""
    accepted: int
    """Of them accepted at some rung."""
    worse: int
    """Of the accepted, worse than the baseline's answer."""
    saves: Decimal
    """Share of the baseline's cost that it saves at least, checks and escalations paid."""
    created: dt.date
    expires: dt.date
    """Last day that it may be used."""
    digest: str = ""
    """SHA-256 of everything else, 64 hex digits."""


def certificate_digest(certificate: Certificate) -> str:
    """SHA-256 of the certificate without its digest, in hex: what `Certificate.digest` must be."""
    return seal_of(certificate)


def certificate_bytes(certificate: Certificate) -> bytes:
    """The certificate as the JSON of its file, sealed with its digest."""
    return sealed_bytes(certificate)
