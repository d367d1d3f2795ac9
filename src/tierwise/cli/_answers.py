"""Answers of proofs on disk: sealed with the owner's key, for a stated time."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from tierwise.errors import CallerError, SealBroken
from tierwise.prove import Kept

_TABLES = """
CREATE TABLE IF NOT EXISTS answers (
  digest TEXT PRIMARY KEY, plan TEXT NOT NULL, at INTEGER NOT NULL, amount TEXT NOT NULL,
  status INTEGER, cost TEXT, sealed BLOB
);
CREATE TABLE IF NOT EXISTS earlier (plan TEXT NOT NULL, cost TEXT NOT NULL);
"""
_A_DAY = 86_400


class Seals(Protocol):
    """What seals a body under a name (`batch.Sealer`)."""

    def seal(self, name: str, body: bytes) -> bytes:
        """Sealed."""

    def open(self, name: str, sealed: bytes) -> bytes:
        """The body again. Raises SealBroken."""


class AnswersFile:
    """Replies in an SQLite file. It is a `prove.Answers`.

    Text is only ever there sealed, and gone after `days`; what calls cost stays, for what was spent.

    Args:
        path: The file, made where there is none.
        sealer: Seals.
        days: How long replies are kept, 1 or more.
        now: Unix seconds.

    Raises:
        CallerError: The file cannot be opened.
    """

    def __init__(self, path: Path, sealer: Seals, days: int, now: Callable[[], float] = time.time) -> None:
        self._sealer, self._now = sealer, now
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._file = sqlite3.connect(path, isolation_level=None)
            self._file.execute("PRAGMA journal_mode=WAL")
            # A crash of the process loses nothing so; one of the machine may lose the newest answers.
            self._file.execute("PRAGMA synchronous=NORMAL")
            self._file.execute("PRAGMA secure_delete=ON")
            self._file.executescript(_TABLES)
            self._file.execute(
                "UPDATE answers SET sealed = NULL WHERE sealed IS NOT NULL AND at < ?",
                (now() - days * _A_DAY,),
            )
        except (sqlite3.Error, OSError) as error:
            raise CallerError(f"{path}: answers cannot be kept there: {error}; name another --out") from None

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def get(self, digest: str) -> Kept | None:
        """As `Answers.get`; one sealed with another key is as good as none."""
        row = self._file.execute(
            "SELECT status, cost, sealed FROM answers WHERE digest = ? AND sealed IS NOT NULL", (digest,)
        ).fetchone()
        if row is None:
            return None
        try:
            body = self._sealer.open(digest, row[2])
        except SealBroken:
            return None
        return Kept(status=row[0], body=body, cost=Decimal(row[1]) if row[1] is not None else None)

    def lost(self, digest: str) -> bool:
        """As `Answers.lost`."""
        found = self._file.execute(
            "SELECT 1 FROM answers WHERE digest = ? AND status IS NULL", (digest,)
        ).fetchone()
        return found is not None

    def begin(self, digest: str, plan: str, amount: Decimal) -> None:
        """As `Answers.begin`; what an answer cost that is kept no longer stays spent."""
        self._file.execute(
            "INSERT INTO earlier SELECT plan, coalesce(cost, amount) FROM answers WHERE digest = ?", (digest,)
        )
        self._file.execute(
            "INSERT OR REPLACE INTO answers (digest, plan, at, amount) VALUES (?, ?, ?, ?)",
            (digest, plan, int(self._now()), str(amount)),
        )

    def end(self, digest: str, plan: str, kept: Kept | None) -> None:  # noqa: ARG002 - the protocol's
        """As `Answers.end`."""
        if kept is None:
            self._file.execute("DELETE FROM answers WHERE digest = ? AND status IS NULL", (digest,))
            return
        cost = str(kept.cost) if kept.cost is not None else None
        self._file.execute(
            "UPDATE answers SET status = ?, cost = ?, sealed = ? WHERE digest = ?",
            (kept.status, cost, self._sealer.seal(digest, kept.body), digest),
        )

    def spent(self, plan: str) -> Decimal:
        """As `Answers.spent`."""
        rows = self._file.execute(
            "SELECT coalesce(cost, amount) FROM answers WHERE plan = ?1 UNION ALL SELECT cost FROM earlier WHERE plan = ?1",
            (plan,),
        )
        return sum((Decimal(amount) for (amount,) in rows), Decimal(0))
