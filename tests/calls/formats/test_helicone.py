from __future__ import annotations

from decimal import Decimal

import pytest

from tierwise.calls import Message, Skipped
from tierwise.calls._format import BadRecord, Sample
from tierwise.catalog import Tokens


def test_a_request_gives_call_and_scores(fixture, read):
    (call,) = read("helicone", fixture("helicone_request"))
    assert call.tokens == Tokens(uncached=76, cached=1024, output=30)
    assert (call.id, call.endpoint) == ("chatcmpl-h1", "chat")
    assert (call.model_asked, call.model_served) == ("gpt-5.4-mini", "gpt-5.4-mini-2026-03-05")
    assert call.request.messages == (Message(role="user", content="Find it."),)
    assert (call.response.text, call.status, call.latency) == ("Found.", "ok", 1_250_000)
    assert (call.user, call.session, call.metadata) == ("user-8", "session-8", {"feature": "search"})
    assert (call.scores, call.logged_cost) == ({"accuracy": 90.0, "feedback": 1.0}, Decimal("0.0004"))


def test_usage_of_the_answer_is_believed_before_the_columns(fixture, read):
    row = fixture("helicone_request")
    row["response_body"]["usage"] = {"prompt_tokens": 5, "completion_tokens": 1}
    (call,) = read("helicone", row)
    assert call.tokens == Tokens(uncached=5, output=1)


@pytest.mark.parametrize(
    ("prompt", "total"), [(1100, 1130), (76, 1130), (76, None)], ids=["inside", "beside", "larger"]
)
def test_cached_tokens_are_inside_the_input_however_the_columns_count(prompt, total, fixture, read):
    row = fixture("helicone_request") | {"prompt_tokens": prompt, "total_tokens": total}
    (call,) = read("helicone", row)
    assert call.tokens == Tokens(uncached=76, cached=1024, output=30)


def test_the_csv_of_the_export_tool_is_read(format_of):
    row = {
        "response_id": "r1",
        "response_created_at": "2026-11-20 08:00:01",
        "response_status": "200",
        "request_created_at": "2026-11-20 08:00:00",
        "request_body": '{"model": "gpt-5.4", "messages": [{"role": "user", "content": "Hi"}]}',
        "request_properties": "{}",
        "request_user_id": "",
        "model": "gpt-5.4-2026-03-05",
        "prompt_tokens": "12",
        "completion_tokens": "3",
        "latency": "900",
        "cost_usd": "0.0001",
    }
    helicone = format_of("helicone")
    assert helicone.matches(Sample(name="data.csv", shape="csv", columns=tuple(row)))
    (call,) = helicone.read_row(row, None)
    assert call.tokens == Tokens(uncached=12, output=3)
    assert (call.model_asked, call.model_served) == ("gpt-5.4", "gpt-5.4-2026-03-05")
    assert (call.status, call.latency, call.logged_cost) == ("ok", 900_000, Decimal("0.0001"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"provider": "ANTHROPIC"}, "not an OpenAI call"),
        ({"cache_reference_id": "5d0f1c3e-0000-0000-0000-000000000001"}, "answered from a gateway's cache"),
        ({"request_created_at": "yesterday"}, "impossible date"),
        ({"prompt_tokens": -2}, "impossible usage"),
        ({"completion_tokens": {}}, "impossible usage"),
        ({"cost": "?"}, "impossible amount"),
    ],
)
def test_a_request_that_is_no_call_says_why(change, reason, fixture, read):
    with pytest.raises(BadRecord) as bad:
        read("helicone", fixture("helicone_request") | change)
    assert bad.value.reason == reason


def test_a_failed_request_has_the_error_of_its_body_or_its_status(fixture, read):
    row = fixture("helicone_request") | {
        "response_status": 429,
        "response_body": {"error": {"code": "rate_limited"}},
    }
    (named,) = read("helicone", row)
    (bare,) = read("helicone", row | {"response_status": 500, "response_body": None})
    assert (named.status, named.error) == ("error", "rate_limited")
    assert (bare.status, bare.error) == ("error", "500")


def test_a_page_keeps_its_good_requests(fixture, read):
    row = fixture("helicone_request")
    good, bad = read("helicone", {"data": [row, row | {"prompt_tokens": "x"}], "error": None})
    assert good.tokens is not None
    assert isinstance(bad, Skipped)
    assert bad.reason == "impossible usage"
