"""Labels by people: two answers, blind, in a CSV file that a spreadsheet can open and that comes back whole."""

from __future__ import annotations

import csv
import io
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args

import msgspec

from tierwise.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Iterator

Choice = Literal["left", "right", "tie"]
CHOICES: Final[tuple[Choice, ...]] = get_args(Choice)
COLUMNS: Final = ("id", "probability", "overlap", "request", "left", "right")
BY: Final = "by "
"""What the column of a rater's labels begins with."""
_NAME: Final = re.compile(r"[\w .@+-]{1,60}")
_DANGER: Final = "=+\\-@\t\r\n|%＝＋－＠"
"""What a spreadsheet may take for the beginning of a formula (OWASP, 'CSV Injection'), and its wide forms."""
_GUARDED: Final = re.compile(rf"'+[{_DANGER}]")
_UNGUARDED: Final = re.compile(rf"'*[{_DANGER}]")
_MOST_BYTES: Final = 512 * 1024 * 1024


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """A call and two answers to it, before anybody knows which is which."""

    id: str
    """Of the call, without its text."""
    request: str
    candidate: str
    baseline: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One comparison as raters see it."""

    id: str
    probability: float
    """The chance with which it was drawn, above 0 to 1."""
    overlap: bool
    """Whether every rater labels it; the others are labelled once."""
    request: str
    left: str
    right: str
    labels: tuple[tuple[str, Choice], ...] = ()
    """Rater and choice, by name."""

    def by(self, rater: str) -> Choice | None:
        """A rater's choice; None where there is none yet."""
        return dict(self.labels).get(rater)

    def with_label(self, rater: str, choice: Choice | None) -> Row:
        """The row with a rater's choice set, or taken back."""
        kept = {name: said for name, said in self.labels if name != rater}
        if choice is not None:
            kept[rater] = choice
        return msgspec.structs.replace(self, labels=tuple(sorted(kept.items())))


def draw(pairs: Iterable[Pair], seed: str, probability: float, overlap: float = 0.2) -> list[Row]:
    """Pairs drawn by a hash of seed and id, each with the same known probability, blind.

    Args:
        pairs: With ids that differ.
        seed: Fixes who is drawn, who is in the overlap, which answer is left, and the order.
        probability: Of each pair, above 0 to 1.
        overlap: The share of rows drawn that two raters label, 0 to 1.

    Raises:
        ValueError: A probability or share outside its range, or an id that comes twice.
    """
    if not 0 < probability <= 1 or not 0 <= overlap <= 1:
        raise ValueError(
            f"expected a probability above 0 to 1 and an overlap from 0 to 1, got {probability}, {overlap}"
        )
    rows: dict[str, Row] = {}
    for pair in pairs:
        if _uniform(seed, "draw", pair.id) >= probability:
            continue
        if pair.id in rows:
            raise ValueError(f"expected ids that differ, {pair.id!r:.40} comes twice")
        ours_left = candidate_is_left(seed, pair.id)
        rows[pair.id] = Row(
            id=pair.id,
            probability=probability,
            overlap=_uniform(seed, "overlap", pair.id) < overlap,
            request=pair.request,
            left=pair.candidate if ours_left else pair.baseline,
            right=pair.baseline if ours_left else pair.candidate,
        )
    return sorted(rows.values(), key=lambda row: (_uniform(seed, "order", row.id), row.id))


def _uniform(seed: str, use: str, name: str) -> float:
    """A number from 0 to below 1, the same for the same words."""
    data = f"{seed}\x1f{use}\x1f{name}".encode("utf-8", "surrogatepass")
    return (int.from_bytes(blake2b(data, digest_size=8).digest(), "little") >> 11) / 2**53


def candidate_is_left(seed: str, id: str) -> bool:
    """Which side the candidate stands on; the file does not say."""
    return _uniform(seed, "side", id) < 0.5


def candidate_score(row: Row, rater: str, seed: str) -> float | None:
    """A rater's label as the candidate's score against the baseline: 1, 0.5, 0; None where there is none."""
    choice = row.by(rater)
    if choice is None:
        return None
    return 0.5 if choice == "tie" else float((choice == "left") == candidate_is_left(seed, row.id))


def raters(rows: Iterable[Row]) -> list[str]:
    """Everybody who labelled a row, by name."""
    return sorted({name for row in rows for name, _ in row.labels})


def agreement(rows: Iterable[Row], one: str, other: str) -> tuple[tuple[int, int, int], ...]:
    """How often two raters chose what, over rows that both labelled: 3 x 3, in the order of `CHOICES`.

    Rows of the table are the first rater's choices, columns the second's.
    """
    counts = [[0, 0, 0] for _ in CHOICES]
    for row in rows:
        first, second = row.by(one), row.by(other)
        if first is not None and second is not None:
            counts[CHOICES.index(first)][CHOICES.index(second)] += 1
    return tuple((line[0], line[1], line[2]) for line in counts)


def guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula; `unguarded` gives back the text."""
    return f"'{cell}" if _UNGUARDED.match(cell) else cell


def unguarded(cell: str) -> str:
    """The text of a cell."""
    return cell[1:] if _GUARDED.match(cell) else cell


def csv_of(rows: Sequence[Row]) -> bytes:
    """The rows as CSV (RFC 4180, UTF-8); lone surrogates pass as they are."""
    names = raters(rows)
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([*COLUMNS, *(guarded(f"{BY}{name}") for name in names)])
    for row in rows:
        fixed = (
            row.id,
            repr(row.probability),
            "yes" if row.overlap else "no",
            row.request,
            row.left,
            row.right,
        )
        writer.writerow([guarded(cell) for cell in (*fixed, *(row.by(name) or "" for name in names))])
    return out.getvalue().encode("utf-8", "surrogatepass")


def rows_of(data: bytes, name: str = "labels") -> list[Row]:
    """The rows of such a file, also as a spreadsheet saved it again: with a mark, or semicolons.

    Raises:
        LabelError: Not such a file; names the line.
    """
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise LabelError(f"{name}: byte {error.start} is not UTF-8; save it as 'CSV UTF-8'") from None
    header = text.split("\n", 1)[0]
    sign = max(",;\t", key=header.count)
    with _wide_cells(len(text) + 1):
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=sign, strict=True)
        try:
            lines = [(reader.line_num, [unguarded(cell) for cell in line]) for line in reader if line]
        except csv.Error as error:
            raise LabelError(
                f"{name}: line {reader.line_num}: {error}; is it the CSV file that was drawn?"
            ) from None
    if not lines:
        raise LabelError(f"{name}: expected a header, found an empty file")
    columns = lines[0][1]
    if missing := [column for column in COLUMNS if column not in columns]:
        raise LabelError(
            f"{name}: line 1: expected the columns {', '.join(COLUMNS)}; {missing[0]} is missing"
        )
    return _read(lines, columns, name)


@contextmanager
def _wide_cells(most: int) -> Iterator[None]:
    """Cells as long as the file, while it is read: the module's limit is for everybody."""
    before = csv.field_size_limit()
    csv.field_size_limit(max(before, most))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _read(lines: list[tuple[int, list[str]]], columns: list[str], name: str) -> list[Row]:
    rows: list[Row] = []
    seen: set[str] = set()
    for number, cells in lines[1:]:
        where = f"{name}: line {number}"
        if len(cells) != len(columns):
            raise LabelError(f"{where}: expected {len(columns)} cells, found {len(cells)}")
        cell = dict(zip(columns, cells, strict=True))
        if cell["id"] in seen:
            raise LabelError(f"{where}: the id {cell['id']!r:.40} comes twice; each row is one comparison")
        seen.add(cell["id"])
        rows.append(_row(cell, where))
    return rows


def _row(cell: dict[str, str], where: str) -> Row:
    try:
        probability = float(cell["probability"].replace(",", "."))
    except ValueError:
        probability = 0.0
    if not 0 < probability <= 1:
        raise LabelError(f"{where}: expected a probability above 0 to 1, found {cell['probability']!r:.20}")
    labels: list[tuple[str, Choice]] = []
    for column, said in cell.items():
        if not column.startswith(BY) or not said.strip():
            continue
        choice = next((one for one in CHOICES if one == said.strip().lower()), None)
        if choice is None:
            raise LabelError(
                f"{where}: expected left, right, tie or nothing in {column!r:.60}, found {said!r:.20}"
            )
        labels.append((column.removeprefix(BY), choice))
    return Row(
        id=cell["id"],
        probability=probability,
        overlap=cell["overlap"].strip().lower() == "yes",
        request=cell["request"],
        left=cell["left"],
        right=cell["right"],
        labels=tuple(sorted(labels)),
    )


def rater_name(name: str) -> str:
    """A rater's name that can head a column. Raises LabelError."""
    if not _NAME.fullmatch(name.strip()):
        raise LabelError(f"expected a name of 1 to 60 letters, digits, spaces or _ . @ + -, got {name!r:.80}")
    return name.strip()


def load_rows(path: Path) -> list[Row]:
    """The rows of a file. Raises LabelError."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise LabelError(f"{path}: larger than {_MOST_BYTES // 2**20} MB; draw fewer rows")
        return rows_of(path.read_bytes(), str(path))
    except OSError as error:
        raise LabelError(f"{path}: cannot be read: {error.strerror}") from None


def save_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write a file that is there whole or as it was before. Raises LabelError."""
    try:
        handle, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(csv_of(rows))
                file.flush()
                os.fsync(file.fileno())
            Path(part).replace(path)
        finally:
            Path(part).unlink(missing_ok=True)
    except OSError as error:
        raise LabelError(f"{path}: cannot be written: {error.strerror}") from None
