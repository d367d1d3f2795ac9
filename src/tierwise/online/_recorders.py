"""Where calls are taken down: in memory, or in a file that the next audit reads."""

from __future__ import annotations

import os
from collections import deque
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tierwise.calls import encode_recorded
from tierwise.errors import ConfigurationError
from tierwise.online._values import Entry

KEPT: Final = 10_000
"""Calls that a memory recorder keeps; sums go on."""


class MemoryRecorder:
    """Keeps the newest calls, and sums over all of them."""

    def __init__(self, most: int = KEPT) -> None:
        self._entries: deque[Entry] = deque(maxlen=most)
        self._open: set[str] = set()
        self.calls = 0
        """Calls taken down."""
        self.cost = Decimal(0)
        """USD of those that have a price."""
        self.as_asked = Decimal(0)
        """USD that they would have cost as asked, estimated where they were moved."""
        self.unpriced = 0
        """Calls without a price; they are in neither sum."""

    def record(self, entry: Entry) -> None:
        """Take one call down; one whose answer came later takes the place of what was known of it."""
        if entry.id in self._open:
            self._open.discard(entry.id)
            self._entries = deque((e for e in self._entries if e.id != entry.id), maxlen=self._entries.maxlen)
            self.calls, self.unpriced = self.calls - 1, self.unpriced - 1
        elif entry.line.status == "unknown" and entry.cost is None:
            self._open.add(entry.id)
        self._entries.append(entry)
        self.calls += 1
        if entry.cost is None:
            self.unpriced += 1
            return
        self.cost += entry.cost
        self.as_asked += entry.as_asked if entry.as_asked is not None else entry.cost

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The newest calls, oldest first."""
        return tuple(self._entries)

    @property
    def saved(self) -> Decimal:
        """USD saved against the calls as asked: an estimate; negative where routing cost more."""
        return self.as_asked - self.cost


class FileRecorder:
    """Appends a line a call to a recorder file, which `tierwise audit` reads.

    Each line goes out in one write to a file opened for appending, so several processes may
    share it. A line that a crash tore before is ended first.

    Raises:
        ConfigurationError: The file cannot be written.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.calls = 0
        """Calls taken down."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
            self._file = os.open(self.path, flags, 0o600)
        except OSError as error:
            raise ConfigurationError(
                f"{self.path}: expected a file that calls can be recorded in: {error.strerror}; name another"
            ) from None
        self._mend()

    def record(self, entry: Entry) -> None:
        """Append one line. Raises OSError where the disk does not take it."""
        line = encode_recorded(entry.line)
        done = os.write(self._file, line)
        while done < len(line):
            done += os.write(self._file, line[done:])
        self.calls += 1

    def close(self) -> None:
        """Close the file. May be repeated."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def _mend(self) -> None:
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")
