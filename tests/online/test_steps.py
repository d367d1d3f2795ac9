"""The steps of a live call, one by one: admit, shape, price, reply."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tierwise.calls import parse_request
from tierwise.catalog import Catalog, Tokens
from tierwise.online import Asked, Course, Entry, Labels, MemoryRecorder, Pipeline, Reply
from tierwise.policy import Policy, parse_policy

HEAD = b"""
version = 1
ladder = "gpt-5.4"
baseline = "gpt-5.5"
[[rule]]
name = "down"
match = { depth = ["commodity", "routine"] }
rung = { model = "gpt-5.4-nano", effort = "none" }
may_drop = ["temperature", "top_p"]
stage = "on"
unproven = true
approved_by = "kim"
%s
[default]
stage = "off"
"""
CLASSIFY = "Classify the ticket as one of: billing, shipping, other. Answer with the word alone."


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.open()


def policy_of(catalog: Catalog, more: bytes = b"") -> Policy:
    checked = parse_policy(HEAD % more, catalog)
    assert checked.policy is not None, checked.problems
    return checked.policy


def chat(**more: Any) -> dict[str, Any]:
    return {
        "model": "gpt-5.5",
        "messages": [{"role": "system", "content": CLASSIFY}, {"role": "user", "content": "Twice!"}],
        **more,
    }


def answer(model: str = "gpt-5.4-nano-2026-03-17", **usage: Any) -> bytes:
    counted = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100, **usage}
    return msgspec.json.encode(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": model,
            "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x"}}
            ],
            "usage": counted,
        }
    )


def run(
    catalog: Catalog,
    body: dict[str, Any] | bytes,
    *,
    path: str = "/v1/chat/completions",
    replies: tuple[Reply, ...] = (Reply(status=200, body=answer()),),
    policy: Policy | None = None,
    **asked: Any,
) -> tuple[list[Any], Any, Entry]:
    recorder = MemoryRecorder()
    pipeline = Pipeline(catalog, recorder, policy=policy or policy_of(catalog))
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    course = Course(pipeline, Asked(method="POST", path=path, body=raw, **asked))
    sent, coming = [], iter(replies)
    while course.outgoing is not None:
        sent.append(course.outgoing)
        course.came(next(coming))
    return sent, course.answer, recorder.entries[-1]


SHAPED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the model and its effort": ({}, {}),
    "max_tokens by its newer name": ({"max_tokens": 50}, {"max_completion_tokens": 50}),
    "the newer name as it is": ({"max_completion_tokens": 50}, {"max_completion_tokens": 50}),
    "a temperature of 1 is the default": ({"temperature": 1}, {"temperature": 1}),
    "verbosity as sent": ({"verbosity": "high"}, {"verbosity": "high"}),
    "unknown fields": ({"brand_new": {"b": 1, "a": [1.5, None]}}, {"brand_new": {"b": 1, "a": [1.5, None]}}),
    "lone surrogates": ({}, {}),
}


@pytest.mark.parametrize("name", SHAPED)
def test_a_moved_call_keeps_all_that_its_rung_takes(catalog: Catalog, name: str) -> None:
    more, kept = SHAPED[name]
    (sent,), _, entry = run(catalog, chat(**more))
    body = msgspec.json.decode(sent.body)
    messages = chat()["messages"]
    assert body.pop("model") == "gpt-5.4-nano"
    assert body.pop("reasoning_effort", "none") == "none"
    assert body == {"messages": messages, **kept}
    assert entry.decision is not None
    assert entry.decision.moved


def test_fields_keep_their_bytes_and_their_order(catalog: Catalog) -> None:
    body = (
        b'{ "seed" : 7,"messages":[{"role":"system","content":"' + CLASSIFY.encode() + b'"},'
        b'{"role":"user", "content":"1.0 \\ud83d\\ude00 \\/"}], "model":"gpt-5.5", "user": "u"}'
    )
    (sent,), _, _ = run(catalog, body)
    assert b'{"role":"user", "content":"1.0 \\ud83d\\ude00 \\/"}' in sent.body
    assert list(msgspec.json.decode(sent.body))[:4] == ["seed", "messages", "model", "user"]


def test_a_call_as_asked_is_the_callers_own_bytes(catalog: Catalog) -> None:
    body = b'{ "messages" : [{"role":"user","content":"Prove it."}] , "model":"gpt-5.5" }'
    (sent,), _, entry = run(catalog, body)
    assert sent.body == body
    assert entry.decision is not None
    assert not entry.decision.moved


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_what_upstream_refuses_of_our_making_goes_as_asked(catalog: Catalog, status: int) -> None:
    error = Reply(status=status, body=b'{"error":{"code":"model_not_found","message":"no access"}}')
    replies = (error, Reply(status=200, body=answer("gpt-5.5-2026-04-23")))
    sent, found, entry = run(catalog, chat(), replies=replies)
    assert [msgspec.json.decode(out.body)["model"] for out in sent] == ["gpt-5.4-nano", "gpt-5.5"]
    assert found.status == 200
    assert entry.attempts == 2
    assert entry.reason == f"upstream refused it on gpt-5.4-nano (none): status {status}"
    told = dict(found.headers)
    assert (told["x-tierwise-rung"], told["x-tierwise-moved"]) == ("gpt-5.5 (medium)", "false")
    assert entry.cost == entry.as_asked


CAPACITY = [
    (429, {"code": "rate_limit_exceeded"}, True),
    (429, {"code": "slow_down"}, True),
    (503, {"code": "server_is_overloaded"}, True),
    (429, {"code": "project_spend_limit_exceeded"}, False),
    (429, {"type": "insufficient_quota"}, False),
    (500, {"type": "server_error"}, False),
]


@pytest.mark.parametrize(("status", "error", "again"), CAPACITY)
def test_a_rung_without_capacity_gives_way_to_the_one_asked_for_and_spent_money_does_not(
    catalog: Catalog, status: int, error: dict[str, str], again: bool
) -> None:
    full = Reply(status=status, body=msgspec.json.encode({"error": {"message": "no", **error}}))
    replies = (full, Reply(status=200, body=answer("gpt-5.5-2026-04-23")))
    sent, found, entry = run(catalog, chat(), replies=replies)
    assert [msgspec.json.decode(out.body)["model"] for out in sent] == ["gpt-5.4-nano", "gpt-5.5"][
        : 1 + again
    ]
    assert found.status == (200 if again else status)
    assert entry.attempts == 1 + again
    # A call as asked is upstream's to refuse.
    plain = chat(messages=[{"role": "user", "content": "Prove it."}])
    assert run(catalog, plain, replies=(full,))[1].status == status


def test_what_upstream_refuses_of_the_callers_making_is_passed_on(catalog: Catalog) -> None:
    error = Reply(status=400, body=b'{"error":{"code":"invalid_value","message":"bad"}}')
    sent, found, entry = run(
        catalog, chat(messages=[{"role": "user", "content": "Prove it."}]), replies=(error,)
    )
    assert len(sent) == 1
    assert (found.status, found.body) == (400, error.body)
    assert (entry.line.status, entry.line.error, entry.cost) == ("error", "invalid_value", 0)


def test_a_call_is_priced_as_served_and_estimated_as_asked(catalog: Catalog) -> None:
    _, _, entry = run(catalog, chat())
    # 1,000 in and 100 out: nano at 0.20 and 1.25, gpt-5.5 at 5.00 and 30.00 dollars a million.
    assert entry.cost == Decimal("0.000325")
    assert entry.decision is not None
    reasoned = entry.decision.steps[0].tokens.reasoning
    assert entry.as_asked == Decimal("0.005") + Decimal("0.00003") * (100 + reasoned)


def test_labels_come_from_the_program_then_headers_then_metadata(catalog: Catalog) -> None:
    body = chat(metadata={"session": "m-session", "trace_id": "m-trace", "name": "m-name"})
    headers = (
        ("X-Tierwise-Session", "h-session"),
        ("traceparent", f"00-{'a' * 32}-{'b' * 16}-01"),
        ("Authorization", "Bearer sk-x"),
    )
    (sent,), _, entry = run(catalog, body, headers=headers, labels=Labels(name="p-name"))
    line = entry.line
    assert (line.session, line.trace, line.parent, line.name) == ("h-session", "m-trace", "b" * 16, "p-name")
    assert [name for name, _ in sent.headers] == ["traceparent", "Authorization"]


def test_no_key_and_no_text_stands_in_an_entry(catalog: Catalog) -> None:
    body = chat(user="someone@example.org", messages=[{"role": "user", "content": "pineapple-7731"}])
    _, _, entry = run(catalog, body, headers=(("authorization", "Bearer sk-secret"),))
    said = msgspec.json.encode(entry)
    for word in (b"pineapple", b"sk-secret", b"example.org"):
        assert word not in said


def test_requests_that_call_no_model_pass_untouched(catalog: Catalog) -> None:
    recorder = MemoryRecorder()
    pipeline = Pipeline(catalog, recorder, policy=policy_of(catalog))
    for method, path in (
        ("GET", "/v1/models"),
        ("POST", "/v1/files"),
        ("GET", "/v1/responses/resp_1"),
        ("POST", "/v1/responses/resp_1/cancel"),
        ("POST", "/v1/responses/input_tokens"),
        ("DELETE", "/v1/chat/completions/x"),
    ):
        course = Course(pipeline, Asked(method=method, path=path, body=b"\x00raw"))
        assert course.outgoing is not None
        assert course.outgoing.body == b"\x00raw"
        course.came(Reply(status=200, body=b"answer"))
        assert course.answer.body == b"answer"
        assert course.answer.headers == ()
    assert recorder.calls == 0


def test_a_fault_of_sending_is_recorded_and_is_the_callers(catalog: Catalog) -> None:
    recorder = MemoryRecorder()
    pipeline = Pipeline(catalog, recorder, policy=policy_of(catalog))
    course = Course(
        pipeline, Asked(method="POST", path="/v1/responses", body=b'{"model":"gpt-5.5","input":"hi"}')
    )
    course.failed(ConnectionError("gone"))
    (entry,) = recorder.entries
    assert (entry.line.status, entry.line.error) == ("unknown", "ConnectionError")
    assert entry.cost is None


def test_a_chat_call_with_tools_goes_by_responses_and_back_where_the_rule_says_so(catalog: Catalog) -> None:
    tool = {
        "type": "function",
        "function": {"name": "look", "parameters": {"type": "object", "properties": {}}},
    }
    policy = policy_of(
        catalog,
        b"""[[rule]]
name = "through"
match = { model = "gpt-5.5", tools = true }
rung = "gpt-5.4"
through_responses = true
stage = "on"
unproven = true
approved_by = "kim"
""",
    )
    reply = {
        "id": "resp_1",
        "object": "response",
        "created_at": 5,
        "status": "completed",
        "model": "gpt-5.4-2026-03-05",
        "output": [
            {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look", "arguments": "{}"}
        ],
        "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15},
    }
    body = chat(messages=[{"role": "user", "content": "Prove it."}], tools=[tool], reasoning_effort="medium")
    (sent,), found, entry = run(
        catalog, body, policy=policy, replies=(Reply(status=200, body=msgspec.json.encode(reply)),)
    )
    out = msgspec.json.decode(sent.body)
    assert sent.path == "/v1/responses"
    assert out["store"] is False
    assert out["tools"] == [{"type": "function", "strict": False, **tool["function"]}]  # type: ignore[dict-item]
    assert out["reasoning"] == {"effort": "medium"}
    parsed = msgspec.json.decode(found.body)
    assert parsed["object"] == "chat.completion"
    assert parsed["choices"][0]["message"]["tool_calls"][0]["id"] == "call_1"
    assert entry.line.tokens == Tokens(uncached=10, output=5)
    assert parse_request("chat", msgspec.json.encode(body)).tools


def test_model_auto_without_a_baseline_goes_as_asked_with_the_reason(catalog: Catalog) -> None:
    checked = parse_policy(b'version = 1\nladder = "gpt-5.4"\n[default]\nstage = "off"\n', catalog)
    error = Reply(status=404, body=b'{"error":{"code":"model_not_found","message":"no"}}')
    (sent,), _, entry = run(catalog, chat(model="auto"), policy=checked.policy, replies=(error,))
    assert msgspec.json.decode(sent.body)["model"] == "auto"
    assert entry.decision is not None
    assert "baseline" in entry.decision.reasons[0]
