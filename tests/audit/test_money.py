"""The money of single calls, through the whole of the audit."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from logs import audited, pair

CASES: list[tuple[str, list[dict[str, Any]], str]] = [
    ("cached input is part of the prompt", [pair(model="gpt-4o", input=2006, cached=1920, output=300)], "0.005615"),
    ("the long-context step is above the threshold", [pair(input=272_000, output=1000)], "1.390"),
    ("one token more moves the whole call", [pair(input=272_001, output=1000)], "2.765010"),
    ("the tier that served is billed", [pair(model="gpt-5.4", input=1000, output=100, request={"service_tier": "priority"})], "0.004"),
    ("flex covers reasoning", [pair(model="gpt-5.4", input=1000, output=1000, reasoning=800, tier="flex")], "0.008750"),
    ("a snapshot is priced as its family", [pair(model="gpt-5.4", served="gpt-5.4-2026-03-05", input=1000, output=100)], "0.004"),
    ("attempts add up", [pair(id="a", model="gpt-5.4-mini", input=1000, output=100), pair(id="b", minute=1, model="gpt-5.4", input=1000, output=50)], "0.004450"),
    ("a record read twice counts once", [pair(id="a", input=1000, output=100)] * 2, "0.008"),
    ("a model whose long-context rates are unpublished has its short ones", [pair(model="gpt-6.2-sol", minute=2880, input=1000, output=100)], "0.003"),
    ("a failed call without usage costs nothing", [pair(status=500)], "0"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "spend"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_a_log_costs(lines: list[dict[str, Any]], spend: str, tmp_path: Path) -> None:
    findings = audited(tmp_path, lines).findings
    assert findings.spend.total == Decimal(spend)
    assert findings.spend.unpriced_calls == 0


def test_an_unknown_model_is_unpriced_by_name_and_never_free(tmp_path: Path) -> None:
    findings = audited(tmp_path, [pair(model="gpt-9-foo"), pair(minute=1, model="gpt-5.5")]).findings
    assert findings.spend.unpriced_calls == 1
    assert any("gpt-9-foo" in reason for reason in findings.spend.unpriced)
    assert any(f.kind == "unpriced" and "gpt-9-foo" in f.text for f in findings.findings)


def test_a_lane_without_a_price_is_unpriced_by_name(tmp_path: Path) -> None:
    findings = audited(tmp_path, [pair(model="gpt-4o", tier="flex")]).findings
    assert findings.spend.unpriced_calls == 1
    assert any("flex" in reason for reason in findings.spend.unpriced)


def test_overrides_change_prices_and_resolve_deployments(tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('[[alias]]\nname = "our-deployment"\nmodel = "gpt-5.4"\n', "utf-8")
    findings = audited(
        tmp_path, [pair(model="our-deployment", input=1000, output=100)], prices=prices
    ).findings
    assert findings.spend.total == Decimal("0.004")


UNRATED = [
    ("above the step", {"input": 272_001, "output": 10}, "above 272,000 input tokens"),
    ("read from the cache", {"input": 2000, "cached": 1024, "output": 10}, "cached tokens"),
]


@pytest.mark.parametrize(("usage", "why"), [u[1:] for u in UNRATED], ids=[u[0] for u in UNRATED])
def test_only_a_call_that_needs_an_unpublished_rate_is_unpriced(
    usage: dict[str, Any], why: str, tmp_path: Path
) -> None:
    lines = [pair(id="a", model="gpt-6.2-sol", minute=2880, **usage)]
    lines.append(pair(id="b", model="gpt-6.2-sol", minute=2890, user="Where is it?", input=1000, output=100))
    findings = audited(tmp_path, lines).findings
    assert findings.spend.total == Decimal("0.003")
    assert findings.spend.unpriced_calls == 1
    assert [reason for reason in findings.spend.unpriced if why in reason]


def test_reads_without_a_price_are_no_saving_and_stop_no_audit(tmp_path: Path) -> None:
    """gpt-6.2-sol has no published cached rate: warming its cache would look free."""
    rules = "Follow the house rules of the shop in every answer. " * 200
    lines = [
        pair(
            id=str(i),
            model="gpt-6.2-sol",
            minute=2880 + i,
            instructions=f"Plan the week. {rules}",
            user=f"Week {i}?",
            input=2500,
        )
        for i in range(40)
    ]
    findings = audited(tmp_path, lines).findings
    assert findings.spend.unpriced_calls == 0
    assert findings.levers["cache"] == 0
