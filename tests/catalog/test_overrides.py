"""What an owner's file changes, and what in it is refused."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tierwise.catalog import Catalog, RateCard, Tokens, disjoint_tokens
from tierwise.errors import ConfigurationError, UnknownModel, Unpriced

DAY = date(2026, 11, 24)
GUIDE = Path(__file__).parents[2] / "docs" / "catalog.md"

PRICE = """
[[price]]
model = "gpt-5.4"
from = 2026-10-01
reason = "contract"
rates = { uncached = 2, cached = 0.1, output = 12 }
"""


def opened(folder: Path, text: str) -> Catalog:
    path = folder / "overrides.toml"
    path.write_text(text, "utf-8")
    return Catalog.open(path)


@pytest.fixture
def documented(tmp_path: Path) -> Catalog:
    """The example of docs/catalog.md, as it stands there."""
    example = re.search(r"```toml\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert example
    return opened(tmp_path, example[1])


def test_the_documented_lines_of_python_do_what_they_say() -> None:
    example = re.search(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert example
    names: dict[str, object] = {}
    exec(example[1], names)  # the lines are ours
    card = names["card"]
    assert isinstance(card, RateCard)
    total = card.cost(disjoint_tokens(input=10_000, cached=8_000, output=500, reasoning=200)).total
    assert f"Decimal('{total}')" in example[1]


def test_the_documented_example_does_what_it_says(documented: Catalog) -> None:
    priced = documented.rate_card("gpt-5.4-2026-03-05", at=DAY)
    assert priced.short.uncached == Decimal("2.25")
    assert priced.rates(272_001).output == Decimal("20.25")
    assert priced.note == "your price of 2026-10-01: Contract A-17, schedule 2"
    assert documented.rate_card("gpt-5.4", at=date(2026, 9, 30)).short.uncached == Decimal("2.5")
    assert documented.rate_card("gpt-5.4", at=date(2027, 10, 1)).short.uncached == Decimal("2.5") * Decimal(
        "0.875"
    )
    assert documented.rate_card("acme-private-1", at=DAY).short.output == Decimal(4)
    assert documented.rate_card("gpt-5.4", "batch", at=DAY).short.uncached == Decimal("1.09375")
    assert documented.rate_card("gpt-5.4", "flex", at=DAY).short.uncached == Decimal("1.25")
    assert documented.resolve("azure/my-deployment").model.name == "gpt-4o"
    assert documented.resolve("My-Deployment").how == "alias"
    assert documented.ladder("cautious").tier_of("gpt-5.5") == "frontier"
    assert documented.background_models == {"gpt-5.4", "gpt-5.4-mini"}
    assert "12.5 %" in str(documented.rate_card("gpt-6-sol", at=DAY).note)


def test_reserved_capacity_costs_no_token_and_names_its_fee(documented: Catalog) -> None:
    card = documented.rate_card("gpt-5.4-mini", at=DAY)
    assert card.cost(Tokens(uncached=1000, output=1000)).total == 0
    assert "4000 USD a month" in str(card.note)
    assert [capacity.monthly_fee for capacity in documented.reserved] == [Decimal(4000)]
    assert documented.rate_card("gpt-5.4-mini", at=date(2026, 12, 1)).short.uncached == Decimal(
        "0.75"
    ) * Decimal("0.875")


def test_named_background_models_lose_the_note(documented: Catalog, tmp_path: Path) -> None:
    assert documented.rate_card("gpt-5.4", "background-8h", at=DAY).note is None
    own = opened(tmp_path, 'background_models = ["gpt-4o"]')
    assert own.rate_card("gpt-4o", "background-2h", at=DAY).short.uncached == Decimal("1.75")


def test_an_owners_price_has_no_uplift_and_no_discount(tmp_path: Path) -> None:
    own = opened(
        tmp_path,
        PRICE + '[[discount]]\nmodels = ["*"]\npercent = 10\nfrom = 2026-01-01\nreason = "volume"\n',
    )
    card = own.rate_card("gpt-5.4", at=DAY, residency=True)
    assert card.short.uncached == Decimal(2)
    assert own.rate_card("gpt-5.5", at=DAY, residency=True).short.uncached == Decimal("4.95")
    assert own.rate_card("gpt-5.4", "batch", at=DAY).short.output == Decimal("6.75")


def test_a_price_under_another_spelling_covers_only_that_spelling(tmp_path: Path) -> None:
    own = opened(tmp_path, PRICE.replace('"gpt-5.4"', '"GPT-5.4-2026-03-05"'))
    assert own.rate_card("gpt-5.4-2026-03-05", at=DAY).short.uncached == Decimal(2)
    assert own.rate_card("gpt-5.4", at=DAY).short.uncached == Decimal("2.5")
    assert own.resolve("gpt-5.4-2026-03-05").model.known


def test_the_newest_price_of_a_day_counts_and_the_last_in_the_file_breaks_a_tie(tmp_path: Path) -> None:
    newer = PRICE.replace("2026-10-01", "2026-11-01").replace("uncached = 2,", "uncached = 1,")
    tied = newer.replace("uncached = 1,", "uncached = 0.5,")
    own = opened(tmp_path, newer + PRICE + tied)
    assert own.rate_card("gpt-5.4", at=DAY).short.uncached == Decimal("0.5")
    assert own.rate_card("gpt-5.4", at=date(2026, 10, 31)).short.uncached == Decimal(2)


def test_a_price_prices_what_was_unpriced(tmp_path: Path) -> None:
    lane = PRICE.replace('"gpt-5.4"', '"gpt-5.4-nano"\nlane = "priority"')
    assert opened(tmp_path, lane).rate_card("gpt-5.4-nano", "priority", at=DAY).short.output == Decimal(12)
    with pytest.raises(Unpriced):
        opened(tmp_path, lane).rate_card("gpt-5.4-nano", "priority", at=date(2026, 9, 1))


def test_an_alias_may_lead_to_a_fine_tuned_model(tmp_path: Path) -> None:
    own = opened(tmp_path, '[[alias]]\nname = "tagger"\nmodel = "ft:gpt-4.1-2025-04-14:acme::abc"')
    assert own.rate_card("tagger", at=DAY).short.uncached == Decimal(3)


def test_an_alias_wins_over_a_model_of_the_same_name(tmp_path: Path) -> None:
    own = opened(tmp_path, '[[alias]]\nname = "gpt-4"\nmodel = "gpt-5.4-mini"')
    assert own.resolve("gpt-4").model.name == "gpt-5.4-mini"


def test_overrides_change_the_digest(catalog: Catalog, tmp_path: Path) -> None:
    assert opened(tmp_path, PRICE).digest != catalog.digest


@pytest.mark.parametrize(
    ("text", "named"),
    [
        pytest.param("[[prices]]\nmodel = 'x'", "unknown key 'prices'", id="unknown table"),
        pytest.param(PRICE + "discont = 1", r"\[\[price\]\] number 1.*discont", id="unknown key"),
        pytest.param(
            PRICE + PRICE.replace("uncached", "input"), r"\[\[price\]\] number 2.*input", id="unknown kind"
        ),
        pytest.param(PRICE.replace('reason = "contract"', ""), "reason", id="no reason"),
        pytest.param(PRICE.replace('"contract"', '" "'), "reason must say why", id="blank reason"),
        pytest.param(PRICE.replace("from = 2026-10-01", ""), "from must be a date", id="no date"),
        pytest.param(PRICE.replace("2026-10-01", '"soon"'), "date", id="a date in words"),
        pytest.param(PRICE + "until = 2026-10-01", "until .* must be after from", id="ends before it starts"),
        pytest.param(PRICE + 'lane = "cheap"', "cheap", id="unknown lane"),
        pytest.param(
            PRICE.replace("uncached = 2", "uncached = -2"), "uncached must be a rate", id="negative"
        ),
        pytest.param(
            PRICE.replace("uncached = 2", "uncached = nan"), "uncached must be a rate", id="not a number"
        ),
        pytest.param(
            PRICE.replace("uncached = 2", "uncached = inf"), "uncached must be a rate", id="infinite"
        ),
        pytest.param(PRICE.replace("uncached = 2", "uncached = true"), "uncached", id="a truth value"),
        pytest.param(PRICE.replace("uncached = 2", 'uncached = "two"'), "uncached", id="in words"),
        pytest.param(PRICE + "threshold = 5", "belong together", id="half a step"),
        pytest.param("price = 5", r"array of tables \[\[price\]\]", id="not a table"),
        pytest.param("[[price]]", "model", id="an empty row"),
        pytest.param("price = [5]", r"\[\[price\]\] number 1", id="a row that is no table"),
        pytest.param(
            "[[discount]]\nmodels=['*']\npercent=101\nfrom=2026-01-01\nreason='x'", "percent", id="percent"
        ),
        pytest.param(
            "[[discount]]\nmodels=['*']\npercent=5\nreason='x'", "from must be a date", id="no start"
        ),
        pytest.param(
            "[[reserved]]\nmodels=['*']\nmonthly_fee=-1\nfrom=2026-01-01\nreason='x'", "monthly_fee", id="fee"
        ),
        pytest.param("[[ladder]]\nname='x'\nmodels=['gpt-5.4']", "ladder", id="one rung"),
        pytest.param(
            "[[ladder]]\nname='x'\nmodels=['gpt-5.4','a-1','gpt-5.4','gpt-5.5']",
            "'x'.*'a-1'",
            id="unknown rung",
        ),
        pytest.param("[[alias]]\nname='x'\nmodel='y'", r"\[\[alias\]\] 'x'.*'y'", id="alias to nothing"),
        pytest.param("background_models = 'gpt-4o'", "background_models must be a list", id="not a list"),
        pytest.param("[[price]\nmodel", "not valid TOML.*line 1", id="not TOML"),
        pytest.param("a = " + "[" * 5000, "not valid TOML", id="nested without end"),
        pytest.param(
            "x = 1e999999999999999999999", "not valid TOML|unknown key", id="a number past all bounds"
        ),
    ],
)
def test_a_file_that_does_not_hold_is_refused_with_file_and_key(
    tmp_path: Path, text: str, named: str
) -> None:
    with pytest.raises(ConfigurationError, match=named) as caught:
        opened(tmp_path, text)
    assert "overrides.toml" in str(caught.value)


def test_a_missing_file_a_folder_and_wrong_bytes_are_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_bytes(b"# \xff\xfe\n")
    for path, named in ((tmp_path / "none.toml", "cannot read"), (tmp_path, "cannot read"), (wrong, "UTF-8")):
        with pytest.raises(ConfigurationError, match=named):
            Catalog.open(path)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_overrides_or_a_configuration_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "any.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        own = Catalog.open(path)
    except ConfigurationError:
        return
    with pytest.raises(UnknownModel):
        own.resolve("gpt-9-foo")
