"""What a source is made of, from its first bytes: compression, encoding, shape, a sample."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Literal

import msgspec

from tierwise.calls._documents import records
from tierwise.calls._format import BadRecord, Format, Sample
from tierwise.calls._sources import LONGEST, Compression, Encoding, unpacked
from tierwise.calls._values import decoded

Kind = Literal["lines", "document", "csv", "sqlite", "parquet"]

HEAD = 1024 * 1024
"""Stored bytes looked at first; more only where no record ends in them."""
MOST_HEAD = LONGEST + HEAD
_SAMPLED = 20
_SQLITE = b"SQLite format 3\x00"
_ZIPS = {b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7z"}


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What the first bytes tell."""

    kind: Kind
    compression: Compression = "none"
    encoding: Encoding = "utf-8"
    delimiter: str = ","
    wrapped: bool = False
    """A document too large to hold, whose records stand in an array inside it."""
    sample: Sample


class NeedsMore(Exception):
    """No record ends in the bytes at hand: look again with more of them."""


def look(head: bytes, name: str, *, whole: bool, last: bool = False) -> Look:
    """Find out what a source is.

    Args:
        head: Its first stored bytes.
        name: File name, '' for a stream.
        whole: Whether `head` is all there is.
        last: Whether to make do with `head`, having asked for more before.

    Raises:
        BadRecord: 'empty file', 'not a log', 'unsupported compression', 'wrong encoding', ...
        NeedsMore: Not when `last`.
    """
    name = name.lower()
    if head.startswith(_SQLITE):
        return Look(kind="sqlite", sample=Sample(name=name, shape="sqlite"))
    if head.startswith(b"PAR1"):
        return Look(kind="parquet", sample=Sample(name=name, shape="objects"))
    for magic, title in _ZIPS.items():
        if head.startswith(magic):
            raise BadRecord("unsupported compression", f"{title}; unpack it first (gzip and zstd are read)")
    compression = _compression(head)
    plain, cut = _plain(head, compression, whole=whole, most=MOST_HEAD if last else HEAD)
    whole = whole and not cut
    encoding: Encoding = "utf-8"
    if plain.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
        plain = plain[: len(plain) // 2 * 2].decode("utf-16", "ignore").encode("utf-8", "replace")
    plain = plain.removeprefix(codecs.BOM_UTF8)
    name = name.removesuffix(".gz").removesuffix(".zst").removesuffix(".zstd")
    found = _text_kind(plain, name, whole=whole, last=last)
    return msgspec.structs.replace(found, compression=compression, encoding=encoding)


def _compression(head: bytes) -> Compression:
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    return "zstd" if head.startswith(b"\x28\xb5\x2f\xfd") else "none"


def _plain(head: bytes, compression: Compression, *, whole: bool, most: int) -> tuple[bytes, bool]:
    """The head decompressed to at most about `most` bytes, and whether that left something out."""
    if compression == "none":
        return head, False
    out: list[bytes] = []
    size = 0
    try:
        for block in unpacked([head], compression, "utf-8"):
            out.append(block)
            size += len(block)
            if size >= most:
                return b"".join(out), True
    except BadRecord as fault:
        # A head is cut somewhere, which looks like a truncated file; with content to show, the
        # fault comes out in reading.
        if not size and (whole or fault.reason.startswith("damaged")):
            raise
    return b"".join(out), False


def _text_kind(plain: bytes, name: str, *, whole: bool, last: bool) -> Look:
    start = plain.lstrip(b" \t\r\n")
    if not start:
        if whole:
            raise BadRecord("empty file", "no bytes but white space")
        raise BadRecord("not a log", "begins with a megabyte of white space")
    objects = _objects(start)
    first, newline, _ = start.partition(b"\n")
    if start[:1] == b"{":
        if _parses(first):
            return _lines(objects, name)
        if not newline and not whole:
            return _long(start, name, last=last)
        # A line that breaks off, among lines that do not, is damage; one that ends on an open
        # bracket or a comma begins a document over several lines.
        opened = first.rstrip()[-1:] in (b"{", b"[", b",")
        if (opened or not objects) and _goes_on(start, whole=whole):
            return _document(start, name, whole=whole, last=last)
    elif start[:1] == b"[":
        found = _document(start, name, whole=whole, last=last)
        if found.sample.objects or not objects:
            return found
    if objects:
        return _lines(objects, name)
    if start[:1] in (b"{", b"[") and b"\x00" in start[:4096]:
        raise BadRecord("wrong encoding", "zero bytes; expected UTF-8, or UTF-16 with its byte order mark")
    return _lines((), name) if start[:1] == b"{" else _csv(start, name)


def _parses(raw: bytes) -> bool:
    try:
        decoded(raw)
    except (BadRecord, RecursionError):
        return False
    return True


def _goes_on(start: bytes, *, whole: bool) -> bool:
    """Whether the text is one JSON value over several lines, complete or cut off."""
    try:
        msgspec.json.decode(start)
    except msgspec.DecodeError as error:
        if "truncated" in str(error):
            return True
        # Several documents, one after another.
        return whole and "trailing" in str(error)
    except (UnicodeDecodeError, RecursionError):
        return False
    return True


def _lines(objects: tuple[Mapping[str, Any], ...], name: str) -> Look:
    return Look(kind="lines", sample=Sample(name=name, shape="objects", objects=objects))


def _objects(start: bytes) -> tuple[Mapping[str, Any], ...]:
    found = []
    for raw in start.split(b"\n", 4 * _SAMPLED)[: 4 * _SAMPLED]:
        if raw.lstrip()[:1] == b"{":
            try:
                found.append(decoded(raw))
            except (BadRecord, RecursionError):
                continue
        if len(found) == _SAMPLED:
            break
    return tuple(found)


def _long(start: bytes, name: str, *, last: bool) -> Look:
    """An object that does not end in the bytes at hand: more of it, or its parts."""
    if not last:
        raise NeedsMore
    return Look(
        kind="document",
        wrapped=True,
        sample=Sample(name=name, shape="objects", objects=_first_records(start, _every_wrapper())),
    )


def _document(start: bytes, name: str, *, whole: bool, last: bool) -> Look:
    if start[:1] == b"{" and not whole:
        return _long(start, name, last=last)
    objects = _first_records(start, ())
    if not objects and not whole and not last:
        raise NeedsMore
    return Look(kind="document", sample=Sample(name=name, shape="objects", objects=objects))


def _first_records(start: bytes, wrappers: tuple[str, ...]) -> tuple[Mapping[str, Any], ...]:
    return tuple(islice(_decodable(start, wrappers), _SAMPLED))


def _decodable(start: bytes, wrappers: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    try:
        for raw in records([start], wrappers):
            value = decoded(raw)
            if isinstance(value, dict):
                yield value
    except (BadRecord, RecursionError):
        return


def _every_wrapper() -> tuple[str, ...]:
    from tierwise.calls._formats import all_formats

    return tuple({key for fmt in all_formats() for key in fmt.wrappers})


def _csv(start: bytes, name: str) -> Look:
    try:
        header = start.partition(b"\n")[0].decode().rstrip("\r")
    except UnicodeDecodeError:
        raise BadRecord("not a log", "neither JSON nor text in UTF-8") from None
    delimiter = max(",;\t", key=header.count)
    columns = tuple(cell.strip() for cell in next(csv.reader(io.StringIO(header), delimiter=delimiter), []))
    odd = [name for name in columns if not 0 < len(name) <= 60 or name[0] in "#<!/*-"]
    if len(columns) < 2 or odd or len(set(columns)) < len(columns):
        raise BadRecord("not a log", "neither JSON nor CSV with a header")
    return Look(kind="csv", delimiter=delimiter, sample=Sample(name=name, shape="csv", columns=columns))


def format_of(sample: Sample) -> Format:
    """The first format that recognises the sample.

    Raises:
        BadRecord: 'unknown format'.
    """
    from tierwise.calls._formats import all_formats

    for candidate in all_formats():
        if candidate.takes(sample.shape) and candidate.matches(sample):
            return candidate
    raise BadRecord("unknown format", _seen(sample))


def _seen(sample: Sample) -> str:
    """Names of what was found, never its content."""
    if sample.shape == "csv":
        return "CSV with the columns " + ", ".join(sample.columns[:8])
    if sample.shape == "sqlite":
        return "a database with the tables " + ", ".join(list(sample.tables)[:8])
    if not sample.objects:
        return "no JSON object could be read at its beginning"
    return "JSON objects with the keys " + ", ".join(map(str, list(sample.objects[0])[:8]))
