"""Files of labels come back whole whatever stands in them, and are drawn, blinded and counted as said."""

from __future__ import annotations

import csv
import io
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.errors import LabelError
from tierwise.prove import (
    CHOICES,
    Pair,
    Row,
    agreement,
    candidate_is_left,
    candidate_score,
    csv_of,
    draw,
    load_rows,
    rater_name,
    raters,
    rows_of,
    save_rows,
)

HOSTILE = [
    '=HYPERLINK("http://x","y")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "|calc", "%0A", "＝1", "'=1", "''=1", "'tis",
    'a "quoted", cell', "line\r\nbreak", "\r", "\x00nul", "\ud800 half", "العربية \u202e rtl", "日本語", "🙂", "", " ", "x" * 300_000,
    "<script>alert(1)</script>", ";a;b;", "\ufeffmark",
]  # fmt: skip


def pair(number: int) -> Pair:
    return Pair(id=f"call-{number}", request="q", candidate="ours", baseline="theirs")


def row(text: str, **more: object) -> Row:
    return Row(
        **{"id": "a", "probability": 0.5, "overlap": True, "request": text, "left": text, "right": text}
        | more
    )  # type: ignore[arg-type]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_comes_back_as_it_was(text: str) -> None:
    rows = [row(text, id=text or "none", labels=(("ann", "left"), ("bob", "tie")))]

    assert rows_of(csv_of(rows)) == rows


any_text = st.text(st.characters(exclude_categories=()), max_size=30)
any_row = st.builds(
    Row,
    id=any_text,
    probability=st.floats(0, 1, exclude_min=True),
    overlap=st.booleans(),
    request=any_text,
    left=any_text,
    right=any_text,
    labels=st.dictionaries(st.sampled_from(["ann", "bob", "@c"]), st.sampled_from(CHOICES)).map(
        lambda found: tuple(sorted(found.items()))
    ),
)


@settings(max_examples=150)
@given(st.lists(any_row, max_size=5, unique_by=lambda one: one.id))
def test_rows_come_back_as_they_were(rows: list[Row]) -> None:
    assert rows_of(csv_of(rows)) == rows


@given(st.lists(any_row, min_size=1, max_size=3, unique_by=lambda one: one.id))
def test_no_cell_begins_like_a_formula(rows: list[Row]) -> None:
    text = csv_of(rows).decode("utf-8", "surrogatepass")
    for line in csv.reader(io.StringIO(text, newline="")):
        for cell in line:
            assert cell[:1] not in set("=+-@\t\r\n|%＝＋－＠")


def test_a_file_that_a_spreadsheet_saved_again_is_read() -> None:
    saved = b'\xef\xbb\xbfid;probability;overlap;request;left;right;by ann\r\na;"0,5";yes;q;"l;1";r;LEFT\r\n'

    assert rows_of(saved) == [
        Row(
            id="a",
            probability=0.5,
            overlap=True,
            request="q",
            left="l;1",
            right="r",
            labels=(("ann", "left"),),
        )
    ]


HEAD = "id,probability,overlap,request,left,right,by ann\n"
DAMAGED = [
    (b"", "empty file"),
    (b"\xff\xfe", "not UTF-8"),
    (b"id,left\n", "probability is missing"),
    ((HEAD + "a,0.5,yes,q,l\n").encode(), "line 2: expected 7 cells, found 5"),
    ((HEAD + "a,0,yes,q,l,r,\n").encode(), "probability above 0"),
    ((HEAD + "a,nan,yes,q,l,r,\n").encode(), "probability above 0"),
    ((HEAD + "a,1,yes,q,l,r,best\n").encode(), "expected left, right, tie"),
    ((HEAD + "a,1,yes,q,l,r,\na,1,yes,q,l,r,\n").encode(), "line 3: the id 'a' comes twice"),
    ((HEAD + 'a,1,yes,"q').encode(), "unexpected end of data"),
]


@pytest.mark.parametrize(("data", "why"), DAMAGED)
def test_a_damaged_file_names_the_line(data: bytes, why: str) -> None:
    with pytest.raises(LabelError, match=why):
        rows_of(data, "x.csv")


@given(st.binary(max_size=80))
def test_any_bytes_are_rows_or_an_error_of_ours(data: bytes) -> None:
    with suppress(LabelError):
        assert isinstance(rows_of(HEAD.encode() + data), list)


def test_the_draw_is_fixed_by_the_seed_and_has_its_probability() -> None:
    pairs = [pair(number) for number in range(4_000)]
    rows = draw(pairs, "seed", 0.25, 0.2)

    assert rows == draw(reversed(pairs), "seed", 0.25, 0.2)
    assert rows != draw(pairs, "other", 0.25, 0.2)
    # Six standard deviations either side.
    assert 836 < len(rows) < 1_164
    assert 120 < sum(one.overlap for one in rows) < 280
    assert 400 < sum(one.left == "ours" for one in rows) < 600
    assert {one.probability for one in rows} == {0.25}
    assert len(draw(pairs, "seed", 1, 0)) == 4_000


def test_which_answer_is_left_stands_in_no_file_and_is_known_by_the_seed() -> None:
    rows = draw([pair(number) for number in range(50)], "seed", 1)

    for one in rows:
        ours = "left" if candidate_is_left("seed", one.id) else "right"
        theirs = "right" if ours == "left" else "left"
        assert getattr(one, ours) == "ours"
        assert candidate_score(one.with_label("ann", ours), "ann", "seed") == 1.0  # type: ignore[arg-type]
        assert candidate_score(one.with_label("ann", theirs), "ann", "seed") == 0.0  # type: ignore[arg-type]
        assert candidate_score(one.with_label("ann", "tie"), "ann", "seed") == 0.5
        assert candidate_score(one, "ann", "seed") is None
    header = csv_of(rows).split(b"\r\n")[0]
    assert header == b"id,probability,overlap,request,left,right"


@pytest.mark.parametrize(("probability", "overlap"), [(0, 0), (1.1, 0), (0.5, -1), (0.5, 2)])
def test_a_draw_without_a_known_probability_is_refused(probability: float, overlap: float) -> None:
    with pytest.raises(ValueError, match="expected a probability"):
        draw([pair(1)], "seed", probability, overlap)


def test_agreement_counts_what_both_labelled() -> None:
    said: list[tuple[str, str]] = [
        ("left", "left"),
        ("left", "right"),
        ("tie", "tie"),
        ("right", "right"),
        ("left", "left"),
    ]
    rows = [row("q", id=str(n), labels=(("ann", a), ("bob", b))) for n, (a, b) in enumerate(said)]
    rows.append(row("q", id="alone", labels=(("ann", "left"),)))

    table = agreement(rows, "ann", "bob")

    assert table == ((2, 1, 0), (0, 1, 0), (0, 0, 1))
    assert agreement(rows, "bob", "ann") == tuple(zip(*table, strict=True))
    assert sum(map(sum, table)) == Counter(len(one.labels) for one in rows)[2]
    assert raters(rows) == ["ann", "bob"]


def test_a_label_can_be_changed_and_taken_back() -> None:
    labelled = row("q").with_label("ann", "left").with_label("bob", "tie").with_label("ann", "right")

    assert labelled.labels == (("ann", "right"), ("bob", "tie"))
    assert labelled.with_label("ann", None).labels == (("bob", "tie"),)


def test_a_file_is_replaced_whole_or_stays(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    save_rows(path, [row("one")])
    save_rows(path, [row("two")])

    assert load_rows(path) == [row("two")]
    assert [found.name for found in tmp_path.iterdir()] == ["labels.csv"]
    with pytest.raises(LabelError, match="cannot be written"):
        save_rows(tmp_path / "none" / "x.csv", [row("x")])
    with pytest.raises(LabelError, match="cannot be read"):
        load_rows(tmp_path / "none.csv")


@pytest.mark.parametrize("name", ["", " ", "a\nb", "=x", "x" * 61, "a,b", '"'])
def test_a_name_that_could_not_head_a_column_is_refused(name: str) -> None:
    with pytest.raises(LabelError, match="expected a name"):
        rater_name(name)
