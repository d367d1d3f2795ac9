"""Requests of jobs, handed in and given out many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from tierwise.batch import Batch, Found, Outcome, Waiting
from tierwise.ledger._queue import Queue, batch_of, insert_waiting, rows_of
from tierwise.ledger._store import Ledger
from tierwise.ledger._tables import batches, take_turn, waiting

HELD: Final = 1 << 62
"""The start of a request that is held until all of its job are there: never."""
_PAGE: Final = 500
_W: Final = waiting.c


class JobItems:
    """What waits of the jobs of one ledger.

    Args:
        ledger: The ledger.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._engine, self._queue = ledger.engine, Queue(ledger)

    def find_all(self, items: Sequence[str]) -> dict[str, Found]:
        """Those requests that there are, by id."""
        return self._queue.find_all(items)

    def add(
        self,
        items: Sequence[tuple[Waiting, bytes, bytes]],
        refused: Sequence[tuple[Waiting, Outcome, bytes]],
        now: int,
    ) -> None:
        """Keep requests; all or none, and those that are there are left.

        Args:
            items: Requests with their sealed bodies and entries: they go in no batch before `release`.
            refused: Requests that never wait, each with why and its sealed error.
            now: Microseconds since the epoch.
        """
        rows = [
            {**row, "state": "waiting", "start": HELD, "body": body, "entry": entry}
            for row, (_, body, entry) in zip(rows_of([one for one, _, _ in items]), items, strict=True)
        ]
        over = [
            {
                **row,
                "state": end.state,
                "status": end.status,
                "error": end.error,
                "entry": b"",
                "ended": now,
                "answer": answer,
            }
            for row, (_, end, answer) in zip(rows_of([one for one, _, _ in refused]), refused, strict=True)
        ]
        with self._engine.begin() as connection:
            for some in (rows, over):
                if some:
                    connection.execute(insert_waiting(connection), some)

    def release(self, job: str, start: int) -> None:
        """Let what was held of a job go, from then on."""
        with self._engine.begin() as connection:
            connection.execute(waiting.update().where(_W.job == job, _W.start == HELD).values(start=start))

    def answers(self, items: Sequence[str]) -> dict[str, bytes]:
        """Sealed bodies of those answers that are there, by id."""
        found: dict[str, bytes] = {}
        with self._engine.connect() as connection:
            for at in range(0, len(items), _PAGE):
                some = sa.and_(_W.id.in_(items[at : at + _PAGE]), _W.answer.is_not(None))
                rows = connection.execute(sa.select(_W.id, _W.answer).where(some))
                found.update((row.id, row.answer) for row in rows)
        return found

    def cancel(self, job: str) -> None:
        """Cancel what has no end yet of a job, as `Queue.ask` does for one."""
        mine = sa.and_(_W.job == job, _W.state.in_(("waiting", "sent")))
        with self._engine.begin() as connection:
            take_turn(connection, "batches")
            connection.execute(waiting.update().where(mine).values(state="cancelled"))

    def counts(self, job: str) -> dict[str, int]:
        """Requests of a job by state."""
        with self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(_W.state, sa.func.count()).where(_W.job == job).group_by(_W.state)
            )
            return {row[0]: row[1] for row in rows}

    def unended(self, job: str) -> int:
        """Requests of a job that have no end, cancelled ones too whose batch is not over."""
        with self._engine.connect() as connection:
            found = connection.execute(
                sa.select(sa.func.count()).where(_W.job == job, _W.ended.is_(None))
            ).scalar()
        return found or 0

    def batches(self, job: str) -> list[Batch]:
        """Batches that requests of a job are in now, or were in last, the oldest first."""
        b, mine = batches.c, sa.select(_W.batch).where(_W.job == job, _W.batch.is_not(None))
        with self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(b.line, b.runner, b.until, b.ended).where(b.id.in_(mine)).order_by(b.made, b.id)
            )
            return [batch_of(row._mapping) for row in rows]

    def clear(self, job: str) -> None:
        """Delete the answers of a job, which stand elsewhere now."""
        mine = sa.and_(_W.job == job, _W.answer.is_not(None))
        with self._engine.begin() as connection:
            connection.execute(waiting.update().where(mine).values(answer=None))
