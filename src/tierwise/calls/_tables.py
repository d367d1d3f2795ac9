"""Sources that are tables: CSV, Parquet and SQLite, each row by row."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tierwise.calls._coerce import encoded
from tierwise.calls._format import BadRecord
from tierwise.calls._sources import LONGEST, lines

if TYPE_CHECKING:
    import sqlite3

_INSTALL = "install it with: pip install 'tierwise[parquet]'"
# What pyarrow's errors for files it cannot read derive from.
_ARROW_FAULTS = (OSError, ValueError, TypeError, KeyError, NotImplementedError)
_AT_ONCE = 16 * 1024 * 1024
RECORDED = "recorded"
"""The column of an exported ledger that has the whole line; its other columns repeat parts of it."""
_BODIES = ("request", "response")


def _pyarrow() -> Any:
    try:
        import pyarrow.parquet
    except ImportError:
        raise BadRecord("pyarrow is not installed", _INSTALL) from None
    return pyarrow.parquet


def _parquet(path: str) -> Any:
    parquet = _pyarrow()
    try:
        return parquet.ParquetFile(path)
    except _ARROW_FAULTS as error:
        raise BadRecord("damaged Parquet", str(error).partition("\n")[0][:160]) from None


def columns_of(path: str) -> tuple[tuple[str, ...], tuple[Mapping[str, Any], ...]]:
    """Column names and the first rows, as the objects that `parquet_rows` gives.

    Raises:
        BadRecord: 'pyarrow is not installed', 'damaged Parquet'.
    """
    with _parquet(path) as file:
        names = tuple(file.schema_arrow.names)
        groups = tuple(range(file.metadata.num_row_groups))[:1]
    rows: list[Mapping[str, Any]] = []
    for raw in parquet_rows(path, groups, batch=20):
        # A body that is no JSON is reported where the rows are read.
        with suppress(msgspec.DecodeError, ValueError, RecursionError):
            rows.append(msgspec.json.decode(raw))
        if len(rows) == 20:
            break
    return names, tuple(rows)


def row_groups(path: str, piece: int) -> Iterator[tuple[tuple[int, ...], int]]:
    """Row groups gathered to about `piece` uncompressed bytes, each with its stored bytes."""
    with _parquet(path) as file:
        sizes = [file.metadata.row_group(at).total_byte_size for at in range(file.metadata.num_row_groups)]
    stored = Path(path).stat().st_size
    total = sum(sizes) or 1
    gathered: list[int] = []
    size = 0
    for at, found in enumerate(sizes):
        gathered.append(at)
        size += found
        if size >= piece or at == len(sizes) - 1:
            yield tuple(gathered), stored * size // total
            gathered, size = [], 0


def parquet_rows(path: str, groups: tuple[int, ...], *, batch: int | None = None) -> Iterator[bytes]:
    """Each row as one JSON object; columns that hold JSON bodies as text are put in as JSON.

    Raises:
        BadRecord: 'damaged Parquet', 'pyarrow is not installed'.
    """
    with _parquet(path) as file:
        if batch is None:
            batch = _rows_at_once(file.metadata, groups)
        try:
            for found in file.iter_batches(batch_size=batch, row_groups=list(groups)):
                for row in found.to_pylist():
                    yield _object(row)
        except _ARROW_FAULTS as error:
            raise BadRecord("damaged Parquet", str(error).partition("\n")[0][:160]) from None


def _rows_at_once(metadata: Any, groups: tuple[int, ...]) -> int:
    """Rows of about 16 MB together."""
    found = [metadata.row_group(group) for group in groups]
    size: int = sum(group.total_byte_size for group in found)
    rows: int = sum(group.num_rows for group in found)
    return max(1, min(1024, rows * _AT_ONCE // max(size, 1)))


def _object(row: dict[str, Any]) -> bytes:
    whole = row.get(RECORDED)
    if isinstance(whole, str) and whole[:1] == "{":
        return whole.encode("utf-8", "replace")
    bodies = []
    for name in _BODIES:
        value = row.get(name)
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if isinstance(value, str) and value[:1] == "{":
            bodies.append(f'"{name}":{value}'.encode("utf-8", "replace"))
            del row[name]
    rest = encoded({key: _plain(value) for key, value in row.items() if value is not None})
    if not bodies:
        return rest
    return b"{" + b",".join((*bodies, rest[1:-1])).removesuffix(b",") + b"}"


def _plain(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def tables_of(path: str) -> dict[str, tuple[str, ...]]:
    """Tables of a database, each with its columns. Raises BadRecord 'damaged database'."""
    import sqlite3

    with closing(database(path)) as connection:
        try:
            names = [
                name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")
            ]
            return {
                name: tuple(
                    row[1] for row in connection.execute("select * from pragma_table_info(?)", (name,))
                )
                for name in names
            }
        except sqlite3.Error as error:
            raise BadRecord("damaged database", str(error)[:160]) from None


def database(path: str) -> sqlite3.Connection:
    """An SQLite database opened read-only. Raises BadRecord 'damaged database'."""
    import sqlite3

    try:
        return sqlite3.connect(f"{Path(path).resolve().as_uri()}?mode=ro", uri=True)
    except sqlite3.Error as error:
        raise BadRecord("damaged database", str(error)[:160]) from None


def _whole(text: str) -> bool:
    """Whether no byte of the text had to be escaped in decoding."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def csv_rows(
    blocks: Iterable[bytes], delimiter: str, bad: Callable[[int, str, str], None]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows by column name with their row number, the header being 1.

    `bad(line, reason, detail)` is told of rows that cannot be read.
    """
    # The module's limit is 128 kB a cell, less than one prompt; it is one setting a process.
    csv.field_size_limit(LONGEST)
    number = 0

    def text() -> Iterator[str]:
        for found in lines(blocks):
            for line in found:
                if line is None:
                    bad(number + 1, "line too long", f"more than {LONGEST} bytes")
                    continue
                yield line.decode("utf-8", "surrogateescape") + "\n"

    reader = csv.reader(text(), delimiter=delimiter)
    header: list[str] = []
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            number += 1
            bad(number, "not CSV", str(error)[:160])
            continue
        if row is None:
            return
        number += 1
        if not header:
            header = [cell.strip() for cell in row]
        elif not _whole("".join(row)):
            bad(number, "wrong encoding", "the row is not UTF-8")
        elif len(row) > len(header):
            bad(number, "not CSV", f"{len(row)} cells under {len(header)} columns")
        elif row:
            yield number, dict(zip(header, row + [""] * (len(header) - len(row)), strict=True))
