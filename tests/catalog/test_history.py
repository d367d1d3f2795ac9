"""Prices by day: dated prices, and lanes before the first day that genai-prices knows."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from tierwise.catalog import Catalog, Lane, Tokens
from tierwise.errors import Unpriced


@pytest.mark.parametrize(
    ("model", "day", "rates"),
    [
        ("gpt-5.6-luna", "2026-07-29", ("1", "6")),
        ("gpt-5.6-luna", "2026-07-30", ("0.2", "1.2")),
        ("gpt-5.6-sol", "2026-08-20", ("5", "30")),
        ("gpt-5.6-sol", "2026-08-21", ("4", "20")),
        ("o3", "2025-06-09", ("10", "40")),
        ("o3", "2025-06-10", ("2", "8")),
    ],
)
def test_the_standard_price_is_that_of_the_day(
    catalog: Catalog, model: str, day: str, rates: tuple[str, str]
) -> None:
    short = catalog.rate_card(model, at=date.fromisoformat(day)).short
    assert (short.uncached, short.output) == (Decimal(rates[0]), Decimal(rates[1]))


@pytest.mark.parametrize(
    ("model", "lane", "day", "rates"),
    [
        pytest.param(
            "gpt-5.4", "flex", "2026-09-01", "1.25 0.13 7.5", id="the day that was silently standard"
        ),
        pytest.param(
            "gpt-5.4", "flex", "2026-10-11", "1.25 0.13 7.5", id="the day before the first flex row"
        ),
        pytest.param("gpt-5.4", "flex", "2026-10-12", "1.25 0.13 7.5", id="the first flex row"),
        pytest.param(
            "gpt-5.4", "batch", "2026-10-13", "1.25 0.13 7.5", id="the day before the first batch row"
        ),
        pytest.param("gpt-5.4", "batch", "2026-03-05", "1.25 0.13 7.5", id="from the release on"),
        pytest.param("gpt-4o-mini", "batch", "2025-01-15", "0.075 0.075 0.3", id="batch of an older model"),
        pytest.param("gpt-5", "priority", "2025-09-01", "2.5 0.25 20", id="priority"),
        pytest.param(
            "gpt-5.5", "priority", "2026-06-04", "12.5 1.25 75", id="priority from its first known day"
        ),
        pytest.param("o3", "flex", "2025-06-10", "1 0.25 4", id="after the price cut"),
        pytest.param("gpt-5.6-sol", "batch", "2026-08-20", "2.5 0.25 15", id="our row before a cut"),
        pytest.param("gpt-5.6-sol", "batch", "2026-08-21", "2 0.2 10", id="read back after the cut"),
        pytest.param("gpt-5.6-luna", "flex", "2026-07-29", "0.5 0.05 3", id="flex before a cut"),
        pytest.param("gpt-5.6-terra", "priority", "2026-07-15", "5 0.5 30", id="priority before a cut"),
        pytest.param(
            "gpt-6.1-terra", "batch", "2026-10-26", "0.5 0.025 2.5", id="a lane without a first day"
        ),
    ],
)
def test_a_lane_has_the_rate_published_at_the_time(
    catalog: Catalog, model: str, lane: Lane, day: str, rates: str
) -> None:
    card = catalog.rate_card(model, lane, at=date.fromisoformat(day))
    assert [card.short.uncached, card.short.cached, card.short.output] == [
        Decimal(rate) for rate in rates.split()
    ]
    assert not re.search(r"\b(PR|CL|LL|GP)\b", card.source)
    assert re.search("genai-prices|pricing page|price file", card.source)


@pytest.mark.parametrize(
    ("model", "lane", "day", "why"),
    [
        pytest.param("o3", "batch", "2025-06-09", "standard price was another then", id="another price then"),
        pytest.param("gpt-4o", "batch", "2024-04-14", "first published batch price", id="before Batch"),
        pytest.param("o4-mini", "flex", "2025-06-09", "first published flex price", id="before flex"),
        pytest.param(
            "gpt-4.1", "priority", "2025-06-26", "first published priority price", id="before priority"
        ),
        pytest.param("gpt-5.5", "priority", "2026-06-03", "2026-06-04", id="sources disagree before"),
        pytest.param("gpt-5.4", "batch", "2026-03-04", "released on 2026-03-05", id="before the model"),
        pytest.param("gpt-4.1", "flex", "2026-09-01", "not offered", id="never offered"),
    ],
)
def test_a_lane_without_a_known_rate_of_the_time_is_unpriced(
    catalog: Catalog, model: str, lane: Lane, day: str, why: str
) -> None:
    """Never the standard price, which is what genai-prices would answer."""
    with pytest.raises(Unpriced, match=f"{model} in the {lane} lane on {day}.*{why}"):
        catalog.rate_card(model, lane, at=date.fromisoformat(day))


def test_fast_mode_had_no_long_context_before_5_august_2026(catalog: Catalog) -> None:
    long = Tokens(uncached=272_001)
    with pytest.raises(Unpriced, match="above 272,000 input tokens"):
        catalog.rate_card("gpt-5.6-luna", "priority", at=date(2026, 8, 4)).cost(long)
    after = catalog.rate_card("gpt-5.6-luna", "priority", at=date(2026, 8, 5)).cost(long)
    assert after.total == Decimal("0.2176008")


def test_a_time_means_its_day_in_utc(catalog: Catalog) -> None:
    tokyo = timezone(timedelta(hours=9))
    early = datetime(2026, 8, 21, 8, 59, tzinfo=tokyo)
    assert catalog.rate_card("gpt-5.6-sol", at=early).short.output == Decimal(30)
    assert catalog.rate_card("gpt-5.6-sol", at=datetime(2026, 8, 21, tzinfo=UTC)).short.output == Decimal(20)


@pytest.mark.parametrize("day", [date(1, 1, 1), date(9999, 12, 31)], ids=str)
def test_the_ends_of_the_calendar_are_days_like_any_other(catalog: Catalog, day: date) -> None:
    assert catalog.rate_card("gpt-5.4", at=day).short.uncached == Decimal("2.5")
