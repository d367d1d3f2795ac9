"""Numbers and foreign text as people read them."""

from __future__ import annotations

import unicodedata
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.report import _view as view
from tierwise.report import count, money, share
from tierwise.report._words import clean, count_short, money_each, money_short, plural, share_of


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "$0.00"),
        ("-0.00", "$0.00"),
        ("0E-12", "$0.00"),
        ("0.0000001", "<$0.01"),
        ("0.00999", "<$0.01"),
        ("0.01", "$0.01"),
        ("0.015", "$0.02"),
        ("0.125", "$0.13"),
        ("0.994", "$0.99"),
        ("1", "$1.00"),
        ("1234.555", "$1,234.56"),
        ("1234567.894", "$1,234,567.89"),
        ("-0.004", "-<$0.01"),
        ("-2", "-$2.00"),
        ("1E+9", "$1,000,000,000.00"),
        ("123456789012345678901234567890.5", "$123,456,789,012,345,678,901,234,567,890.50"),
    ],
)
def test_money_is_rounded_to_the_cent_and_never_to_nothing(amount: str, shown: str) -> None:
    assert money(Decimal(amount)) == shown


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value="-1e12", max_value="1e12", places=9))
def test_money_shown_is_within_half_a_cent(amount: Decimal) -> None:
    shown = money(amount)
    if "<" in shown:
        assert 0 < abs(amount) < Decimal("0.01")
    else:
        assert abs(Decimal(shown.replace("$", "").replace(",", "")) - amount) <= Decimal("0.005")


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        (0.0, "0%"),
        (1.0, "100%"),
        (0.00001, "<0.1%"),
        (0.021, "2.1%"),
        (0.0996, "10%"),
        (0.605, "60%"),
        (0.989, "99%"),
        (0.9949, "99.5%"),
        (0.99999, ">99.9%"),
        (1.5, "150%"),
        (-0.25, "-25%"),
        (float("nan"), "n/a"),
        (float("inf"), "n/a"),
    ],
)
def test_a_share_says_none_and_all_only_where_they_are_exact(part: float, shown: str) -> None:
    assert share(part) == shown


@given(st.floats(min_value=0, max_value=1))
def test_a_share_reads_0_or_100_percent_only_when_it_is(part: float) -> None:
    assert (share(part) == "0%") == (part == 0)
    assert (share(part) == "100%") == (part == 1)


def test_a_share_of_nothing_is_not_a_number() -> None:
    assert share_of(Decimal(1), Decimal(0)) == "n/a"
    assert share_of(Decimal(1), Decimal(4)) == "25%"


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0"), (999, "999"), (1000, "1.0k"), (9_960, "10k"), (999_400, "999k"), (999_950, "1.0M"),
     (12_345_678, "12M"), (3 * 10**9, "3.0B"), (-1500, "-1.5k")],
)  # fmt: skip
def test_a_short_count_has_two_or_three_figures(number: int, shown: str) -> None:
    assert count_short(number) == shown


def test_counts_have_separators_and_one_is_singular() -> None:
    assert count(20037) == "20,037"
    assert plural(1, "call") == "1 call"
    assert plural(2000, "call") == "2,000 calls"
    assert plural(2, "entry", "entries") == "2 entries"


@pytest.mark.parametrize(
    ("amount", "shown"),
    [("0", "$0.00"), ("0.01234", "$0.0123"), ("0.00001", "<$0.0001"), ("-0.5", "-$0.5000"), ("3", "$3.00")],
)
def test_a_price_of_one_call_keeps_a_hundredth_of_a_cent(amount: str, shown: str) -> None:
    assert money_each(Decimal(amount)) == shown


@pytest.mark.parametrize(("amount", "shown"), [("0.35", "$0.35"), ("76.02", "$76"), ("1234", "$1.2k")])
def test_money_on_an_axis_is_short(amount: str, shown: str) -> None:
    assert money_short(Decimal(amount)) == shown


@given(st.text())
def test_clean_text_is_one_encodable_line_without_control_characters(text: str) -> None:
    said = clean(text)
    assert said == clean(said)
    assert not {unicodedata.category(c) for c in said} & {"Cc", "Cs", "Zl", "Zp"}
    said.encode("utf-8")


def test_clean_text_keeps_every_script_and_drops_what_reorders_it() -> None:
    assert clean("契約書 \u202eevil\n\x1b[2J میخواهم\u200c") == "契約書 evil [2J میخواهم\u200c"
    assert clean("caf\udce9") == "caf\ufffd"


RANGES = [
    ("1", "2", "between $1.00 and $2.00", "$1.00 to $2.00"),
    ("1", "1", "exactly $1.00", "$1.00"),
    ("0.4201", "0.4249", "about $0.42", "$0.42"),
    ("0.001", "0.004", "about <$0.01", "<$0.01"),
    ("-0.06", "0.04", "between -$0.06 and $0.04", "-$0.06 to $0.04"),
]


@pytest.mark.parametrize(("low", "high", "between", "span"), RANGES)
def test_a_range_whose_ends_read_the_same_is_said_once(low: str, high: str, between: str, span: str) -> None:
    assert view.between(Decimal(low), Decimal(high)) == between
    assert view.span(Decimal(low), Decimal(high)) == span


@pytest.mark.parametrize(("times", "said"), [(1.0, "x1"), (2.5, "x2.5"), (1e6, "x1,000,000")])
def test_a_volume_is_a_multiple(times: float, said: str) -> None:
    assert view.volume(times) == said
