"""Units of a plan to records. Bad content never raises: it comes out as Skipped, with its place."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import IO

import msgspec

from tierwise.calls._bodies import with_body
from tierwise.calls._documents import records
from tierwise.calls._format import BadRecord, Format
from tierwise.calls._plan import STREAM, Unit, chosen, format_named
from tierwise.calls._sniff import HEAD, MOST_HEAD, NeedsMore, look
from tierwise.calls._sources import BLOCK, LONGEST, blocks, lines, unpacked
from tierwise.calls._tables import csv_rows, database, parquet_rows
from tierwise.calls._types import Place, Record, Skipped

Progress = Callable[[int], None]

# What a reader's code raises on shapes nobody thought of: one record is lost, not the log.
_UNFORESEEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError)


def read(unit: Unit, *, progress: Progress | None = None, bodies: bool = False) -> Iterator[Record]:
    """Read one unit of a plan.

    Lines are numbered from 1 within the unit (`absolute_place` turns them into the file's),
    records of a document, rows of a Parquet unit and CSV rows likewise, a CSV header being 1.

    Args:
        unit: From `plan`. One with `stream` set must be read by the process that planned it.
        progress: Told the number of stored bytes each time some were read.
        bodies: Whether to keep in `Request.body` what was sent, for sending it again; takes the memory.

    Yields:
        Call, Bucket, CostLine, and Skipped for what cannot be read.

    Raises:
        UnknownFormat: The unit names a format that does not exist.
    """
    if unit.stream:
        yield from _stream(unit, progress, bodies)
        return
    if unit.kind in ("sqlite", "parquet"):
        yield from _read_table(unit, _kept(format_named(unit.format), bodies))
        if progress is not None:
            progress(unit.size)
        return
    plain = blocks(
        unit.path,
        start=unit.start,
        end=unit.end,
        compression=unit.compression,
        encoding=unit.encoding,
        progress=progress,
    )
    yield from _read_text(unit, _kept(format_named(unit.format), bodies), plain)


def _kept(fmt: Format, bodies: bool) -> Format:
    """The format, with bodies kept where that is asked."""
    reader = fmt.read
    if not bodies or reader is None:
        return fmt

    def read_whole(raw: bytes, place: Place) -> Iterable[Record]:
        return with_body(tuple(reader(raw, place)), raw)

    return replace(fmt, read=read_whole)


def _read_text(unit: Unit, fmt: Format, plain: Iterable[bytes]) -> Iterator[Record]:
    if unit.kind == "csv":
        return _read_csv(unit, fmt, plain)
    if unit.kind == "document":
        return _read_document(unit, fmt, plain)
    return _read_lines(unit, fmt, plain)


def _read_lines(unit: Unit, fmt: Format, plain: Iterable[bytes]) -> Iterator[Record]:
    reader, file = fmt.read, unit.file
    if reader is None:
        raise AssertionError(f"{fmt.name} was planned for lines and reads none")
    number = 0
    try:
        for found in lines(plain):
            for line in found:
                number += 1
                if not line:
                    if line is None:
                        yield _skip(file, number, "line too long", f"more than {LONGEST} bytes")
                    continue
                try:
                    yield from reader(line, Place(file, number))
                except BadRecord as fault:
                    if line.strip():
                        yield _skip(file, number, fault.reason, fault.detail)
                except _UNFORESEEN as fault:
                    yield _unforeseen(file, number, fault)
    except BadRecord as fault:
        yield _skip(file, number + 1, fault.reason, fault.detail)


def _read_document(unit: Unit, fmt: Format, plain: Iterable[bytes]) -> Iterator[Record]:
    found = records(plain, fmt.wrappers if unit.wrapped else ())
    yield from _read_objects(unit, fmt, found)


def _read_objects(unit: Unit, fmt: Format, found: Iterator[bytes]) -> Iterator[Record]:
    reader, number = fmt.read, 0
    if reader is None:
        raise AssertionError(f"{fmt.name} was planned for objects and reads none")
    try:
        for raw in found:
            number += 1
            try:
                yield from reader(raw, Place(unit.file, number))
            except BadRecord as fault:
                yield _skip(unit.file, number, fault.reason, fault.detail)
            except _UNFORESEEN as fault:
                yield _unforeseen(unit.file, number, fault)
    except BadRecord as fault:
        yield _skip(unit.file, number + 1, fault.reason, fault.detail)


def _read_csv(unit: Unit, fmt: Format, plain: Iterable[bytes]) -> Iterator[Record]:
    reader = fmt.read_row
    if reader is None:
        raise AssertionError(f"{fmt.name} was planned for rows and reads none")
    faults: list[Skipped] = []

    def bad(line: int, reason: str, detail: str) -> None:
        faults.append(_skip(unit.file, line, reason, detail))

    number = 1
    try:
        for number, row in csv_rows(plain, unit.delimiter, bad):
            yield from faults
            faults.clear()
            try:
                yield from reader(row, Place(unit.file, number))
            except BadRecord as fault:
                yield _skip(unit.file, number, fault.reason, fault.detail)
            except _UNFORESEEN as fault:
                yield _unforeseen(unit.file, number, fault)
    except BadRecord as fault:
        bad(number + 1, fault.reason, fault.detail)
    yield from faults


def _read_table(unit: Unit, fmt: Format) -> Iterator[Record]:
    if unit.kind == "parquet":
        yield from _read_objects(unit, fmt, parquet_rows(unit.path, unit.groups))
        return
    reader = fmt.read_database
    if reader is None:
        raise AssertionError(f"{fmt.name} was planned for a database and reads none")
    import sqlite3

    try:
        with closing(database(unit.path)) as connection:
            yield from reader(connection, unit.file)
    except BadRecord as fault:
        yield _skip(unit.file, 0, fault.reason, fault.detail)
    except sqlite3.Error as fault:
        yield _skip(unit.file, 0, "damaged database", str(fault)[:160])
    except _UNFORESEEN as fault:
        yield _unforeseen(unit.file, 0, fault)


def _stream(unit: Unit, progress: Progress | None, bodies: bool) -> Iterator[Record]:
    """Standard input or a pipe: looked at and read in one pass."""
    try:
        if unit.path == STREAM:
            yield from _open_stream(unit, sys.stdin.buffer, progress, bodies)
        else:
            with Path(unit.path).open("rb") as file:
                yield from _open_stream(unit, file, progress, bodies)
    except BadRecord as fault:
        yield _skip(unit.file, 0, fault.reason, fault.detail)
    except OSError as fault:
        yield _skip(unit.file, 0, "cannot be read", fault.strerror or type(fault).__name__)


def _open_stream(unit: Unit, file: IO[bytes], progress: Progress | None, bodies: bool) -> Iterator[Record]:
    head = file.read(HEAD)
    try:
        found = look(head, "", whole=len(head) < HEAD)
    except NeedsMore:
        head += file.read(MOST_HEAD - len(head))
        found = look(head, "", whole=len(head) < MOST_HEAD, last=True)
    stored = _told(chain([head], iter(lambda: file.read(BLOCK), b"")), progress)
    forced = format_named(unit.format) if unit.format else None
    if found.kind in ("sqlite", "parquet"):
        yield from _spooled(unit, stored, bodies)
        return
    known = msgspec.structs.replace(
        unit, kind=found.kind, delimiter=found.delimiter, wrapped=found.wrapped, stream=False
    )
    plain = unpacked(stored, found.compression, found.encoding)
    yield from _read_text(known, _kept(chosen(found, "", forced), bodies), plain)


def _told(stored: Iterable[bytes], progress: Progress | None) -> Iterator[bytes]:
    for block in stored:
        if progress is not None:
            progress(len(block))
        yield block


def _spooled(unit: Unit, stored: Iterable[bytes], bodies: bool) -> Iterator[Record]:
    """A table from a pipe: both readers need a file to seek in."""
    from tierwise.calls._plan import plan
    from tierwise.errors import LogError, MissingExtra

    handle, name = tempfile.mkstemp(prefix="tierwise-")
    try:
        with os.fdopen(handle, "wb") as file:
            for block in stored:
                file.write(block)
        for found in plan([name], format=unit.format or None).units:
            yield from read(msgspec.structs.replace(found, file=unit.file), bodies=bodies)
    except (LogError, MissingExtra) as fault:
        yield _skip(unit.file, 0, "not a log", str(fault)[:160])
    finally:
        Path(name).unlink()


def _skip(file: int, line: int, reason: str, detail: str) -> Skipped:
    return Skipped(reason=reason, detail=detail[:200], place=Place(file=file, line=line))


def _unforeseen(file: int, line: int, fault: Exception) -> Skipped:
    if isinstance(fault, UnicodeError):
        return _skip(file, line, "wrong encoding", "a part of the record is not UTF-8")
    # The message may quote content, the name of the fault cannot.
    return _skip(file, line, "unexpected shape", f"the reader met a {type(fault).__name__}")
