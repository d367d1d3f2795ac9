"""The official SDK through the gateway, unchanged but for its base URL and key."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from decimal import Decimal
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel

from tierwise.audit import audit

CLASSIFY = "Classify the ticket as one of: billing, shipping, other. Answer with the word alone."
MESSAGES: list[Any] = [
    {"role": "system", "content": CLASSIFY},
    {"role": "user", "content": "I was charged twice."},
]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def http(url: str, key: str = "", data: Any = None) -> tuple[int, Any, bytes]:
    """Status, headers and body of a plain request."""
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
    body = data if data is None or isinstance(data, bytes) else json.dumps(data).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers)) as found:
            return found.status, found.headers, found.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


class Ticket(BaseModel):
    kind: Literal["billing", "shipping", "other"]


def test_chat_and_responses_are_decided_priced_and_written_down(bench: Any) -> None:
    client = bench.client()
    chat = client.chat.completions.create(model="gpt-5.5", messages=MESSAGES)
    answer = client.responses.create(model="auto", instructions=CLASSIFY, input="Where is my parcel?")
    assert chat.model.startswith("gpt-5.4-nano")
    assert answer.model.startswith("gpt-5.4-nano")
    total = bench.settled(2)
    assert total.cost == bench.simulator.bill_total
    assert total.as_asked > total.cost
    assert all("sk-upstream" not in str(seen.headers) for seen in bench.simulator.received)


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_streams_come_through_and_are_settled_before_their_last_event(bench: Any, api: str) -> None:
    client = bench.client()
    if api == "chat":
        chunks = list(client.chat.completions.create(model="gpt-5.5", messages=MESSAGES, stream=True))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert all(chunk.usage is None for chunk in chunks)
    else:
        events = list(client.responses.create(model="gpt-5.5", input="Hi", stream=True))
        assert events[-1].type == "response.completed"
    assert bench.settled(1).cost == bench.simulator.bill_total > 0


def test_the_asynchronous_sdk_with_many_calls_at_once(bench: Any) -> None:
    key = bench.key()

    async def run() -> set[str]:
        async with openai.AsyncOpenAI(base_url=bench.base_url, api_key=key, max_retries=0) as client:
            found = await asyncio.gather(
                *(
                    client.responses.create(model="gpt-5.5", instructions=CLASSIFY, input=f"{n}")
                    for n in range(60)
                )
            )
            return {answer.id for answer in found}

    assert len(asyncio.run(run())) == 60
    assert bench.settled(60).cost == bench.simulator.bill_total


def test_tools_structured_output_embeddings_and_models(bench: Any) -> None:
    client = bench.client()
    message = (
        client.chat.completions.create(
            model="gpt-5.4", messages=[{"role": "user", "content": "Use get_weather for Paris"}], tools=[TOOL]
        )
        .choices[0]
        .message
    )
    assert json.loads(message.tool_calls[0].function.arguments)["city"] == "Paris"
    parsed = client.chat.completions.parse(model="gpt-5.5", messages=MESSAGES, response_format=Ticket)
    assert isinstance(parsed.choices[0].message.parsed, Ticket)
    assert client.embeddings.create(model="text-embedding-3-small", input="x").data[0].embedding
    assert any(model.id == "gpt-5.5" for model in client.models.list())
    assert bench.settled(3).cost == bench.simulator.bill_total


def test_the_reply_tells_what_served_it_and_the_call_can_be_looked_up(bench: Any) -> None:
    key = bench.key()
    client = bench.client(key)
    raw = client.chat.completions.with_raw_response.create(model="gpt-5.5", messages=MESSAGES)
    assert raw.headers["x-tierwise-rung"] == "gpt-5.4-nano (none)"
    assert Decimal(raw.headers["x-tierwise-cost"]) == bench.simulator.bill_total
    bench.settled(1)
    where = f"{bench.base_url}/tierwise/calls/{raw.headers['x-tierwise-decision']}"
    row = json.loads(http(where, key)[2])
    assert row["rule"] == "small work"
    assert Decimal(row["cost"]) == bench.simulator.bill_total
    assert http(where, bench.key("other", project="another"))[0] == 404


def test_hints_count_only_for_keys_that_the_policy_trusts(bench: Any) -> None:
    for name, model in (("trusted", "gpt-5.4-mini"), ("untrusted", "gpt-5.5")):
        client = bench.client(bench.key(name))
        found = client.responses.create(
            model="gpt-5.5", input="Prove it.", extra_headers={"x-tierwise-workload": "nightly"}
        )
        assert found.model.startswith(f"{model}-20"), name
    assert not any(n.startswith("x-tierwise") for seen in bench.simulator.received for n in seen.headers)


def test_only_keys_that_may_go_unrouted(bench: Any) -> None:
    header = {"x-tierwise-route": "off"}
    for name, unrouted, model in (("may", True, "gpt-5.5"), ("may-not", False, "gpt-5.4-nano")):
        client = bench.client(bench.key(name, unrouted=unrouted))
        found = client.chat.completions.create(model="gpt-5.5", messages=MESSAGES, extra_headers=header)
        assert found.model.startswith(f"{model}-20"), name


def test_a_caller_with_a_key_of_its_own_has_it_passed_on(bench: Any) -> None:
    client = bench.client("sk-of-their-own")
    assert client.chat.completions.create(model="gpt-5.5", messages=MESSAGES).model.startswith("gpt-5.4-nano")
    bench.settled(1)
    assert b"sk-of-their-own" not in b"".join(bench.ledger.lines())


REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], int, str]] = [
    ("no key", {}, {"key": ""}, 401, "invalid_api_key"),
    ("an unknown key", {}, {"key": "tw-abc-def"}, 401, "invalid_api_key"),
    ("a wrong secret", {}, {"spoil": True}, 401, "invalid_api_key"),
    ("another model", {"models": ("gpt-5.4*",)}, {}, 403, "not_in_scope"),
    ("another workload", {"workloads": ("00000000000000a1",)}, {}, 403, "not_in_scope"),
    ("another path", {}, {"path": "/images/generations"}, 403, "not_in_scope"),
    ("an empty budget", {"budget": {"day": "0"}}, {}, 429, "budget_exceeded"),
    ("a small month", {"budget": {"month": "0.0000001"}}, {"cap": 50}, 429, "budget_exceeded"),
    ("too fast", {"a_minute": 0}, {}, 429, "rate_limit_exceeded"),
    ("too many at once", {"at_once": 0}, {}, 429, "rate_limit_exceeded"),
]


@pytest.mark.parametrize(
    ("scope", "how", "status", "code"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_what_is_refused_is_refused_in_openais_form(
    bench: Any, scope: dict[str, Any], how: dict[str, Any], status: int, code: str
) -> None:
    key = bench.key(**scope)
    given = how.get("key", key[:-1] + "~" if how.get("spoil") else key)
    cap = {"max_completion_tokens": how["cap"]} if "cap" in how else {}
    body = {"model": "gpt-5.5", "messages": MESSAGES, **cap}
    found, headers, reply = http(bench.base_url + how.get("path", "/chat/completions"), given, body)
    told = json.loads(reply)
    assert (found, told["error"]["code"]) == (status, code)
    assert set(told["error"]) == {"message", "type", "param", "code"}
    assert bench.simulator.requests == 0
    if code == "budget_exceeded":
        assert headers["x-should-retry"] == "false"


def test_one_call_of_the_sdk_over_budget_is_one_request(bench: Any) -> None:
    client = bench.client(bench.key(budget={"day": "0"}), max_retries=3)
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model="gpt-5.5", messages=MESSAGES)
    text = http(bench.base_url.replace("/v1", "/metrics"))[2].decode()
    assert 'tierwise_requests_total{endpoint="chat",status="429"} 1.0' in text


def test_errors_of_upstream_come_through_with_their_headers(bench: Any) -> None:
    client = bench.client()
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-9-foo", messages=MESSAGES)
    assert caught.value.code == "model_not_found"
    assert caught.value.response.headers["x-request-id"]
    total = bench.settled(1)
    assert total.cost == 0


def test_objects_are_seen_by_their_own_project_only(bench: Any) -> None:
    mine, theirs = (bench.client(bench.key(name, project=name)) for name in ("mine", "theirs"))
    answer = mine.responses.create(model="gpt-5.5", input="Hi", store=True)
    assert mine.responses.retrieve(answer.id).id == answer.id
    for attempt in (
        lambda: theirs.responses.retrieve(answer.id),
        lambda: theirs.responses.delete(answer.id),
        lambda: theirs.responses.create(model="gpt-5.5", input="And?", previous_response_id=answer.id),
    ):
        with pytest.raises(openai.NotFoundError):
            attempt()
    file = mine.files.create(
        file=(
            "in.jsonl",
            b'{"custom_id":"a","method":"POST","url":"/v1/responses","body":{"model":"gpt-5.4-nano","input":"hi"}}\n',
        ),
        purpose="batch",
    )
    assert [found.id for found in mine.files.list()] == [file.id]
    assert list(theirs.files.list()) == []
    with pytest.raises(openai.NotFoundError):
        theirs.files.retrieve(file.id)
    with pytest.raises(openai.NotFoundError):
        theirs.batches.create(input_file_id=file.id, endpoint="/v1/responses", completion_window="24h")
    batch = mine.batches.create(input_file_id=file.id, endpoint="/v1/responses", completion_window="24h")
    assert mine.batches.retrieve(batch.id).id == batch.id
    with pytest.raises(openai.NotFoundError):
        theirs.batches.cancel(batch.id)
    assert mine.files.content(file.id).content.startswith(b'{"custom_id"')


def test_a_decision_can_be_had_without_sending(bench: Any) -> None:
    question = {"endpoint": "/v1/chat/completions", "body": {"model": "gpt-5.5", "messages": MESSAGES}}
    found = json.loads(http(f"{bench.base_url}/tierwise/decide", bench.key(), question)[2])
    assert found["rung"] == {"model": "gpt-5.4-nano", "effort": "none"}
    assert found["body"]["model"] == "gpt-5.4-nano"
    assert found["path"] == "/v1/chat/completions"
    assert bench.simulator.requests == 0


def test_routing_is_turned_off_and_on_by_an_admin_for_every_replica(bench: Any) -> None:
    client, admin = bench.client(), bench.key("admin", admin=True)

    def switch(which: str, key: str) -> int:
        return http(f"{bench.base_url}/tierwise/{which}", key, b"")[0]

    assert switch("off", bench.key("other")) == 403
    switch("off", admin)
    assert client.chat.completions.create(model="gpt-5.5", messages=MESSAGES).model.startswith("gpt-5.5")
    switch("on", admin)
    assert client.chat.completions.create(model="gpt-5.5", messages=MESSAGES).model.startswith("gpt-5.4-nano")
    assert [what for _, who, what in bench.ledger.notes() if who == "key:admin"] == [
        "routing: off",
        "routing: on",
    ]


def test_the_ledger_is_one_more_log_for_the_audit(bench: Any, tmp_path: Any) -> None:
    client = bench.client()
    for text in ("one", "two", "three"):
        client.responses.create(model="gpt-5.5", instructions=CLASSIFY, input=text, service_tier="flex")
    bench.settled(3)
    (tmp_path / "export.jsonl").write_bytes(b"".join(bench.ledger.lines()))
    found = audit([tmp_path / "export.jsonl"], processes=1).findings
    assert found.calls == 3
    assert found.counts.spend == bench.simulator.bill_total


def test_health_metrics_and_readiness_take_no_key(bench: Any) -> None:
    root = bench.base_url.removesuffix("/v1")
    assert json.loads(http(f"{root}/healthz")[2]) == {"status": "ok"}
    assert json.loads(http(f"{root}/readyz")[2]) == {"status": "ok"}
    assert b"tierwise_under_way" in http(f"{root}/metrics")[2]


def test_ready_only_while_calls_can_be_written_down(bench: Any) -> None:
    health = bench.base_url.removesuffix("/v1")

    def asked(path: str) -> tuple[int, dict[str, str]]:
        try:
            with urllib.request.urlopen(health + path) as found:
                return found.status, json.load(found)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    assert asked("/readyz") == (200, {"status": "ok"})
    spool = bench.options.settings.spool
    away = spool.with_name("away")
    spool.rename(away)
    spool.write_text("a file where the folder was")
    status, said = asked("/readyz")
    assert status == 503
    assert "cannot be written down" in said["why"]
    assert asked("/healthz")[0] == 200
    spool.unlink()
    away.rename(spool)
    assert asked("/readyz")[0] == 200
