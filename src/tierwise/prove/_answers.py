"""Answers that were paid for once: what keeps them, and the `Send` that looks there before it spends."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from hashlib import blake2b
from typing import Final, Protocol

import msgspec

from tierwise.calls import Attempt, Headers, Incoming, Outgoing, Retries, Send
from tierwise.catalog import Catalog
from tierwise.errors import OutcomeUnknown, UpstreamError
from tierwise.prove._asking import Question, replied
from tierwise.prove._purse import Purse, most_cost

ATTEMPTS: Final = 5
"""Times that a call is sent which was not carried out."""
_AGAIN: Final = frozenset({408, 409, 429, 500, 502, 503, 504})
_ONCE: Final = Retries(attempts=1)
_HOPELESS: Final = (b"insufficient_quota", b"billing_hard_limit_reached")
_LONGEST_WAIT: Final = 60.0


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A reply as it came."""

    status: int
    body: bytes
    cost: Decimal | None = None
    """USD; None where it is not known, and all that was set aside counts as spent."""


class Answers(Protocol):
    """Keeps replies by digest, and what was set aside for calls that never came back."""

    def get(self, digest: str) -> Kept | None:
        """The reply to a request with this digest; None where none is kept."""

    def lost(self, digest: str) -> bool:
        """Whether such a request was sent, and what became of it is not known."""

    def begin(self, digest: str, plan: str, amount: Decimal) -> None:
        """Note, before it is sent, what a request of a plan could cost."""

    def end(self, digest: str, plan: str, kept: Kept | None) -> None:
        """Its reply; None where it was not carried out. Without this call its outcome stays unknown."""

    def spent(self, plan: str) -> Decimal:
        """USD that a plan has spent, requests with unknown outcome at what was set aside."""


class InMemory:
    """Answers of this run alone."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, Kept, Decimal]] = {}
        self._begun: dict[str, tuple[str, Decimal]] = {}

    def get(self, digest: str) -> Kept | None:
        """As `Answers.get`."""
        found = self._kept.get(digest)
        return found[1] if found is not None else None

    def lost(self, digest: str) -> bool:
        """As `Answers.lost`."""
        return digest in self._begun

    def begin(self, digest: str, plan: str, amount: Decimal) -> None:
        """As `Answers.begin`."""
        self._begun[digest] = plan, amount

    def end(self, digest: str, plan: str, kept: Kept | None) -> None:
        """As `Answers.end`."""
        _, amount = self._begun.pop(digest)
        if kept is not None:
            self._kept[digest] = plan, kept, amount

    def spent(self, plan: str) -> Decimal:
        """As `Answers.spent`."""
        known = (
            amount if kept.cost is None else kept.cost
            for of, kept, amount in self._kept.values()
            if of == plan
        )
        return sum(known, Decimal(0)) + sum(
            (amount for of, amount in self._begun.values() if of == plan), Decimal(0)
        )


class _Read:
    """A reply that is there whole. It is an `Incoming`."""

    attempts: tuple[Attempt, ...] = ()
    headers: Headers = ()

    def __init__(self, kept: Kept) -> None:
        self.status = kept.status
        self._body = kept.body

    def header(self, name: str) -> str | None:  # noqa: ARG002 - the protocol's
        """None: headers are not kept."""
        return None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The body."""
        yield self._body

    async def read(self) -> bytes:
        """The body."""
        return self._body

    async def aclose(self) -> None:
        """Nothing to let go of."""


class Careful:
    """A `Send` that pays for each request once, within a purse, and never sends one whose outcome is unknown.

    Args:
        send: What really sends.
        purse: What may be spent.
        answers: What was paid for before.
        plan: On whose account it goes.
        key: The owner's, for digests.
        prices: The catalog.
        day: The UTC day that prices the calls.
        sleep: Waits between attempts.
    """

    def __init__(
        self,
        send: Send,
        purse: Purse,
        answers: Answers,
        *,
        plan: str,
        key: bytes,
        prices: Catalog,
        day: dt.date,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._send, self.purse, self._answers = send, purse, answers
        self._plan, self._key = plan, key
        self._prices, self._day, self._sleep = prices, day, sleep
        self._asked: dict[str, asyncio.Lock] = {}
        self.sent = 0
        """Requests that went out."""
        self.reused = 0
        """Requests that were answered by what was kept."""

    async def send(self, outgoing: Outgoing) -> Incoming:
        """The kept reply, or a new one, read whole.

        Raises:
            SpendReached: The purse does not cover what it could cost.
            UpstreamError: No reply; where it may have been carried out its whole reserve is spent.
            CatalogError: It has no price.
        """
        data = f"{outgoing.path}\x1f".encode() + outgoing.body
        digest = blake2b(data, key=self._key[:64], person=b"prove answer", digest_size=16).hexdigest()
        # Two that ask the same at once: the second waits for the answer of the first.
        async with self._asked.setdefault(digest, asyncio.Lock()):
            if (kept := self._answers.get(digest)) is not None:
                self.reused += 1
                return _Read(kept)
            if self._answers.lost(digest):
                raise OutcomeUnknown("sent by an earlier run that broke off; not sent again", sent=True)
            return await self._paid(digest, outgoing)

    async def _paid(self, digest: str, outgoing: Outgoing) -> Incoming:
        once = msgspec.structs.replace(outgoing, retries=_ONCE)
        most = most_cost(outgoing.path, outgoing.body, self._prices, self._day, outgoing.lane)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                kept = await self._once(digest, once, most)
            except UpstreamError as error:
                if error.sent or attempt == ATTEMPTS:
                    raise
            else:
                again = kept.status in _AGAIN and not any(word in kept.body for word in _HOPELESS)
                if not again or attempt == ATTEMPTS:
                    return _Read(kept)
            await self._sleep(min(0.5 * 2.0**attempt, _LONGEST_WAIT))
        raise AssertionError("the last attempt returns or raises")

    async def _once(self, digest: str, outgoing: Outgoing, most: Decimal) -> Kept:
        """One request with its money; what it cost is known, or all of it counts as spent."""
        await self.purse.reserve(most)
        cost: Decimal | None = None
        answered = False
        try:
            self._answers.begin(digest, self._plan, most)
            self.sent += 1
            incoming = await self._send.send(outgoing)
            answered = True
            try:
                body = await incoming.read()
            finally:
                await incoming.aclose()
            question = Question(path=outgoing.path, model=outgoing.model or "", body=outgoing.body)
            cost = replied(question, incoming.status, body, self._prices, self._day).cost
            kept = Kept(status=incoming.status, body=body, cost=cost)
            self._answers.end(digest, self._plan, kept if kept.status < 400 else None)
        except UpstreamError as error:
            # A reply that broke off was carried out, whatever the error says.
            error.sent = error.sent or answered
            if not error.sent:
                cost = Decimal(0)
                self._answers.end(digest, self._plan, None)
            raise
        finally:
            self.purse.settle(most, cost)
        return kept
