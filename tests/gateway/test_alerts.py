"""Which alerts are due, by table, and that they get to whom they are for."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import msgspec
import openai
import pytest

from tierwise.calls import Recorded, parse_request
from tierwise.catalog import Catalog, Tokens
from tierwise.errors import ConfigurationError
from tierwise.gateway import Alerting
from tierwise.gateway._alerts import BEFORE, HOUR, RECENT, Alert, Caches, Seen, Told, alerts_in
from tierwise.gateway._webhooks import QUEUED, Webhooks, body_of, checked_address, signature
from tierwise.ledger import Standing
from tierwise.online import Entry
from tierwise.policy import Evidence, Policy, Rule, Rung, Stage
from tierwise.workloads import Recogniser

TODAY = dt.date(2026, 11, 25)
FACTS = Recogniser(b"").recognise(parse_request("chat", b'{"model":"gpt-5.4","messages":[]}'))
LADDER = Catalog.open().ladder()


def standing(spent: str, limit: str = "100", who: str = "key:app", period: str = "2026-11") -> Standing:
    return Standing(who=who, period=period, limit=Decimal(limit), spent=Decimal(spent))


def proved(days: int, stage: Stage = "on") -> Policy:
    """A policy whose one rule's evidence expires in so many days."""
    proof = Evidence(
        workload="00000000000000ab",
        baseline=Rung("gpt-5.5"),
        rung=Rung("gpt-5.4-nano"),
        snapshot="gpt-5.4-nano-2026-03-17",
        verdict="holds (gold)",
        lower_bound=Decimal("0.01"),
        margin=Decimal("0.05"),
        confidence=Decimal("0.95"),
        calls=400,
        created=TODAY - dt.timedelta(days=90),
        expires=TODAY + dt.timedelta(days=days),
    )
    rule = Rule(name="small", model="gpt-5.4-nano", evidence=(proof,), stage=stage)
    return Policy(name="p", ladder=LADDER, rules=(rule, Rule(name="default")))


DUE: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    ("nothing", {}, []),
    ("79.99 %", {"budgets": (standing("79.99"),)}, []),
    ("80 %", {"budgets": (standing("80"),)}, [("budget", "key:app 2026-11 80")]),
    ("99.99 %", {"budgets": (standing("99.99"),)}, [("budget", "key:app 2026-11 80")]),
    ("100 %", {"budgets": (standing("100"),)}, [("budget", "key:app 2026-11 100")]),
    ("beyond", {"budgets": (standing("250"),)}, [("budget", "key:app 2026-11 100")]),
    ("no money at all", {"budgets": (standing("0", "0"),)}, []),
    (
        "two budgets",
        {"budgets": (standing("9", "10", "project:a", "2026-11-25"), standing("10", "10", "key:b"))},
        [("budget", "project:a 2026-11-25 80"), ("budget", "key:b 2026-11 100")],
    ),
    ("evidence for 8 days", {"policy": proved(8)}, []),
    ("for 7 days", {"policy": proved(7)}, [("evidence", "small 00000000000000ab 2026-12-02 ahead")]),
    ("its last day", {"policy": proved(0)}, [("evidence", "small 00000000000000ab 2026-11-25 ahead")]),
    ("expired", {"policy": proved(-1)}, [("evidence", "small 00000000000000ab 2026-11-24 expired")]),
    ("of a rule that is off", {"policy": proved(-1, "off")}, []),
    ("a refused policy", {"refused": "line 3: no"}, [("policy", "refused")]),
    ("prices of 60 days", {"prices": TODAY - dt.timedelta(days=60)}, []),
    ("of 61", {"prices": TODAY - dt.timedelta(days=61)}, [("prices", "2026-09-25")]),
    ("of 61, 90 allowed", {"prices": TODAY - dt.timedelta(days=61), "most_days": 90}, []),
    ("30 seconds of silence", {"silent": 30.0}, []),
    ("31", {"silent": 31.0}, [("ledger", "silent")]),
    ("64 MiB waiting", {"waiting": 2**26}, []),
    ("more", {"waiting": 2**26 + 1}, [("spool", "waiting")]),
]


@pytest.mark.parametrize(("seen", "due"), [d[1:] for d in DUE], ids=[d[0] for d in DUE])
def test_what_is_seen_makes_the_alerts_of_the_table(seen: dict[str, Any], due: list[tuple[str, str]]) -> None:
    found = list(alerts_in(Seen(today=TODAY, **seen)))
    assert [(alert.kind, alert.about) for alert in found] == due
    assert all(alert.text for alert in found)


def test_an_alert_is_told_once_an_hour_and_a_budgets_mark_once() -> None:
    hourly = Alert(kind="ledger", about="silent", text="x")
    once = Alert(kind="budget", about="key:app 2026-11 80", text="x", once=True)
    later = msgspec.structs.replace(once, about="key:app 2026-12 80")
    told = Told()
    assert told.due([hourly, once], 0) == [hourly, once]
    assert told.due([hourly, once], HOUR - 1) == []
    assert told.due([hourly, once], HOUR) == [hourly]
    assert told.due([hourly, once, later], HOUR + 1) == [later]


def entry(cached: int, whole: int = 2_000, *, workload: int = 7, estimated: bool = False) -> Entry:
    tokens = Tokens(cached=cached, uncached=whole - cached, output=5)
    line = Recorded(recorder=1, tokens=tokens, estimated=estimated)
    return Entry(id="tw_1", line=line, facts=msgspec.structs.replace(FACTS, workload=workload))


LOST: list[tuple[str, list[tuple[int, Entry]], list[str]]] = [
    ("too few calls before", [(RECENT - 1, entry(1_600)), (RECENT, entry(0))], []),
    ("enough", [(RECENT, entry(1_600)), (RECENT, entry(0))], ["0000000000000007"]),
    ("just half is left", [(RECENT, entry(1_600)), (RECENT, entry(800))], []),
    ("less than half", [(RECENT, entry(1_600)), (RECENT, entry(798))], ["0000000000000007"]),
    ("hardly anything to lose", [(RECENT, entry(190)), (RECENT, entry(0))], []),
    ("back again", [(RECENT, entry(1_600)), (RECENT, entry(0)), (RECENT, entry(1_600))], []),
    ("long gone is what it was", [(RECENT, entry(1_600)), (RECENT + BEFORE, entry(0))], []),
    ("short calls tell nothing", [(RECENT, entry(1_600)), (RECENT, entry(0, 1_000))], []),
    ("nor do estimates", [(RECENT, entry(1_600)), (RECENT, entry(0, estimated=True))], []),
    ("nor others", [(RECENT, entry(1_600)), (RECENT, entry(0, workload=8))], []),
]


@pytest.mark.parametrize(("calls", "lost"), [c[1:] for c in LOST], ids=[c[0] for c in LOST])
def test_a_workload_has_lost_its_cache_where_the_table_says(
    calls: list[tuple[int, Entry]], lost: list[str]
) -> None:
    caches = Caches()
    for count, one in calls:
        for _ in range(count):
            caches.record(one)
    assert [alert.about for alert in caches.alerts()] == lost


ADDRESSES: list[tuple[str, bool]] = [
    ("https://hooks.example.com/T0/secret", True),
    ("http://127.0.0.1:9000/x", True),
    ("http://[::1]:9000/x", True),
    ("http://localhost/x", True),
    ("http://hooks.example.com/T0/secret", False),
    ("http://localhost.example.com/secret", False),
    ("https://user:secret@example.com/", False),
    ("http://127.0.0.1@example.com/secret", False),
    ("https:///secret", False),
    ("https://example.com:port/secret", False),
    ("ftp://127.0.0.1/secret", False),
    ("file:///secret", False),
    ("secret", False),
]


@pytest.mark.parametrize(("address", "good"), ADDRESSES, ids=[a[0] for a in ADDRESSES])
def test_alerts_go_over_https_or_stay_on_the_machine(address: str, good: bool) -> None:
    if good:
        assert checked_address(address) == address
        return
    with pytest.raises(ConfigurationError, match="https") as refused:
        Alerting(addresses=(address,))
    assert "secret" not in str(refused.value)


class Listener:
    """A server on loopback that takes alerts, after as many failures as it is told."""

    def __init__(self, failures: list[int]) -> None:
        self.failures, self.got, self.tries = failures, [], 0
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                listener.tries += 1
                status = listener.failures.pop(0) if listener.failures else 204
                if status < 300:
                    listener.got.append((dict(self.headers), body))
                self.send_response(status)
                self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    got: list[tuple[dict[str, str], bytes]]

    def bodies(self, count: int) -> list[dict[str, Any]]:
        end = time.monotonic() + 10
        while len(self.got) < count and time.monotonic() < end:
            time.sleep(0.01)
        return [json.loads(body) for _, body in self.got]


@pytest.fixture
def listen() -> Iterator[Callable[..., Listener]]:
    made: list[Listener] = []

    def listening(*failures: int) -> Listener:
        made.append(Listener(list(failures)))
        return made[-1]

    yield listening
    for one in made:
        one.server.shutdown()
        one.server.server_close()
        one.thread.join(5)


ALERT = Alert(kind="budget", about="key:app 2026-11 80", text="80 % is spent", numbers={"percent": 80})


def post(addresses: list[str], alerts: int = 1, **options: Any) -> float:
    """Tell alerts to addresses; seconds until all were done with, or given up."""

    async def run() -> float:
        began = time.monotonic()
        async with Webhooks(addresses, waits=options.pop("waits", (0.01, 0.02)), **options) as hooks:
            for _ in range(alerts):
                hooks.tell(ALERT)
            assert time.monotonic() - began < 0.5
        return time.monotonic() - began

    return asyncio.run(run())


def test_an_address_that_fails_twice_is_told_the_third_time_and_can_check_the_signature(
    listen: Callable[..., Listener],
) -> None:
    server = listen(500, 429)
    post([server.url], secret="a secret", place="here:8100")
    ((headers, body),) = server.got
    assert server.tries == 3
    assert headers["x-tierwise-signature"] == signature("a secret", body)
    told = json.loads(body)
    assert (told["kind"], told["text"], told["numbers"]) == ("budget", "80 % is spent", {"percent": 80})
    assert (told["gateway"], told["about"]) == ("here:8100", ALERT.about)
    assert dt.datetime.fromisoformat(told["at"]).tzinfo is not None


def test_without_a_secret_nothing_is_signed(listen: Callable[..., Listener]) -> None:
    server = listen()
    post([server.url])
    assert "x-tierwise-signature" not in server.got[0][0]


@pytest.mark.parametrize(
    ("answers", "tries"), [([404], 1), ([302], 1), ([500] * 9, 3)], ids=["404", "302", "500s"]
)
def test_what_will_not_be_taken_is_given_up_and_the_next_alert_goes(
    listen: Callable[..., Listener], caplog: pytest.LogCaptureFixture, answers: list[int], tries: int
) -> None:
    server = listen(*answers)
    post([server.url])
    assert (server.tries, server.got) == (tries, [])
    assert "could not be told to 127.0.0.1: status" in caplog.text
    assert "/hook" not in caplog.text
    server.failures.clear()
    post([server.url])
    assert len(server.got) == 1


def test_a_dead_address_does_not_hold_up_another_nor_the_end(listen: Callable[..., Listener]) -> None:
    server = listen()
    assert post(["http://127.0.0.1:9/", server.url], alerts=3, waits=(60.0,)) < 3
    assert len(server.got) == 3


def test_the_queue_is_bounded(listen: Callable[..., Listener], caplog: pytest.LogCaptureFixture) -> None:
    server = listen()
    post([server.url], alerts=QUEUED + 5)
    assert len(server.got) == QUEUED
    assert caplog.text.count("was dropped") == 5


def test_a_body_is_json_with_decimals_as_text() -> None:
    alert, refused = alerts_in(Seen(today=TODAY, budgets=(standing("80.50"),), refused="found\nsk-abcdefgh"))
    assert b"found\\\\nsk-***" in body_of(refused, dt.datetime.now(dt.UTC), "here")
    told = json.loads(body_of(alert, dt.datetime(2026, 11, 25, 8, tzinfo=dt.UTC), "here"))
    assert told["at"] == "2026-11-25T08:00:00Z"
    assert told["numbers"]["spent"] == "80.50"


# ------------------------------------------------------------ a whole gateway


def test_a_gateway_tells_of_its_budget_and_of_a_policy_that_was_refused(
    start: Callable[..., Any], listen: Callable[..., Listener]
) -> None:
    server = listen(503)
    bench = start(alerting=Alerting(addresses=(server.url,), every=0.05, prices_days=100_000))
    client = bench.client(bench.key("poor", budget={"day": "0.0002"}))
    said = "a text that nobody else may read"
    with suppress(openai.RateLimitError):
        for _ in range(50):
            client.responses.create(model="gpt-5.5", input=said)
    assert isinstance(bench.running.serving.pipeline.recorder, Caches)
    (bench.folder / "tierwise.toml").write_text("version = 1\nladder = 'none such'\n", "utf-8")
    kinds = {body["kind"]: body for body in server.bodies(2)}
    assert {"budget", "policy"} <= set(kinds)
    assert kinds["budget"]["numbers"]["who"] == "key:poor"
    assert "none such" in kinds["policy"]["text"]
    assert said not in str(server.got)
    assert "tw-" not in str(server.got)


def test_a_gateway_tells_of_a_ledger_that_is_gone(
    start: Callable[..., Any], listen: Callable[..., Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tierwise.gateway._alerts.SILENT", 0.2)
    server = listen()
    bench = start(alerting=Alerting(addresses=(server.url,), every=0.05, prices_days=100_000))
    monkeypatch.setattr(bench.ledger, "fold", lambda *_, **__: 1 / 0)
    (body, *_) = server.bodies(1)
    assert (body["kind"], body["about"]) == ("ledger", "silent")
    monkeypatch.undo()
