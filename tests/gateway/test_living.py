"""Rules that are on, watched over: a skill that falls in the middle sends the workload back on every replica."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tierwise.cli import main
from tierwise.gateway import Alerting, Options, Settings
from tierwise.ledger import alarms_in, living

POLICY = """
version = 1
name = "watched"
ladder = "gpt-5.4"
[[rule]]
name = "tickets"
match = { model = "gpt-5.5" }
rung = { model = "gpt-5.4-nano", effort = "none" }
stage = "on"
unproven = true
approved_by = "kim"
holdback = 0.3
[default]
stage = "off"
"""
SYSTEM = "Classify the ticket as one of: billing, shipping, other. Answer with the word alone."
COMMAND = "tierwise on --workload "


def until(true: Callable[[], bool], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def hook() -> Iterator[tuple[str, list[Any]]]:
    """An address that alerts are posted to, and what came there."""
    came: list[Any] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            with suppress(ValueError):
                came.append(json.loads(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", came
    server.shutdown()
    server.server_close()


@pytest.fixture
def watched(start: Any, tmp_path: Path, hook: tuple[str, list[Any]]) -> Iterator[tuple[Any, Any]]:
    """Two gateways on one ledger, looking five times a second."""
    settings = Settings(spool=tmp_path / "spool", fold_every=0.05, vigil=0.2)
    bench = start(settings=settings, alerting=Alerting(addresses=(hook[0],), every=0.1))
    (tmp_path / "tierwise.toml").write_text(POLICY, "utf-8")
    until(lambda: bench.running.serving.pipeline.policy.name == "watched")
    options = {name: getattr(bench.options, name) for name in Options.__struct_fields__}
    options |= {
        "settings": Settings(spool=tmp_path / "other", fold_every=0.05, vigil=3600.0),
        "alerting": None,
    }
    other = type(bench.running)(Options(**options))
    yield bench, other
    other.stop()


class Tickets:
    """A caller that says of each answer whether it was right."""

    def __init__(self, bench: Any) -> None:
        self.bench, self.key, self.number = bench, bench.key(), 0
        self.client = bench.client(self.key)

    def ask(self, count: int, *, tell: bool = True) -> list[str]:
        """The model that each of so many tickets went to."""
        models, told = [], []
        for _ in range(count):
            self.number += 1
            said = [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": f"Ticket {self.number}: where is my parcel?"},
            ]
            raw = self.client.chat.completions.with_raw_response.create(
                model="gpt-5.5", messages=said, reasoning_effort="none"
            )
            body = json.loads(raw.text)
            models.append(body["model"])
            right = body["choices"][0]["message"]["content"] == "shipping"
            told.append({"decision": raw.headers["x-tierwise-decision"], "score": 1 if right else 0})
        if tell:
            request = urllib.request.Request(
                self.bench.base_url + "/tierwise/outcomes",
                method="POST",
                data=json.dumps({"outcomes": told}).encode(),
                headers={"authorization": f"Bearer {self.key}", "content-type": "application/json"},
            )
            with urllib.request.urlopen(request) as found:
                assert json.loads(found.read())["taken"] == count
        return models


def test_a_skill_that_falls_in_the_middle_sends_the_workload_back_until_somebody_lifts_it(
    watched: tuple[Any, Any], hook: tuple[str, list[Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    bench, other = watched
    simulator, ledger = bench.simulator, bench.ledger
    simulator.teach("parcel", "shipping", "billing")
    tickets = Tickets(bench)
    models = tickets.ask(100)
    nano = sum(model.startswith("gpt-5.4-nano") for model in models)
    assert 50 <= nano <= 88
    bench.settled(100)
    time.sleep(0.5)
    assert alarms_in(ledger.flags()) == {}
    found = living(ledger.engine, "tickets")
    assert (found.sides.routed, found.sides.held) == (nano, 100 - nano)
    assert found.money.measured
    assert found.money.saved > 0
    assert [one.name for one in found.quality] == ["score", "check"]
    assert main(["living", "--ledger", bench.options.ledger]) == 0
    out = capsys.readouterr().out
    assert out.startswith("tickets: saved 0.")
    assert "quality +0.0 ± " in out
    assert f"{nano} calls routed in {nano} sessions, {100 - nano} held back in {100 - nano}" in out

    simulator.forget()
    simulator.teach("parcel", "shipping", "billing", skill={"gpt-5.4-nano": 0.0})
    for _ in range(15):
        tickets.ask(20)
        bench.settled(tickets.number)
        time.sleep(0.3)
        if alarms_in(ledger.flags()):
            break
    ((workload, raised),) = alarms_in(ledger.flags()).items()
    assert raised.rule == "tickets"
    assert "'score' " in raised.why
    pipelines = [running.serving.pipeline for running in (bench.running, other)]
    # The other gateway does not look at calls itself: it has it from the ledger, within two seconds.
    until(lambda: all(workload in one.watched.alarms for one in pipelines), 2)
    assert all(model.startswith("gpt-5.5") for model in tickets.ask(10))
    (note,) = [what for _, who, what in ledger.notes() if who == "living proof"]
    assert note.startswith(f"alarm:{workload}: ")
    until(
        lambda: any("goes as asked until rule tickets is proved again" in json.dumps(one) for one in hook[1])
    )
    assert main(["living", "--ledger", bench.options.ledger, "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["rules"]
    assert told["alarms"] == {workload: raised.why}

    assert main(["on", "--workload", workload, "--ledger", bench.options.ledger]) == 0
    assert f"the alarm on {workload} is lifted" in capsys.readouterr().out
    until(lambda: all(not one.watched.alarms for one in pipelines), 2)
    assert any(model.startswith("gpt-5.4-nano") for model in tickets.ask(10, tell=False))
    # What was seen before it was lifted does not raise it again.
    time.sleep(0.6)
    assert not [one for one in alarms_in(ledger.flags()).values() if not one.lifted]


def test_a_rule_that_nobody_knows_is_an_error_that_names_those_there_are(
    bench: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["living", "--ledger", bench.options.ledger]) == 0
    assert "no rule has decided calls" in capsys.readouterr().out
    assert main(["living", "--rule", "tickets", "--ledger", bench.options.ledger]) != 0
    assert "expected a rule that has decided calls at stage 'on' (none)" in capsys.readouterr().err
