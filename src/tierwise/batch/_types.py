"""What waits, and the batches that it is sent in."""

from __future__ import annotations

from typing import Literal

import msgspec

from tierwise.catalog import Lane

ItemState = Literal["waiting", "sent", "going", "done", "failed", "cancelled"]
"""waiting: in no batch. sent: in a batch. going: being sent by itself. The other three are its end."""

OPEN: frozenset[ItemState] = frozenset({"waiting", "sent", "going"})


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """One request that waits for a cheaper lane."""

    id: str
    """Unique; its `custom_id` in whatever batch it goes."""
    call: str
    """The id of the call in the ledger."""
    sender: str = ""
    """Whose key of OpenAI's it is sent with, as the sender names it."""
    project: str | None = None
    job: str | None = None
    """The job that it belongs to, where somebody handed in many at once."""
    path: str
    """The endpoint: '/v1/responses'."""
    model: str
    """The model in its body."""
    tokens: int
    """Input tokens, at least what a batch counts against the enqueued limit."""
    size: int
    """Bytes of its line in an input file."""
    made: int
    """When it was handed in, microseconds since the epoch."""
    due: int
    """By when its answer is promised, microseconds since the epoch."""
    start: int = 0
    """When it may be sent in a batch at the earliest, microseconds since the epoch."""
    mark: str = ""
    """Tells whether a repeat under the same id is the same request."""
    then: tuple[Lane, ...] = ()
    """Lanes by which it goes by itself, first to last, where a batch can no longer be in time."""
    tries: int = 0
    """Batches that it was in before."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A request that waits or waited, as it is now."""

    item: Waiting
    state: ItemState
    batch: str | None = None
    """The batch that it is or was in last."""
    status: int | None = None
    """HTTP status of its answer."""
    error: str | None = None
    """Code of what went wrong."""
    lane: Lane = "batch"
    """How its answer came."""
    ended: int | None = None
    """When its end was known, microseconds since the epoch."""
    deleted: bool = False
    """Whether its caller wants nothing more of it."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Requests that wait and may share a batch."""

    sender: str
    path: str
    model: str
    items: int
    tokens: int
    size: int
    oldest: int
    """When the first of them was handed in, microseconds since the epoch."""
    due: int
    """By when the first answer is promised."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch of ours: one input file, one batch of OpenAI's."""

    id: str
    sender: str
    path: str
    model: str
    items: int
    tokens: int
    made: int
    """Microseconds since the epoch, like all times."""
    due: int
    """By when the first answer in it is promised."""
    file: str | None = None
    """Its input file upstream."""
    upstream: str | None = None
    """OpenAI's own id of it."""
    status: str = "new"
    """'new' until it was created upstream; then as upstream says; 'settled' at its end."""
    failed: str | None = None
    """Why it failed before it began: upstream's code."""
    ended: int | None = None
    runner: str | None = None
    """The process that looks after it."""
    until: int = 0
    """Until when that process has it."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one request."""

    id: str
    state: ItemState
    status: int | None = None
    body: bytes = b""
    """The answer's body; upstream's error in OpenAI's form where it failed."""
    error: str | None = None
    lane: Lane = "batch"
    response: str | None = None
    """Upstream's own id of the answer."""
