"""Files of jobs, in the ledger's database: a `tierwise.batch.Files`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
import sqlalchemy as sa

from tierwise.batch import Stored
from tierwise.ledger._store import Ledger
from tierwise.ledger._tables import files, jobs, pieces

_F: Final = files.c
UNFINISHED: Final = 86_400_000_000
"""Microseconds after which a file goes that was begun and never finished."""
_FILE = msgspec.json.Decoder(Stored)


class Files:
    """Files of one ledger. Content comes and goes in sealed pieces, so that no file is in memory whole.

    Args:
        ledger: The ledger.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._engine = ledger.engine

    def begin(self, file: Stored) -> None:
        """Begin a file; of one that was begun before, what there is goes."""
        with self._engine.begin() as connection:
            connection.execute(pieces.delete().where(pieces.c.file == file.id))
            connection.execute(files.delete().where(_F.id == file.id))
            connection.execute(
                files.insert().values(
                    id=file.id,
                    project=file.project,
                    purpose=file.purpose,
                    made=file.made,
                    until=min(file.until, file.made + UNFINISHED),
                    whole=False,
                    line=msgspec.json.encode(file),
                )
            )

    def put(self, file: str, number: int, sealed: bytes) -> None:
        """Add a piece, counted from 0."""
        with self._engine.begin() as connection:
            connection.execute(pieces.insert().values(file=file, number=number, content=sealed))

    def finish(self, file: Stored) -> None:
        """The file is whole, with its size."""
        with self._engine.begin() as connection:
            connection.execute(
                files.update()
                .where(_F.id == file.id)
                .values(whole=True, until=file.until, line=msgspec.json.encode(file))
            )

    def find(self, file: str) -> Stored | None:
        """A whole file; None where there is none, or none any more."""
        with self._engine.connect() as connection:
            line = connection.execute(sa.select(_F.line).where(_F.id == file, _F.whole)).scalar()
        return _FILE.decode(line) if line is not None else None

    def all(
        self,
        project: str | None,
        *,
        purpose: str | None = None,
        after: str | None = None,
        most: int = 100,
        oldest_first: bool = False,
    ) -> list[Stored]:
        """Files of a project, newest first unless said otherwise.

        Args:
            project: Whose.
            purpose: Only of this purpose.
            after: Those behind this file.
            most: At most so many.
            oldest_first: The other way round.
        """
        chosen = sa.select(_F.line).where(_F.project == project, _F.whole)
        if purpose is not None:
            chosen = chosen.where(_F.purpose == purpose)
        order = (_F.made, _F.id) if oldest_first else (_F.made.desc(), _F.id.desc())
        found = self.find(after) if after is not None else None
        if found is not None:
            place, there = sa.tuple_(_F.made, _F.id), sa.tuple_(sa.literal(found.made), sa.literal(found.id))
            chosen = chosen.where(place > there if oldest_first else place < there)
        with self._engine.connect() as connection:
            return [_FILE.decode(row[0]) for row in connection.execute(chosen.order_by(*order).limit(most))]

    def pieces(self, file: str) -> Iterator[tuple[int, bytes]]:
        """Its sealed pieces in order, one at a time in memory."""
        number = 0
        while True:
            with self._engine.connect() as connection:
                content = connection.execute(
                    sa.select(pieces.c.content).where(pieces.c.file == file, pieces.c.number == number)
                ).scalar()
            if content is None:
                return
            yield number, content
            number += 1

    def delete(self, file: str, now: int) -> bool:
        """A file goes: nobody finds it any more, and its content goes once no job needs it; whether there was one."""
        with self._engine.begin() as connection:
            done = connection.execute(
                files.update().where(_F.id == file, _F.whole).values(whole=False, until=now)
            )
        self.purge(now)
        return bool(done.rowcount)

    def drop(self, file: str) -> None:
        """Delete a file that came to nothing, with its content."""
        with self._engine.begin() as connection:
            connection.execute(pieces.delete().where(pieces.c.file == file))
            connection.execute(files.delete().where(_F.id == file))

    def purge(self, now: int) -> int:
        """Delete what is past its time, unless a job that is not over still reads it; how many files."""
        needed = sa.select(jobs.c.input).where(jobs.c.ended.is_(None))
        with self._engine.begin() as connection:
            gone = list(
                connection.execute(sa.select(_F.id).where(_F.until <= now, _F.id.not_in(needed))).scalars()
            )
            for identity in gone:
                connection.execute(pieces.delete().where(pieces.c.file == identity))
                connection.execute(files.delete().where(_F.id == identity))
        return len(gone)
