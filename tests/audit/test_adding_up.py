"""Whatever the log, every breakdown adds up to the total and every lever to what could be saved."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from logs import audited, pair

from tierwise.audit import LEVERS, Findings

MODELS = [
    "gpt-5.5",
    "gpt-5.4",
    "gpt-5.4-mini",
    "gpt-5.4-nano",
    "gpt-4o",
    "gpt-4.1-2025-04-14",
    "gpt-5-mini",
    "o3",
    "gpt-9-foo",
]
INSTRUCTIONS = [
    "Sort the ticket into one of these queues: billing, shipping. Answer with the queue only.",
    "You are a careful architect. Prove that the protocol below is deadlock-free, step by step.",
    "Fasse den Text in zwei Sätzen zusammen.",
    "Now: {minute}. " + "Follow the house rules of the shop in every answer. " * 120,
]


@st.composite
def line(draw: st.DrawFn) -> dict:
    input_tokens = draw(st.integers(0, 400_000))
    output = draw(st.integers(0, 20_000))
    minute = draw(st.integers(0, 3 * 24 * 60))
    return pair(
        id=draw(st.sampled_from([None, *"abcdefgh"])),
        minute=minute,
        model=draw(st.sampled_from(MODELS)),
        instructions=draw(st.sampled_from(INSTRUCTIONS)).replace("{minute}", str(minute)),
        user=draw(st.sampled_from(["Where is it?", "Danke!", "Why is the sky dark at night?"])),
        input=input_tokens,
        cached=draw(st.integers(0, input_tokens)),
        output=output,
        reasoning=draw(st.integers(0, output)),
        tier=draw(st.sampled_from(["default", "flex", "priority", None, "auto"])),
        status=draw(st.sampled_from([200, 200, 200, 500])),
        session_id=draw(st.sampled_from([None, "s1", "s2"])),
        project=draw(st.sampled_from([None, "shop", "desk"])),
        request=draw(
            st.sampled_from([{}, {"reasoning_effort": "high"}, {"stream": True}, {"temperature": 0.3}])
        ),
    )


def check(findings: Findings) -> None:
    total = findings.spend.total
    assert sum((row.spend for row in findings.workloads), Decimal(0)) == total
    assert sum((row.counts.spend for row in findings.models), Decimal(0)) == total
    assert sum((row.counts.spend for row in findings.lanes), Decimal(0)) == total
    if findings.projects:
        assert sum((row.counts.spend for row in findings.projects), Decimal(0)) == total
    assert sum(row.calls for row in findings.workloads) == findings.calls
    assert sum(findings.levers.values(), Decimal(0)) == findings.could_save
    for lever in LEVERS:
        assert sum((row.levers[lever] for row in findings.workloads), Decimal(0)) == findings.levers[lever]
    for row in findings.workloads:
        assert sum(row.levers.values(), Decimal(0)) == row.could_save
        assert row.low <= row.could_save <= row.high
    for share in findings.lever_shares:
        assert share.low <= share.saves <= share.high
        assert share.saves == findings.levers[share.lever]
    assert findings.low <= findings.could_save <= findings.high
    if findings.headline is not None:
        assert findings.headline.could_be == total - findings.could_save
        assert sum((c.spend for c in findings.headline.by_depth.values()), Decimal(0)) == total


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(line(), min_size=1, max_size=12))
def test_everything_adds_up_exactly(lines: list[dict]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check(audited(Path(folder), lines).findings)


SAMPLE = Path(__file__).parents[2] / "sample" / "calls.jsonl.gz"


@pytest.fixture(scope="module")
def sample() -> Findings:
    from logs import TODAY

    from tierwise.audit import audit

    return audit([SAMPLE], today=TODAY).findings


def test_the_sample_adds_up(sample: Findings) -> None:
    check(sample)


def test_the_sample_pulls_every_lever(sample: Findings) -> None:
    assert all(money > 0 for money in sample.levers.values()), sample.levers


def test_the_sample_shows_what_was_put_into_it(sample: Findings) -> None:
    kinds = {finding.kind for finding in sample.findings}
    assert {"identical", "loop", "duplicates", "breaker", "unused-tools", "unpriced", "shutdown"} <= kinds
    breakers = {breaker.kind for row in sample.workloads for breaker in row.breakers}
    assert "timestamp" in breakers
    assert {end.model for end in sample.shutdowns} >= {"gpt-4o", "gpt-4.1", "gpt-5-mini"}
