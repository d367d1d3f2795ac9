"""What the life of a batch needs from others: OpenAI's files and batches, a store, somebody who is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Protocol

from tierwise.batch._jobs import Job, Stored
from tierwise.batch._types import Batch, Found, Group, Outcome, Waiting
from tierwise.calls import BatchObject, Send


class Api(Protocol):
    """OpenAI's files and batches with one key; `upstream.BatchApi` is one."""

    async def upload(self, name: str, content: bytes) -> str:
        """Upload an input file; its id."""

    async def create(self, file: str, endpoint: str, metadata: dict[str, str]) -> BatchObject:
        """Create a batch, in one attempt."""

    async def get(self, batch: str) -> BatchObject:
        """A batch as it is now."""

    async def cancel(self, batch: str) -> BatchObject:
        """Begin to cancel."""

    async def marked(self, name: str, value: str, since: int) -> BatchObject | None:
        """A batch by its metadata, among those made since then (Unix seconds)."""

    def lines(self, file: str) -> AsyncIterator[bytes]:
        """The lines of a file."""


class Senders(Protocol):
    """Whoever can send with the keys of projects."""

    def api(self, sender: str) -> Api:
        """Files and batches with the key of a sender."""

    def send(self, sender: str) -> Send:
        """Single calls with the key of a sender."""


Told = Callable[[Found, Outcome], None]
"""Is told what became of a request before that is kept, perhaps more than once; whoever prices it."""


class Store(Protocol):
    """Where waiting requests and batches are kept. Each method is one transaction."""

    def add(self, items: Sequence[tuple[Waiting, bytes, bytes]]) -> None:
        """Keep requests, their sealed bodies and their entries; all or none. Those that are there are left.

        An entry is what whoever is told of an end needs to write it down.
        """

    def find(self, item: str) -> Found | None:
        """A request as it is now."""

    def find_all(self, items: Sequence[str]) -> dict[str, Found]:
        """Those requests that there are, by id."""

    def body(self, item: str) -> bytes | None:
        """The sealed body of a request; None once it is gone."""

    def answer(self, item: str) -> bytes | None:
        """The sealed body of an answer; None before it is there, and once it is gone."""

    def groups(self, after: int, now: int) -> list[Group]:
        """Requests that wait, may go now, and are due after then, by what may share a batch."""

    def recent(self, since: int) -> list[Batch]:
        """Batches made since then, and those that are not at their end."""

    def form(
        self, batch: Batch, after: int, most_tokens: int, most_bytes: int, most_items: int
    ) -> Batch | None:
        """Put requests of the batch's kind into it that are due after then; None where none is left.

        What is due first goes in first. One goes in whatever its size, since it could go in no other.
        """

    def batch(self, batch: str) -> Batch | None:
        """A batch as it is now."""

    def lines(self, batch: str) -> Iterator[tuple[str, bytes]]:
        """Ids and sealed bodies of the requests in a batch, always in the same order."""

    def note(self, batch: Batch) -> None:
        """Keep what is known of a batch now."""

    def claim(self, batch: str, runner: str, now: int, until: int) -> bool:
        """Take a batch that nobody has at the moment, or keep one that one has."""

    def settle(self, outcomes: Sequence[tuple[Outcome, bytes]], now: int) -> None:
        """Keep ends of requests with their sealed answers, where they have none yet."""

    def left(self, batch: str) -> list[Found]:
        """Requests in a batch that have no end."""

    def due_in(self, batch: str) -> int | None:
        """By when the first answer in a batch is due that somebody still waits for; None where nobody does."""

    def close(self, batch: Batch, now: int, *, counted: bool) -> int:
        """A batch is at its end; how many requests wait again.

        Those that were cancelled are over, the others without an end wait. `counted` says whether
        that was a try of theirs.
        """

    def ask(self, item: str) -> Found | None:
        """Cancel a request: it is over once its batch is, or at the next look where it is in none; as it is then.

        One that is being sent by itself cannot be stopped.
        """

    def unwanted(self, most: int) -> list[Found]:
        """Requests that were cancelled and are in no batch."""

    def pressing(self, before: int, most: int) -> list[Found]:
        """Requests that wait and are due before then."""

    def go(self, item: str, runner: str, until: int) -> bool:
        """Take a request that waits, to send it by itself; whether one has it."""

    def lost(self, now: int, most: int) -> list[Found]:
        """Requests that were being sent by a process that is gone."""

    def forget(self, fetched: int, ended: int) -> int:
        """Delete bodies of answers fetched, and of requests ended, before then; how many."""


class Files(Protocol):
    """Where files of jobs are kept. Each method is one transaction."""

    def begin(self, file: Stored) -> None:
        """Begin a file; of one that was begun before, what there is goes."""

    def put(self, file: str, number: int, sealed: bytes) -> None:
        """Add a piece, counted from 0."""

    def finish(self, file: Stored) -> None:
        """The file is whole, with its size."""

    def find(self, file: str) -> Stored | None:
        """A whole file."""

    def pieces(self, file: str) -> Iterator[tuple[int, bytes]]:
        """Its sealed pieces in order."""

    def delete(self, file: str, now: int) -> bool:
        """A file goes: nobody finds it any more, and its content goes once no job needs it; whether there was one."""

    def purge(self, now: int) -> int:
        """Delete what is past its time; how many files."""


class Jobs(Protocol):
    """Where jobs are kept. Each method is one transaction."""

    def add(self, job: Job) -> bool:
        """Keep a new job; False where it is there already."""

    def find(self, job: str) -> Job | None:
        """A job as it is now."""

    def open(self) -> list[tuple[Job, str | None, int]]:
        """Jobs that are not over, each with the process that has it and until when."""

    def note(self, job: Job) -> None:
        """Keep what is known of a job now; whether it is to be cancelled is not changed."""

    def claim(self, job: str, runner: str, now: int, until: int) -> bool:
        """Take a job that nobody has at the moment, or keep one that one has."""

    def cancel(self, job: str, now: int) -> Job | None:
        """Ask for the end of a job that is not over; as it is then."""
