"""Calls that upstream has no room for, through a real gateway: one call each, its attempts and money add up."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import openai
import pytest
import sqlalchemy as sa

from tierwise.calls import Retries
from tierwise.cli import main
from tierwise.simulator import Fault

PROVE = "Prove that there are infinitely many primes."
TRIES = Retries().attempts
Starting = Callable[..., Any]


@pytest.fixture
def full(start: Starting, policy: str) -> Starting:
    """A gateway whose policy lets calls go up, and whose upstream refuses the first so many requests."""

    def starting(
        refused: int, kind: Any = "rate_limit", way: str = 'fallback = "up"', more: tuple[Fault, ...] = ()
    ) -> Any:
        bench = start(faults=[Fault(kind=kind, at=tuple(range(1, refused + 1)), seconds=0), *more])
        path = bench.folder / "tierwise.toml"
        path.write_text(policy.replace("version = 1", f"version = 1\n{way}"))
        bench.running.stop()
        bench.running = type(bench.running)(bench.options)
        return bench

    return starting


def ask(client: openai.OpenAI, api: str, stream: bool, **more: Any) -> str:
    """The model that answered."""
    if api == "chat":
        said: Any = {"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": PROVE}], **more}
        if not stream:
            return client.chat.completions.create(**said).model
        chunks = list(client.chat.completions.create(**said, stream=True))
        assert chunks[-1].choices[0].finish_reason == "stop"
        assert all(chunk.usage is None for chunk in chunks), "only we asked for usage"
        return chunks[0].model
    if not stream:
        return client.responses.create(model="gpt-5.4-mini", input=PROVE, **more).model
    events = list(client.responses.create(model="gpt-5.4-mini", input=PROVE, stream=True, **more))
    assert events[-1].type == "response.completed"
    return events[-1].response.model


SORTS = [
    ("chat", False, "rate_limit"),
    ("chat", True, "rate_limit"),
    ("responses", False, "rate_limit"),
    ("responses", True, "rate_limit"),
    ("responses", False, "overloaded"),
]


@pytest.mark.parametrize(("api", "stream", "kind"), SORTS)
def test_a_call_goes_up_before_its_first_byte_and_is_one_call_that_adds_up(
    full: Starting, api: str, stream: bool, kind: str
) -> None:
    bench = full(TRIES, kind)
    assert ask(bench.client(), api, stream).startswith("gpt-5.4-2026")
    total = bench.settled(1)
    assert (total.calls, total.reserved, total.unpriced) == (1, 0, 0)
    assert total.cost == bench.simulator.bill_total > 0
    (line,) = [json.loads(raw) for raw in bench.ledger.lines()]
    assert (line["asked"], line["served"][:12]) == ("gpt-5.4-mini", "gpt-5.4-2026")
    assert Decimal(line["as_asked"]) < Decimal(line["cost"]), "up costs more, and that is told"
    assert bench.simulator.requests == TRIES + 1
    with bench.ledger.engine.connect() as connection:
        assert connection.execute(sa.text("select attempts from calls")).scalars().all() == [TRIES + 1]


def test_what_a_fallback_decided_is_replayed_from_ledger_and_export_and_spend_agrees(
    full: Starting, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = full(TRIES)
    client = bench.client()
    for api in ("chat", "responses"):
        ask(client, api, False)
    total, url = bench.settled(2), bench.options.ledger
    assert main(["ledger", "replay", "--ledger", url]) == 0
    assert "to the same bytes: 2 of 2" in capsys.readouterr().out
    assert main(["spend", "--by", "model", "--ledger", url]) == 0
    said = capsys.readouterr().out
    assert "gpt-5.4-2026" in said
    assert total.cost == bench.simulator.bill_total


NEVER = ["credit_balance", "organization_spend", "project_spend", "organization_usage"]


@pytest.mark.parametrize("kind", NEVER)
def test_a_call_whose_money_is_gone_never_falls_back(full: Starting, kind: str) -> None:
    bench = full(1, kind)
    with pytest.raises(openai.RateLimitError):
        ask(bench.client(), "responses", False)
    assert bench.simulator.requests == 1
    total = bench.settled(1)
    assert (total.calls, total.cost, total.reserved) == (1, 0, 0)


def test_before_a_call_goes_up_its_intent_says_so_with_what_it_may_cost_there(full: Starting) -> None:
    bench = full(TRIES, more=(Fault(kind="slow_first_byte", at=(TRIES + 1,), seconds=2),))
    client = bench.client(bench.key(budget={"day": "1"}))
    under_way = threading.Thread(
        target=ask, args=(client, "responses", False), kwargs={"max_output_tokens": 1000}
    )
    under_way.start()
    query, seen = sa.text("select asked, reserved, status from calls"), []
    while under_way.is_alive():
        with bench.ledger.engine.connect() as connection:
            seen += connection.execute(query).all()
        time.sleep(0.05)
    under_way.join()
    held = {asked: Decimal(reserved) for asked, reserved, status in seen if status == "unknown"}
    assert held["gpt-5.4"] > Decimal("0.015"), "1,000 tokens at 15 dollars a million, and the input"
    assert held.get("gpt-5.4-mini", Decimal(0)) < held["gpt-5.4"]
    assert bench.settled(1).reserved == 0


def test_without_the_key_upstreams_error_is_the_answer(full: Starting) -> None:
    bench = full(TRIES, way="")
    with pytest.raises(openai.RateLimitError) as caught:
        ask(bench.client(), "responses", False)
    assert caught.value.code == "rate_limit_exceeded"
    assert bench.simulator.requests == TRIES


BUDGETS = [("0.004", True), ("0.001", False)]
"""Dollars a day for a call that may write 100 tokens: enough for both rungs, or for the one asked for alone."""


@pytest.mark.parametrize(("day", "goes"), BUDGETS, ids=["enough", "too little"])
def test_a_fallback_is_held_for_before_it_goes_and_only_if_there_is_the_money(
    full: Starting, day: str, goes: bool
) -> None:
    bench = full(TRIES)
    client = bench.client(bench.key(budget={"day": day}))
    more = {"max_output_tokens": 100, "reasoning": {"effort": "none"}}
    if goes:
        assert ask(client, "responses", False, **more).startswith("gpt-5.4-2026")
    else:
        with pytest.raises(openai.RateLimitError) as caught:
            ask(client, "responses", False, **more)
        assert caught.value.code == "rate_limit_exceeded", "upstream's, not ours"
    total = bench.settled(1)
    assert total.reserved == 0
    assert total.cost == bench.simulator.bill_total <= Decimal(day)
    assert bench.simulator.requests == TRIES + goes
    # What was held for both ways is let go: the next call finds the budget less what was spent.
    assert ask(client, "responses", False, **more)
