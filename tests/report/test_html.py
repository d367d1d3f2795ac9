"""The page: self-contained, escaped, readable without eyes or colour, and bounded in size."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from types import ModuleType

import pytest
from msgspec.structs import replace

from tierwise.report import _charts as charts
from tierwise.report import html

STATES = ["findings", "totals", "nothing", "empty", "unpriced", "hostile"]
VOID = {"meta", "br", "rect", "line"}


class Page(HTMLParser):
    """Elements with their attributes, all text, and whether every element was closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            while self.open and self.open[-1] == "rect" != tag:
                self.open.pop()
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("which", STATES)
def test_elements_are_nested_and_closed_and_ids_are_unique(made: ModuleType, which: str) -> None:
    page = Page(html(getattr(made, which)()))
    assert page.open == []
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in page.elements:
        assert set((attrs.get("aria-labelledby") or "").split()) <= set(ids)
        assert (attrs.get("href") or "#main")[1:] in ids


@pytest.mark.parametrize("which", STATES)
def test_the_page_asks_no_host_for_anything(made: ModuleType, which: str) -> None:
    text = html(getattr(made, which)())
    page = Page(text)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "image", "use"}
    for _, attrs in page.elements:
        assert not {name for name in attrs if name.startswith("on") or name in {"src", "srcset", "style"}}
        assert (attrs.get("href") or "#").startswith("#")
    assert "http://" not in text
    assert "https://" not in text
    style = text.split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in text


def test_hostile_text_stays_text(made: ModuleType) -> None:
    text = html(made.hostile())
    assert "<script" not in text.lower()
    assert text.lower().count("</style>") == 1
    assert "&lt;script" in text
    assert "{{ 7*7 }}" in text
    assert not re.search(r"[\x00-\x08\x0b-\x1f\ud800-\udfff\u202e]", text)


def test_every_workload_is_there_with_its_label_signals_and_move(made: ModuleType) -> None:
    whole = made.findings()
    text = unescape(html(whole))
    for row in whole.workloads:
        assert row.id in text
        assert row.label in text
        assert all(signal in text for signal in row.signals)


def test_tables_have_heads_with_a_scope_and_charts_a_title_and_words(made: ModuleType) -> None:
    text = html(made.findings())
    page = Page(text)
    assert all(attrs.get("scope") for tag, attrs in page.elements if tag == "th")
    for chart in re.findall(r'<svg role="img".*?</svg>', text, re.DOTALL):
        assert "<title id=" in chart
        assert "<desc id=" in chart
    assert ("html", {"lang": "en"}) in page.elements


def test_it_says_unproven_and_never_that_quality_holds(made: ModuleType) -> None:
    text = html(made.findings())
    assert "unproven" in text
    assert "quality holds" not in text


@pytest.mark.parametrize(
    ("which", "words"),
    [
        ("empty", "No calls were found."),
        ("unpriced", "None of these calls has a price"),
        ("nothing", "Nothing to save was found"),
        ("totals", "tierwise audit LOGS"),
    ],
)
def test_each_log_with_little_to_say_has_its_own_words(made: ModuleType, which: str, words: str) -> None:
    assert [name for name in STATES if words in html(getattr(made, name)())] == [which]


def test_the_page_stays_small_however_many_workloads_there_are(made: ModuleType) -> None:
    whole = made.findings()
    long = replace(
        whole.workloads[1],
        label="word " * 400,
        tools_unused=tuple(f"tool_{n}_{'x' * 60}" for n in range(128)),
        signals=("a signal of some length " * 4,) * 8,
    )
    many = tuple(replace(long, id=f"{n:016x}") for n in range(5000))
    text = html(replace(whole, workloads=many))
    assert len(text.encode()) < 2_000_000
    assert "4,700 more workloads" in text


def test_the_waterfall_steps_from_spend_to_what_it_could_be(made: ModuleType) -> None:
    whole = made.findings()
    chart = charts.waterfall(whole)
    assert chart
    labels = [bar.label for bar in chart.bars]
    assert labels[0] == "Spend today"
    assert labels[-1] == "Could be, unproven"
    links = [bar.link for bar in chart.bars]
    assert links == sorted(links, reverse=True)
    assert links[-1] == pytest.approx(float((whole.spend.total - whole.could_save) / whole.spend.total) * 100, abs=0.01)  # fmt: skip


def test_a_lever_that_costs_more_steps_the_other_way(made: ModuleType) -> None:
    whole = made.findings()
    dearer = replace(whole.lever_shares[2], saves=-whole.lever_shares[2].saves)
    chart = charts.waterfall(replace(whole, lever_shares=(dearer,)))
    assert chart
    assert [mark.kind for bar in chart.bars for mark in bar.marks] == ["spend", "more", "left"]
    assert chart.bars[1].value.startswith("+$")
    assert max(mark.x + mark.width for bar in chart.bars for mark in bar.marks) <= 100.01


def test_bars_of_depth_fill_their_width(made: ModuleType) -> None:
    chart = charts.depth_bars(made.findings())
    assert chart
    for bar in chart.bars:
        assert sum(mark.width for mark in bar.marks) == pytest.approx(100)


def test_a_year_of_days_is_drawn_by_month(made: ModuleType) -> None:
    whole = made.findings()
    day = whole.days[0]
    days = tuple(
        replace(day, name=f"2026-{month:02d}-{n:02d}") for month in range(1, 13) for n in range(1, 29)
    )
    chart = charts.day_columns(replace(whole, days=days))
    assert chart
    assert [column.label for column in chart.columns] == [f"2026-{month:02d}" for month in range(1, 13)]
    assert chart.columns[0].value == "$1,996.68"


def test_hours_with_names_that_are_no_hours_are_left_out(made: ModuleType) -> None:
    whole = made.findings()
    odd = (replace(whole.hours[0], name="2026"), replace(whole.hours[0], name="2026-11-16Tx9:00Z"))
    assert charts.hour_columns(replace(whole, hours=odd)) is None


def test_an_empty_log_counts_its_calls_with_a_space(made: ModuleType) -> None:
    assert "0 calls in" in html(made.empty())


def test_volumes_are_multiples(made: ModuleType) -> None:
    page = html(made.findings())
    assert ">x10<" in page
    assert "1 times" not in page


def test_a_patch_is_told_by_its_marks_and_not_by_colour_alone(made: ModuleType) -> None:
    text = unescape(html(made.findings()))
    patch = text.split('<pre class="patch"')[2].split("</pre>")[0]
    lines = [re.sub(r"<[^>]+>", "", line) for line in patch.split(">", 1)[1].strip().splitlines()]
    assert lines == [
        "@@ instructions, character 41 of 812",
        "  You work at the support desk of a shop.",
        "- Now: {timestamp}.",
        "  You sort tickets.",
        "@@ end of the instructions, or the newest user turn",
        "+ Now: {timestamp}.",
    ]


def test_all_advice_is_there_with_its_place_money_and_a_word_on_double_counting(made: ModuleType) -> None:
    whole = made.findings()
    text = unescape(html(whole))
    for row in whole.advice:
        assert row.where in text
        assert row.text in text
    assert "$91.92 in 30 days, simulated" in text
    assert "$6.20 over this log" in text
    assert "already in 'could save'" in text
    assert "no patch to show" in text
    assert "No change to your own code was found" in html(made.nothing())


def test_the_page_stays_small_however_much_advice_there_is(made: ModuleType) -> None:
    whole = made.findings()
    long = replace(whole.advice[0], diff=("-" + "<" * 160,) * 14)
    assert len(html(replace(whole, advice=(long,) * 100)).encode()) < 2_000_000
