"""What sends a call and what comes back: the `Send` and `SendMany` protocols and their values.

Rooms that wait (online, cascade, prove, batch) take a `Send`; `upstream` satisfies it by shape,
and so does any wrapper around a client of the caller's own. Nothing here speaks HTTP.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Protocol

import msgspec

from tierwise.catalog import Lane

Headers = tuple[tuple[str, str], ...]
"""Names and values in the order sent; a name may come twice."""


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait, in seconds, each above 0. `total` covers all attempts and the whole reply."""

    connect: float = 10.0
    """For a connection: waiting for a free one, DNS, TCP and TLS."""
    first_byte: float = 600.0
    """From the last byte of the request to the status line. Unstreamed answers take minutes."""
    idle: float = 300.0
    """Between two pieces of the reply, counted only while somebody waits for the next one."""
    total: float = 1800.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if not 0 < getattr(self, name) < 1e9:
                raise ValueError(
                    f"timeouts.{name} must be seconds above 0, got {getattr(self, name)!r}; "
                    "for no limit in practice give a day, 86400"
                )


class Retries(msgspec.Struct, frozen=True, kw_only=True):
    """When a request may be sent again. `Retries(attempts=1)` never does."""

    attempts: int = 3
    """Requests sent at most, the first included."""
    within: float = 120.0
    """No attempt starts later than this many seconds after the first."""
    first_wait: float = 0.5
    """Bound of the first backoff in seconds; it doubles with each attempt, and the wait is drawn
    between 0 and the bound."""
    most_wait: float = 8.0
    """The bound never grows beyond this."""
    most_asked: float = 60.0
    """A `retry-after` of more seconds is not waited for: the reply goes to the caller."""
    unknown: bool = False
    """Whether to send again what may already have been carried out and billed: a POST that was
    sent whole and whose connection broke, or stayed silent, before a status came."""

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"retries.attempts must be 1 or more, got {self.attempts}; 1 means no retry")
        for name in ("within", "first_wait", "most_wait", "most_asked"):
            if not 0 <= getattr(self, name) < 1e9:
                raise ValueError(f"retries.{name} must be seconds from 0, got {getattr(self, name)!r}")


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One request to send, its body exactly as it will stand on the wire."""

    method: str = "POST"
    path: str
    """As OpenAI names it, with its query: '/v1/chat/completions', '/v1/models?limit=2'."""
    headers: Headers = ()
    body: bytes = b""
    model: str | None = None
    """The model in the body, where a target needs it for the address (Azure)."""
    lane: Lane = "standard"
    """How it travels; flex gets the longer timeouts unless `timeouts` says otherwise."""
    timeouts: Timeouts | None = None
    """None takes the sender's own for the lane."""
    retries: Retries | None = None
    """None takes the sender's own."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One request of a call as it went: a line of that call in the ledger."""

    number: int
    """From 1."""
    status: int | None = None
    """None where no status line came."""
    seconds: float
    """From its start to the status line, or to the failure."""
    reason: str | None = None
    """What went wrong in a few words ('429 rate_limit_exceeded', 'connection refused'); None for a
    reply below 400. Never holds text of the reply."""
    waited: float = 0.0
    """Seconds of backoff before it."""
    request_id: str | None = None
    """Upstream's own id of the request, where it gave one."""


class Incoming(Protocol):
    """A reply. Error statuses are replies too. Read it to its end or close it.

    Iterating gives the bytes of the body as they come and as they are, and raises
    `UpstreamCut` or `UpstreamTimeout` when the body does not come to its end.
    """

    @property
    def status(self) -> int:
        """The HTTP status of the last attempt."""

    @property
    def headers(self) -> Headers:
        """End-to-end headers as they came; those of the connection itself are left out."""

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every request that was sent for this call; the last is the one that this reply answers."""

    def header(self, name: str) -> str | None:
        """The first header of that name, in any case; None where there is none."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The body, piece by piece."""

    async def read(self) -> bytes:
        """The rest of the body at once."""

    async def aclose(self) -> None:
        """Let go of the reply; one that is not at its end is cancelled upstream. May be repeated."""


class Send(Protocol):
    """Sends one call."""

    async def send(self, outgoing: Outgoing) -> Incoming:
        """Send and return as soon as the status and headers are there.

        Raises:
            UpstreamError: No reply; its class says what failed, `attempts` what was tried.
            UnsafeRequest: A path or header that must not go upstream; nothing was sent.
        """


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One of many requests."""

    id: str
    """Unique within the set; replies are matched by it."""
    outgoing: Outgoing


class ItemReply(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one of many requests."""

    id: str
    status: int | None = None
    """None where the request was never carried out (expired, cancelled)."""
    body: bytes = b""
    error: str | None = None
    """Upstream's code where the request failed: 'batch_expired', 'context_length_exceeded', ..."""
    lane: Lane = "batch"
    """How it really travelled, which sets its price."""
    request_id: str | None = None


class SendMany(Protocol):
    """Sends many calls that can wait."""

    def send_many(self, items: Iterable[Item]) -> AsyncIterator[ItemReply]:
        """Exactly one reply for each item, in any order, as they become known.

        Raises:
            UpstreamError: The set as a whole could not be sent or followed.
        """
