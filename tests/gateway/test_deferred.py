"""Calls that wait for Batch through the gateway, by the official SDK."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tierwise.batch import BatchSettings
from tierwise.errors import ConfigurationError
from tierwise.gateway import Settings
from tierwise.ledger import Queue
from tierwise.simulator import Fault
from tierwise.simulator import Settings as Simulated

POLICY = """
version = 1
name = "waiting"
ladder = "gpt-5.4"
[default]
stage = "on"
lanes = ["batch", "flex"]
"""
KEY = b"k" * 32
QUICK = {"collect": 0.2, "first_look": 0.2, "most_look": 0.5, "lease": 2.0}
ASK: dict[str, Any] = {
    "model": "gpt-5.4-mini",
    "input": "Why is the sky blue?",
    "background": True,
    "metadata": {"deadline": "24h"},
}
CHAT: dict[str, Any] = {"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": "Why?"}]}


@pytest.fixture
def deferring(start: Callable[..., Any], tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Start a gateway whose policy lets calls wait, in front of a simulator whose batches take a second."""

    def starting(*, text: str = POLICY, quick: dict[str, Any] | None = None, **options: Any) -> Any:
        (tmp_path / "waiting.toml").write_text(text, "utf-8")
        usual: dict[str, Any] = {
            "policy": tmp_path / "waiting.toml",
            "simulated": Simulated(seed=1, batch_seconds=1, keep_requests=True),
            "batch_key": KEY,
            "batches": BatchSettings(**{**QUICK, **(quick or {})}),
            "settings": Settings(spool=tmp_path / "spool", fold_every=0.05, drain=3),
        }
        return start(**{**usual, **options})

    return starting


def done(client: openai.OpenAI, identity: str, within: float = 15) -> Any:
    """The response once it is over."""
    end = time.monotonic() + within
    while (found := client.responses.retrieve(identity)).status in {"queued", "in_progress"}:
        assert time.monotonic() < end, found.status
        time.sleep(0.05)
    return found


def agrees(bench: Any, calls: int) -> Any:
    """The ledger's sum, once it is what the simulator billed."""
    total = bench.settled(calls)
    assert (total.calls, total.cost) == (calls, bench.simulator.bill_total)
    return total


def posted(
    bench: Any, key: str, body: Any, path: str = "/chat/completions", **headers: str
) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(
        bench.base_url + path, json=body, headers={"authorization": f"Bearer {key}", **named}, timeout=30
    )


def test_a_background_response_waits_for_its_batch_and_is_polled_with_the_sdk(deferring: Any) -> None:
    bench = deferring()
    client = bench.client()
    made = client.responses.create(**ASK)
    assert made.id.startswith("resp_tw_")
    assert (made.status, made.background, made.output, made.metadata) == ("queued", True, [], ASK["metadata"])
    found = done(client, made.id)
    assert (found.id, found.status, found.background) == (made.id, "completed", True)
    assert found.output_text
    assert found.usage.input_tokens > 0
    total = agrees(bench, 1)
    assert {line.lane for line in bench.simulator.bill} == {"batch"}
    assert total.as_asked == total.cost * 2, "Batch costs half"
    assert bench.ledger.saved() == {"lane": total.as_asked - total.cost}
    assert bench.ledger.totals("lane")[0].name == "batch"
    (item,) = client.responses.input_items.list(made.id).data
    assert item.content[0].text == ASK["input"]


def test_many_calls_share_a_batch_and_come_back_with_their_own_answers(deferring: Any) -> None:
    bench = deferring(quick={"collect": 1.0})
    client = bench.client()
    made = [client.responses.create(**{**ASK, "input": f"Say {n}."}).id for n in range(20)]
    found = [done(client, identity) for identity in made]
    assert [each.id for each in found] == made
    agrees(bench, 20)
    assert (
        len(
            httpx.get(f"{bench.simulator.base_url}/batches", headers={"authorization": "Bearer sk-x"}).json()[
                "data"
            ]
        )
        == 1
    )


def test_nobody_else_sees_it(deferring: Any) -> None:
    bench = deferring()
    made = bench.client(bench.key("one", project="one")).responses.create(**ASK)
    others = [bench.client(bench.key("two", project="two")), bench.client("sk-own")]
    for other in others:
        for what in (
            other.responses.retrieve,
            other.responses.cancel,
            other.responses.delete,
            other.responses.input_items.list,
        ):
            with pytest.raises(openai.NotFoundError):
                list(what(made.id)) if what is other.responses.input_items.list else what(made.id)
        with pytest.raises(openai.NotFoundError):
            other.responses.create(model="gpt-5.4-mini", input="go on", previous_response_id=made.id)
    assert bench.client(bench.key("same", project="one")).responses.retrieve(made.id).id == made.id


def test_a_call_that_is_cancelled_before_its_batch_goes_is_never_sent(deferring: Any) -> None:
    bench = deferring(quick={"collect": 60})
    client = bench.client()
    made = client.responses.create(**ASK)
    assert client.responses.cancel(made.id).status == "cancelled"
    total = agrees(bench, 1)
    assert (total.cost, total.reserved) == (0, 0)
    assert client.responses.retrieve(made.id).status == "cancelled"


def test_one_that_is_cancelled_too_late_is_billed_as_it_was(deferring: Any) -> None:
    bench = deferring()
    client = bench.client()
    kept = client.responses.create(**ASK).id
    made = client.responses.create(**ASK).id
    while client.responses.retrieve(made).status == "queued":
        time.sleep(0.02)
    assert client.responses.cancel(made).status == "cancelled"
    done(client, kept)
    assert client.responses.retrieve(made).status == "cancelled"
    agrees(bench, 2)
    assert client.responses.cancel(kept).status == "completed", "what is over stays as it is"


def test_one_that_is_deleted_is_gone(deferring: Any) -> None:
    bench = deferring()
    client = bench.client()
    waiting, over = client.responses.create(**ASK).id, client.responses.create(**ASK).id
    client.responses.delete(waiting)
    done(client, over)
    client.responses.delete(over)
    for identity in (waiting, over):
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(identity)
    agrees(bench, 2)
    queue = Queue(bench.ledger)
    assert [queue.answer(identity) for identity in (waiting, over)] == [None, None]


def test_a_response_goes_on_from_one_that_came_later(deferring: Any) -> None:
    bench = deferring()
    client = bench.client()
    made = client.responses.create(**ASK).id
    with pytest.raises(openai.ConflictError):
        client.responses.create(model="gpt-5.4-mini", input="And at night?", previous_response_id=made)
    done(client, made)
    # The simulator forgets what it answered in a batch; what counts is the id that it was asked for.
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="gpt-5.4-mini", input="And at night?", previous_response_id=made)
    assert made not in refused.value.message
    assert "'resp_" in refused.value.message


def test_it_cannot_be_streamed_later_and_a_streamed_one_runs_now(deferring: Any) -> None:
    bench = deferring()
    client = bench.client()
    made = client.responses.create(**ASK)
    with pytest.raises(openai.BadRequestError, match="cannot be streamed"):
        client.responses.retrieve(made.id, stream=True)
    kinds = [event.type for event in client.responses.create(**ASK, stream=True)]
    assert kinds[-1] == "response.completed"


def test_a_stored_chat_call_is_answered_202_and_served_by_its_id(deferring: Any) -> None:
    bench = deferring()
    key = bench.key()
    reply = posted(bench, key, CHAT, x_tierwise_deadline="24h", x_tierwise_store="1")
    assert reply.status_code == 202
    identity = reply.json()["id"]
    assert identity.startswith("chatcmpl_tw_")
    assert (reply.json()["status"], reply.headers["x-tierwise-lane"]) == ("queued", "batch")
    client = bench.client(key)
    end = time.monotonic() + 15
    while not (found := client.chat.completions.retrieve(identity)).choices:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert (found.id, bool(found.choices[0].message.content)) == (identity, True)
    agrees(bench, 1)
    assert [line.lane for line in bench.simulator.bill] == ["batch"]
    assert client.chat.completions.delete(identity).deleted
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.retrieve(identity)


def test_a_chat_call_is_held_up_to_ten_minutes_and_no_longer(deferring: Any) -> None:
    bench = deferring()
    client = bench.client()
    with pytest.raises(openai.BadRequestError, match="background") as refused:
        client.chat.completions.create(**CHAT, extra_headers={"x-tierwise-deadline": "11m"})
    assert refused.value.code == "deadline_too_long"
    found = client.chat.completions.create(**CHAT, extra_headers={"x-tierwise-deadline": "10m"})
    assert found.choices[0].message.content
    agrees(bench, 1)


def test_a_deadline_that_is_none_is_refused(deferring: Any) -> None:
    bench = deferring()
    client = bench.client()
    for given in ("soon", "-5m", "0", "", "99999999999d", "2020-01-01"):
        with pytest.raises(openai.BadRequestError) as refused:
            client.responses.create(**ASK, extra_headers={"x-tierwise-deadline": given})
        assert refused.value.code == "invalid_deadline", given
    named = {**ASK, "metadata": {"deadline": "2026-12-01"}}
    assert not client.responses.create(**named).id.startswith("resp_tw_"), "the application's own word"


def test_a_repeat_under_the_same_idempotency_key_joins_and_another_request_is_refused(deferring: Any) -> None:
    bench = deferring()
    key = bench.key()
    held = {"x_tierwise_deadline": "5m", "idempotency_key": "a"}
    first = posted(bench, key, CHAT, **held)
    again = posted(bench, key, CHAT, **held)
    assert first.status_code == 200
    assert first.json() == again.json()
    assert posted(bench, key, {**CHAT, "n": 1}, **held).status_code == 409
    agrees(bench, 1)
    other = posted(bench, bench.key("other"), CHAT, **held)
    assert other.json()["id"] != first.json()["id"], "another key's are its own"
    stored = {"x_tierwise_store": "1", "idempotency_key": "b", "x_tierwise_deadline": "24h"}
    assert len({posted(bench, key, CHAT, **stored).json()["id"] for _ in range(3)}) == 1
    responses = {posted(bench, key, ASK, "/responses", idempotency_key="c").json()["id"] for _ in range(3)}
    assert len(responses) == 1
    agrees(bench, 4)


def test_a_repeat_joins_after_a_restart_too(deferring: Any) -> None:
    bench = deferring(quick={"collect": 60})
    key = bench.key()
    stored = {"x_tierwise_store": "1", "idempotency_key": "b", "x_tierwise_deadline": "24h"}
    first = posted(bench, key, CHAT, **stored).json()
    bench.running.stop()
    bench.running = type(bench.running)(bench.options)
    assert posted(bench, key, CHAT, **stored).json() == first


def test_repeats_at_the_same_moment_are_one_call(deferring: Any) -> None:
    bench = deferring()
    key = bench.key()
    with ThreadPoolExecutor(8) as pool:
        replies = list(
            pool.map(lambda _: posted(bench, key, ASK, "/responses", idempotency_key="same"), range(8))
        )
    assert {reply.status_code for reply in replies} == {200}
    identities = {reply.json()["id"] for reply in replies}
    assert len(identities) == 1
    assert done(bench.client(key), identities.pop()).status == "completed"
    assert len(bench.simulator.bill) == 1
    end = time.monotonic() + 5
    while bench.ledger.totals()[0].cost != bench.simulator.bill_total:
        assert time.monotonic() < end
        time.sleep(0.05)


HOSTILE = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[]",
    b'{"background":true,"metadata":{"deadline":["24h"]}}',
    b'{"model":"gpt-5.4-mini","input":"\\ud800","background":true,"metadata":{"deadline":"24h"}}',
    b'{"model":"gpt-5.4-mini","input":[1,null],"background":true,"metadata":{"deadline":"24h"}}',
    b'{"model":null,"input":"x","background":true,"metadata":{"deadline":"24h"}}',
    b'{"model":"gpt-5.4-mini","input":"x","background":true,"previous_response_id":{"a":"resp_tw_x"}}',
    b"[" * 3_000,
]


def test_hostile_bodies_break_nothing(deferring: Any) -> None:
    bench = deferring(quick={"collect": 60})
    key = bench.key()
    for number, body in enumerate(HOSTILE):
        for path, store in (("/responses", "0"), ("/chat/completions", "1")):
            named = {
                "authorization": f"Bearer {key}",
                "x-tierwise-deadline": "24h",
                "x-tierwise-store": store,
                "idempotency-key": f"\u00e9 {number}",
            }
            headers = {name: value.encode("latin-1") for name, value in named.items()}
            reply = httpx.post(bench.base_url + path, content=body, headers=headers)
            assert reply.status_code < 500, (body[:80], reply.text)
    assert bench.client(key).responses.create(**ASK).id.startswith("resp_tw_")


def test_keys_of_the_callers_own_run_now_or_are_refused_as_the_policy_says(deferring: Any) -> None:
    bench = deferring()
    made = bench.client("sk-own").responses.create(**ASK)
    assert not made.id.startswith("resp_tw_")
    assert done(bench.client("sk-own"), made.id).status == "completed"


def test_keys_of_the_callers_own_are_refused_where_the_policy_says_so(deferring: Any) -> None:
    bench = deferring(text=POLICY + "[defer]\nown_keys = 'refuse'\n")
    with pytest.raises(openai.BadRequestError) as refused:
        bench.client("sk-own").responses.create(**ASK)
    assert refused.value.code == "cannot_wait"
    assert posted(bench, "sk-own", CHAT, x_tierwise_store="1").status_code == 400
    assert bench.client("sk-own").chat.completions.create(**CHAT).choices, "what does not ask to wait goes"


def test_zero_retention_runs_now_and_stores_nothing(deferring: Any) -> None:
    text = POLICY.replace('["batch", "flex"]', '["flex"]') + "[limits]\nzero_retention = true\n"
    bench = deferring(text=text)
    key = bench.key()
    assert posted(bench, key, CHAT, x_tierwise_store="1").status_code == 400
    held = posted(bench, key, CHAT, x_tierwise_deadline="5m", idempotency_key="a")
    assert held.json()["id"].startswith("chatcmpl-")
    made = bench.client(key).responses.create(**ASK)
    assert not made.id.startswith("resp_tw_")
    assert Queue(bench.ledger).open_items() == 0


def test_without_a_batch_key_nothing_waits(deferring: Any) -> None:
    bench = deferring(batch_key=None)
    key = bench.key()
    assert not bench.client(key).responses.create(**ASK).id.startswith("resp_tw_")
    reply = posted(bench, key, CHAT, x_tierwise_store="1")
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "cannot_wait")


def test_a_gateway_that_is_told_how_calls_wait_does_not_start_without_a_key(
    deferring: Any, monkeypatch: Any
) -> None:
    text = POLICY + "[defer]\nkey_env = 'SEAL_OF_TESTS'\n"
    with pytest.raises(ConfigurationError, match="SEAL_OF_TESTS"):
        deferring(text=text, batch_key=None)
    monkeypatch.setenv("SEAL_OF_TESTS", "short")
    with pytest.raises(ConfigurationError, match="16 bytes or more"):
        deferring(text=text, batch_key=None)
    monkeypatch.setenv("SEAL_OF_TESTS", "a" * 64)
    assert deferring(text=text, batch_key=None).client().responses.create(**ASK).id.startswith("resp_tw_")


SOON = {"window": 4, "cancelling": 2, "live": 4, "collect": 0.2}
"""Times of a day, in seconds."""


@pytest.mark.parametrize(("late", "lane"), [("flex", "flex"), ("standard", "standard")])
def test_what_an_expired_batch_left_goes_by_itself_before_its_deadline(
    deferring: Any, monkeypatch: Any, late: str, lane: str
) -> None:
    monkeypatch.setattr("tierwise.gateway._batching.completion", lambda _: {"batch": 4})
    bench = deferring(
        faults=[Fault(kind="batch_expired", rate=1.0, share=0.85)],
        quick={**SOON, "most_tries": 50},
        text=POLICY + f"[defer]\nlate = '{late}'\n",
        simulated=Simulated(seed=1, batch_seconds=2),
    )
    bench.running.serving.pipeline.learn_completion({"batch": 4})
    client = bench.client()
    ask = {**ASK, "metadata": {"deadline": "10s"}}
    made = [client.responses.create(**{**ask, "input": f"Say {n}."}).id for n in range(10)]
    assert all(identity.startswith("resp_tw_") for identity in made)
    began = time.monotonic()
    found = [done(client, identity, 20) for identity in made]
    assert time.monotonic() - began < 10, "in time"
    assert {each.status for each in found} == {"completed"}
    agrees(bench, 10)
    lanes = [line.lane for line in bench.simulator.bill]
    assert lane in lanes
    assert set(lanes) <= {"batch", lane}
    assert {total.name: total.calls for total in bench.ledger.totals("lane")} == Counter(lanes)
    total = bench.ledger.totals()[0]
    assert sum(bench.ledger.saved().values()) == total.as_asked - total.cost


def test_without_a_lane_for_what_is_late_it_fails_and_costs_nothing(deferring: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("tierwise.gateway._batching.completion", lambda _: {"batch": 4})
    bench = deferring(
        quick=SOON, text=POLICY + "[defer]\nlate = []\n", simulated=Simulated(seed=1, batch_seconds=12)
    )
    bench.running.serving.pipeline.learn_completion({"batch": 4})
    client = bench.client()
    made = client.responses.create(**{**ASK, "metadata": {"deadline": "8s"}})
    assert made.id.startswith("resp_tw_")
    found = done(client, made.id, 30)
    assert (found.status, found.error.code) == ("failed", "deadline_passed")
    assert agrees(bench, 1).cost == 0


def test_money_is_held_while_a_call_waits_and_what_it_cost_is_counted_once(deferring: Any) -> None:
    bench = deferring(quick={"collect": 1.0})
    client = bench.client(bench.key(budget={"day": "1"}))
    gate = bench.running.serving.pipeline._record._gate
    made = client.responses.create(**ASK, max_output_tokens=100).id
    (held,) = [each.amount for each in gate._open[next(iter(gate.later))].held]
    assert held > 0
    done(client, made)
    cost = agrees(bench, 1).cost
    assert (gate.later, gate._open) == ([], {})
    assert [each.spent for each in gate.standings()] == [cost]
    # One whose end another gateway wrote down: its cost is counted there, and nothing is held here.
    other = client.responses.create(**ASK, max_output_tokens=100).id
    assert len(gate.later) == 1
    gate.ended_elsewhere(gate.later)
    assert (gate._open, [each.spent for each in gate.standings()]) == ({}, [cost])
    done(client, other)
    assert [each.spent for each in gate.standings()] == [agrees(bench, 2).cost]


def test_an_end_that_was_told_before_a_crash_is_told_again_and_counts_once(
    deferring: Any, monkeypatch: Any
) -> None:
    """The process dies between writing the end down and keeping the answer."""
    whole, broken = Queue.settle, [True]

    def settle(self: Queue, outcomes: Any, now: int) -> None:
        if broken[0]:
            raise RuntimeError("killed here")
        whole(self, outcomes, now)

    monkeypatch.setattr(Queue, "settle", settle)
    bench = deferring()
    client = bench.client(bench.key())
    made = client.responses.create(**ASK).id
    total = bench.settled(1)
    assert client.responses.retrieve(made).status == "in_progress"
    bench.running.stop()
    broken[0] = False
    bench.running = type(bench.running)(bench.options)
    key = client.api_key
    assert done(bench.client(key), made).status == "completed"
    time.sleep(0.3)
    again = bench.ledger.totals()[0]
    assert (again.calls, again.cost) == (total.calls, total.cost) == (1, bench.simulator.bill_total)


def test_a_line_that_upstream_refuses_fails_with_its_reason_and_costs_nothing(deferring: Any) -> None:
    bench = deferring(faults=[Fault(kind="batch_line_error", rate=1.0, share=1.0)])
    client = bench.client()
    found = done(client, client.responses.create(**ASK).id, 30)
    assert (found.status, found.error.code) == ("failed", "server_error")
    assert "error" in found.error.message
    assert agrees(bench, 1).cost == 0


def test_what_waits_is_counted_and_logged_without_text(deferring: Any, caplog: Any) -> None:
    bench = deferring(quick={"collect": 60})
    bench.client().responses.create(**{**ASK, "input": "the secret word"})
    end = time.monotonic() + 8
    url = bench.base_url.removesuffix("/v1") + "/metrics"
    while 'tierwise_waiting{state="waiting"} 1.0' not in (text := httpx.get(url).text):
        assert time.monotonic() < end, text
        time.sleep(0.2)
    assert "secret" not in caplog.text
    assert b"secret" not in (bench.folder / "ledger.db").read_bytes()
