"""The prompt cache as documented: minimum, steps, breakpoints, settings, keys, time."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tierwise.simulator import Settings, Simulator

LONG = " ".join(f"Rule {n} says that case {n} goes to shelf {n % 7}." for n in range(200))


def cached(bench: Any, text: str, model: str = "gpt-5.4", system: str = LONG, **more: Any) -> int:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    usage = bench.client.chat.completions.create(model=model, messages=messages, **more).usage
    return int(usage.prompt_tokens_details.cached_tokens)


def test_the_second_request_reuses_the_equal_start_in_steps_of_128(bench: Any) -> None:
    assert cached(bench, "first") == 0
    hit = cached(bench, "second")
    assert hit >= 1_024
    assert hit % 128 == 0


def test_a_prompt_below_1024_tokens_is_not_cached(bench: Any) -> None:
    short = "word " * 900
    assert [cached(bench, "a", system=short), cached(bench, "a", system=short)] == [0, 0]


def test_gpt_5_5_caches_in_steps_of_2048(bench: Any) -> None:
    cached(bench, "first", model="gpt-5.5")
    assert cached(bench, "second", model="gpt-5.5") == 2_048


@pytest.mark.parametrize(
    "change",
    [
        {"model": "gpt-5.4-mini"},
        {"reasoning_effort": "low"},
        {"verbosity": "low"},
        {"system": "x" + LONG},
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "a", "schema": {"type": "object"}},
            }
        },
        {"tools": [{"type": "function", "function": {"name": "look"}}]},
    ],
    ids=["model", "effort", "verbosity", "first word", "schema", "tools"],
)
def test_what_breaks_the_prefix(bench: Any, change: dict[str, Any]) -> None:
    cached(bench, "first")
    assert cached(bench, "second") > 0
    assert cached(bench, "third", **change) == 0


def test_the_order_of_tools_breaks_it_and_tool_choice_does_not(bench: Any) -> None:
    tools = [
        {"type": "function", "function": {"name": name, "description": LONG[:400]}} for name in ("one", "two")
    ]
    cached(bench, "first", tools=tools)
    assert cached(bench, "second", tools=tools, tool_choice="none") > 0
    assert cached(bench, "third", tools=tools[::-1]) == 0


@pytest.mark.parametrize(
    ("model", "retention", "seconds", "hit"),
    [
        ("gpt-5.4", "in_memory", 200, True),
        ("gpt-5.4", "in_memory", 700, False),
        ("gpt-5.4", None, 10 * 3_600, True),
        ("gpt-5.4", "24h", 25 * 3_600, False),
        ("gpt-5.4-mini", None, 700, False),
    ],
)
def test_how_long_a_prefix_lives(
    bench: Any, model: str, retention: str | None, seconds: float, hit: bool
) -> None:
    more = {} if retention is None else {"prompt_cache_retention": retention}
    cached(bench, "first", model=model, **more)
    bench.clock.now += seconds
    assert (cached(bench, "second", model=model, **more) > 0) is hit


def test_in_memory_ends_after_an_hour_even_in_use(bench: Any) -> None:
    hits = []
    for _ in range(16):
        hits.append(cached(bench, "again", prompt_cache_retention="in_memory") > 0)
        bench.clock.now += 250
    assert hits[0] is False
    assert hits[1:15] == [True] * 14
    assert hits[15] is False


def test_beyond_fifteen_a_minute_a_key_overflows_to_a_cold_machine(bench: Any) -> None:
    hits = [cached(bench, f"question {n}", prompt_cache_key="k") > 0 for n in range(20)]
    assert hits == [False, *[True] * 14, False, *[True] * 4]
    bench.clock.now += 61
    assert cached(bench, "later", prompt_cache_key="k") > 0


def test_a_cache_key_is_a_cache_of_its_own(bench: Any) -> None:
    cached(bench, "first", prompt_cache_key="a")
    assert cached(bench, "second", prompt_cache_key="b") == 0
    assert cached(bench, "third", prompt_cache_key="a") > 0


def details(bench: Any, text: str, *, breakpoint: bool = False, **more: Any) -> tuple[int, int]:
    part: dict[str, Any] = {"type": "input_text", "text": LONG}
    if breakpoint:
        part["prompt_cache_breakpoint"] = {"mode": "explicit"}
    given = [{"role": "developer", "content": [part]}, {"role": "user", "content": text}]
    found = bench.client.responses.create(model="gpt-6-sol", input=given, **more).usage.input_tokens_details
    return found.cached_tokens, found.cache_write_tokens


def test_from_gpt_5_6_varying_questions_pay_writes_and_never_hit_without_a_breakpoint(bench: Any) -> None:
    """The documented trap: the implicit breakpoint stands after the last user message."""
    first, second = details(bench, "first question"), details(bench, "second question")
    assert first[0] == second[0] == 0
    assert first[1] > 1_024
    assert second[1] > 1_024


def test_an_explicit_breakpoint_after_the_rules_is_read_exactly(bench: Any) -> None:
    written = details(bench, "first", breakpoint=True, prompt_cache_options={"mode": "explicit"})
    read = details(bench, "second question", breakpoint=True, prompt_cache_options={"mode": "explicit"})
    assert written[0] == 0
    assert read == (written[1], 0)
    assert details(bench, "third", prompt_cache_options={"mode": "explicit"}) == (0, 0)


def test_a_conversation_reads_what_the_turn_before_wrote(bench: Any) -> None:
    first = bench.client.responses.create(model="gpt-6-sol", instructions=LONG, input="Begin")
    second = bench.client.responses.create(
        model="gpt-6-sol", instructions=LONG, input="Go on", previous_response_id=first.id
    )
    written = first.usage.input_tokens_details.cache_write_tokens
    assert second.usage.input_tokens_details.cached_tokens == written > 1_024
    assert second.usage.input_tokens_details.cache_write_tokens < 400


def test_writes_cost_a_quarter_more_and_twelve_hours_two_and_a_half_times(bench: Any) -> None:
    for ttl, factor in (("30m", Decimal("1.25")), ("12h", Decimal("2.5"))):
        options = {"mode": "explicit", "ttl": ttl}
        bench.client.responses.create(
            model="gpt-6-sol",
            input=[{"role": "user", "content": [{"type": "input_text", "text": f"{ttl} {LONG}", "prompt_cache_breakpoint": {"mode": "explicit"}}]}],
            prompt_cache_options=options,
        )  # fmt: skip
        line = bench.simulator.bill[-1]
        used = line.used
        assert used.written == (used.written_30m or used.written_12h) > 1_024
        assert line.cost == ((used.plain + used.written * factor) * 2 + used.output * 10) / 1_000_000


def test_the_cache_never_changes_an_answer(start: Callable[..., Any]) -> None:
    bench = start()
    first = bench.ask(LONG)
    assert bench.ask(LONG).choices[0].message.content == first.choices[0].message.content


def test_two_simulators_share_nothing(bench: Any) -> None:
    cached(bench, "first")
    with Simulator(Settings(seed=1), clock=bench.clock) as other:
        other_bench = type(bench)(other, bench.clock)
        assert cached(other_bench, "second") == 0
        other_bench.client.close()
