"""The spool: lines appended to a file of this process alone before anything else happens to them.

A line is one write to a file opened for appending, so a process that is killed leaves whole lines
and at most one torn one; the system keeps what was written (a crash of the machine itself can
lose its last moments). Files are locked by their process: an unlocked one is an orphan, which
whoever comes next folds into the ledger.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Final

from tierwise.errors import ConfigurationError
from tierwise.ledger._lines import Line, decode_line, encode_line

LARGEST: Final = 64 * 1024 * 1024
"""Bytes of a file after which the next one is begun."""
SUFFIX: Final = ".spool"


class Spool:
    """Appends lines. Safe for several threads: each line is one write.

    Raises:
        ConfigurationError: The folder cannot be written.
    """

    def __init__(self, folder: Path, *, largest: int = LARGEST) -> None:
        self.folder = folder
        self._largest = largest
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._begin()
        except OSError as error:
            raise ConfigurationError(
                f"{folder}: expected a folder that calls can be written down in: {error.strerror}; name another"
            ) from None

    def append(self, line: Line) -> None:
        """Write one line down. Raises OSError where the disk does not take it."""
        raw = encode_line(line)
        done = os.write(self._file, raw)
        while done < len(raw):
            done += os.write(self._file, raw[done:])
        self._size += len(raw)
        if self._size >= self._largest:
            self._end()
            self._begin()

    @property
    def path(self) -> Path:
        """The file that lines go to now."""
        return self._path

    def close(self) -> None:
        """Let go of the file: what is in it can be folded by anybody."""
        self._end()

    def _begin(self) -> None:
        self._path = self.folder / f"{time.time_ns():020d}-{token_hex(4)}{SUFFIX}"
        self._file = os.open(
            self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
        )
        self._size = 0
        _lock(self._file)

    def _end(self) -> None:
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


def orphans(folder: Path) -> list[Path]:
    """Files whose process is gone, oldest first."""
    found = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            if _lock(file):
                found.append(path)
        finally:
            os.close(file)
    return found


def lines_from(path: Path, offset: int) -> Iterator[tuple[Line | None, int]]:
    """Whole lines from a place in a file, each with the place after it; None for a damaged one."""
    with path.open("rb") as file:
        file.seek(offset)
        for raw in file:
            if not raw.endswith(b"\n"):
                return
            offset += len(raw)
            yield decode_line(raw), offset


def _lock(file: int) -> bool:
    """Whether the file is ours alone now. Where there are no such locks (Windows), always."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
