"""Real logs and recordings beside the checkout: right counts, tokens and money. Skipped where absent."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from logs import TODAY

from tierwise.audit import Findings, audit

SHARED = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason="shared data is absent")
pytestmark = needs_data


def findings(path: Path) -> Findings:
    return audit([path], today=TODAY).findings


LOGS = [
    # file, calls, input, cached, output, spend
    ("litellm/spend_logs_payload.json", 1, 10, 0, 20, "0.000225"),
    ("litellm/standard_logging_payload.json", 1, 10, 0, 20, "0.000225"),
    ("langfuse/langgraph-python-2025-08-22.trace.json", 2, 168, 0, 66, "0.00108"),
    ("langfuse/openai-agents-2025-09-30.trace.json", 2, 140, 0, 44, "0.000632"),
    ("langfuse/vercel-aisdk-2025-11-17.trace.json", 1, 62, 0, 85, "0.0009275"),
    ("openllmetry/otlp_spans.json", 2, 168, 2304, 4, "0.000304"),
    ("openinference-phoenix/otlp_spans.json", 2, 168, 2304, 4, "0.000304"),
    ("openai-batch/nightly_support_qa_batch.jsonl", 2, 0, 0, 0, "0"),
]


@pytest.mark.parametrize(
    ("file", "calls", "input", "cached", "output", "spend"), LOGS, ids=[row[0] for row in LOGS]
)
def test_a_sample_has_the_right_calls_tokens_and_money(
    file: str, calls: int, input: int, cached: int, output: int, spend: str
) -> None:
    found = findings(SHARED / "logs" / file)
    counts = found.counts
    assert (found.calls, counts.input, counts.cached, counts.output + counts.reasoning) == (
        calls,
        input,
        cached,
        output,
    )
    assert found.spend.total == Decimal(spend)
    assert found.skipped == {}


def test_the_database_of_llm_has_the_same_two_calls_as_the_spans(tmp_path: Path) -> None:
    database = tmp_path / "logs.db"
    with sqlite3.connect(database) as connection:
        connection.executescript((SHARED / "logs/simonw-llm/logs_0.36.sql").read_text("utf-8"))
    connection.close()
    found = findings(database)
    assert (found.calls, found.counts.input, found.counts.cached, found.counts.output) == (2, 168, 2304, 4)
    assert found.spend.total == Decimal("0.000304")


def test_the_cost_page_is_what_was_charged() -> None:
    found = findings(SHARED / "logs/openai-usage-costs/costs_page.json")
    assert found.spend.charged == Decimal("2.31")


def test_the_usage_page_counts_requests_and_names_what_it_cannot_price() -> None:
    found = findings(SHARED / "logs/openai-usage-costs/usage_completions_page.json")
    assert found.calls == 475
    assert found.spend.unpriced_calls == 475
    assert any("audio" in reason for reason in found.spend.unpriced)
    assert any("not grouped by model" in reason for reason in found.spend.unpriced)


@pytest.fixture(scope="module")
def exchanges() -> list[dict[str, Any]]:
    with gzip.open(SHARED / "wire/openai_exchanges.jsonl.gz") as file:
        return [json.loads(line) for line in file]


def usages(exchanges: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Each answer's last usage, model, time and web searches by its id, read as plainly as can be."""
    found: dict[str, dict[str, Any]] = {}
    for number, exchange in enumerate(exchanges):
        response = exchange["response"]
        events = [response] if isinstance(response, dict) else events_of(response)
        request = exchange["request"] if isinstance(exchange["request"], dict) else {}
        answer: dict[str, Any] = {"model": request.get("model")}
        for event in events:
            body = event.get("response") if isinstance(event.get("response"), dict) else event
            answer.update({k: v for k, v in body.items() if v is not None})
        usage = answer.get("usage")
        if usage and ("prompt_tokens" in usage or "input_tokens" in usage):
            found.setdefault(answer.get("id") or f"#{number}", answer)
    return found


def events_of(stream: str) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: {")]


def test_the_recordings_hold_the_tokens_that_their_usage_says(exchanges: list[dict[str, Any]]) -> None:
    counts = findings(SHARED / "wire/openai_exchanges.jsonl.gz").counts
    said = [answer["usage"] for answer in usages(exchanges).values()]
    assert counts.input + counts.cached + counts.written == sum(
        u.get("prompt_tokens", u.get("input_tokens")) for u in said
    )
    assert counts.output + counts.reasoning == sum(
        u.get("completion_tokens", u.get("output_tokens", 0)) for u in said
    )


def test_the_recordings_cost_what_the_price_package_says(exchanges: list[dict[str, Any]]) -> None:
    """Every answer on its own, by the price package alone at the time it was made, plus searches."""
    from genai_prices import Usage, calc_price

    total = Decimal(0)
    for answer in usages(exchanges).values():
        usage = answer["usage"]
        details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
        created = answer.get("created") or answer.get("created_at")
        price = calc_price(
            Usage(
                input_tokens=usage.get("prompt_tokens", usage.get("input_tokens", 0)),
                cache_read_tokens=details.get("cached_tokens") or 0,
                cache_write_tokens=details.get("cache_write_tokens") or 0,
                output_tokens=usage.get("completion_tokens", usage.get("output_tokens", 0)),
            ),
            model_ref=answer["model"],
            provider_id="openai",
            genai_request_timestamp=dt.datetime.fromtimestamp(int(created), dt.UTC) if created else None,
        )
        total += price.total_price
        # The package has no audio rate for gpt-4o-audio-preview, which OpenAI published as 40 beside 2.50.
        total += (details.get("audio_tokens") or 0) * (Decimal(40) - Decimal("2.5")) / 1_000_000
        # Opening a page or looking inside one is no search, and carries no fee.
        items = [i for i in answer.get("output", []) if i.get("type") == "web_search_call"]
        searches = [i for i in items if i["action"]["type"] == "search"]
        total += len(searches) * Decimal("0.01")
    assert findings(SHARED / "wire/openai_exchanges.jsonl.gz").spend.total == total


def test_reasons_without_a_price_add_up_to_the_calls_without_one() -> None:
    """A hosted tool without a fee leaves the price of the call's tokens as it is, and is named."""
    found = findings(SHARED / "wire/openai_exchanges.jsonl.gz")
    assert sum(found.spend.unpriced.values()) == found.spend.unpriced_calls
    told = [f.text for f in found.findings if f.kind == "unpriced"]
    assert any("uses of hosted tools without a price" in text for text in told)
