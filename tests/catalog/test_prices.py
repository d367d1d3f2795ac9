"""The catalog's prices against the published table, typed by hand from it, and against genai-prices."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tierwise.catalog import Catalog, Lane, RateCard, Tokens, disjoint_tokens
from tierwise.errors import UnknownModel, Unpriced

DAY = date(2026, 11, 24)

# Published on 24 November 2026, USD per million tokens: input / cached / output.
# "-" in the Batch column of models before GPT-5 means no cache discount: cached at the input rate.
PUBLISHED = """
model          | standard            | batch                  | flex                    | priority
gpt-5.5        | 5 / 0.5 / 30        | 2.5 / 0.25 / 15        | 2.5 / 0.25 / 15         | 12.5 / 1.25 / 75
gpt-5.4        | 2.5 / 0.25 / 15     | 1.25 / 0.13 / 7.5      | 1.25 / 0.13 / 7.5       | 5 / 0.5 / 30
gpt-5.4-mini   | 0.75 / 0.075 / 4.5  | 0.375 / 0.0375 / 2.25  | 0.375 / 0.0375 / 2.25   | 1.5 / 0.15 / 9
gpt-5.4-nano   | 0.2 / 0.02 / 1.25   | 0.1 / 0.01 / 0.625     | 0.1 / 0.01 / 0.625      | -
gpt-5.6-sol    | 4 / 0.4 / 20        | 2 / 0.2 / 10           | 2 / 0.2 / 10            | 8 / 0.8 / 40
gpt-5.6-terra  | 2 / 0.2 / 12        | 1 / 0.1 / 6            | 1 / 0.1 / 6             | 4 / 0.4 / 24
gpt-5.6-luna   | 0.2 / 0.02 / 1.2    | 0.1 / 0.01 / 0.6       | 0.1 / 0.01 / 0.6        | 0.4 / 0.04 / 2.4
gpt-6-astra    | 10 / 1 / 50         | 5 / 0.5 / 25           | 5 / 0.5 / 25            | 20 / 2 / 100
gpt-6-sol      | 2 / 0.2 / 10        | 1 / 0.1 / 5            | 1 / 0.1 / 5             | 4 / 0.4 / 20
gpt-6-luna     | 0.1 / 0.01 / 0.5    | 0.05 / 0.005 / 0.25    | 0.05 / 0.005 / 0.25     | 0.2 / 0.02 / 1
gpt-6.1-sol    | 2 / 0.1 / 10        | 1 / 0.05 / 5           | 1 / 0.05 / 5            | 4 / 0.2 / 20
gpt-6.1-terra  | 1 / 0.05 / 5        | 0.5 / 0.025 / 2.5      | 0.5 / 0.025 / 2.5       | 2 / 0.1 / 10
gpt-5.2        | 1.75 / 0.175 / 14   | 0.875 / 0.0875 / 7     | 0.875 / 0.0875 / 7      | 3.5 / 0.35 / 28
gpt-5.1        | 1.25 / 0.125 / 10   | 0.625 / 0.0625 / 5     | 0.625 / 0.0625 / 5      | 2.5 / 0.25 / 20
gpt-5          | 1.25 / 0.125 / 10   | 0.625 / 0.0625 / 5     | 0.625 / 0.0625 / 5      | 2.5 / 0.25 / 20
gpt-5-mini     | 0.25 / 0.025 / 2    | 0.125 / 0.0125 / 1     | 0.125 / 0.0125 / 1      | 0.45 / 0.045 / 3.6
gpt-5-nano     | 0.05 / 0.005 / 0.4  | 0.025 / 0.0025 / 0.2   | 0.025 / 0.0025 / 0.2    | -
gpt-4.1        | 2 / 0.5 / 8         | 1 / 1 / 4              | -                       | 3.5 / 0.875 / 14
gpt-4.1-mini   | 0.4 / 0.1 / 1.6     | 0.2 / 0.2 / 0.8        | -                       | 0.7 / 0.175 / 2.8
gpt-4.1-nano   | 0.1 / 0.025 / 0.4   | 0.05 / 0.05 / 0.2      | -                       | 0.2 / 0.05 / 0.8
gpt-4o         | 2.5 / 1.25 / 10     | 1.25 / 1.25 / 5        | -                       | 4.25 / 2.125 / 17
gpt-4o-mini    | 0.15 / 0.075 / 0.6  | 0.075 / 0.075 / 0.3    | -                       | 0.25 / 0.125 / 1
o3             | 2 / 0.5 / 8         | 1 / 1 / 4              | 1 / 0.25 / 4            | 3.5 / 0.875 / 14
o4-mini        | 1.1 / 0.275 / 4.4   | 0.55 / 0.55 / 2.2      | 0.55 / 0.138 / 2.2      | 2 / 0.5 / 8
"""

# Above 272,000 input tokens; flat: no such rate is published and the lane's own holds.
LONG = """
model          | standard        | batch              | flex               | priority
gpt-5.5        | 10 / 1 / 45     | 5 / 0.5 / 22.5     | 5 / 0.5 / 22.5     | 12.5 / 1.25 / 75
gpt-5.4        | 5 / 0.5 / 22.5  | 2.5 / 0.25 / 11.25 | 2.5 / 0.25 / 11.25 | 5 / 0.5 / 30
gpt-5.6-sol    | 8 / 0.8 / 30    | 4 / 0.4 / 15       | 4 / 0.4 / 15       | 16 / 1.6 / 60
gpt-5.6-terra  | 4 / 0.4 / 18    | 2 / 0.2 / 9        | 2 / 0.2 / 9        | 8 / 0.8 / 36
gpt-5.6-luna   | 0.4 / 0.04 / 1.8 | 0.2 / 0.02 / 0.9  | 0.2 / 0.02 / 0.9   | 0.8 / 0.08 / 3.6
gpt-6-astra    | 20 / 2 / 75     | 10 / 1 / 37.5      | 10 / 1 / 37.5      | 40 / 4 / 150
gpt-6-sol      | 4 / 0.4 / 15    | 2 / 0.2 / 7.5      | 2 / 0.2 / 7.5      | 8 / 0.8 / 30
gpt-6-luna     | 0.2 / 0.02 / 0.75 | 0.1 / 0.01 / 0.375 | 0.1 / 0.01 / 0.375 | 0.4 / 0.04 / 1.5
gpt-6.1-sol    | 4 / 0.2 / 15    | 2 / 0.1 / 7.5      | 2 / 0.1 / 7.5      | 8 / 0.4 / 30
gpt-6.1-terra  | 2 / 0.1 / 7.5   | 1 / 0.05 / 3.75    | 1 / 0.05 / 3.75    | 4 / 0.2 / 15
"""

# Standard lane, cache writes for 30 minutes and for 12 hours.
WRITES = {
    "gpt-5.6-sol": ("5", "10"),
    "gpt-5.6-terra": ("2.5", "5"),
    "gpt-5.6-luna": ("0.25", "0.5"),
    "gpt-6-astra": ("12.5", "25"),
    "gpt-6-sol": ("2.5", "5"),
    "gpt-6-luna": ("0.125", "0.25"),
    "gpt-6.1-sol": ("2.5", "5"),
    "gpt-6.1-terra": ("1.25", "2.5"),
}


def cells(table: str) -> list[tuple[str, Lane, list[Decimal] | None]]:
    head, *rows = [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]
    return [
        (row[0], lane, None if cell == "-" else [Decimal(rate) for rate in cell.split("/")])
        for row in rows
        for lane, cell in zip(head[1:], row[1:], strict=True)
    ]


def named(cell: tuple[str, Lane, object]) -> str:
    return f"{cell[0]}-{cell[1]}"


def million(card: RateCard, input_total: int) -> list[Decimal | None]:
    held = card.rates(input_total)
    return [held.uncached, held.cached, held.output]


@pytest.mark.parametrize("cell", cells(PUBLISHED), ids=named)
def test_published_rates_by_model_and_lane(
    catalog: Catalog, cell: tuple[str, Lane, list[Decimal] | None]
) -> None:
    """A dash is a lane that is not offered, an error and never the standard price."""
    model, lane, rates = cell
    if rates is None:
        with pytest.raises(Unpriced, match=f"{model} in the {lane} lane.*not offered"):
            catalog.rate_card(model, lane, at=DAY)
        return
    card = catalog.rate_card(model, lane, at=DAY)
    assert million(card, 0) == million(card, 272_000) == rates
    cost = card.cost(disjoint_tokens(input=272_000, cached=200_000, output=1000, reasoning=400))
    assert cost.total == (72_000 * rates[0] + 200_000 * rates[1] + 1000 * rates[2]) / 1_000_000


@pytest.mark.parametrize("cell", cells(LONG), ids=named)
def test_the_whole_call_moves_at_272_001_input_tokens(
    catalog: Catalog, cell: tuple[str, Lane, list[Decimal] | None]
) -> None:
    model, lane, rates = cell
    assert rates
    card = catalog.rate_card(model, lane, at=DAY)
    assert million(card, 272_001) == rates
    cost = card.cost(disjoint_tokens(input=272_001, cached=200_000, output=1000))
    assert cost.total == (72_001 * rates[0] + 200_000 * rates[1] + 1000 * rates[2]) / 1_000_000


@pytest.mark.parametrize("model", ["gpt-5.4-mini", "gpt-5.4-nano", "gpt-4.1", "gpt-5"])
def test_models_without_a_long_context_step_stay_flat(catalog: Catalog, model: str) -> None:
    card = catalog.rate_card(model, at=DAY)
    assert card.rates(272_001) == card.rates(1)


@pytest.mark.parametrize(("model", "writes"), WRITES.items(), ids=WRITES)
def test_cache_writes(catalog: Catalog, model: str, writes: tuple[str, str]) -> None:
    """In every lane 12 hours cost 2.5 times the lane's input; Batch and flex are half of standard."""
    short, half = catalog.rate_card(model, at=DAY).short, catalog.rate_card(model, "batch", at=DAY).short
    assert (short.written, short.written_12h) == tuple(Decimal(rate) for rate in writes)
    assert half == catalog.rate_card(model, "flex", at=DAY).short
    assert half.written
    assert half.written_12h
    assert [half.written * 2, half.written_12h * 2] == [short.written, short.written_12h]


@pytest.mark.parametrize("model", ["gpt-5.5", "gpt-5.4", "gpt-4.1", "gpt-4o"])
def test_before_gpt_5_6_a_write_costs_plain_input(catalog: Catalog, model: str) -> None:
    card = catalog.rate_card(model, at=DAY)
    assert card.cost(Tokens(written=10, written_12h=5)).total == card.cost(Tokens(uncached=15)).total


@pytest.mark.parametrize(
    ("model", "lane", "rates"),
    [
        ("gpt-5.4", "background-2h", ["1.75", "0.175", "10.5"]),
        ("gpt-5.4", "background-8h", ["1.5", "0.15", "9"]),
        ("gpt-5.4-nano", "background-8h", ["0.12", "0.012", "0.75"]),
        ("gpt-6-sol", "background-2h", ["1.4", "0.14", "7"]),
    ],
)
def test_background_windows_are_a_share_of_standard_and_say_what_is_unknown(
    catalog: Catalog, model: str, lane: Lane, rates: list[str]
) -> None:
    card = catalog.rate_card(model, lane, at=DAY)
    assert million(card, 0) == [Decimal(rate) for rate in rates]
    assert card.note
    assert "eligibility for background windows is not published" in card.note


def test_background_windows_reach_long_context_and_writes(catalog: Catalog) -> None:
    card = catalog.rate_card("gpt-5.6-sol", "background-8h", at=DAY)
    assert card.short.written == Decimal(3)
    assert card.short.written_12h == Decimal(6)
    assert million(card, 272_001) == [Decimal("4.8"), Decimal("0.48"), Decimal(18)]


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5", "o3", "text-embedding-3-small"])
def test_older_models_have_no_background_price(catalog: Catalog, model: str) -> None:
    with pytest.raises(Unpriced, match="background_models"):
        catalog.rate_card(model, "background-2h", at=DAY)


@pytest.mark.parametrize(
    ("model", "factor"),
    [
        pytest.param("gpt-5.4", "1.1", id="released on the first day"),
        pytest.param("gpt-5.4-mini", "1.1", id="released later"),
        pytest.param("gpt-5.2", "1", id="released before"),
        pytest.param("gpt-4o", "1", id="long before"),
    ],
)
def test_residency_adds_a_tenth_to_models_since_march_2026(catalog: Catalog, model: str, factor: str) -> None:
    plain = catalog.rate_card(model, "flex" if model == "gpt-5.4" else "standard", at=DAY)
    there = catalog.rate_card(model, plain.lane, at=DAY, residency=True)
    for tokens in (Tokens(uncached=1000, cached=99, output=7), Tokens(uncached=300_000, output=7)):
        assert there.cost(tokens).total == plain.cost(tokens).total * Decimal(factor)


def test_residency_of_a_model_without_a_release_date_is_unpriced(catalog: Catalog) -> None:
    with pytest.raises(Unpriced, match="release date is not known"):
        catalog.rate_card("gpt-4-32k", at=DAY, residency=True)


def test_the_decisions_endpoint_bills_input_only(catalog: Catalog) -> None:
    card = catalog.rate_card("gpt-6-luna", at=DAY, endpoint="decisions")
    usage = disjoint_tokens(input=1000, cached=400, written=100, output=50)
    assert card.cost(usage).total == Decimal("0.0001")
    assert card.cost(Tokens(uncached=272_001)).total == Decimal("0.0544002")
    assert catalog.rate_card("gpt-6-luna", at=DAY, endpoint="chat").short.output == Decimal("0.5")
    with pytest.raises(Unpriced, match="Decisions"):
        catalog.rate_card("gpt-5.4", at=DAY, endpoint="decisions")
    with pytest.raises(Unpriced, match="Decisions"):
        catalog.rate_card("gpt-6-luna", "batch", at=DAY, endpoint="decisions")


@pytest.mark.parametrize(
    ("model", "lane", "rate"),
    [
        ("text-embedding-3-small", "standard", "0.02"),
        ("text-embedding-3-small", "batch", "0.01"),
        ("text-embedding-3-large", "standard", "0.13"),
        ("text-embedding-3-large", "batch", "0.065"),
        ("text-embedding-ada-002", "standard", "0.1"),
        ("text-embedding-ada-002", "batch", "0.05"),
    ],
)
def test_embeddings_bill_input(catalog: Catalog, model: str, lane: Lane, rate: str) -> None:
    cost = catalog.rate_card(model, lane, at=DAY).cost(Tokens(uncached=1_000_000))
    assert cost.total == Decimal(rate)


def test_what_is_not_known_of_gpt_6_2_is_refused_by_name(catalog: Catalog) -> None:
    card = catalog.rate_card("gpt-6.2-astra", at=DAY)
    assert million(card, 0) == [Decimal(8), Decimal("0.4"), Decimal(40)]
    assert "likely" in card.source
    for tokens, kind in (
        (Tokens(written=1), "written"),
        (Tokens(uncached=272_001), "uncached"),
    ):
        with pytest.raises(Unpriced, match=kind):
            card.cost(tokens)
    with pytest.raises(Unpriced, match="cached"):
        catalog.rate_card("gpt-6.2-sol", at=DAY).cost(Tokens(cached=1))
    for lane in ("batch", "flex", "priority"):
        with pytest.raises(Unpriced, match="prices are published for: standard"):
            catalog.rate_card("gpt-6.2-sol", lane, at=DAY)
    with pytest.raises(Unpriced, match="2026-11-17"):
        catalog.rate_card("gpt-6.2-sol", at=date(2026, 11, 16))


def test_an_unknown_lane_never_reaches_genai_prices(catalog: Catalog) -> None:
    with pytest.raises(Unpriced, match="expected a lane of standard, flex"):
        catalog.rate_card("gpt-5.4", "ultrafast", at=DAY)  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize(
    ("kind", "usd"),
    [
        ("web_search", "0.01"),
        ("web_search_preview_non_reasoning", "0.025"),
        ("file_search", "0.0025"),
        ("tool_search", "0"),
        ("container_minute_1gb", "0.0015"),
        ("container_minute_64gb", "0.096"),
    ],
)
def test_hosted_tools_have_a_fee(catalog: Catalog, kind: str, usd: str) -> None:
    assert catalog.hosted_fee(kind, DAY) == Decimal(usd)


@pytest.mark.parametrize(
    ("kind", "day", "named"),
    [
        ("teleport", DAY, "no fee is published for hosted tool 'teleport'"),
        ("code_interpreter", DAY, "by the minute"),
        ("web_search", date(2025, 6, 23), "2025-06-24"),
    ],
)
def test_a_fee_that_is_not_published_is_refused(catalog: Catalog, kind: str, day: date, named: str) -> None:
    with pytest.raises(Unpriced, match=named):
        catalog.hosted_fee(kind, day)


# ---------------------------------------------------------------- against genai-prices itself

CONTEXTS: dict[str, dict[str, str]] = {
    "standard": {},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "batch": {"processing": "batch"},
}
CURRENT = [
    "gpt-5.5",
    "gpt-5.4",
    "gpt-5.4-mini",
    "gpt-5.4-nano",
    "gpt-5.6-luna",
    "gpt-6-luna",
    "gpt-6.1-sol",
    "gpt-5",
]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    model=st.sampled_from(CURRENT),
    lane=st.sampled_from(list(CONTEXTS)),
    counts=st.tuples(*[st.integers(0, 200_000)] * 4),
    day=st.dates(date(2026, 10, 26), date(2027, 1, 31)),
)
def test_a_card_costs_what_genai_prices_calculates(
    catalog: Catalog, model: str, lane: Lane, counts: tuple[int, int, int, int], day: date
) -> None:
    """Wherever genai-prices has the lane, cent for cent, on both sides of the long-context step."""
    from genai_prices import Usage, calc_price

    uncached, cached, written, output = counts
    try:
        card = catalog.rate_card(model, lane, at=day)
    except Unpriced:
        assert lane == "priority"
        assert model == "gpt-5.4-nano"
        return
    theirs = calc_price(
        Usage(
            input_tokens=uncached + cached + written,
            cache_read_tokens=cached,
            cache_write_tokens=written,
            output_tokens=output,
        ),
        model,
        provider_id="openai",
        genai_request_timestamp=datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
        price_context=CONTEXTS[lane] or None,
    )
    ours = card.cost(Tokens(uncached=uncached, cached=cached, written=written, output=output))
    assert ours.total == theirs.total_price


def outcome(catalog: Catalog, name: str, lane: Lane) -> str:
    try:
        card = catalog.rate_card(name, lane, at=DAY)
    except (UnknownModel, Unpriced) as error:
        return str(error)
    return "priced" if card.short.uncached is not None else "without an input rate"


def test_every_entry_of_genai_prices_is_priced_or_refused_by_name(catalog: Catalog) -> None:
    """No entry crashes the reading of it, in any lane. Unknown are only beginnings of names ('ft:gpt-4o')."""
    from genai_prices import Usage, calc_price

    entries = calc_price(Usage(input_tokens=0), "gpt-4o", provider_id="openai").provider.models
    for entry in entries:
        for lane in CONTEXTS:
            said = outcome(catalog, entry.id, lane)
            beginning = entry.id.startswith("ft:") or entry.id == "moderation"
            known = "no model is called" if beginning else "is also billed by"
            assert said == "priced" or "is unpriced" in said or known in said
