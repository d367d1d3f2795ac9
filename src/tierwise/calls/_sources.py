"""Bytes of a source in blocks: a range of a file, decompressed, always UTF-8, bounded in memory."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Literal

from tierwise.calls._format import BadRecord

Compression = Literal["none", "gzip", "zstd"]
Encoding = Literal["utf-8", "utf-16"]

BLOCK = 256 * 1024
"""Bytes read and held at a time: so few that a block's lines are decoded out of the CPU's cache."""
LONGEST = 32 * 1024 * 1024
"""Bytes of the longest line or record that is read; longer ones are skipped, not held."""

# A zstd block of 4 bytes can expand to 128 kB, so small input pieces bound the output.
_ZSTD_PIECE = 4096


def blocks(
    path: str,
    *,
    start: int = 0,
    end: int | None = None,
    compression: Compression = "none",
    encoding: Encoding = "utf-8",
    progress: Callable[[int], None] | None = None,
) -> Iterator[bytes]:
    """The bytes of a file from `start` to `end`, decompressed, as UTF-8, in blocks.

    `progress` is told the number of stored bytes each time some were read.

    Raises:
        BadRecord: 'truncated gzip', 'damaged gzip' and the like, after what was readable came;
            'cannot be read' when the system refuses.
    """
    try:
        with Path(path).open("rb") as file:
            yield from unpacked(_stored(file, start, end, progress), compression, encoding)
    except OSError as error:
        raise BadRecord("cannot be read", error.strerror or type(error).__name__) from None


def _stored(
    file: IO[bytes], start: int, end: int | None, progress: Callable[[int], None] | None
) -> Iterator[bytes]:
    if start:
        file.seek(start)
    left = end - start if end is not None else -1
    while left != 0:
        block = file.read(BLOCK if left < 0 else min(BLOCK, left))
        if not block:
            return
        if left > 0:
            left -= len(block)
        if progress is not None:
            progress(len(block))
        yield block


def unpacked(stored: Iterable[bytes], compression: Compression, encoding: Encoding) -> Iterator[bytes]:
    """Stored blocks decompressed and turned into UTF-8, a byte order mark left out."""
    plain: Iterable[bytes] = stored
    if compression == "gzip":
        plain = _gunzipped(stored)
    elif compression == "zstd":
        plain = _unzstd(stored)
    return _without_mark(plain) if encoding == "utf-8" else _from_utf16(plain)


def _gunzipped(stored: Iterable[bytes]) -> Iterator[bytes]:
    """Members one after another; padding of zero bytes after the last is passed over."""
    member = zlib.decompressobj(wbits=31)
    started = False
    for block in stored:
        data = block
        while data:
            if not started:
                data = data.lstrip(b"\x00")
                started = bool(data)
                continue
            try:
                out = member.decompress(data, BLOCK)
            except zlib.error as error:
                raise BadRecord("damaged gzip", str(error)[:160]) from None
            if out:
                yield out
            data = member.unconsumed_tail
            if member.eof:
                data = member.unused_data
                member = zlib.decompressobj(wbits=31)
                started = False
    if started:
        raise BadRecord("truncated gzip", "the file ends in the middle of its compressed data")


def _unzstd(stored: Iterable[bytes]) -> Iterator[bytes]:
    """Frames one after another."""
    import zstandard

    frame = zstandard.ZstdDecompressor().decompressobj()
    started = False
    ready: list[bytes] = []
    size = 0
    for block in stored:
        data = block
        at = 0
        while at < len(data):
            piece = data[at : at + _ZSTD_PIECE]
            at += len(piece)
            started = True
            try:
                out = frame.decompress(piece)
            except zstandard.ZstdError as error:
                yield b"".join(ready)
                raise BadRecord("damaged zstd", str(error)[:160]) from None
            ready.append(out)
            size += len(out)
            if size >= BLOCK:
                yield b"".join(ready)
                ready, size = [], 0
            if frame.eof:
                data, at = frame.unused_data + data[at:], 0
                frame = zstandard.ZstdDecompressor().decompressobj()
                started = False
    if ready:
        yield b"".join(ready)
    if started:
        raise BadRecord("truncated zstd", "the file ends in the middle of its compressed data")


def _without_mark(plain: Iterable[bytes]) -> Iterator[bytes]:
    first = True
    for block in plain:
        yield block.removeprefix(codecs.BOM_UTF8) if first else block
        first = False


def _from_utf16(plain: Iterable[bytes]) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder("utf-16")()
    try:
        for block in plain:
            yield decoder.decode(block).encode("utf-8", "replace")
        yield decoder.decode(b"", final=True).encode("utf-8", "replace")
    except UnicodeDecodeError:
        raise BadRecord("wrong encoding", "starts as UTF-16 and does not go on as such") from None


def lines(plain: Iterable[bytes]) -> Iterator[list[bytes | None]]:
    """Lines without their line feeds, in lists of a block each. None stands for one over LONGEST.

    A last line without a line feed counts; nothing after the last line feed is no line.
    """
    pending: list[bytes] = []
    held = 0
    for block in plain:
        cut = block.find(b"\n")
        if cut < 0:
            held += len(block)
            if held <= LONGEST:
                pending.append(block)
            else:
                pending.clear()
            continue
        held += cut
        found: list[bytes | None] = [*block[cut + 1 :].split(b"\n")]
        rest = found.pop()
        first = b"".join((*pending, block[:cut])) if held <= LONGEST else None
        yield [first, *found]
        pending = [rest] if rest else []
        held = len(rest) if rest else 0
    if held:
        yield [b"".join(pending) if held <= LONGEST else None]
