"""The bill's arithmetic by hand, and the table it is made from."""

from __future__ import annotations

import datetime as dt
import json
import urllib.request
from decimal import Decimal
from typing import Any

import pytest

from tierwise.catalog import Catalog, Tokens
from tierwise.errors import CatalogError
from tierwise.simulator import PriceList
from tierwise.simulator._bill import Bill, Used

BILL = Bill(PriceList())
SMALL = Used(input=1_000, cached=200, output=100, reasoning=40)
LARGE = Used(input=272_001, cached=100_000, output=1_000)


@pytest.mark.parametrize(
    ("model", "lane", "used", "fees", "cost"),
    [
        ("gpt-5.4", "standard", SMALL, {}, "0.00355"),
        ("gpt-5.4", "batch", SMALL, {}, "0.001776"),
        ("gpt-5.4", "flex", SMALL, {}, "0.001776"),
        ("gpt-5.4", "priority", SMALL, {}, "0.0071"),
        ("gpt-5.4", "background_2h", SMALL, {}, "0.002485"),
        ("gpt-5.4", "background_8h", SMALL, {}, "0.00213"),
        ("gpt-5.4", "standard", LARGE, {}, "0.932505"),
        ("gpt-5.4", "batch", LARGE, {}, "0.4662525"),
        ("gpt-5.4", "priority", LARGE, {}, "0.940005"),
        ("gpt-5.6-sol", "priority", LARGE, {}, "2.972016"),
        ("gpt-5.4", "standard", Used(input=272_000), {}, "0.68"),
        ("gpt-4.1", "batch", SMALL, {}, "0.0014"),
        ("gpt-6-sol", "standard", Used(input=2_000, written_30m=1_000, written_12h=500), {}, "0.006"),
        ("gpt-5.4", "standard", SMALL, {"web_search": 2}, "0.02355"),
        ("gpt-6-luna", "decisions", Used(input=1_000, output=50), {}, "0.0001"),
    ],
)
def test_costs_by_hand(model: str, lane: Any, used: Used, fees: dict[str, int], cost: str) -> None:
    assert BILL.cost(model, lane, used, fees) == Decimal(cost)


def test_what_has_no_published_price_is_unpriced_and_not_free() -> None:
    assert BILL.cost("gpt-6.2-sol", "batch", SMALL, {}) is None
    assert BILL.cost("gpt-6.2-sol", "standard", SMALL, {}) is None
    assert BILL.cost("gpt-6.2-sol", "standard", Used(input=10), {}) == Decimal("0.00002")


def test_a_residency_endpoint_costs_a_tenth_more_on_newer_models_only() -> None:
    bill = Bill(PriceList(), residency=True)
    assert bill.cost("gpt-5.4", "standard", SMALL, {}) == Decimal("0.00355") * Decimal("1.1")
    assert bill.cost("gpt-5.2", "standard", SMALL, {}) == BILL.cost("gpt-5.2", "standard", SMALL, {})


def test_the_product_prices_the_same_tokens_alike() -> None:
    """Two tables and two arithmetics agree wherever both have a price, and that is nearly everywhere."""
    catalog, day = Catalog.open(), dt.date(2026, 11, 24)
    used = (SMALL, LARGE, Used(input=300_000, written_30m=2_000), Used(input=5_000, written_12h=2_000))
    compared = 0
    for row in PriceList().rows():
        for lane in ("standard", "batch", "flex", "priority"):
            for each in used:
                ours = BILL.cost(row["model"], lane, each, {})
                try:
                    theirs = catalog.rate_card(row["model"], lane, at=day).cost(tokens(each)).total
                except CatalogError:
                    continue
                if ours is not None:
                    assert theirs == ours, (row["model"], lane, each)
                    compared += 1
    assert compared >= 230


def tokens(used: Used) -> Tokens:
    return Tokens(
        uncached=used.plain,
        cached=used.cached,
        written=used.written_30m,
        written_12h=used.written_12h,
        output=used.output - used.reasoning,
        reasoning=used.reasoning,
    )


def test_the_bill_is_served_as_json(bench: Any) -> None:
    bench.ask("Hello")
    url = bench.simulator.base_url.removesuffix("/v1") + "/simulator/bill"
    with urllib.request.urlopen(url) as answer:
        found = json.load(answer)
    (line,) = found["lines"]
    assert Decimal(found["total"]) == Decimal(line["cost"]) == bench.simulator.bill_total
    assert line["used"]["input"] == bench.simulator.bill[0].used.input
    assert "sk-test" not in json.dumps(found)


def test_a_background_window_is_its_own_lane(bench: Any) -> None:
    for window in ("2h", "8h"):
        bench.client.responses.create(
            model="gpt-5.4",
            input="x",
            background=True,
            extra_body={"background_options": {"completion_window": window}},
        )
    bench.clock.now += 5
    assert [line.lane for line in bench.simulator.bill] == ["background_2h", "background_8h"]


def test_web_search_costs_its_fee(bench: Any) -> None:
    found = bench.client.responses.create(
        model="gpt-5.4", input="Please search the web for birches", tools=[{"type": "web_search"}]
    )
    assert [item.type for item in found.output] == ["web_search_call", "message"]
    assert bench.simulator.bill[0].fees == {"web_search": 1}
