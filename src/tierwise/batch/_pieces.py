"""Files in sealed pieces: written as they come, read piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from tierwise.batch._jobs import Stored
from tierwise.batch._protocols import Files
from tierwise.batch._seal import Sealer

PIECE: Final = 1 << 20
"""Bytes of a piece, before it is compressed."""


class Writer:
    """Writes one file; nobody finds it before `close`.

    Args:
        files: Where it is kept.
        sealer: Seals its pieces.
        file: What is known of it, without its size.
    """

    def __init__(self, files: Files, sealer: Sealer, file: Stored) -> None:
        self._files, self._sealer = files, sealer
        self.file = file
        self._held = bytearray()
        self._number = 0
        self.size = 0
        """Bytes written so far."""
        files.begin(file)

    def write(self, content: bytes) -> None:
        """Add to its end."""
        self.size += len(content)
        self._held += content
        while len(self._held) >= PIECE:
            self._put(bytes(self._held[:PIECE]))
            del self._held[:PIECE]

    def close(self, until: int | None = None) -> Stored:
        """The file is whole. `until` is when it goes, where that is another time than was thought."""
        if self._held:
            self._put(bytes(self._held))
        whole = msgspec.structs.replace(self.file, size=self.size, until=until or self.file.until)
        self._files.finish(whole)
        return whole

    def _put(self, content: bytes) -> None:
        name = _name(self.file.id, self._number)
        self._files.put(self.file.id, self._number, self._sealer.seal(name, content))
        self._number += 1


def read_pieces(files: Files, sealer: Sealer, file: str) -> Iterator[bytes]:
    """What stands in a file, in pieces. Raises SealBroken where they were sealed with another key."""
    for number, sealed in files.pieces(file):
        yield sealer.open(_name(file, number), sealed)


def read_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Lines of what comes in pieces, without their ends."""
    held: list[bytes] = []
    for piece in pieces:
        first, *rest = piece.split(b"\n")
        held.append(first)
        if rest:
            yield b"".join(held)
            yield from rest[:-1]
            held = [rest[-1]]
    last = b"".join(held)
    if last:
        yield last


def _name(file: str, number: int) -> str:
    return f"{file}:{number}"
