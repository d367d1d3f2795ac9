"""From paths to units of work: what is to be read, as what, in pieces for several processes."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from tierwise.calls._format import BadRecord, Format, Sample
from tierwise.calls._formats import all_formats
from tierwise.calls._sniff import HEAD, MOST_HEAD, Kind, Look, NeedsMore, format_of, look
from tierwise.calls._sources import Compression, Encoding
from tierwise.calls._tables import columns_of, row_groups, tables_of
from tierwise.calls._types import Place, Skipped
from tierwise.errors import MissingExtra, NoSuchLog, UnknownFormat

PIECE = 32 * 1024 * 1024
"""Bytes of a range that plain lines are cut into."""
STREAM = "-"
"""The path that means standard input."""


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of work for `read`: a file, or a range of one. Pickles."""

    file: int
    """Index into `Plan.files`."""
    path: str
    format: str = ""
    """Name of the format; '' is found out while reading (standard input, pipes)."""
    kind: Kind = "lines"
    start: int = 0
    """First byte of the range, at the beginning of a line."""
    end: int | None = None
    """Byte after the range; None for the end of the file."""
    compression: Compression = "none"
    encoding: Encoding = "utf-8"
    delimiter: str = ","
    wrapped: bool = False
    groups: tuple[int, ...] = ()
    """Row groups of a Parquet file."""
    size: int = 0
    """Stored bytes, 0 where unknown."""
    stream: bool = False
    """A pipe or standard input: can be read once, by the process that planned it."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What was found at the paths."""

    units: tuple[Unit, ...] = ()
    """In the order to read; none when every file is empty."""
    files: tuple[str, ...] = ()
    """Every file looked at; `Place.file` is an index into it."""
    bytes: int = 0
    """Stored bytes of all units, streams not counted."""
    skipped: tuple[Skipped, ...] = ()
    """Files that are not read, each with its reason, at line 0."""


def formats() -> tuple[tuple[str, str, bool], ...]:
    """Every format: name for `--format`, title, and whether it is best effort."""
    return tuple((known.name, known.title, known.best_effort) for known in all_formats())


def format_named(name: str) -> Format:
    """The format of that name. Raises UnknownFormat, which lists the names."""
    for known in all_formats():
        if known.name == name:
            return known
    names = ", ".join(known.name for known in all_formats())
    raise UnknownFormat(f"expected a log format, got {name!r}; use one of: {names}")


def plan(paths: Sequence[str | Path], *, format: str | None = None, piece: int = PIECE) -> Plan:
    """Find the logs at the paths and cut them into units.

    Args:
        paths: Files, folders (read with everything below them), globs, or '-' for standard input.
        format: Name of a format to force; found out by content otherwise.
        piece: Bytes of the ranges that plain lines and row groups are gathered to, at least 1.

    Raises:
        NoSuchLog: Nothing is at one of the paths.
        UnknownFormat: No file can be read as a log, or `format` is no format.
        MissingExtra: The only logs are Parquet and pyarrow is not installed.
    """
    forced = format_named(format) if format is not None else None
    found = tuple(_files(paths))
    files = tuple(path for path, _ in found)
    units: list[Unit] = []
    skipped: list[Skipped] = []
    for index, (path, named) in enumerate(found):
        try:
            units.extend(_units(index, path, forced, named=named, piece=piece))
        except BadRecord as fault:
            place = Place(file=index, line=0)
            skipped.append(Skipped(reason=fault.reason, detail=fault.detail[:200], place=place))
    if not units:
        _refuse(files, skipped)
    return Plan(
        units=tuple(units),
        files=files,
        bytes=sum(unit.size for unit in units),
        skipped=tuple(skipped),
    )


def _refuse(files: Sequence[str], skipped: Sequence[Skipped]) -> None:
    """Nothing to read: only empty files are no error."""
    worst = [fault for fault in skipped if fault.reason != "empty file"]
    if not worst:
        return
    missing = [fault for fault in worst if fault.reason == "pyarrow is not installed"]
    if missing:
        raise MissingExtra(f"{files[missing[0].place.file]} is Parquet; {missing[0].detail}")
    shown = "; ".join(
        f"{files[fault.place.file]}: {fault.reason}" + (f" ({fault.detail})" if fault.detail else "")
        for fault in worst[:5]
    )
    more = f"; and {len(worst) - 5} more" if len(worst) > 5 else ""
    names = ", ".join(known.name for known in all_formats())
    raise UnknownFormat(
        f"expected a log of calls to OpenAI, found none: {shown}{more}. "
        f"Force a format with --format; the formats are: {names}"
    )


def _files(paths: Sequence[str | Path]) -> Iterator[tuple[str, bool]]:
    """Each file once, whatever it was named by, and whether a path named it rather than a folder."""
    seen: set[str] = set()
    for path in paths:
        for found, named in _expanded(str(path)):
            true = found if found == STREAM else os.path.realpath(found)
            if true not in seen:
                seen.add(true)
                yield found, named


def _expanded(path: str) -> list[tuple[str, bool]]:
    if path == STREAM:
        return [(path, True)]
    if os.path.isdir(path):  # noqa: PTH112 - may hold a null byte, which Path refuses differently
        found = sorted(_walk(path))
        if not found:
            raise NoSuchLog(
                f"expected logs in the folder {path}, found no files; name the folder that has them"
            )
        return [(name, False) for name in found]
    if os.path.lexists(path):
        return [(path, True)]
    found = sorted(match for match in glob.glob(path, recursive=True) if not os.path.isdir(match))  # noqa: PTH207, PTH112 - patterns of whole paths
    if not found:
        raise NoSuchLog(f"expected a file, a folder or a pattern that matches, found nothing at {path}")
    return [(name, False) for name in found]


def _walk(folder: str) -> Iterator[str]:
    """Files below a folder, hidden folders left out; folders that may not be listed last."""
    refused: list[str] = []
    for place, inner, names in os.walk(folder, onerror=lambda error: refused.append(str(error.filename))):
        inner[:] = [name for name in inner if not name.startswith(".")]
        for name in names:
            yield os.path.join(place, name)  # noqa: PTH118 - text in, text out
    yield from refused


def _units(index: int, path: str, forced: Format | None, *, named: bool, piece: int) -> list[Unit]:
    """Raises BadRecord where the file is no log. Pipes are read only when named themselves."""
    name = forced.name if forced else ""
    if path == STREAM:
        return [Unit(file=index, path=path, format=name, stream=True)]
    if os.path.basename(path).startswith("."):  # noqa: PTH119 - as above
        raise BadRecord("hidden file", "its name begins with a dot")
    try:
        state = os.stat(path)  # noqa: PTH116 - as above
        if not stat.S_ISREG(state.st_mode):
            if named and not stat.S_ISDIR(state.st_mode):
                return [Unit(file=index, path=path, format=name, stream=True)]
            raise BadRecord("cannot be opened", "not a file, or a folder that may not be listed")
        if path.startswith(("/dev/", "/proc/")):
            # Standard input redirected from a file: another process must find the file itself.
            path = os.path.realpath(path)
        found = _look(path, state.st_size)
    except OSError as error:
        raise BadRecord("cannot be opened", error.strerror or type(error).__name__) from None
    return _cut(index, path, state.st_size, found, chosen(found, path, forced), piece)


def _look(path: str, size: int) -> Look:
    name = os.path.basename(path)  # noqa: PTH119 - as above
    with open(path, "rb") as file:  # noqa: PTH123 - as above
        head = file.read(HEAD)
        try:
            return look(head, name, whole=len(head) == size)
        except NeedsMore:
            head += file.read(MOST_HEAD - len(head))
            found = look(head, name, whole=len(head) == size, last=True)
        if found.sample.objects or found.compression != "none":
            return found
        # The first line is longer than any that is read: what follows it tells what the file is.
        start = _line_end(file, len(head), size)
        file.seek(start)
        after = file.read(HEAD)
        return look(after, name, whole=start + len(after) == size, last=True) if after else found


def chosen(found: Look, path: str, forced: Format | None) -> Format:
    """The format of what was found, or the one forced. Raises BadRecord when there is none."""
    sample = found.sample
    if forced is not None:
        if not forced.takes(sample.shape):
            raise BadRecord("not in the forced format", f"{forced.name} is not read from {sample.shape}")
        return forced
    if found.kind == "sqlite":
        sample = Sample(name=sample.name, shape="sqlite", tables=tables_of(path))
    elif found.kind == "parquet":
        columns, objects = columns_of(path)
        sample = Sample(name=sample.name, shape="objects", columns=columns, objects=objects)
    return format_of(sample)


def _cut(index: int, path: str, size: int, found: Look, fmt: Format, piece: int) -> list[Unit]:
    whole = Unit(
        file=index,
        path=path,
        format=fmt.name,
        kind=found.kind,
        compression=found.compression,
        encoding=found.encoding,
        delimiter=found.delimiter,
        wrapped=found.wrapped,
        size=size,
    )
    if found.kind == "parquet":
        return [
            msgspec.structs.replace(whole, groups=groups, size=stored)
            for groups, stored in row_groups(path, piece)
        ]
    if found.kind != "lines" or found.compression != "none" or found.encoding != "utf-8" or size <= piece:
        return [whole]
    return [
        msgspec.structs.replace(whole, start=start, end=end, size=end - start)
        for start, end in _ranges(path, size, piece)
    ]


def _ranges(path: str, size: int, piece: int) -> Iterator[tuple[int, int]]:
    """Ranges of about `piece` bytes that end after a line feed."""
    with open(path, "rb") as file:  # noqa: PTH123 - as above
        start = 0
        while start < size:
            end = _line_end(file, start + piece, size)
            yield start, end
            start = end


def _line_end(file: BinaryIO, target: int, size: int) -> int:
    """The byte after the first line feed at or after `target`, or the file's size."""
    if target >= size:
        return size
    file.seek(target)
    at = target
    while block := file.read(1024 * 1024):
        cut = block.find(b"\n")
        if cut >= 0:
            return at + cut + 1
        at += len(block)
    return size


def absolute_place(place: Place, unit: Unit) -> Place:
    """A place counted within a unit's range as a place in its file: counts the lines before it.

    Reads the file up to the range, so it is for the few places that are shown.
    """
    if not unit.start:
        return place
    before = 0
    left = unit.start
    with open(unit.path, "rb") as file:  # noqa: PTH123 - as above
        while left and (block := file.read(min(left, 4 * 1024 * 1024))):
            before += block.count(b"\n")
            left -= len(block)
    return Place(file=place.file, line=place.line + before)
