"""Background responses with a deadline take a completion window where the rule and the owner allow it, at its price."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

POLICY = """version = 1
ladder = "gpt-5.4"
%s
[[rule]]
name = "reports"
match = { model = "gpt-5.4-mini" }
lanes = [%s]
stage = "on"
[default]
stage = "off"
"""
ASK: Any = {"model": "gpt-5.4-mini", "input": "Why is the sky blue?", "background": True}


@pytest.fixture
def begin(start: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    def begun(
        lanes: str = '"background-2h", "background-8h"', top: str = "", known: str = '"gpt-5.4-mini"'
    ) -> Any:
        (tmp_path / "prices.toml").write_text(f"background_models = [{known}]\n")
        bench = start(prices=tmp_path / "prices.toml")
        (tmp_path / "tierwise.toml").write_text(POLICY % (top, lanes))
        end = time.monotonic() + 5
        while bench.running.serving.pipeline.policy.rules[0].name != "reports":
            assert time.monotonic() < end
            time.sleep(0.05)
        return bench

    return begun


def asked(bench: Any, **more: Any) -> tuple[Any, Any]:
    """The end of a background call, and the body that came upstream."""
    client = bench.client()
    made = client.responses.create(**{**ASK, **more})
    end = time.monotonic() + 10
    while (found := client.responses.retrieve(made.id)).status in {"queued", "in_progress"}:
        assert time.monotonic() < end
        time.sleep(0.05)
    sent = next(r for r in bench.simulator.received if r.method == "POST" and r.path == "/v1/responses")
    return found, json.loads(sent.body)


@pytest.mark.parametrize(("deadline", "window"), [("24h", "8h"), ("8h", "8h"), ("3h", "2h"), ("1h", None)])
def test_the_cheapest_window_in_the_deadline_is_asked_for_and_billed(
    begin: Callable[..., Any], deadline: str, window: str | None
) -> None:
    bench = begin()
    found, sent = asked(bench, metadata={"deadline": deadline})
    assert sent.get("background_options") == ({"completion_window": window} if window else None)
    assert found.status == "completed"
    total = bench.settled(1)
    assert total.cost == bench.simulator.bill_total > 0
    assert (total.cost < total.as_asked) == (window is not None)
    shares = {"8h": 6, "2h": 7, None: 10}
    assert total.cost * 10 == total.as_asked * shares[window]


def test_a_window_of_the_callers_own_stays(begin: Callable[..., Any]) -> None:
    own = {"completion_window": "2h"}
    bench = begin()
    _, sent = asked(bench, metadata={"deadline": "24h"}, extra_body={"background_options": own})
    assert sent["background_options"] == own
    assert bench.settled(1).cost == bench.simulator.bill_total


@pytest.mark.parametrize(
    ("how", "more"),
    [
        ({"known": ""}, {"metadata": {"deadline": "24h"}}),
        ({"lanes": '"flex"'}, {"metadata": {"deadline": "5m"}}),
        ({}, {}),
    ],
    ids=["a model nobody named", "no window in the rule", "no deadline"],
)
def test_no_window_is_asked_for_where_it_may_not_be(
    begin: Callable[..., Any], how: dict[str, str], more: dict[str, Any]
) -> None:
    _, sent = asked(begin(**how), **more)
    assert "background_options" not in sent
