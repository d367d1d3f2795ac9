"""The terminal report: what it says, in which order, at which width."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from types import ModuleType

import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from tierwise.audit import Counts, Group
from tierwise.report import money

Printed = Callable[..., str]


def test_the_report_of_a_week_is_the_golden_one(
    made: ModuleType, printed: Printed, golden: Callable[[str, str], None]
) -> None:
    golden("terminal.txt", printed(made.findings()))


def test_the_report_of_a_usage_export_is_the_golden_one(
    made: ModuleType, printed: Printed, golden: Callable[[str, str], None]
) -> None:
    golden("terminal-totals.txt", printed(made.totals()))


@pytest.mark.parametrize("width", [60, 80, 100, 200])
@pytest.mark.parametrize("which", ["findings", "totals", "nothing", "empty", "unpriced", "hostile"])
def test_no_line_is_wider_than_the_terminal(
    made: ModuleType, printed: Printed, which: str, width: int
) -> None:
    text = printed(getattr(made, which)(), width)
    assert max(cell_len(line) for line in text.splitlines()) <= width


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_no_amount_is_cut_at_any_width(made: ModuleType, printed: Printed, width: int) -> None:
    whole = made.findings()
    text = printed(whole, width)
    for row in whole.forecasts:
        for amount in (row.spend, row.spend_low, row.spend_high, row.could_save, row.low, row.high):
            assert money(amount) in text
    for share in whole.lever_shares:
        assert money(share.saves) in text


def test_a_group_without_prices_is_unpriced_and_never_zero(made: ModuleType, printed: Printed) -> None:
    whole = made.findings()
    own = made.counts(10, Decimal(0), unpriced=10)
    rows = (replace(whole.workloads[-1], label="Nightly", counts=own, spend=Decimal(0), calls=10),)
    text = printed(replace(whole, workloads=rows, lanes=(Group(name="odd", counts=own),)))
    assert "odd unpriced (-)" in text
    assert any("Nightly" in line and "unpriced" in line for line in text.splitlines())


def test_reasons_without_a_price_are_listed_and_the_rest_summed(made: ModuleType, printed: Printed) -> None:
    whole = made.unpriced()
    reasons = {f"no model is called 'm{i}'": 10 - i for i in range(8)}
    text = printed(replace(whole, spend=replace(whole.spend, unpriced=reasons, unpriced_calls=52)))
    assert "- 10: no model is called 'm0'" in text
    assert "- 18: 4 more reasons, in the JSON" in text
    assert "'m4'" not in text


def test_tags_that_overlap_are_said_to(made: ModuleType, printed: Printed) -> None:
    whole = made.findings()
    twice = (Group(name="a", counts=whole.counts), Group(name="b", counts=whole.counts))
    assert "tags add up to more than the spend" in " ".join(printed(replace(whole, tags=twice)).split())
    assert "tags add up" not in printed(replace(whole, tags=twice[:1]))


def test_costs_alone_are_no_calls_and_no_lack_of_savings(made: ModuleType, printed: Printed) -> None:
    whole = made.totals()
    shares = tuple(replace(share, saves=Decimal(0), needs="needs tokens") for share in whole.lever_shares)
    text = printed(
        replace(whole, calls=0, counts=Counts(), lever_shares=shares, could_save=Decimal(0), models=())
    )
    assert "amounts charged in" in text
    assert "does not show what could be saved" in text
    assert "Nothing to save was found" not in text


def test_it_fits_two_screens(made: ModuleType, printed: Printed) -> None:
    assert len(printed(made.findings()).splitlines()) <= 132


def test_sections_stand_in_the_order_a_manager_reads(made: ModuleType, printed: Printed) -> None:
    text = printed(made.findings())
    marks = ["top tier", "Could save", "SPEND BY MODEL", "WHAT COULD BE SAVED", "WORKLOADS", "BREAKS THE PROMPT",
             "WORTH A LOOK", "SHUT DOWN", "OUTCOMES", "LEFT OUT", "HOW THESE NUMBERS"]  # fmt: skip
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)


def test_levers_stand_in_the_order_they_are_applied(made: ModuleType, printed: Printed) -> None:
    whole = made.findings()
    turned = replace(whole, lever_shares=whole.lever_shares[::-1])
    lines = printed(turned).split("WHAT COULD BE SAVED")[1].splitlines()
    first = [line.split()[0] for line in lines if line and not line.startswith(" ")]
    assert [word for word in first if word in made.LEVERS] == list(made.LEVERS)


def test_it_says_unproven_and_never_that_quality_holds(made: ModuleType, printed: Printed) -> None:
    for which in (made.findings(), made.totals(), made.nothing()):
        text = " ".join(printed(which).split())
        assert "quality holds" not in text
        assert "same quality" not in text
    assert "unproven" in printed(made.findings())


@pytest.mark.parametrize(
    ("which", "words"),
    [
        ("empty", "No calls were found."),
        ("unpriced", "None of these calls has a price"),
        ("nothing", "Nothing to save was found under this ladder and these limits."),
        ("totals", "This log holds totals, not calls"),
    ],
)
def test_each_log_with_little_to_say_has_its_own_words(
    made: ModuleType, printed: Printed, which: str, words: str
) -> None:
    texts = {name: printed(getattr(made, name)()) for name in ("empty", "unpriced", "nothing", "totals")}
    assert [name for name, text in texts.items() if words in text] == [which]


def test_totals_say_what_is_needed_and_name_the_command(made: ModuleType, printed: Printed) -> None:
    text = printed(made.totals(), 110)
    for lever in ("waste", "tools", "cache"):
        line = next(line for line in text.splitlines() if line.startswith(f"{lever} "))
        assert "needs per-call records" in line
    assert "tierwise audit LOGS" in text.split("BREAKS THE PROMPT CACHE")[1]


def test_a_long_list_of_workloads_is_summed_up(made: ModuleType, printed: Printed) -> None:
    whole = made.findings()
    many = replace(whole, workloads=whole.workloads + whole.workloads)
    assert "12 more workloads: spend" in printed(many)


def test_skipped_records_are_counted_by_reason_with_their_first_places(
    made: ModuleType, printed: Printed
) -> None:
    text = printed(made.findings())
    assert "9: broken JSON" in text
    assert "calls-2026-11-17.jsonl:8812: broken JSON" in text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_that_knows_few_characters_gets_a_report(
    made: ModuleType, printed: Printed, encoding: str
) -> None:
    assert "Could save" in printed(made.findings(), 80, encoding)
    assert "Could save" in printed(made.hostile(), 80, encoding)


def test_foreign_text_cannot_command_the_terminal(made: ModuleType, printed: Printed) -> None:
    text = printed(made.hostile())
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[red]" in text


def test_a_model_whose_end_is_past_ended(made: ModuleType, printed: Printed) -> None:
    whole = made.findings()
    row = whole.shutdowns[0]
    assert f"{row.model} ends on {row.date}" in printed(whole)
    assert f"{row.model} ended on {row.date}" in printed(replace(whole, shutdowns=(replace(row, past=True),)))


def test_the_dearest_advice_is_shown_as_a_patch(made: ModuleType, printed: Printed) -> None:
    text = printed(made.findings())
    part = text.split("WHAT TO CHANGE IN YOUR CODE")[1].split("MODELS THAT")[0]
    assert (
        "    - Now: {timestamp}.\n    @@ end of the instructions, or the newest user turn\n    + Now: {timestamp}.\n"
        in part
    )
    assert "$91.92 in 30 days, simulated" in part
    assert "unproven" in part
    assert "1 more; --html and --json show them." in part
    assert "already in 'could save'" in part
    assert "WHAT TO CHANGE" not in printed(made.nothing())
    last = printed(replace(made.findings(), advice=made.findings().advice[3:]))
    assert "no patch to show" in " ".join(last.split())
