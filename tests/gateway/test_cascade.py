"""A cascade through a real gateway: official SDK, simulator with tiers of unlike skill, ledger that adds up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai
import pytest
import sqlalchemy as sa
from cascading import SNAPSHOTS, certificate, workload_of, write_policy

from tierwise.cli import main
from tierwise.ledger import Keys, Ledger, Scope
from tierwise.simulator import Fault, Simulator, ToolUse
from tierwise.simulator import Settings as Simulated

SORT = "Sort the ticket into billing or other. Answer with the word alone."
WRONG = "I am inclined to believe that this might well belong to some other department"
Starting = Callable[..., Any]
FIND = {
    "type": "function",
    "name": "find",
    "parameters": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
}


def body(number: int, **more: Any) -> dict[str, Any]:
    return {"model": "gpt-5.5", "instructions": SORT, "input": f"Ticket {number}", **more}


def messages(number: int) -> list[dict[str, str]]:
    return [{"role": "system", "content": SORT}, {"role": "user", "content": f"Ticket {number}"}]


def teach(simulator: Simulator, answer: Any = "other", wrong: Any = WRONG) -> None:
    skill = {"gpt-5.4-nano": 0.6, "*": 1.0}
    simulator.teach(r"Ticket \d+", answer, wrong, name="sorting", skill=skill)


@pytest.fixture
def cascading(start: Starting) -> Starting:
    """A gateway whose policy cascades this workload, and whose models were taught it."""

    def starting(
        said: dict[str, Any], endpoint: str = "responses", *, lesson: Any = None, **more: Any
    ) -> Any:
        faults = more.pop("faults", ())
        bench = start(faults=faults)
        teach(bench.simulator, *(lesson or ()))
        write_policy(bench.folder, certificate(workload_of(said, endpoint)), **more)
        bench.running.stop()
        bench.running = type(bench.running)(bench.options)
        return bench

    return starting


def lines(bench: Any) -> list[dict[str, Any]]:
    return [json.loads(raw) for raw in bench.ledger.lines()]


@pytest.mark.parametrize("api", ["responses", "chat"])
@pytest.mark.parametrize("stream", [False, True])
def test_every_caller_gets_a_good_answer_and_the_ledger_has_what_was_billed(
    cascading: Starting, capsys: pytest.CaptureFixture[str], api: str, stream: bool
) -> None:
    said = body(1) if api == "responses" else {"model": "gpt-5.5", "messages": messages(1)}
    bench = cascading(said, api, cascade='stream = "hold"')
    client, texts = bench.client(), []
    for number in range(12):
        if api == "responses" and not stream:
            texts.append(client.responses.create(**body(number)).output_text)
        elif api == "responses":
            events = list(client.responses.create(**body(number), stream=True))
            assert [event.sequence_number for event in events] == list(range(len(events)))
            assert events[-1].type == "response.completed"
            texts.append(events[-1].response.output_text)
        else:
            made = client.chat.completions.create(model="gpt-5.5", messages=messages(number), stream=stream)
            if stream:
                chunks = list(made)
                assert all(chunk.usage is None for chunk in chunks), "only we asked for usage"
                texts.append("".join(chunk.choices[0].delta.content or "" for chunk in chunks))
            else:
                texts.append(made.choices[0].message.content)
    assert texts == ["other"] * 12
    total = bench.settled(12)
    assert (total.calls, total.reserved, total.unpriced) == (12, 0, 0)
    assert total.cost == bench.simulator.bill_total
    found = lines(bench)
    up = [line for line in found if line.get("spent")]
    assert 1 <= len(up) <= 11
    assert bench.simulator.requests == 12 + len(up)
    for line in up:
        assert line["served"] == SNAPSHOTS["gpt-5.5"]
        assert Decimal(line["saved"]["tier"]) == -Decimal(line["spent"][0]["cost"]) < 0
    for line in found:
        saved = sum(map(Decimal, line.get("saved", {}).values()))
        assert Decimal(line["as_asked"]) - Decimal(line["cost"]) == saved
    assert main(["ledger", "replay", "--ledger", bench.options.ledger]) == 0
    assert "to the same bytes: 12 of 12" in capsys.readouterr().out
    assert total.as_asked > total.cost, "failed attempts paid, it still saves"


def test_headers_say_what_happened(cascading: Starting) -> None:
    bench = cascading(body(1))
    client = bench.client()
    seen = set()
    for number in range(12):
        raw = client.responses.with_raw_response.create(**body(number))
        told = raw.headers
        moved, model = told["x-tierwise-moved"], raw.parse().model
        seen.add((told["x-tierwise-cascade"], moved, model))
    assert seen == {
        ("accepted", "true", SNAPSHOTS["gpt-5.4-nano"]),
        ("escalated", "false", SNAPSHOTS["gpt-5.5"]),
    }


def test_a_tool_call_of_the_cheap_rung_that_does_not_fit_never_reaches_the_caller(
    cascading: Starting,
) -> None:
    said = body(1, tools=[FIND], tool_choice="required")
    lesson = (ToolUse("find", {"id": 7}), ToolUse("find", {"id": "seven"}))
    bench = cascading(said, lesson=lesson)
    client = bench.client()
    given = [client.responses.create(**body(n, tools=[FIND], tool_choice="required")) for n in range(12)]
    calls = [item for answer in given for item in answer.output if item.type == "function_call"]
    assert [json.loads(call.arguments) for call in calls] == [{"id": 7}] * 12
    assert bench.simulator.requests > 12
    went_on = client.responses.create(
        **{
            **body(1, tools=[FIND]),
            "input": [
                {"role": "user", "content": "Ticket 1"},
                {"type": "function_call", "call_id": "c", "name": "find", "arguments": '{"id": 7}'},
                {"type": "function_call_output", "call_id": "c", "output": "found"},
            ],
        }
    )
    assert went_on.model == SNAPSHOTS["gpt-5.5"]


def test_an_upstream_that_fails_at_the_escalation_fails_the_call_and_the_attempt_is_paid(
    cascading: Starting,
) -> None:
    bench = cascading(body(1), faults=(Fault(kind="server_error", at=tuple(range(2, 12))),))
    number = next(n for n in range(50) if _wrong(n))
    with pytest.raises(openai.InternalServerError):
        bench.client().responses.create(**body(number))
    total = bench.settled(1)
    (line,) = lines(bench)
    assert (total.calls, total.reserved) == (1, 0)
    assert total.cost == bench.simulator.bill_total == Decimal(line["spent"][0]["cost"])


def _wrong(number: int) -> bool:
    """Whether the cheap rung is wrong there: asked of a simulator of the same seed."""
    with (
        Simulator(Simulated(seed=1)) as twin,
        openai.OpenAI(base_url=twin.base_url, api_key="sk-x") as client,
    ):
        teach(twin)
        client.responses.create(**{**body(number), "model": "gpt-5.4-nano", "reasoning": {"effort": "none"}})
        return not twin.bill[0].right


def test_a_gateway_killed_between_the_two_leaves_one_call_of_unknown_end_and_sends_nothing_again(
    tmp_path: Path,
) -> None:
    ledger = Ledger(str(tmp_path / "l.db"))
    key = Keys(ledger).make("app", Scope())
    with Simulator(
        Simulated(seed=1), faults=(Fault(kind="slow_first_byte", at=(2,), seconds=30),)
    ) as simulator:
        simulator.teach(r"Ticket \d+", "other", WRONG, name="sorting", skill={"gpt-5.4-nano": 0.0, "*": 1.0})
        policy = write_policy(tmp_path, certificate(workload_of(body(1), "responses")))
        child = _serve(tmp_path, policy, simulator.base_url, port := 19_500 + os.getpid() % 1_000)

        def call() -> None:
            client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key=key, max_retries=0)
            with client, pytest.raises(openai.APIError):
                client.responses.create(**body(1))

        waiting = threading.Thread(target=call)
        waiting.start()
        end = time.monotonic() + 20
        while simulator.requests < 2 and time.monotonic() < end:
            time.sleep(0.02)
        child.kill()
        child.wait()
        waiting.join(20)
        assert child.stdout is not None
        child.stdout.close()
        assert simulator.requests == 2
        again = _serve(tmp_path, policy, simulator.base_url, port + 1)
        time.sleep(0.5)
        again.send_signal(signal.SIGTERM)
        again.wait(30)
        assert again.stdout is not None
        again.stdout.close()
        assert simulator.requests == 2
        billed = simulator.bill_total
    ledger.fold_orphans(tmp_path / "spool")
    (total,) = ledger.totals()
    assert total.calls == 1
    assert total.cost <= billed <= total.cost + total.reserved
    with ledger.engine.connect() as connection:
        assert connection.execute(sa.text("select status, asked from calls")).all() == [
            ("unknown", "gpt-5.5")
        ]
    ledger.close()


def _serve(folder: Path, policy: Path, upstream: str, port: int) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [
            *(
                sys.executable,
                "-m",
                "tierwise",
                "serve",
                "--policy",
                str(policy),
                "--ledger",
                str(folder / "l.db"),
            ),
            *("--spool", str(folder / "spool"), "--upstream", upstream, "--port", str(port)),
        ],
        env={**os.environ, "OPENAI_API_KEY": "sk-upstream"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    assert "serving http://127.0.0.1:" in child.stdout.readline()
    return child
