"""What the process remembers: conversations, warm prefixes, lengths and times, within bounds."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.calls import Around, Request, live_call, parse_request
from tierwise.catalog import Catalog, Tokens
from tierwise.online import Asked, Memory, admit
from tierwise.online._history import History, Line
from tierwise.online._recent import Recent
from tierwise.policy import Latency, Learned, Policy, Rung, State, Uses, decide, parse_policy
from tierwise.workloads import Facts, Recogniser

AT = 1_795_600_000_000_000
MINUTE = 60_000_000
RULES = "Answer questions about the shop. " + "Every rule of the house counts, whoever asks. " * 300
POLICY = b"""
version = 1
ladder = "gpt-5.4"
baseline = "gpt-5.4"
[[rule]]
name = "down"
match = { model = "gpt-5.5*" }
rung = "gpt-5.4-mini"
stage = "on"
unproven = true
approved_by = "kim"
[default]
stage = "off"
"""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.open()


@pytest.fixture(scope="module")
def policy(catalog: Catalog) -> Policy:
    found = parse_policy(POLICY, catalog).policy
    assert found is not None
    return found


class Desk:
    """A memory, and calls through it."""

    def __init__(self, catalog: Catalog, policy: Policy, learned: Learned | None = None) -> None:
        self.catalog, self.policy = catalog, policy
        self.memory = Memory(catalog, learned)
        self.recogniser = Recogniser()

    def ask(self, body: dict[str, Any], at: int = AT) -> tuple[Facts, State, Request, bytes]:
        raw = json.dumps(body).encode()
        endpoint = "chat" if "messages" in body else "responses"
        request = parse_request(endpoint, raw)
        facts = self.recogniser.recognise(request)
        call = admit(Asked(method="POST", path="", body=raw), endpoint)  # type: ignore[arg-type]
        state = self.memory.state(call, request, facts, self.policy, at, callers=frozenset(), lanes=None)
        return facts, state, request, raw

    def answer(
        self, body: dict[str, Any], model: str, tokens: Tokens, at: int = AT, seconds: float = 1
    ) -> None:
        facts, state, request, raw = self.ask(body, at)
        decision = decide(facts, self.policy, state, self.catalog, dt.date(2026, 11, 25))
        usage = {
            "prompt_tokens": tokens.input_total,
            "completion_tokens": tokens.output_total,
            "prompt_tokens_details": {"cached_tokens": tokens.cached},
            "completion_tokens_details": {"reasoning_tokens": tokens.reasoning},
        }
        message = {"role": "assistant", "content": "Yes."}
        reply = {
            "id": f"chatcmpl-{at}",
            "object": "chat.completion",
            "model": model,
            "choices": [{"message": message, "finish_reason": "stop"}],
            "usage": usage,
        }
        done = live_call(
            request.endpoint,
            request,
            raw,
            json.dumps(reply).encode(),
            Around(at=at, latency=int(seconds * 1e6)),
        )
        moved = decision if decision.plan.rung.model in model and decision.moved else None
        self.memory.after(done, facts, moved)


def chat(*turns: str, model: str = "gpt-5.5") -> dict[str, Any]:
    messages: list[Any] = [{"role": "system", "content": RULES}]
    for number, turn in enumerate(turns):
        messages.append({"role": "user" if number % 2 == 0 else "assistant", "content": turn})
    return {"model": model, "messages": messages}


def test_a_next_turn_is_known_by_its_prompt_without_any_id(catalog: Catalog, policy: Policy) -> None:
    desk = Desk(catalog, policy)
    assert desk.ask(chat("Hello?"))[1].session_rung is None
    desk.answer(chat("Hello?"), "gpt-5.4-mini-2026-03-17", Tokens(uncached=3_000, output=5))
    _, state, _, _ = desk.ask(chat("Hello?", "Yes.", "And now?"), AT + MINUTE)
    assert state.session_rung == Rung("gpt-5.4-mini", "medium")
    # Whole steps of 128 of the turn before.
    assert state.session_warm == 2_944
    assert desk.ask(chat("Something else"), AT + MINUTE)[1].session_rung is None


def test_a_prefix_is_warm_only_as_long_as_its_model_keeps_it(catalog: Catalog, policy: Policy) -> None:
    desk = Desk(catalog, policy)
    desk.answer(chat("Hello?"), "gpt-5.4-mini-2026-03-17", Tokens(uncached=3_000, output=5))
    for minutes, warm in ((9, True), (11, False)):
        state = desk.ask(chat("Hello?", "Yes.", "And now?"), AT + minutes * MINUTE)[1]
        assert (state.session_warm > 0) is warm
        other = desk.ask(chat("Another customer"), AT + minutes * MINUTE)[1]
        assert (other.warm.get("gpt-5.4-mini", 0) >= 1_024) is warm
        # As asked it would have gone to gpt-5.5, which keeps prefixes for longer.
        assert other.usage.cached >= 1_024


def test_a_response_that_is_built_on_holds_its_conversation_to_its_model(
    catalog: Catalog, policy: Policy
) -> None:
    desk = Desk(catalog, policy)
    desk.answer(chat("Hello?"), "gpt-5.4-mini-2026-03-17", Tokens(uncached=3_000, output=5))
    body = {"model": "gpt-5.5", "input": "And now?", "previous_response_id": f"chatcmpl-{AT}"}
    _, state, _, _ = desk.ask(body, AT + MINUTE)
    assert state.session_rung == Rung("gpt-5.4-mini", "medium")
    # What upstream adds of the turns before is input too.
    assert state.usage.input_total > 3_000
    assert state.sent is not None
    assert state.sent.linked == "previous_response_id"


def test_a_conversation_keeps_one_side_of_a_canary(catalog: Catalog, policy: Policy) -> None:
    desk = Desk(catalog, policy)
    first = desk.ask(chat("Hello?"))[1].arm
    desk.answer(chat("Hello?"), "gpt-5.5-2026-04-23", Tokens(uncached=3_000, output=5))
    desk.answer(
        chat("Hello?", "Yes.", "And now?"), "gpt-5.5-2026-04-23", Tokens(uncached=3_100, output=5), AT + 1
    )
    later = desk.ask(chat("Hello?", "Yes.", "And now?", "Yes.", "Then?"), AT + MINUTE)[1].arm
    assert first is not None
    assert first == later
    assert desk.ask(chat("Somebody else"))[1].arm != first


def test_lengths_and_times_are_learned_from_twenty_calls(catalog: Catalog, policy: Policy) -> None:
    desk = Desk(catalog, policy)
    before = desk.ask(chat("Question 0"))[1].usage
    for number in range(20):
        used = Tokens(uncached=3_000, output=40 + number, reasoning=100)
        desk.answer(
            chat(f"Question {number}"), "gpt-5.5-2026-04-23", used, AT + number, 1 + (140 + number) / 50
        )
    state = desk.ask(chat("Question 99"), AT + MINUTE)[1]
    assert (before.output, before.reasoning) == (400, 800)
    assert (state.usage.output, state.usage.reasoning) == (49, 100)
    # A second to the first token and a fiftieth for each after it.
    assert state.latency["gpt-5.5 standard"] == Latency(first=1_000, token=20_000)
    assert state.snapshots == {"gpt-5.5": "gpt-5.5-2026-04-23"}


def test_what_an_audit_learned_is_expected_from_the_first_call(catalog: Catalog, policy: Policy) -> None:
    workload = Desk(catalog, policy).ask(chat("Hello?"))[0].workload
    learned = Learned(
        uses={workload: {"gpt-5.5 medium": Uses(50, 33, 77), "gpt-5.4-mini medium": Uses(50, 66, 154)}}
    )
    _, state, _, _ = Desk(catalog, policy, learned).ask(chat("Hello?"))
    assert (state.usage.output, state.usage.reasoning) == (33, 77)
    assert state.lengths["gpt-5.4-mini"].output == 2_000


def test_the_callers_cap_is_never_exceeded(catalog: Catalog, policy: Policy) -> None:
    state = Desk(catalog, policy).ask({**chat("Hello?"), "max_completion_tokens": 50})[1]
    assert state.usage.output + state.usage.reasoning == 50


def test_failed_and_unpriced_calls_teach_nothing(catalog: Catalog, policy: Policy) -> None:
    desk = Desk(catalog, policy)
    facts, _, request, raw = desk.ask(chat("Hello?"))
    for reply in (
        b'{"error":{"code":"server_error"}}',
        b'{"id":"x","model":"gpt-9","usage":{"prompt_tokens":5}}',
        None,
    ):
        desk.memory.after(live_call("chat", request, raw, reply, Around(at=AT)), facts, None)
    assert desk.ask(chat("Hello?", "Yes.", "And now?"))[1].session_rung is None


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 100_000)), min_size=1, max_size=50))
def test_no_learned_time_is_negative(calls: list[tuple[int, int]]) -> None:
    line = Line()
    for tokens, milliseconds in calls:
        line.add(tokens, milliseconds)
    assert line.latency.first >= 0
    assert line.latency.token >= 0


def test_older_calls_weigh_less_than_newer_ones() -> None:
    history = History()
    for number in range(6_000):
        history.add(1, "gpt-5.4", "none", Tokens(output=100 if number < 3_000 else 300))
    found = history.answer(1, "gpt-5.4", "none")
    assert found is not None
    assert found[0] > 230


def test_tables_stay_within_their_bounds_and_keep_what_was_used_last() -> None:
    table: Recent[int, int] = Recent(3)
    for number in range(3):
        table.put(number, number)
    assert table.get(0) == 0
    table.put(3, 3)
    assert (len(table), table.get(0), table.get(1)) == (3, 0, None)
