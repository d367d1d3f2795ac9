"""A month stated: rows that add up to the ledger to the last digit, whatever the ledger holds."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import tracemalloc
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from tierwise.calls import RECORDER_VERSION, Attempt, CostLine, Recorded
from tierwise.catalog import Catalog, Tokens
from tierwise.cli._main import build, main
from tierwise.errors import CallerError
from tierwise.ledger import Closed, Ledger, Opened, Spool, plain, settle, settling
from tierwise.statement import COLUMNS, Focus, Group, Month, html, markdown, month_of, safe, state

DAY = dt.date(2026, 11, 20)
TODAY = dt.date(2026, 11, 25)
MONTH = month_of("2026-11", TODAY)
MODEL = "gpt-5.4-mini-2026-03-17"
MANDATORY = {
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd",
    "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd",
    "ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity",
    "PricingUnit", "ProviderName", "PublisherName", "ServiceCategory", "ServiceName",
}  # fmt: skip


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.open()


@pytest.fixture
def ledger(tmp_path: Path) -> Any:
    found = Ledger(str(tmp_path / "l.db"))
    yield found
    found.close()


def at(day: dt.date) -> int:
    return int(dt.datetime(day.year, day.month, day.day, 9, tzinfo=dt.UTC).timestamp() * 1e6)


def priced(catalog: Catalog, tokens: Tokens, model: str = MODEL, lane: Any = "standard") -> Decimal:
    return catalog.rate_card(model, lane, at=DAY).cost(tokens).total


def closed(
    identity: str, cost: Decimal | None, *, day: dt.date = DAY, line: Any = None, **call: Any
) -> Closed:
    given: dict[str, Any] = {
        "status": "ok", "served": MODEL, "asked": "gpt-5.4-mini", "project": "p", "tokens": Tokens(uncached=10),
    } | call  # fmt: skip
    as_asked = cost * 2 if cost is not None else None
    recorded = Recorded(
        recorder=RECORDER_VERSION, at=at(day), key="app", cost=cost, as_asked=as_asked, **given
    )
    return Closed(id=identity, call=recorded, **(line or {}))


def opened(identity: str, held: str = "0.5", day: dt.date = DAY, model: str = MODEL) -> Opened:
    return Opened(id=identity, at=at(day), project="p", key="app", model=model, reserved=Decimal(held))


def fold(ledger: Ledger, folder: Path, *lines: Opened | Closed) -> None:
    spool = Spool(folder / "spool", room=64 * 1024 * 1024 if len(lines) > 1000 else 1024 * 1024)
    for line in lines:
        spool.append(line)
    path = spool.path
    spool.close()
    ledger.fold(path, orphan=True)


def stated(
    ledger: Ledger, catalog: Catalog, contract: Catalog | None = None, **more: Any
) -> tuple[Month, list[dict[str, str]]]:
    """The sums and the table's rows."""
    file = io.StringIO(newline="")
    focus = Focus(file, MONTH)
    month = state(ledger, MONTH, TODAY, catalog, contract, each=focus.write, **more)
    rows = list(csv.DictReader(io.StringIO(file.getvalue(), newline="")))
    assert len(rows) == focus.rows
    return month, rows


def total(rows: list[dict[str, str]], column: str) -> Decimal:
    return sum((Decimal(row[column]) for row in rows), Decimal(0))


def sound(rows: list[dict[str, str]]) -> None:
    """What the specification asks of each row."""
    for row in rows:
        assert row["BillingCurrency"] == "USD"
        assert row["BilledCost"] == row["EffectiveCost"]
        assert "E" not in row["BilledCost"] + row["PricingQuantity"]
        for price, cost in (("ListUnitPrice", "ListCost"), ("ContractedUnitPrice", "ContractedCost")):
            if row[price]:
                assert Decimal(row[price]) * Decimal(row["PricingQuantity"]) == Decimal(row[cost])
        if row["ChargeCategory"] == "Usage":
            assert Decimal(row["ConsumedQuantity"]) > 0
            assert row["PricingQuantity"]
            assert row["PricingUnit"]
            assert row["PricingCategory"] == "Standard"
        else:
            assert row["ChargeCategory"] == "Adjustment"
            assert row["ListCost"] == row["BilledCost"] == row["ContractedCost"]


counts = st.integers(0, 400_000)
tokens = st.builds(Tokens, uncached=counts, cached=counts, output=counts, reasoning=st.integers(0, 900))
costs = st.one_of(st.just("rates"), st.none(), st.decimals(min_value=0, max_value=3, places=13))
calls = st.lists(
    st.tuples(
        tokens, costs, st.sampled_from([MODEL, "gpt-5.4-2026-03-05", "gpt-9-foo"]),
        st.sampled_from(["standard", "batch"]), st.sampled_from([None, "p", "=q"]),
        st.integers(1, 25), st.sampled_from([(), ("a", "b")]),
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls, st.integers(0, 3))
def test_rows_add_up_to_the_ledger_to_the_last_digit(
    tmp_path_factory: Any, catalog: Catalog, given_: list[Any], unknown: int
) -> None:
    folder = tmp_path_factory.mktemp("month")
    ledger, lines = Ledger(str(folder / "l.db")), []
    for number, (used, given_cost, model, lane, project, day, tags) in enumerate(given_):
        cost = given_cost
        if cost == "rates":
            cost = priced(catalog, used, model, lane) if model != "gpt-9-foo" else None
        lines.append(
            closed(
                str(number), cost, day=dt.date(2026, 11, day), tokens=used, served=model, lane=lane,
                project=project, tags=tags,
            )
        )  # fmt: skip
    fold(ledger, folder, *lines, *(opened(f"u{number}") for number in range(unknown)))
    month, rows = stated(ledger, catalog)
    (sums,) = ledger.totals(since="2026-11-01", until="2026-11-30") or [None]
    assert total(rows, "BilledCost") == month.cost.counted == (sums.cost if sums is not None else 0)
    assert total(rows, "ListCost") == month.cost.listed
    assert total(rows, "ContractedCost") == month.cost.contract
    assert month.saving.counted == month.as_asked.counted - month.cost.counted
    assert sum(of.cost.counted for of in month.projects.values()) == month.cost.counted
    assert sum(of.cost.listed for of in month.models.values()) == month.cost.listed
    if sums is not None:
        assert (month.calls, month.held) == (sums.calls, sums.reserved)
        assert month.as_asked.counted == sums.as_asked
        assert month.unknown + month.unpriced == sums.unpriced
    sound(rows)
    assert "<html" in html(month)
    ledger.close()


def test_the_table_has_every_mandatory_column_and_ours_come_last(ledger: Ledger, catalog: Catalog) -> None:
    assert set(COLUMNS) >= MANDATORY
    own = [name for name in COLUMNS if name.startswith("x_")]
    assert list(COLUMNS) == [*sorted(set(COLUMNS) - set(own)), *own]


def test_one_row_a_kind_of_token_with_its_rates(ledger: Ledger, tmp_path: Path, catalog: Catalog) -> None:
    used = Tokens(uncached=100, cached=900, output=50, reasoning=7)
    fold(ledger, tmp_path, *(closed(name, priced(catalog, used), tokens=used) for name in "ab"))
    _, rows = stated(ledger, catalog)
    found = {row["x_TokenBucket"]: row for row in rows}
    assert [(name, row["ConsumedQuantity"], row["ListUnitPrice"]) for name, row in found.items()] == [
        ("cached", "1800", "0.075"), ("output", "100", "4.5"), ("reasoning", "14", "4.5"), ("uncached", "200", "0.75"),
    ]  # fmt: skip
    row = found["cached"]
    assert (row["ChargePeriodStart"], row["ChargePeriodEnd"]) == (
        "2026-11-20T00:00:00Z",
        "2026-11-21T00:00:00Z",
    )
    assert (row["BillingPeriodStart"], row["BillingPeriodEnd"]) == (
        "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z",
    )  # fmt: skip
    assert (row["PricingUnit"], row["PricingQuantity"], row["x_Calls"]) == ("1000000 Tokens", "0.0018", "2")
    assert (row["SubAccountId"], row["SkuMeter"], row["x_Basis"]) == ("p", "cached input", "rates")


def test_the_long_context_step_and_hosted_tools_have_rows_of_their_own(
    ledger: Ledger, tmp_path: Path, catalog: Catalog
) -> None:
    model, short, long = "gpt-5.4-2026-03-05", Tokens(uncached=272_000), Tokens(uncached=272_001)
    fee = catalog.hosted_fee("web_search", DAY)
    fold(
        ledger, tmp_path,
        closed("a", priced(catalog, short, model), tokens=short, served=model),
        closed("b", priced(catalog, long, model) + 3 * fee, tokens=long, served=model, hosted={"web_search": 3}),
    )  # fmt: skip
    _, rows = stated(ledger, catalog)
    assert [(row["x_LongContext"], row["SkuMeter"], row["ListUnitPrice"], row["ConsumedUnit"]) for row in rows] == [
        ("false", "input", "2.5", "Tokens"), ("true", "input", "5", "Tokens"),
        ("false", "web search", plain(fee), "Requests"),
    ]  # fmt: skip
    sound(rows)


def test_a_cost_that_no_rates_give_is_shared_out_over_the_tokens(
    ledger: Ledger, tmp_path: Path, catalog: Catalog
) -> None:
    used, cost = Tokens(uncached=1000, output=1000), Decimal("0.0100000000000000001")
    fold(ledger, tmp_path, closed("a", cost, tokens=used))
    month, rows = stated(ledger, catalog)
    assert total(rows, "BilledCost") == cost
    assert total(rows, "ListCost") == priced(catalog, used)
    assert {row["x_Basis"] for row in rows} == {"share"}
    assert "Counted at other prices than these lists give now: 1 call." in markdown(month)


def test_residency_is_found_by_the_cost_it_gives(ledger: Ledger, tmp_path: Path, catalog: Catalog) -> None:
    used = Tokens(uncached=1000, output=10)
    cost = catalog.rate_card(MODEL, at=DAY, residency=True).cost(used).total
    fold(ledger, tmp_path, closed("a", cost, tokens=used))
    month, rows = stated(ledger, catalog)
    assert {row["x_Basis"] for row in rows} == {"rates"}
    assert month.cost.listed == cost == priced(catalog, used) * Decimal("1.1")


CONTRACT = """
[[discount]]
models = ["gpt-5.4-mini"]
percent = 25
from = 2026-01-01
reason = "contract"
[[alias]]
name = "our-mini"
model = "gpt-5.4-mini"
[[price]]
model = "our-own"
from = 2026-01-01
rates = { uncached = 3, output = 9 }
reason = "a model of ours"
[[reserved]]
models = ["gpt-5.4"]
from = 2026-11-10
monthly_fee = 900
reason = "capacity"
"""


def test_list_and_contract_stand_side_by_side_whichever_was_counted(
    ledger: Ledger, tmp_path: Path, catalog: Catalog
) -> None:
    (tmp_path / "contract.toml").write_text(CONTRACT)
    contract = Catalog.open(tmp_path / "contract.toml")
    used = Tokens(uncached=1000, output=100)
    at_list, own = priced(catalog, used), Decimal("0.0039")
    fold(
        ledger, tmp_path,
        closed("a", at_list, tokens=used),
        closed("b", at_list * 3 / 4, tokens=used, served="our-mini"),
        closed("c", own, tokens=used, served="our-own"),
    )  # fmt: skip
    month, rows = stated(ledger, catalog, contract)
    assert {row["x_Basis"] for row in rows} == {"rates"}
    assert month.cost.counted == at_list * Decimal("1.75") + own
    assert month.cost.listed == at_list * 2 + own
    assert month.cost.contract == at_list * Decimal("1.5") + own
    assert {row["ListUnitPrice"] for row in rows if row["x_Model"] == "our-own"} == {""}
    page = markdown(month)
    assert "Reserved capacity: $900.00 a month" in page
    sound(rows)


def test_prices_given_that_lack_what_was_counted_leave_the_call_whole(
    ledger: Ledger, tmp_path: Path, catalog: Catalog
) -> None:
    fold(ledger, tmp_path, closed("a", Decimal("0.25"), served="our-own"))
    month, (row,) = stated(ledger, catalog)
    assert (row["ChargeCategory"], row["BilledCost"], row["ListCost"]) == ("Adjustment", "0.25", "0.25")
    assert (row["x_Basis"], row["x_Model"], row["PricingQuantity"]) == ("whole", "our-own", "")
    assert "Not priced anew, for the lists lack what they used: 1 call." in markdown(month)


def test_settled_and_held_and_unpriced_calls_are_told_apart(
    ledger: Ledger, tmp_path: Path, catalog: Catalog
) -> None:
    fold(
        ledger, tmp_path,
        closed("a", priced(catalog, Tokens(uncached=10))), opened("u", "0.5"),
        opened("v", "0.25", day=DAY + dt.timedelta(days=1)),
        closed("x", None, served="gpt-9-foo", line={"unpriced": "gpt-9-foo leads to no model"}),
    )  # fmt: skip
    cost = priced(catalog, Tokens(uncached=10)) + Decimal("0.123456789")
    line = CostLine(start=at(DAY), amount=cost, line_item=f"{MODEL}, input")
    assert settle(ledger, settling(ledger, [line], TODAY, catalog), "kim") == 1
    month, rows = stated(ledger, catalog)
    assert total(rows, "BilledCost") == month.cost.counted == cost == ledger.totals()[0].cost
    settled = next(row for row in rows if row["x_Basis"] == "settled")
    assert (settled["BilledCost"], settled["x_Calls"], settled["ConsumedQuantity"]) == (
        "0.123456789",
        "1",
        "",
    )
    assert (month.settled, month.unknown, month.unpriced) == (1, 1, 1)
    assert month.saving.listed == 0
    page = markdown(month)
    assert "Settled by what OpenAI charged: 1 call of unknown end, $0.123456789." in page
    assert "Held: $0.25 for 1 call whose end is not known" in page
    assert "| gpt-9-foo leads to no model | 1 |" in page


def test_retries_are_counted_and_cost_nothing_that_is_known(
    ledger: Ledger, tmp_path: Path, catalog: Catalog
) -> None:
    tries = {"attempts": tuple(Attempt(number=number, seconds=0.1) for number in (1, 2, 3))}
    fold(ledger, tmp_path, closed("a", priced(catalog, Tokens(uncached=10)), line=tries))
    page = markdown(stated(ledger, catalog)[0])
    assert "Retries: 2 requests beyond the first, for 1 call." in page


def test_a_damaged_line_or_amount_is_counted_and_told(
    ledger: Ledger, tmp_path: Path, catalog: Catalog
) -> None:
    cost = priced(catalog, Tokens(uncached=10))
    fold(ledger, tmp_path, *(closed(name, cost) for name in "abcd"))
    with ledger.engine.begin() as connection:
        for name, change in (
            ("a", "line = x'7b'"), ("b", "cost = 'ten'"), ("c", "cost = '1e999'"), ("d", "line = x'ff00'"),
        ):  # fmt: skip
            connection.execute(sa.text(f"update calls set {change} where id = '{name}'"))
    month, rows = stated(ledger, catalog)
    assert total(rows, "BilledCost") == 2 * cost == ledger.totals()[0].cost
    assert month.as_asked.counted == 4 * cost == ledger.totals()[0].as_asked
    assert (month.damaged, month.unpriced, ledger.totals()[0].unpriced) == (4, 2, 2)
    page = markdown(month)
    assert "Damaged in the ledger: 4 calls." in page
    assert "| its money in the ledger is damaged | 2 |" in page


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "'=1"),
        ("\r\n=1", "'=1"), ("\uff1dA1", "'\uff1dA1"), (" =1", "'=1"), ("a=1", "a=1"), ("a\nb", "a b"), ("", ""),
    ],
)  # fmt: skip
def test_text_is_never_a_formula(text: str, cell: str) -> None:
    assert safe(text) == cell


def test_names_from_callers_are_cells_of_text(ledger: Ledger, tmp_path: Path, catalog: Catalog) -> None:
    nasty = '=HYPERLINK("http://example.invalid","x")'
    fold(
        ledger, tmp_path,
        closed("a", Decimal("0.5"), served=nasty, project="@p|x\n**", tags=("=t", 'a","b'), tokens=Tokens(output=1)),
        closed("b", priced(catalog, Tokens(uncached=10)), project="-2", tags=("=t",)),
    )  # fmt: skip
    month, rows = stated(ledger, catalog)
    for row in rows:
        for name, cell in row.items():
            assert not cell.startswith(("=", "+", "@", "-")), name
    assert {row["SubAccountId"] for row in rows} == {"'@p|x **", "'-2"}
    assert json.loads(next(row["Tags"] for row in rows if row["SubAccountId"] == "'-2")) == {"=t": True}
    assert "| @p\\|x \\*\\* | 1 |" in markdown(month)
    month.project = "<script>alert(1)</script>"
    seen: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            seen.append(tag)

    Tags().feed(html(month))
    assert "script" not in seen
    assert "table" in seen


def test_one_project_is_its_own_part_of_the_month(ledger: Ledger, tmp_path: Path, catalog: Catalog) -> None:
    cost = priced(catalog, Tokens(uncached=10))
    fold(ledger, tmp_path, *(closed(name, cost, project=name) for name in "abb".replace("bb", "bc")))
    whole, _ = stated(ledger, catalog)
    parts = [stated(ledger, catalog, project=name)[0].cost.counted for name in "abc"]
    assert sum(parts) == whole.cost.counted == 3 * cost


def test_an_empty_month_has_a_head_and_says_so(ledger: Ledger, catalog: Catalog) -> None:
    month, rows = stated(ledger, catalog)
    assert rows == []
    assert "There are no calls in the ledger for this month." in markdown(month)


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-1", "26-11", "November", "", "0000-01", "2026-00", "9999-12"]
)
def test_what_is_no_month_that_has_begun_is_refused(text: str) -> None:
    with pytest.raises(CallerError, match=r"expected a month such as 2026-11|has not begun"):
        month_of(text, TODAY)


def test_a_month_that_is_not_over_says_up_to_when(ledger: Ledger, catalog: Catalog) -> None:
    assert "this is up to 2026-11-25" in markdown(stated(ledger, catalog)[0])
    over = state(ledger, MONTH, dt.date(2026, 12, 1), catalog)
    assert "not over" not in markdown(over)
    assert month_of("2026-12", dt.date(2026, 12, 1)).next == dt.date(2027, 1, 1)


def test_a_ledger_is_read_as_it_goes(ledger: Ledger, tmp_path: Path, catalog: Catalog) -> None:
    """Ten times the calls, about the same memory; and the reader hears how far it is."""
    cost, peaks, told = priced(catalog, Tokens(uncached=10)), [], []
    pad = "x" * 2_000
    for first, last in ((0, 1_500), (1_500, 15_000)):
        fold(ledger, tmp_path, *(closed(f"c{number}", cost, session=pad) for number in range(first, last)))
        tracemalloc.start()
        month = state(ledger, MONTH, TODAY, catalog, told=lambda day, calls: told.append((day, calls)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert month.cost.counted == last * cost
    assert peaks[1] < peaks[0] + 5_000_000
    assert (DAY, 10_000) in told


def test_the_command_writes_all_or_nothing_and_names_what_is_wrong(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fold(ledger, tmp_path, closed("a", Decimal("0.0000075"), day=dt.date(2026, 10, 3)))
    where, out = str(tmp_path / "l.db"), tmp_path / "out"
    words = [
        "statement",
        "--month",
        "2026-10",
        "--ledger",
        where,
        "-o",
        str(out),
        "--project",
        "p",
        "--account",
        "=a",
    ]
    done = CliRunner().invoke(build(), words)
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in out.iterdir()) == [
        "focus-2026-10-p.csv", "statement-2026-10-p.html", "statement-2026-10-p.md",
    ]  # fmt: skip
    before = (out / "focus-2026-10-p.csv").read_text()
    assert ",'=a," in before

    def fails(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Focus, "write", fails)
    assert main(words) == 1
    assert (out / "focus-2026-10-p.csv").read_text() == before
    assert not list(out.glob("*.part"))
    assert main(["statement", "--month", "2999-01", "--ledger", where]) == 1
    assert main(["statement", "--month", "2026-10", "--ledger", str(tmp_path / "none.db")]) == 1
    said = capsys.readouterr().err
    assert "No space left" in said
    assert "2999-01 has not begun" in said
    assert "found none; name it with --ledger" in said


def test_a_page_without_a_folder_is_printed_and_nothing_written(ledger: Ledger, tmp_path: Path) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    done = CliRunner().invoke(
        build(), ["statement", "--month", "2026-10", "--ledger", str(tmp_path / "l.db")]
    )
    assert done.exit_code == 0
    assert done.output.startswith("# Statement of October 2026")
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert isinstance(Group, type)
