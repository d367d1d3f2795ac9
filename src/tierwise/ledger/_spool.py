"""The spool: lines appended to a file of this process alone before anything else happens to them.

A file is mapped into memory with its room taken beforehand, so that a line is a copy and no call
into the system, which costs tens of microseconds on some disks; a full disk is met when a file is
begun. What was copied belongs to the system at once: a process that is killed leaves whole lines
and at most one torn one (a crash of the machine itself can lose its last moments). Files are
locked by their process: an unlocked one is an orphan, which whoever comes next folds into the
ledger.
"""

from __future__ import annotations

import mmap
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

from tierwise.errors import ConfigurationError
from tierwise.ledger._lines import Line, decode_line, encode_line

ROOM: Final = 16 * 1024 * 1024
"""Bytes of a file; when they are used up the next one is begun."""
BLOCK: Final = 1024 * 1024
SUFFIX: Final = ".spool"
UNNAMED: Final = ".begun"
"""Suffix of a file that is not locked yet."""
MARGIN: Final = 64 * 1024
"""Bytes that are to be left in a file: with fewer, the next one is begun before a call needs it."""
FORGOTTEN: Final = 60.0
"""Seconds after which a file without a name is of a process that is gone."""
_BREAK: Final = ord("\n")
_END: Final = b"\0"
"""What stands where nothing has been written yet; no line holds it."""


class Spool:
    """Appends lines. Safe for several threads.

    Args:
        folder: Where the files are.
        process: Name of this process, in the names of its files.
        room: Bytes of a file.

    Raises:
        ConfigurationError: The folder cannot be written, or the disk is full.
    """

    def __init__(self, folder: Path, *, process: str = "", room: int = ROOM) -> None:
        self.folder = folder
        self.process = process or token_hex(4)
        self._room = room
        self._lock = threading.Lock()
        self._file = -1
        self._lost = False
        self.size = 0
        """Bytes of the file that are written."""
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._begin(room)
        except OSError as error:
            raise ConfigurationError(
                f"{folder}: expected a folder that calls can be written down in: {error.strerror}; name another"
            ) from None

    def append(self, line: Line) -> None:
        """Write one line down. Raises OSError where the disk has no room for the next file."""
        raw = encode_line(line)
        with self._lock:
            # The line break comes last, so that a torn line is never taken for a whole one.
            end = self.size + len(raw) + 1
            if self._file < 0:
                raise OSError("the spool is closed")
            if self._lost:
                raise FileNotFoundError(f"{self._path}: somebody took the spool away")
            if end > len(self._map):
                # The full file stays where the next one cannot be begun: it is tried again then.
                before = self._map, self._file, self.size
                end = len(raw) + 1
                self._begin(max(self._room, end))
                _finish(*before)
            self._map[self.size : end - 1] = raw
            self._map[end - 1] = _BREAK
            self.size = end

    @property
    def path(self) -> Path:
        """The file that lines go to now."""
        return self._path

    @property
    def paths(self) -> list[Path]:
        """Every file of this process, oldest first; lines go to the last."""
        return sorted(self.folder.glob(f"*-{self.process}{SUFFIX}"))

    def turn(self) -> None:
        """Begin the next file, so that this one can go once it is folded. Raises OSError where the disk is full."""
        with self._lock:
            if self._file >= 0 and self.size:
                before = self._map, self._file, self.size
                self._begin(self._room)
                _finish(*before)

    def close(self) -> None:
        """Let go of the file: what is in it can be folded by anybody. May be repeated."""
        with self._lock:
            if self._file >= 0:
                _finish(self._map, self._file, self.size)
                self._file = -1

    def tend(self) -> str | None:
        """Why nothing could be written down now, None where it could: to be asked every second or so.

        What is in a file that somebody took away goes into another one.
        """
        with self._lock:
            try:
                # Lines in a file without a name would never be folded: none is taken until it has one.
                self._lost = self._file >= 0 and not self._path.exists()
                if self._lost:
                    before = self._map, self._file, self.size
                    self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                    self._begin(max(self._room, self.size))
                    written = before[2]
                    self._map[:written] = before[0][:written]
                    self.size, self._lost = written, False
                    _finish(*before)
                elif self._file >= 0 and len(self._map) - self.size < MARGIN:
                    before = self._map, self._file, self.size
                    self._begin(self._room)
                    _finish(*before)
            except OSError as error:
                return f"{self.folder}: {error.strerror or error}"
            return None if self._file >= 0 else "the spool is closed"

    def _begin(self, room: int) -> None:
        path = self.folder / f"{time.time_ns():020d}-{self.process}{SUFFIX}"
        # It gets its name once it is locked: before that, somebody would take it for an orphan.
        unnamed = path.with_suffix(UNNAMED)
        file = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            _take_room(file, room)
            _lock(file)
            mapped = mmap.mmap(file, room)
            unnamed.rename(path)
        except OSError:
            os.close(file)
            unnamed.unlink(missing_ok=True)
            raise
        self._map, self._path, self._file, self.size = mapped, path, file, 0


def _finish(mapped: mmap.mmap, file: int, size: int) -> None:
    """Let go of a file, cut to what is written."""
    mapped.close()
    os.truncate(file, size)
    os.close(file)


def _take_room(file: int, room: int) -> None:
    """Take the disk's room for a file now: a mapped file that finds none later would end the process."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, room)
    else:
        os.truncate(file, room)


def orphans(folder: Path) -> list[Path]:
    """Files whose process is gone, oldest first."""
    found = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        with alone_with(path) as alone:
            if alone:
                found.append(path)
    for path in folder.glob(f"*{UNNAMED}"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > FORGOTTEN:
                path.unlink()
    return found


@contextmanager
def alone_with(path: Path) -> Iterator[bool]:
    """Hold a file whose process is gone; False where it lives, where another holds it, where the file is gone."""
    try:
        file = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        yield False
        return
    try:
        # Another may have folded it and taken it away between opening and locking.
        yield _lock(file) and path.exists()
    finally:
        os.close(file)


def process_of(path: Path) -> str:
    """Name of the process that wrote a file."""
    return path.name.removesuffix(SUFFIX).partition("-")[2]


def lines_from(path: Path, offset: int) -> Iterator[tuple[Line | None, int]]:
    """Whole lines from a place in a file, each with the place after it; None for a damaged one."""
    rest = b""
    with path.open("rb") as file:
        file.seek(offset)
        while block := file.read(BLOCK):
            written, unwritten, _ = block.partition(_END)
            *lines, rest = (rest + written).split(b"\n")
            for raw in lines:
                offset += len(raw) + 1
                yield decode_line(raw), offset
            if unwritten:
                return


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
