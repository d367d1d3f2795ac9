from __future__ import annotations

from decimal import Decimal

import pytest

from tierwise.calls import Message, Skipped
from tierwise.calls._format import BadRecord
from tierwise.catalog import Tokens


def test_a_run_gives_call_usage_and_feedback(fixture, read):
    (call,) = read("langsmith", fixture("langsmith_run"))
    assert call.tokens == Tokens(uncached=476, cached=1024, output=10, reasoning=50)
    assert (call.lane, call.lane_basis) == ("flex", "served")
    assert (call.model_asked, call.model_served) == ("gpt-5.4", "gpt-5.4-2026-03-05")
    assert call.request.messages == (
        Message(role="system", content="Be exact."),
        Message(role="user", content="How much?"),
    )
    assert b'"lookup"' in call.request.tools
    assert (call.response.text, call.response.finish) == ("42", "stop")
    assert (call.project, call.session, call.user) == ("assistant-prod", "thread-4", "user-4")
    assert (call.trace, call.span, call.parent) == ("root-1", "run-1", "root-1")
    assert (call.tags, call.metadata) == (("beta",), {"tenant": "north"})
    assert (call.scores, call.logged_cost) == ({"correctness": 0.75}, Decimal("0.0042"))


def test_a_run_of_the_openai_wrapper_is_read(fixture, read):
    run = fixture("langsmith_run")
    run["inputs"] = {"messages": [{"role": "user", "content": "Hi"}], "model": "gpt-5.4", "max_tokens": 9}
    run["extra"] = {"metadata": {"ls_provider": "openai"}}
    run["outputs"] = {
        "id": "chatcmpl-9",
        "model": "gpt-5.4-2026-03-05",
        "object": "chat.completion",
        "service_tier": "priority",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}
        ],
        "usage_metadata": {
            "input_tokens": 20,
            "output_tokens": 2,
            "input_token_details": {"priority_cache_read": 8, "priority": 12},
        },
    }
    (call,) = read("langsmith", run)
    assert call.tokens == Tokens(uncached=12, cached=8, output=2)
    assert (call.id, call.lane, call.lane_basis) == ("chatcmpl-9", "priority", "served")
    assert (call.model_asked, call.request.max_output_tokens) == ("gpt-5.4", 9)


def test_chains_and_tools_are_no_calls_but_the_runs_under_them_are(fixture, read):
    run = fixture("langsmith_run")
    chain = {"id": "root-1", "run_type": "chain", "start_time": "2026-11-20T08:00:00", "child_runs": [run]}
    assert [call.span for call in read("langsmith", chain)] == ["run-1"]
    assert read("langsmith", chain | {"child_runs": []}) == []


def test_a_failed_run_has_its_error(fixture, read):
    run = fixture("langsmith_run") | {"error": "RateLimitError('Error code: 429')", "outputs": None}
    (call,) = read("langsmith", run)
    assert (call.status, call.error, call.tokens) == ("error", "429", None)


def test_a_page_keeps_its_good_runs(fixture, read):
    run = fixture("langsmith_run")
    other = run | {"extra": {"metadata": {"ls_provider": "anthropic"}}}
    good, bad = read("langsmith", {"runs": [run, other]})
    assert good.span == "run-1"
    assert isinstance(bad, Skipped)
    assert bad.reason == "not an OpenAI call"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"run_type": "llm", "extra": None, "outputs": None, "inputs": None}, "no model and no usage"),
        ({"start_time": "0001-01-01T00:00:00"}, "impossible date"),
        ({"total_cost": "free"}, "impossible amount"),
        ({"outputs": {"usage_metadata": {"input_tokens": -1}}}, "impossible usage"),
        ({"outputs": {"usage_metadata": {"input_tokens": "few"}}}, "impossible usage"),
    ],
)
def test_a_run_that_cannot_be_read_says_why(change, reason, fixture, read):
    with pytest.raises(BadRecord) as bad:
        read("langsmith", fixture("langsmith_run") | change)
    assert bad.value.reason == reason


def test_what_has_no_run_type_is_no_run(read):
    with pytest.raises(BadRecord, match="not a run"):
        read("langsmith", {"id": "x"})
