"""Models and ladders as data: capabilities, ends, successors, and what every row must have."""

from __future__ import annotations

import pickle
import re
from datetime import date
from itertools import pairwise

import pytest

from tierwise.catalog import TIERS, Catalog, Ladder, Model
from tierwise.errors import ConfigurationError, Unpriced

DAY = date(2026, 11, 24)


def model(catalog: Catalog, name: str) -> Model:
    return catalog.resolve(name).model


@pytest.mark.parametrize(
    ("name", "context", "output", "efforts", "default"),
    [
        ("gpt-5.5", 1_050_000, 128_000, "none low medium high xhigh", "medium"),
        ("gpt-5.4", 1_050_000, 128_000, "none low medium high xhigh", "none"),
        ("gpt-5.4-mini", 400_000, 128_000, "none low medium high xhigh", "none"),
        ("gpt-5.4-nano", 400_000, 128_000, "none low medium high xhigh", "none"),
        ("gpt-5.6-luna", 1_050_000, 128_000, "none low medium high xhigh max", "medium"),
        ("gpt-6-luna", 1_050_000, 128_000, "none low medium high xhigh max", "medium"),
        ("gpt-6-astra", 1_050_000, 128_000, "low medium high xhigh max", "medium"),
        ("gpt-6.1-sol", 1_050_000, 128_000, "low medium high xhigh max", "medium"),
        ("gpt-5.2", 400_000, 128_000, "none low medium high xhigh", "none"),
        ("gpt-5.1", 400_000, 128_000, "none low medium high", "none"),
        ("gpt-5", 400_000, 128_000, "minimal low medium high", "medium"),
        ("gpt-4.1", 1_047_576, 32_768, "", None),
        ("gpt-4o", 128_000, 16_384, "", None),
        ("o3", 200_000, 100_000, "low medium high", "medium"),
    ],
)
def test_windows_and_efforts(
    catalog: Catalog, name: str, context: int, output: int, efforts: str, default: str | None
) -> None:
    found = model(catalog, name)
    assert (found.context, found.max_output, found.default_effort) == (context, output, default)
    assert found.efforts == tuple(efforts.split())


@pytest.mark.parametrize(
    "name", ["gpt-5.4-mini", "gpt-5.4", "gpt-5.5", "gpt-5.6-sol", "gpt-6-luna", "gpt-6.1-sol"]
)
def test_tool_search_and_computer_use_are_for_gpt_5_4_and_later(catalog: Catalog, name: str) -> None:
    assert model(catalog, name).can(frozenset({"tool_search", "computer_use", "tools", "images"}))


@pytest.mark.parametrize("name", ["gpt-5.4-nano", "gpt-5.2", "gpt-5", "gpt-4.1", "gpt-4o", "o3"])
def test_not_for_nano_and_not_before(catalog: Catalog, name: str) -> None:
    found = model(catalog, name)
    assert found.can(frozenset({"tools"}))
    assert not found.can(frozenset({"tool_search"}))
    assert not found.can(frozenset({"computer_use"}))


@pytest.mark.parametrize(
    ("name", "sampling", "chat_tools"),
    [
        ("gpt-4o", "always", "always"),
        ("gpt-4.1-mini", "always", "always"),
        ("gpt-5", "never", "always"),
        ("o4-mini", "never", "always"),
        ("gpt-5.1", "effort-none", "always"),
        ("gpt-5.4", "effort-none", "effort-none"),
        ("gpt-5.4-nano", "effort-none", "effort-none"),
        ("gpt-5.5", "unknown", "effort-none"),
        ("gpt-5.6-terra", "unknown", "effort-none"),
        ("gpt-6-luna", "effort-none", "effort-none"),
        ("gpt-6-astra", "never", "never"),
        ("gpt-6.1-sol", "never", "never"),
    ],
)
def test_sampling_and_tools_in_chat(catalog: Catalog, name: str, sampling: str, chat_tools: str) -> None:
    found = model(catalog, name)
    assert (found.sampling, found.chat_tools) == (sampling, chat_tools)


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("gpt-5.4-nano", "2027-04-01"),
        ("gpt-5", "2026-12-11"),
        ("gpt-5-mini", "2026-12-11"),
        ("gpt-5-nano", "2026-12-11"),
        ("o3", "2026-12-11"),
        ("gpt-4o", "2027-01-14"),
        ("gpt-4o-mini", "2027-01-14"),
        ("gpt-4.1", "2027-01-14"),
        ("gpt-4.1-mini", "2027-01-14"),
        ("gpt-5.1", "2027-04-01"),
        ("gpt-4.1-nano", "2026-10-23"),
        ("o4-mini", "2026-10-23"),
        ("o3-mini", "2026-10-23"),
        ("o1", "2026-10-23"),
        ("gpt-4-turbo", "2026-10-23"),
        ("gpt-3.5-turbo", "2026-10-23"),
        ("gpt-5.5", None),
        ("gpt-5.4", None),
        ("gpt-5.4-mini", None),
        ("gpt-5.2", None),
    ],
)
def test_announced_ends(catalog: Catalog, name: str, end: str | None) -> None:
    shutdown = model(catalog, name).shutdown
    assert (shutdown.isoformat() if shutdown else None) == end


def test_nano_is_succeeded_by_luna(catalog: Catalog) -> None:
    assert model(catalog, "gpt-5.4-nano").successor == "gpt-6-luna"


def test_every_row_is_whole(catalog: Catalog) -> None:
    """Sources are named, efforts agree, successors are models, names are unique and lower case."""
    names = [row.name for row in catalog.models()]
    assert len(set(names)) == len(names)
    for row in catalog.models():
        assert row.name == row.name.lower()
        assert row.source
        assert not re.search(r"\b[A-Z]{2}\b", row.source), "a short word was not spelled out"
        assert row.endpoints
        assert row.default_effort is None or row.default_effort in row.efforts
        assert row.successor is None or (row.shutdown and row.successor in names)
        assert ("reasoning" in row.features) or not row.efforts
        assert row.max_input is None or (row.context and row.max_input <= row.context)
        assert catalog.resolve(row.name).how == "exact"


def test_every_model_is_priced_in_standard(catalog: Catalog) -> None:
    for row in catalog.models():
        assert catalog.rate_card(row.name, at=DAY).short.uncached


def test_cache_rules_by_generation(catalog: Catalog) -> None:
    old, new = model(catalog, "gpt-5.4").cache, model(catalog, "gpt-6-luna").cache
    assert (old.minimum, old.step, old.write_fee, old.retentions) == (1024, 128, False, ("in_memory", "24h"))
    assert (new.minimum, new.step, new.write_fee, new.retentions) == (1024, 1, True, ("30m", "12h"))
    between = model(catalog, "gpt-5.5").cache
    assert (between.minimum, between.step, between.spacing, between.retentions) == (1024, 128, 2048, ("24h",))
    assert [(rules.shortest, rules.grid) for rules in (old, between, new)] == [
        (1024, 128),
        (2048, 2048),
        (1024, 1),
    ]


def test_the_two_ladders(catalog: Catalog) -> None:
    assert [ladder.name for ladder in catalog.ladders()] == ["gpt-5.4", "gpt-6"]
    default = catalog.ladder()
    assert default.models == ("gpt-5.4-nano", "gpt-5.4-mini", "gpt-5.4", "gpt-5.5")
    assert [default.model_for(tier) for tier in TIERS] == list(default.models)
    assert [default.tier_of(name) for name in default.models] == list(TIERS)
    assert [default.rank(name) for name in default.models] == [0, 1, 2, 3]
    assert default.tier_of("gpt-4o") is None
    assert default.rank("gpt-4o") is None


@pytest.mark.parametrize("name", ["gpt-5.4", "gpt-6"])
def test_each_rung_costs_more_than_the_one_below_in_every_lane_it_shares(catalog: Catalog, name: str) -> None:
    for lane in ("standard", "batch", "flex"):
        rates = [catalog.rate_card(rung, lane, at=DAY).short for rung in catalog.ladder(name).models]
        for low, high in pairwise(rates):
            assert low.uncached
            assert high.uncached
            assert low.output
            assert high.output
            assert low.uncached < high.uncached
            assert low.output < high.output


@pytest.mark.parametrize("depth", ["unknown", "", "simple"])
def test_a_depth_that_is_no_rung_is_refused(depth: str) -> None:
    ladder = Ladder(name="x", models=("a", "b", "c", "d"))
    with pytest.raises(ValueError, match="commodity, routine, professional, frontier"):
        ladder.model_for(depth)


def test_an_unknown_ladder_is_refused_with_those_there_are(catalog: Catalog) -> None:
    with pytest.raises(ConfigurationError, match=r"no ladder is called 'gpt-7'; there are gpt-5.4, gpt-6"):
        catalog.ladder("gpt-7")


def test_the_digest_is_stable_and_covers_the_prices(catalog: Catalog) -> None:
    again = Catalog.open()
    assert re.fullmatch("[0-9a-f]{64}", catalog.digest)
    assert again.digest == catalog.digest
    assert again.prices_date == date(2026, 11, 25)


def test_a_catalog_crosses_to_another_process(catalog: Catalog) -> None:
    there = pickle.loads(pickle.dumps(catalog))
    assert there.rate_card("gpt-5.4", at=DAY) == catalog.rate_card("gpt-5.4", at=DAY)
    with pytest.raises(Unpriced):
        there.rate_card("gpt-5.4-nano", "priority", at=DAY)
