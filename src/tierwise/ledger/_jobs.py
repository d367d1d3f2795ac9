"""Jobs, in the ledger's database: a `tierwise.batch.Jobs`."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import sqlalchemy as sa

from tierwise.batch import Job
from tierwise.ledger._store import Ledger
from tierwise.ledger._tables import jobs

_J: Final = jobs.c
_JOB = msgspec.json.Decoder(Job)
_SHOWN: Final = (_J.id, _J.made, _J.line, _J.cancel, _J.runner, _J.until)


class Jobs:
    """Jobs of one ledger.

    Args:
        ledger: The ledger.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._engine = ledger.engine

    def add(self, job: Job) -> bool:
        """Keep a new job; False where it is there already."""
        row = {
            "id": job.id,
            "project": job.project,
            "input": job.input,
            "made": job.made,
            "until": 0,
            "line": msgspec.json.encode(job),
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(jobs.insert().values(**row))
        except sa.exc.IntegrityError:
            return False
        return True

    def find(self, job: str) -> Job | None:
        """A job as it is now."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(*_SHOWN).where(_J.id == job)).first()
        return _job(row) if row is not None else None

    def all(self, project: str | None = None, *, after: str | None = None, most: int = 100) -> list[Job]:
        """Jobs, newest first.

        Args:
            project: Whose; None for everybody's.
            after: Those behind this job.
            most: At most so many.
        """
        chosen = sa.select(*_SHOWN).order_by(_J.made.desc(), _J.id.desc()).limit(most)
        if project is not None:
            chosen = chosen.where(_J.project == project)
        found = self.find(after) if after is not None else None
        if found is not None:
            there = sa.tuple_(sa.literal(found.made), sa.literal(found.id))
            chosen = chosen.where(sa.tuple_(_J.made, _J.id) < there)
        with self._engine.connect() as connection:
            return [_job(row) for row in connection.execute(chosen)]

    def open(self) -> list[tuple[Job, str | None, int]]:
        """Jobs that are not over, each with the process that has it and until when; the oldest first."""
        chosen = sa.select(*_SHOWN).where(_J.ended.is_(None)).order_by(_J.made, _J.id)
        with self._engine.connect() as connection:
            return [(_job(row), row.runner, row.until) for row in connection.execute(chosen)]

    def note(self, job: Job) -> None:
        """Keep what is known of a job now; whether it is to be cancelled, and who has it, is not changed."""
        changed = {"ended": job.ended, "line": msgspec.json.encode(job)}
        with self._engine.begin() as connection:
            connection.execute(jobs.update().where(_J.id == job.id).values(**changed))

    def claim(self, job: str, runner: str, now: int, until: int) -> bool:
        """Take a job that nobody has at the moment, or keep one that one has."""
        free = sa.or_(_J.runner == runner, _J.until < now)
        with self._engine.begin() as connection:
            done = connection.execute(
                jobs.update().where(_J.id == job, _J.ended.is_(None), free).values(runner=runner, until=until)
            )
        return bool(done.rowcount)

    def cancel(self, job: str, now: int) -> Job | None:
        """Ask for the end of a job that is not over; as it is then."""
        with self._engine.begin() as connection:
            connection.execute(
                jobs.update().where(_J.id == job, _J.ended.is_(None), _J.cancel.is_(None)).values(cancel=now)
            )
        return self.find(job)


def _job(row: Any) -> Job:
    return msgspec.structs.replace(_JOB.decode(row.line), cancel=row.cancel)
