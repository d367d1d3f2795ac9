"""The life of one job: its file is looked through, its lines wait as requests, their ends become its files.

    validating --check--> in_progress --take, wait--> finalizing --write--> completed, expired, cancelled

As in the life of a batch each step looks first at what is kept, so that a step that is done twice, or by
two processes, does no harm: a line's request has the same id however often the file is read.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from secrets import token_hex
from typing import Final, Protocol

import msgspec

from tierwise.batch._jobs import ALL, FILE_PREFIX, JOB_ENDED, Job, Stored
from tierwise.batch._lines import BadLine, JobLine, Reader, check
from tierwise.batch._pieces import Writer, read_lines, read_pieces
from tierwise.batch._protocols import Files, Jobs
from tierwise.batch._seal import Sealer
from tierwise.batch._settings import BatchSettings
from tierwise.batch._types import Found
from tierwise.batch._writing import Writing
from tierwise.calls import MOST_LINES
from tierwise.errors import TierwiseError

_LOG: Final = logging.getLogger("tierwise.batch")
AT_A_TIME: Final = 100
"""Lines that are decided and handed to the queue in one step, at most."""
BYTES_AT_A_TIME: Final = 4 << 20
"""Bytes of their bodies from which on there are no more of them in a step."""
MONTH: Final = 30 * 86_400
_AGAIN: Final = 5.0
_LATER: Final = 0.0


class Desk(Protocol):
    """Takes requests of jobs in and gives their answers out."""

    def take(self, job: Job, lines: Sequence[JobLine]) -> None:
        """Decide requests, and keep each in the queue or with the reason why it may not go.

        Those that are there already are left.
        """

    def release(self, job: str) -> None:
        """All lines of a job were taken: they may go, together."""

    def counts(self, job: str) -> dict[str, int]:
        """Requests of a job by state."""

    def unended(self, job: str) -> int:
        """Requests of a job that have no end, cancelled ones too whose batch is not over."""

    def ends(self, job: Job, lines: Sequence[JobLine]) -> dict[str, tuple[Found, bytes | None]]:
        """Requests of lines by id, with the bodies of their answers in the form of the endpoint that was called."""

    def cancel(self, job: str) -> None:
        """Cancel what has no end yet of a job's requests."""

    def clear(self, job: str) -> None:
        """The answers of a job stand in its files now: they are not needed one by one any more."""


class JobLife:
    """What is done for jobs by one process.

    Args:
        jobs: Where they are kept.
        files: Where their files are kept.
        desk: Where their requests wait.
        sealer: Opens and seals files.
        settings: Times.
        runner: Name of this process.
        clock: Unix seconds.
    """

    def __init__(
        self,
        jobs: Jobs,
        files: Files,
        desk: Desk,
        sealer: Sealer,
        settings: BatchSettings,
        runner: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._jobs, self._files, self._desk, self._sealer = jobs, files, desk, sealer
        self._settings, self._runner, self._clock = settings, runner, clock
        self._reading: dict[str, Iterator[JobLine | BadLine]] = {}
        self._next: dict[str, float] = {}
        self._purged = 0.0

    async def run(self, every: float = 0.5) -> None:
        """Tend until cancelled."""
        while True:
            wait = await self.tend()
            await asyncio.sleep(min(every, wait))

    async def tend(self) -> float:
        """One step of every job that nobody else has; seconds until the next is worth it."""
        now = self._clock()
        try:
            found = await asyncio.to_thread(self._jobs.open)
            if now - self._purged > 60:
                self._purged = now
                await asyncio.to_thread(self._files.purge, self._now())
        except Exception:  # noqa: BLE001 - the database may be gone for a while; jobs are kept there
            _LOG.exception("jobs could not be looked after; they are looked at again")
            return _AGAIN
        for job, runner, until in found:
            theirs = runner != self._runner and until >= now * 1e6
            asked = job.cancel is not None and job.state == "in_progress"
            if not theirs and (asked or self._next.get(job.id, 0.0) <= now):
                wait = await self.step(job.id)
                self._next[job.id] = self._clock() + (wait or 0.0)
        known = {job.id for job, _, _ in found}
        self._next = {job: at for job, at in self._next.items() if job in known}
        return max(0.0, min(self._next.values(), default=_AGAIN) - self._clock())

    async def step(self, identity: str) -> float | None:
        """Do what comes next for a job: seconds until the step after it; None at the end.

        Faults are logged and the step is done again later.
        """
        try:
            return await asyncio.to_thread(self._step, identity)
        except Exception as fault:  # noqa: BLE001 - a job is never given up for a fault of ours
            self._reading.pop(identity, None)
            if not isinstance(fault, TierwiseError):
                _LOG.exception("job %s: a step failed; it is done again", identity)
            else:
                _LOG.warning("job %s: %s; trying again", identity, fault)
            return _AGAIN

    def _step(self, identity: str) -> float | None:
        if not self._mine(identity):
            return self._settings.lease
        job = self._jobs.find(identity)
        if job is None or job.state in JOB_ENDED:
            return None
        if job.state == "validating":
            return self._check(job)
        if job.state == "in_progress":
            return self._go_on(job)
        return self._write(job)

    def _mine(self, identity: str) -> bool:
        now = self._now()
        return self._jobs.claim(identity, self._runner, now, now + int(self._settings.lease * 1e6))

    def _now(self) -> int:
        return int(self._clock() * 1e6)

    def _lines(self, job: Job) -> Iterator[bytes]:
        return read_lines(read_pieces(self._files, self._sealer, job.input))

    def _check(self, job: Job) -> float | None:
        checked = check(self._lines(job), job.endpoint, MOST_LINES if job.endpoint else None)
        now = self._now()
        seen = msgspec.structs.replace(job, total=checked.total, problems=checked.problems)
        if checked.failed:
            self._jobs.note(msgspec.structs.replace(seen, state="failed", ended=now, failed=checked.total))
            return None
        self._jobs.note(msgspec.structs.replace(seen, state="in_progress", begun=now))
        return _LATER

    def _go_on(self, job: Job) -> float:
        """Hand lines in until all are; then wait for their ends."""
        if job.cancel is not None:
            self._reading.pop(job.id, None)
            self._desk.cancel(job.id)
        elif job.taken != ALL:
            return self._take(job)
        if self._desk.unended(job.id):
            age = (self._now() - job.made) / 1e6
            return min(30.0, max(0.2, age / 60))
        self._jobs.note(msgspec.structs.replace(job, state="finalizing", finalizing=self._now()))
        return _LATER

    def _take(self, job: Job) -> float:
        reading = self._reading.get(job.id)
        if reading is None:
            reading = Reader(job.endpoint).read(self._lines(job))
            reading = itertools.dropwhile(lambda line: line.number <= job.taken, reading)
            self._reading[job.id] = reading
        some = _some(reading)
        if some:
            self._desk.take(job, [line for line in some if isinstance(line, JobLine)])
            taken = some[-1].number
        else:
            self._desk.release(job.id)
            taken = ALL
            del self._reading[job.id]
        self._jobs.note(msgspec.structs.replace(job, taken=taken))
        return _LATER

    def _write(self, job: Job) -> float | None:
        """Put the ends together in the order of the input."""
        writing = Writing(job, lambda kind: self._writer(job, kind))
        reading = Reader(job.endpoint).read(self._lines(job))
        while some := _some(reading):
            if not self._mine(job.id):
                return self._settings.lease
            good = [line for line in some if isinstance(line, JobLine)]
            writing.add(some, self._desk.ends(job, good))
        self._jobs.note(writing.ended(self._now()))
        self._desk.clear(job.id)
        return None

    def _writer(self, job: Job, kind: str) -> Writer:
        """Begin a file of a job: 'output' or 'error'."""
        now = self._now()
        file = Stored(
            id=f"{FILE_PREFIX}{token_hex(12)}",
            project=job.project,
            name=f"{job.id}_{kind}.jsonl",
            purpose="batch_output",
            made=now,
            until=now + (job.keep or MONTH) * 1_000_000,
        )
        return Writer(self._files, self._sealer, file)


def _some(reading: Iterator[JobLine | BadLine]) -> list[JobLine | BadLine]:
    """The lines of a step; none at the end of the file."""
    found: list[JobLine | BadLine] = []
    size = 0
    for line in reading:
        found.append(line)
        size += len(line.body) if isinstance(line, JobLine) else 0
        if len(found) >= AT_A_TIME or size >= BYTES_AT_A_TIME:
            break
    return found
