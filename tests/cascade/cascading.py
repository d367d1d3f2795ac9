"""Certificates and policies for tests of cascades."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from tierwise.calls import parse_request
from tierwise.policy import Certificate, Rung, Scoring, Trial, certificate_bytes, certificate_digest
from tierwise.workloads import Recogniser

NANO = Rung(model="gpt-5.4-nano", effort="none")
MINI = Rung(model="gpt-5.4-mini", effort="none")
STRONG = Rung(model="gpt-5.5", effort="medium")
SNAPSHOTS = {
    "gpt-5.4-nano": "gpt-5.4-nano-2026-03-17",
    "gpt-5.4-mini": "gpt-5.4-mini-2026-03-17",
    "gpt-5.5": "gpt-5.5-2026-04-23",
}
SHORT = Scoring(offset=2.0, weights={"length.over": -2.0}, centre=1.0, spread=1.0)
"""The longer an answer, the lower its score: 0.5 at e squared - 1 characters, about 6."""


def trial(rung: Rung = NANO, **more: Any) -> Trial:
    """A rung to try, whose answers of up to six characters are accepted."""
    usual: dict[str, Any] = {"snapshot": SNAPSHOTS[rung.model], "least": 0.5, "scoring": SHORT, "passes": 300}
    return Trial(rung=rung, **{**usual, **more})


def certificate(workload: str, **more: Any) -> Certificate:
    """A certificate that holds."""
    usual: dict[str, Any] = {
        "workload": workload,
        "baseline": STRONG,
        "snapshot": SNAPSHOTS[STRONG.model],
        "verdict": "holds",
        "offer": "selective",
        "risk": Decimal("0.05"),
        "confidence": Decimal("0.95"),
        "trials": (trial(),),
        "checks": ("schema", "refusal", "truncation", "empty", "tools", "length"),
        "calls": 500,
        "accepted": 400,
        "worse": 5,
        "saves": Decimal("0.5"),
        "created": dt.date(2026, 11, 1),
        "expires": dt.date(2030, 1, 1),
    }
    found = Certificate(**{**usual, **more})
    return msgspec.structs.replace(found, digest=certificate_digest(found))


def workload_of(body: Any, endpoint: str = "chat") -> str:
    """The fingerprint of a request's workload."""
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return f"{Recogniser(b'').recognise(parse_request(endpoint, raw)).workload:016x}"


def policy_text(
    workload: str, *, cascade: str = "", rule: str = 'stage = "on"', name: str = "cascade.json"
) -> str:
    """A policy whose first rule cascades."""
    return f"""
version = 1
ladder = "gpt-5.4"
baseline = {{ model = "gpt-5.5", effort = "medium" }}
[[rule]]
name = "try first"
match = {{ workload = "{workload}" }}
rung = {{ model = "gpt-5.4-nano", effort = "none" }}
cascade = {{ certificate = "{name}"{", " + cascade if cascade else ""} }}
{rule}
[default]
stage = "off"
"""


def write_policy(folder: Path, found: Certificate, **more: Any) -> Path:
    """The policy and its certificate in a folder."""
    (folder / "cascade.json").write_bytes(certificate_bytes(found))
    path = folder / "tierwise.toml"
    path.write_text(policy_text(found.workload, **more), "utf-8")
    return path
