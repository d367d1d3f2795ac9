"""Conversations through a wrapped client: what is warm, what is linked, what has no signal."""

from __future__ import annotations

from typing import Any

import tierwise

LONG = (
    "You answer customers of a shop, in two sentences, from its rules. "
    + "Rules are to be read closely. " * 400
)
RULE = """
[[rule]]
name = "small talk"
match = { model = "gpt-5.5*", task = "chat" }
rung = "gpt-5.4-mini"
stage = "on"
unproven = true
approved_by = "kim"
"""


def test_case_35_no_signal_is_not_simple_and_the_cause_is_recorded(bench: Any) -> None:
    """BerriAI/litellm#35050: half of the graded questions had no keyword and went to the cheapest tier."""
    client = bench.wrapped()
    found = client.chat.completions.create(
        model="gpt-5.5", messages=[{"role": "user", "content": "Enthalpy of hydration of Ce4+ against Ce3+?"}]
    )
    assert found.model.startswith("gpt-5.5")
    (entry,) = tierwise.recorder(client).entries
    assert entry.facts.depth == "unknown"
    assert not entry.decision.moved
    assert entry.decision.rule == "default"


def test_case_37_a_conversation_stays_where_its_cache_is_warm(bench: Any) -> None:
    """BerriAI/litellm#32961: a switch throws the prompt cache away."""
    client = bench.wrapped(RULE)
    messages: list[Any] = [{"role": "system", "content": LONG}, {"role": "user", "content": "Hello there!"}]
    models = []
    for turn in ("And how are you today?", "Prove that the square root of two is irrational, step by step."):
        answer = client.chat.completions.create(model="gpt-5.5", messages=messages)
        models.append(answer.model.rpartition("-20")[0])
        messages += [
            {"role": "assistant", "content": answer.choices[0].message.content},
            {"role": "user", "content": turn},
        ]
    client.chat.completions.create(model="gpt-5.5", messages=messages)
    first, second, third = tierwise.recorder(client).entries
    assert models == ["gpt-5.4-mini", "gpt-5.4-mini"]
    assert first.state.session_rung is None
    assert second.state.session_rung.model == "gpt-5.4-mini"
    assert second.state.session_warm >= 1_024
    assert second.line.tokens.cached > 0
    # The last turn is no chat any more: the rule does not take it, and it goes up as asked.
    assert third.decision.plan.rung.model == "gpt-5.5"
    assert third.state.warm["gpt-5.4-mini"] >= 1_024


def test_a_linked_response_stays_on_the_model_that_answered_before(bench: Any) -> None:
    client = bench.wrapped(RULE)
    first = client.responses.create(model="gpt-5.5", instructions=LONG, input="Hello there!")
    second = client.responses.create(
        model="gpt-5.5", instructions=LONG, input="Hi again, how are you?", previous_response_id=first.id
    )
    assert first.model.startswith("gpt-5.4-mini")
    assert second.model == first.model
    assert any("pinned" in reason for reason in tierwise.recorder(client).entries[1].decision.reasons)


def test_a_switch_of_models_between_turns_pays_only_above_the_warm_cache(bench: Any) -> None:
    client = bench.wrapped("")
    messages: list[Any] = [{"role": "system", "content": LONG}, {"role": "user", "content": "Hello there!"}]
    for _ in range(2):
        answer = client.chat.completions.create(model="gpt-5.5", messages=messages)
        messages += [
            {"role": "assistant", "content": answer.choices[0].message.content},
            {"role": "user", "content": "And now?"},
        ]
    _, second = tierwise.recorder(client).entries
    assert second.decision.steps[0].tokens.cached == second.state.session_warm
    assert second.state.session_warm >= 1_024
