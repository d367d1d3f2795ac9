"""Dates, money and counts as logs write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierwise.calls._format import BadRecord
from tierwise.calls._values import count, decoded, moment, money

AT = 1_793_872_800_123_456
"""2026-11-05T10:00:00.123456Z in microseconds."""


@pytest.mark.parametrize(
    ("written", "micros"),
    [
        (1_793_872_800, 1_793_872_800_000_000),
        (1_793_872_800.123456, AT),
        (1_793_872_800_123, 1_793_872_800_123_000),
        (AT, AT),
        (AT * 1000 + 7, AT),
        ("1793872800", 1_793_872_800_000_000),
        ("1793872800.123456", AT),
        ("2026-11-05T10:00:00.123456Z", AT),
        ("2026-11-05T10:00:00.123456789Z", AT),
        ("2026-11-05 10:00:00.123456", AT),
        ("2026-11-05 10:00:00.123456 UTC", AT),
        ("2026-11-05T12:00:00.123456+02:00", AT),
        ("2026-11-05", 1_793_836_800_000_000),
        (datetime(2026, 11, 5, 10, 0, 0, 123456, tzinfo=UTC), AT),
        (datetime(2026, 11, 5, 5, 0, 0, 123456, tzinfo=timezone(timedelta(hours=-5))), AT),
        (None, None),
        ("", None),
    ],
)
def test_a_date_is_read_as_it_is_written(written, micros):
    assert moment(written) == micros


@pytest.mark.parametrize(
    "written",
    [
        "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "2014-12-31", "2101-01-01", "soon", "2026-13-45",
        0, 1, -1, 10**30, 10**400, float("nan"), float("inf"), Decimal("NaN"), True, [], {}, "12", "\u0661\u0662",
    ],
    ids=lambda value: f"{value!r:.40}",
)  # fmt: skip
def test_an_impossible_date_is_refused(written):
    with pytest.raises(BadRecord, match="impossible date"):
        moment(written)


@given(st.one_of(st.text(max_size=40), st.floats(), st.integers(), st.booleans(), st.none(), st.datetimes()))
def test_any_value_is_a_date_or_refused(value):
    for reader in (moment, money, lambda v: count(v, "x")):
        refused = None
        try:
            reader(value)
        except BadRecord as fault:
            refused = fault.reason
        assert refused is None or refused.startswith("impossible ")


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_date_written_as_iso_is_that_date(value):
    if 2015 <= value.year < 2100:
        assert moment(value.isoformat()) == (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
            microseconds=1
        )


@pytest.mark.parametrize(
    ("written", "amount"),
    [("0.10", "0.10"), (0.1, "0.1"), (3, "3"), ("1e-9", "1E-9"), (Decimal("2.50"), "2.50")],
)
def test_money_keeps_its_digits(written, amount):
    assert str(money(written)) == amount


@pytest.mark.parametrize("written", ["NaN", "Infinity", "$5", True, "1e999", float("nan"), [1]])
def test_what_is_no_amount_is_refused(written):
    with pytest.raises(BadRecord, match="impossible amount"):
        money(written)


@given(st.text(max_size=60))
def test_json_of_any_text_comes_back_or_is_refused(text):
    import json

    assert decoded(json.dumps(text)) == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
