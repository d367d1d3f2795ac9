"""From a name in a log to a model, or a refusal; never by the beginning of a name."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.catalog import Catalog, Tokens
from tierwise.errors import UnknownModel, Unpriced

DAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("name", "model", "how", "note"),
    [
        ("gpt-5.4", "gpt-5.4", "exact", None),
        (" GPT-5.4 ", "gpt-5.4", "exact", None),
        ("gpt-5.4-mini", "gpt-5.4-mini", "exact", None),
        ("gpt-5.4-2026-03-05", "gpt-5.4", "snapshot", "priced as gpt-5.4"),
        ("gpt-5.4-mini-2026-03-17", "gpt-5.4-mini", "snapshot", "priced as gpt-5.4-mini"),
        ("gpt-5.2-20251211", "gpt-5.2", "snapshot", "priced as gpt-5.2"),
        ("gpt-5-4-nano-2026-03-17", "gpt-5.4-nano", "snapshot", "priced as gpt-5.4-nano"),
        ("gpt-5.4-2026-09-01", "gpt-5.4", "snapshot", "priced as gpt-5.4; this snapshot is not in our data"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-05-13", "exact", None),
        ("gpt-4o-20240513", "gpt-4o-2024-05-13", "snapshot", "priced as gpt-4o-2024-05-13"),
        ("gpt-5.6", "gpt-5.6-sol", "alias", "priced as gpt-5.6-sol"),
        ("gpt-4-0613", "gpt-4", "alias", "priced as gpt-4"),
        ("openai/gpt-5.4", "gpt-5.4", "prefix", "priced as gpt-5.4"),
        ("openrouter/openai/gpt-5.4", "gpt-5.4", "prefix", "priced as gpt-5.4"),
        ("openai/gpt-5.4-2026-03-05", "gpt-5.4", "snapshot", "priced as gpt-5.4"),
        ("gpt-35-turbo", "gpt-3.5-turbo", "azure", "priced as gpt-3.5-turbo, OpenAI's list"),
        ("ft:gpt-4.1-2025-04-14:acme::abc", "gpt-4.1", "fine-tune", "fine-tuned gpt-4.1"),
        (
            "ft:gpt-4o-mini-2024-07-18:acme:tags:x:ckpt-step-90",
            "gpt-4o-mini",
            "fine-tune",
            "fine-tuned gpt-4o-mini",
        ),
    ],
)
def test_a_name_leads_to_one_model(
    catalog: Catalog, name: str, model: str, how: str, note: str | None
) -> None:
    found = catalog.resolve(name)
    assert (found.model.name, found.how, found.asked) == (model, how, name)
    assert found.note == note or (how == "fine-tune" and found.note and str(note) in found.note)


def test_a_snapshot_costs_what_its_family_costs_and_says_so(catalog: Catalog) -> None:
    card = catalog.rate_card("gpt-5.4-2026-03-05", at=DAY)
    assert card.cost(Tokens(uncached=1000, output=100)).total == Decimal("0.004")
    assert card.note == "priced as gpt-5.4"
    assert catalog.rate_card("gpt-5.4-mini", at=DAY).short.uncached == Decimal("0.75")


@pytest.mark.parametrize(
    "name",
    [
        "gpt-9-foo",
        "gpt-5.4-mini-foo",
        "gpt-5.4-turbo",
        "gpt-5-nano-turbo",
        "gpt-4o-audio-previewer",
        "gpt-5.4-2026-13-01",
        "gpt-5.4-2025-01-01",
        "gpt-5.4-2026-03",
        "azure/my-deployment",
        "openai/",
        "ft:",
        "ft:gpt-9-foo:acme::abc",
        "ft:ft:ft:gpt-4.1",
        "my-deployment",
        "gpt-5.2-proo",
        "",
        " ",
        "x" * 201,
        "gpt-5.4\n",
        "gpt-5.4\x00",
        "openai/" * 28,
    ],
)
def test_a_name_that_means_no_model_is_refused(catalog: Catalog, name: str) -> None:
    if name.strip() == "gpt-5.4":
        assert catalog.resolve(name).model.name == "gpt-5.4"  # a stray line break is no other name
        return
    for _ in range(2):  # the second answer comes from memory
        with pytest.raises(UnknownModel) as caught:
            catalog.rate_card(name, at=DAY)
    assert isinstance(caught.value, LookupError)
    assert len(str(caught.value)) < 400


def test_an_unknown_name_is_told_its_nearest_ones(catalog: Catalog) -> None:
    with pytest.raises(UnknownModel, match=r"nearest: gpt-5.2-pro.*\[\[alias\]\]"):
        catalog.resolve("gpt-5.2-proo")


@given(
    st.text(max_size=60)
    | st.sampled_from(["ft:", "azure/", "openai/", "gpt-5.4-"]).flatmap(
        lambda head: st.text(max_size=30).map(lambda rest: head + rest)
    )
)
def test_any_text_is_a_model_or_a_named_refusal(catalog: Catalog, name: str) -> None:
    try:
        found = catalog.resolve(name)
    except UnknownModel:
        return
    assert found.model.name


@pytest.mark.parametrize(
    ("name", "rates"),
    [
        ("ft:gpt-4.1-2025-04-14:acme::abc", "3 0.75 12"),
        ("ft:gpt-4.1-mini-2025-04-14:acme::abc", "0.8 0.2 3.2"),
        ("ft:gpt-4o-2024-08-06:acme::abc", "3.75 1.875 15"),
        ("ft:gpt-4o-mini-2024-07-18:acme::abc", "0.3 0.15 1.2"),
        ("gpt-4o-mini-2024-07-18.ft-0123", "0.3 0.15 1.2"),
        ("ft:o4-mini-2025-04-16:acme::abc", "4 1 16"),
    ],
)
def test_a_fine_tuned_model_has_its_own_rates(catalog: Catalog, name: str, rates: str) -> None:
    short = catalog.rate_card(name, at=DAY).short
    assert [short.uncached, short.cached, short.output] == [Decimal(rate) for rate in rates.split()]


@pytest.mark.parametrize(
    "name", ["ft:gpt-4-0613:acme::abc", "ft:gpt-5.4:acme::abc", "ft:davinci-002:acme::abc"]
)
def test_a_fine_tuned_model_without_published_rates_is_unpriced(catalog: Catalog, name: str) -> None:
    """Its base model's price would be a guess."""
    with pytest.raises(Unpriced, match="fine-tuned"):
        catalog.rate_card(name, at=DAY)


def test_a_model_that_only_genai_prices_knows_is_priced_with_unknown_capabilities(catalog: Catalog) -> None:
    found = catalog.resolve("gpt-4-32k")
    assert not found.model.known
    assert not found.model.features
    assert not found.model.can(frozenset())
    assert catalog.rate_card("gpt-4-32k", at=DAY).short.uncached == Decimal(60)


def test_an_entry_that_stands_for_several_names_lends_no_lanes(catalog: Catalog) -> None:
    """gpt-5-codex has gpt-5's standard price, but is in no lane's table."""
    assert catalog.rate_card("gpt-5-codex", at=DAY).short.uncached == Decimal("1.25")
    with pytest.raises(Unpriced, match="gpt-5-codex in the flex lane"):
        catalog.rate_card("gpt-5-codex", "flex", at=DAY)


def test_models_billed_in_other_units_are_unpriced_by_name(catalog: Catalog) -> None:
    with pytest.raises(Unpriced, match="gpt-image-1 is also billed by"):
        catalog.rate_card("gpt-image-1", at=DAY)
    with pytest.raises(Unpriced, match="whisper-1 is also billed by audio_hours"):
        catalog.rate_card("whisper-1", at=DAY)


def test_audio_of_an_audio_model_has_its_rate_and_of_others_none(catalog: Catalog) -> None:
    audio = Tokens(audio_input=1_000_000)
    assert catalog.rate_card("gpt-4o-audio-preview-2024-12-17", at=DAY).cost(audio).total == Decimal(40)
    for name in ("gpt-4o", "gpt-4o-audio-preview-2024-10-01"):
        with pytest.raises(Unpriced, match="audio input"):
            catalog.rate_card(name, at=DAY).cost(audio)


# Every model name of public recordings of the API, as requests and responses write them.
RECORDED = [
    "gpt-4o",
    "gpt-4o-2024-08-06",
    "gpt-5-mini",
    "gpt-5-mini-2025-08-07",
    "gpt-5",
    "gpt-5-2025-08-07",
    "gpt-5.6-sol",
    "gpt-5.6",
    "gpt-4.1",
    "gpt-4.1-2025-04-14",
    "gpt-4o-mini",
    "gpt-4o-mini-2024-07-18",
    "gpt-5.4",
    "gpt-5.4-2026-03-05",
    "o3-mini",
    "o3-mini-2025-01-31",
    "gpt-4.1-mini",
    "gpt-4.1-mini-2025-04-14",
    "gpt-5.2",
    "gpt-5.2-2025-12-11",
    "gpt-5.5",
    "gpt-5.5-2026-04-23",
    "gpt-5.4-mini",
    "gpt-5.4-mini-2026-03-17",
    "gpt-4.1-nano",
    "gpt-4.1-nano-2025-04-14",
    "text-embedding-3-small",
    "o4-mini",
    "o4-mini-2025-04-16",
    "gpt-4o-audio-preview",
    "gpt-4o-audio-preview-2024-12-17",
    "gpt-4.5-preview",
    "gpt-4.5-preview-2025-02-27",
    "o1-mini",
    "gpt-5-pro",
    "gpt-5-pro-2025-10-06",
    "o3",
    "o3-2025-04-16",
    "gpt-5.4-nano",
]


@pytest.mark.parametrize("name", RECORDED)
def test_every_recorded_model_is_known_and_priced(catalog: Catalog, name: str) -> None:
    assert catalog.resolve(name).model.known
    assert catalog.rate_card(name, at=DAY).short.uncached


def test_a_catalog_forgets_before_it_grows_without_end(catalog: Catalog, tmp_path: Path) -> None:
    """Ten thousand days are answered like one."""
    own = Catalog.open()
    for ordinal in range(10_000):
        own.rate_card("gpt-6.2-sol", at=date.fromordinal(date(2026, 11, 17).toordinal() + ordinal))
    assert own.rate_card("gpt-6.2-sol", at=DAY).short.uncached == Decimal(2)
