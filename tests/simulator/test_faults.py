"""Faults on demand: each kind as a client sees it, drawn by number or by rate, billed or not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from tierwise.errors import ConfigurationError
from tierwise.simulator import Fault, Limits, Settings, parse_fault, read_faults

REFUSED = [
    ("rate_limit", 429, "rate_limit_exceeded"),
    ("slow_down", 429, "slow_down"),
    ("credit_balance", 429, "credit_balance_exhausted"),
    ("organization_spend", 429, "organization_spend_limit_exceeded"),
    ("project_spend", 429, "project_spend_limit_exceeded"),
    ("organization_usage", 429, "organization_usage_limit_exceeded"),
    ("server_error", 500, None),
    ("bad_gateway", 502, None),
    ("overloaded", 503, "server_is_overloaded"),
    ("gateway_timeout", 504, None),
]


@pytest.mark.parametrize(("kind", "status", "code"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_refusal_strikes_the_requests_that_are_named(
    start: Callable[..., Any], kind: Any, status: int, code: str | None
) -> None:
    bench = start(faults=[Fault(kind=kind, at=(2,), seconds=3)])
    bench.ask("first")
    with pytest.raises(openai.APIStatusError) as refused:
        bench.ask("second")
    bench.ask("third")
    assert (refused.value.status_code, refused.value.code) == (status, code)
    assert len(bench.simulator.bill) == 2
    if kind in {"rate_limit", "slow_down", "overloaded"}:
        assert refused.value.response.headers["retry-after"] == "3"
    if kind.endswith(("spend", "usage", "balance")):
        assert refused.value.type == "insufficient_quota"
        assert "retry-after" not in refused.value.response.headers


def test_flex_is_unavailable_to_flex_requests_only(start: Callable[..., Any]) -> None:
    bench = start(faults=[Fault(kind="flex_unavailable", rate=1)])
    bench.ask("standard")
    with pytest.raises(openai.RateLimitError, match="Resource Unavailable"):
        bench.ask("cheap", service_tier="flex")
    assert len(bench.simulator.bill) == 1


@pytest.mark.parametrize("kind", ["cut", "close_early", "malformed", "reset", "lost"])
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_broken_answers_break_the_client(start: Callable[..., Any], kind: Any, stream: bool) -> None:
    """A stream that only ends early raises nothing: its missing end has to be noticed."""
    bench = start(faults=[Fault(kind=kind, at=(1,))])
    raised, chunks = False, []
    try:
        found = bench.ask("A story", stream=stream)
        chunks = list(found) if stream else [found]
        raised = not stream and not isinstance(found, openai.types.chat.ChatCompletion)
    except (openai.APIError, json.JSONDecodeError):
        raised = True
    except Exception as error:  # noqa: BLE001 - the SDK passes some of its HTTP library's errors on
        raised = type(error).__module__.startswith(("httpx", "httpcore"))
    if stream and kind == "close_early":
        assert not raised
        assert all(chunk.choices[0].finish_reason is None for chunk in chunks)
    else:
        assert raised
    assert len(bench.simulator.bill) == (0 if kind == "reset" else 1)
    assert bench.ask("Afterwards all is well").id


def test_slow_answers_wait_by_the_injected_sleep(start: Callable[..., Any]) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    bench = start(
        faults=[
            Fault(kind="slow_first_byte", at=(1,), seconds=40),
            Fault(kind="slow_bytes", at=(2,), seconds=2),
        ],
        sleep=sleep,
    )
    bench.ask("one")
    assert slept == [40]
    list(bench.ask("two", stream=True))
    assert slept[1:] == [2.0] * len(slept[1:])
    assert len(slept) > 5


def test_a_response_fails_with_http_200_and_costs_nothing(start: Callable[..., Any]) -> None:
    bench = start(faults=[Fault(kind="failed", at=(1, 2))])
    found = bench.client.responses.create(model="gpt-5.4", input="Hello")
    assert (found.status, found.error.code, found.usage) == ("failed", "server_error", None)
    kinds = [
        event.type for event in bench.client.responses.create(model="gpt-5.4", input="Hello", stream=True)
    ]
    assert kinds == ["response.created", "response.in_progress", "response.failed"]
    assert bench.simulator.bill == ()


def test_fast_is_served_as_priority_or_silently_as_standard(start: Callable[..., Any]) -> None:
    bench = start(faults=[Fault(kind="downgrade", at=(2,))])
    assert [bench.ask("x", model="gpt-5.4", service_tier=t).service_tier for t in ("fast", "priority", "auto")] == ["priority", "default", "default"]  # fmt: skip
    assert [line.lane for line in bench.simulator.bill] == ["priority", "standard", "standard"]


def test_a_rate_strikes_about_that_share_the_same_under_the_same_seed(start: Callable[..., Any]) -> None:
    def struck() -> list[bool]:
        bench = start(Settings(seed=9), faults=[Fault(kind="overloaded", rate=0.3)])
        found = []
        for n in range(60):
            try:
                bench.ask(f"{n}")
                found.append(False)
            except openai.InternalServerError:
                found.append(True)
        return found

    first = struck()
    assert 8 <= sum(first) <= 28
    assert struck() == first


def test_faults_come_and_go_and_keep_to_their_path(bench: Any) -> None:
    bench.simulator.fault(Fault(kind="server_error", rate=1, path="/responses"))
    bench.ask("chat is not concerned")
    with pytest.raises(openai.InternalServerError):
        bench.client.responses.create(model="gpt-5.4", input="x")
    bench.simulator.clear_faults()
    assert bench.client.responses.create(model="gpt-5.4", input="x").output_text


def test_rate_limits_have_headers_and_refill(start: Callable[..., Any]) -> None:
    bench = start(Settings(limits=Limits(requests=2, tokens=10_000)))
    raw = bench.client.chat.completions.with_raw_response.create(
        model="gpt-5.4", messages=[{"role": "user", "content": "x"}]
    )
    assert raw.headers["x-ratelimit-limit-requests"] == "2"
    assert raw.headers["x-ratelimit-remaining-requests"] == "1"
    assert raw.headers["x-ratelimit-reset-requests"] == "30s"
    bench.ask("other models have their own", model="gpt-5.5")
    bench.ask("second", model="gpt-5.4")
    with pytest.raises(openai.RateLimitError, match=r"on requests per min \(RPM\): Limit 2") as refused:
        bench.ask("third", model="gpt-5.4")
    assert int(refused.value.response.headers["retry-after"]) == 30
    bench.clock.now += 31
    assert bench.ask("later", model="gpt-5.4").id


def test_a_large_output_cap_burns_the_token_limit(start: Callable[..., Any]) -> None:
    bench = start(Settings(limits=Limits(tokens=1_000)))
    bench.ask("x", max_completion_tokens=900)
    with pytest.raises(openai.RateLimitError, match=r"\(TPM\)") as refused:
        bench.ask("x", max_completion_tokens=500)
    assert refused.value.type == "tokens"


def test_the_sdk_retries_a_capacity_429_and_gets_through(start: Callable[..., Any]) -> None:
    bench = start(faults=[Fault(kind="rate_limit", at=(1,), seconds=0.01)])
    assert bench.client.with_options(max_retries=2).responses.create(model="gpt-5.4", input="x").output_text


@pytest.mark.parametrize("text", ["cut", "nothing:0.5", "cut:2", "cut:x", "cut@a", "cut@"])
def test_a_fault_that_cannot_be_read_says_so(text: str) -> None:
    with pytest.raises(ConfigurationError, match="expected a"):
        parse_fault(text)


def test_faults_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text('[{"kind": "cut", "at": [3, 5], "after": 2}, {"kind": "rate_limit", "rate": 0.1}]')
    assert read_faults(path) == [Fault(kind="cut", at=(3, 5), after=2), parse_fault("rate_limit:0.1")]
    path.write_text('[{"kind": "cut", "rat": 0.1}]')
    with pytest.raises(ConfigurationError, match="expected a JSON array of faults"):
        read_faults(path)


def test_a_client_that_leaves_a_stream_is_noticed_and_nobody_crashes(start: Callable[..., Any]) -> None:
    bench = start(Settings(token_seconds=0.01))
    bench.simulator.teach("story", "once upon a time " * 100, "")
    body = {"model": "gpt-5.4", "stream": True, "messages": [{"role": "user", "content": "A story"}]}
    url, key = f"{bench.simulator.base_url}/chat/completions", {"authorization": "Bearer sk-x"}
    with bench.client._client.stream("POST", url, json=body, headers=key) as answer:
        next(answer.iter_raw())
    waited = 0
    while not bench.simulator.left and waited < 200:
        waited += 1
        time.sleep(0.01)
    assert bench.simulator.left == 1
    assert bench.ask("Still here?").id


def test_requests_are_counted_and_kept_as_they_arrived(start: Callable[..., Any]) -> None:
    bench = start(Settings(keep_requests=True), faults=[Fault(kind="credit_balance", at=(1,))])
    with pytest.raises(openai.RateLimitError):
        bench.ask("Hello", extra_headers={"x-mark": "7"})
    assert bench.simulator.requests == 1
    (received,) = bench.simulator.received
    assert (received.method, received.path, received.headers["x-mark"]) == (
        "POST",
        "/v1/chat/completions",
        "7",
    )
    assert json.loads(received.body)["messages"] == [{"role": "user", "content": "Hello"}]
    assert "authorization" not in received.headers
