"""Lines of jobs through the pipeline into the queue, and their answers out again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from tierwise.batch import Found, Job, JobLine, Outcome, Sealer, Waiting, error_body, item_of
from tierwise.calls import failed_reply, to_chat
from tierwise.errors import CallerError, LedgerUnavailable, SealBroken, TierwiseError
from tierwise.gateway._errors import ENDED_KEY
from tierwise.gateway._waits import SENDER
from tierwise.ledger import JobItems, Key
from tierwise.online import Asked, Course, Later, Pipeline

_NOT_NOW: Final = 503
"""What the gate answers where nothing can be written down."""
_RESPONSES: Final = "/v1/responses"


class _Decided(msgspec.Struct):
    """Lines of a job that were decided, and are to be kept together."""

    courses: list[Course] = []
    kept: list[tuple[Waiting, bytes, bytes]] = []
    refused: list[tuple[Waiting, Outcome, bytes]] = []


class LineDesk:
    """A `tierwise.batch.Desk`: each line is decided as a call that came by itself would be.

    Args:
        pipeline: Decides lines and takes them down.
        items: Where they wait.
        sealer: Seals them.
        key_of: The key of a name as it is now; None where there is none any more.
        clock: Unix seconds.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        items: JobItems,
        sealer: Sealer,
        key_of: Callable[[str], Key | None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._pipeline, self._items, self._sealer = pipeline, items, sealer
        self._key_of, self._clock = key_of, clock
        self._decided: dict[str, _Decided] = {}

    def take(self, job: Job, lines: Sequence[JobLine]) -> None:
        """Decide requests, and keep each in the queue or with the reason why it may not go.

        Those that are there already are left. What was decided and could not be kept is kept first
        at the next time, and is not decided again.

        Raises:
            LedgerUnavailable: Nothing can be written down at the moment.
        """
        decided = self._decided.setdefault(job.id, _Decided())
        there = self._items.find_all([item_of(job.id, line.number) for line in lines])
        there_now = there.keys() | {item.id for item, *_ in (*decided.kept, *decided.refused)}
        key = self._key_of(job.key) if job.key is not None else None
        for line in lines:
            if item_of(job.id, line.number) not in there_now:
                self._decide(job, line, key, decided)
        self._items.add(decided.kept, decided.refused, int(self._clock() * 1e6))
        del self._decided[job.id]
        for course in decided.courses:
            course.kept()

    def _decide(self, job: Job, line: JobLine, key: Key | None, decided: _Decided) -> None:
        if job.key is not None and (key is None or key.ended is not None):
            status, code, message = ENDED_KEY
            decided.refused.append(self._refused(job, line, status, error_body(code, message)))
            return
        course = Course(self._pipeline, self._asked(job, line, key))
        found = course.deferred
        if found is not None:
            decided.courses.append(course)
            decided.kept.append((found.item, self._sealer.seal(found.item.id, found.body), found.entry))
            return
        answer = course.answer
        if answer.status == _NOT_NOW:
            raise LedgerUnavailable("requests cannot be written down at the moment")
        decided.refused.append(self._refused(job, line, answer.status, answer.body or b"{}"))

    def _asked(self, job: Job, line: JobLine, key: Key | None) -> Asked:
        name = item_of(job.id, line.number)
        callers = {f"key:{key.name}", f"project:{key.scope.project}"} if key is not None else set()
        return Asked(
            method="POST",
            path=line.path,
            headers=tuple(job.labels.items()),
            body=line.body,
            key=job.key,
            project=job.project,
            callers=frozenset(callers),
            may_unroute=key is None or key.scope.unrouted,
            later=Later(
                sender=SENDER, identity=name, call=f"tw_{name}", job=job.id, lane="batch", always=True
            ),
        )

    def _refused(self, job: Job, line: JobLine, status: int, body: bytes) -> tuple[Waiting, Outcome, bytes]:
        identity = item_of(job.id, line.number)
        item = Waiting(
            id=identity,
            call=identity,
            project=job.project,
            job=job.id,
            path=line.path,
            model=line.model,
            tokens=0,
            size=0,
            made=job.made,
            due=job.due,
        )
        end = Outcome(id=identity, state="failed", status=status, body=body, error="refused")
        return item, end, self._sealer.seal(identity, body)

    def release(self, job: str) -> None:
        """All lines of a job were taken: they may go, together, once the owner's window is open."""
        now, policy = int(self._clock() * 1e6), self._pipeline.policy
        window = policy.waiting.window if policy is not None else None
        self._items.release(job, now + window.opens_in(now) * 1_000_000 if window is not None else now)

    def counts(self, job: str) -> dict[str, int]:
        """Requests of a job by state."""
        return self._items.counts(job)

    def unended(self, job: str) -> int:
        """Requests of a job that have no end, cancelled ones too whose batch is not over."""
        return self._items.unended(job)

    def ends(self, job: Job, lines: Sequence[JobLine]) -> dict[str, tuple[Found, bytes | None]]:
        """Requests of lines by id, with the bodies of their answers in the form of the endpoint that was called."""
        names = {item_of(job.id, line.number): line.path for line in lines}
        found, answers = self._items.find_all(list(names)), self._items.answers(list(names))
        return {name: self._end(names[name], one, answers.get(name)) for name, one in found.items()}

    def _end(self, path: str, found: Found, sealed: bytes | None) -> tuple[Found, bytes | None]:
        if sealed is None:
            return found, None
        try:
            status, body = in_form(path, found, self._sealer.open(found.item.id, sealed))
        except SealBroken as broken:
            status, body = None, error_body("answer_lost", str(broken))
        return msgspec.structs.replace(found, status=status), body

    def cancel(self, job: str) -> None:
        """Cancel what has no end yet of a job's requests."""
        decided = self._decided.pop(job, None)
        for course in decided.courses if decided is not None else ():
            with suppress(CallerError):
                course.failed(CallerError("the batch was cancelled before this was kept"))
        self._items.cancel(job)

    def clear(self, job: str) -> None:
        """The answers of a job stand in its files now: they are not needed one by one any more."""
        self._items.clear(job)


def in_form(path: str, found: Found, body: bytes) -> tuple[int | None, bytes]:
    """An answer in the form of the endpoint that its line named."""
    if found.item.path != _RESPONSES or path == _RESPONSES or found.status is None or found.status >= 400:
        return found.status, body
    try:
        return failed_reply(body) or (found.status, to_chat(body))
    except TierwiseError as error:
        return None, error_body("answer_unreadable", str(error))
