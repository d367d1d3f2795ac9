"""What a log format is: how its content is recognised, and how one record of it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tierwise.calls._types import Place, Record

if TYPE_CHECKING:
    import sqlite3

Shape = Literal["objects", "csv", "sqlite"]
"""What a source is made of: JSON objects (lines, documents, Parquet rows), CSV rows, or tables."""


class BadRecord(Exception):
    """One record cannot be read. Becomes a `Skipped`; never reaches a caller of the room.

    `reason` is a short phrase, the same for all records of its kind (it is what is counted);
    `detail` says what was found, without prompt text.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The beginning of a source, for finding its format."""

    name: str
    """File name in lower case without folder and compression ending; '' for standard input."""
    shape: Shape
    objects: tuple[Mapping[str, Any], ...] = ()
    """The first JSON objects that parse, at most 20. A whole JSON document counts as one; of a
    top-level array, and of a document too large to hold, the first elements."""
    columns: tuple[str, ...] = ()
    """The CSV header, or the columns of a Parquet file (whose first rows are in `objects`)."""
    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For a database: its tables, each with its columns."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """One log format. Which of the three `read` functions it has says which shapes it takes.

    A reader returns the records of one place: usually one Call, sometimes several (a trace),
    or none (a span that is not a call to a model). It raises BadRecord for content that cannot
    be read; any other exception is a fault of the reader.
    """

    name: str
    """What `--format` calls it."""
    title: str
    """What a person calls it."""
    best_effort: bool = False
    """True when written from documented fields, without a real sample at hand."""
    matches: Callable[[Sample], bool]
    """Whether the sample is of this format. Formats are asked in order; the first yes wins.
    Must not raise, whatever the objects hold."""
    read: Callable[[bytes, Place], Iterable[Record]] | None = None
    """Reads one JSON object as raw bytes: a line, an element of a top-level array, a whole
    document, a Parquet row."""
    read_row: Callable[[Mapping[str, str], Place], Iterable[Record]] | None = None
    """Reads one CSV row by column name; absent cells are ''."""
    read_database: Callable[[sqlite3.Connection, int], Iterable[Record]] | None = None
    """Reads an SQLite database, opened read-only. The number is the file's index, for `Place`.
    Yields Skipped itself for a row it cannot read."""
    wrappers: tuple[str, ...] = ()
    """Top-level keys whose array holds the records. A document of over 32 MB that has one is
    handed to `read` element by element, a smaller one whole: `read` must take both."""

    def takes(self, shape: Shape) -> bool:
        """Whether the format has a reader for sources of this shape."""
        readers = {"objects": self.read, "csv": self.read_row, "sqlite": self.read_database}
        return readers[shape] is not None
