"""Alerts on their way out: a queue with an end for each address, tried again, never in the way of a call."""

from __future__ import annotations

import asyncio
import datetime as dt
import hmac
import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from secrets import token_hex
from typing import Final, Self
from urllib.parse import urlsplit

import aiohttp
import msgspec

from tierwise.errors import ConfigurationError
from tierwise.gateway._alerts import Alert
from tierwise.gateway._logs import scrub

_LOG: Final = logging.getLogger("tierwise.gateway")
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
WAITS: Final = (1.0, 5.0, 25.0, 120.0)
"""Seconds before each further try."""
QUEUED: Final = 100
"""Alerts that wait for an address; beyond that the oldest go."""
PATIENCE: Final = 10.0
"""Seconds that an address may take to answer."""
FAREWELL: Final = 2.0
"""Seconds that what is queued may take when the gateway ends."""
SIGNATURE: Final = "x-tierwise-signature"


def checked_address(url: str) -> str:
    """The address that alerts are posted to.

    Raises:
        ConfigurationError: Neither https nor http to this machine, or with a name and password in it.
    """
    try:
        place = urlsplit(url)
        host, _ = place.hostname or "", place.port
    except ValueError:
        host, place = "", urlsplit("")
    secure = place.scheme == "https" or (place.scheme == "http" and host in LOOPBACK)
    if not host or not secure or place.username is not None or place.password is not None:
        # The path may be a secret, so that the address is not repeated.
        raise ConfigurationError(
            f"expected an alerts address of https, or of http on this machine, without a password in it; "
            f"got one of {place.scheme or 'no scheme'} at {host or 'no host'}"
        )
    return url


def signature(secret: str, body: bytes) -> str:
    """What the signature header says of a body: 'sha256=' and an HMAC in hex."""
    return "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()


def body_of(alert: Alert, at: dt.datetime, place: str) -> bytes:
    """An alert as JSON. `place` is the gateway that tells it."""
    return msgspec.json.encode(
        {
            "id": token_hex(8),
            "at": at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "gateway": place,
            "kind": alert.kind,
            "about": alert.about,
            "text": scrub(alert.text),
            "numbers": alert.numbers,
        }
    )


class Webhooks:
    """Posts alerts to every address, each on its own time.

    Args:
        addresses: As `checked_address` gives them.
        secret: Signs bodies; None leaves them unsigned.
        place: The gateway, in the alert's words.
        waits: Seconds before each further try.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        secret: str | None = None,
        *,
        place: str = "",
        waits: Sequence[float] = WAITS,
    ) -> None:
        self._addresses, self._secret, self.place, self._waits = addresses, secret, place, waits
        self._queues: list[_Queue] = []
        self._tasks: list[asyncio.Task[None]] = []

    def tell(self, alert: Alert) -> None:
        """Queue an alert. Never waits."""
        body = body_of(alert, dt.datetime.now(dt.UTC), self.place)
        for queue in self._queues:
            queue.put(body)

    async def __aenter__(self) -> Self:
        # A redirect is not followed: it would take the alert where nobody said it may go.
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE))
        self._queues = [_Queue() for _ in self._addresses]
        for address, queue in zip(self._addresses, self._queues, strict=True):
            self._tasks.append(asyncio.create_task(self._post_all(address, queue)))
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                for queue in self._queues:
                    await queue.empty.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()

    async def _post_all(self, address: str, queue: _Queue) -> None:
        host = urlsplit(address).hostname
        while True:
            body = await queue.next()
            try:
                await self._post(address, body)
            except Exception as fault:  # noqa: BLE001 - the next alert may get through
                _LOG.error("an alert could not be told to %s: %s", host, _why(fault))
            finally:
                queue.done()

    async def _post(self, address: str, body: bytes) -> None:
        """Try until it is taken, the address will never take it, or the tries are used up."""
        headers = {"content-type": "application/json"}
        if self._secret:
            headers[SIGNATURE] = signature(self._secret, body)
        for wait in (*self._waits, None):
            try:
                async with self._session.post(
                    address, data=body, headers=headers, allow_redirects=False
                ) as reply:
                    if reply.status < 300:
                        return
                    fault: Exception = _Refused(f"status {reply.status}")
                    if reply.status < 500 and reply.status not in {408, 425, 429}:
                        raise fault
            except (aiohttp.ClientError, TimeoutError, OSError) as failed:
                fault = failed
            if wait is None:
                raise fault
            await asyncio.sleep(wait)


class _Refused(Exception):
    """The address answered, and did not take it. Never leaves the file."""


def _why(fault: Exception) -> str:
    # Faults of the client may quote the address, whose path may be a secret.
    return str(fault) if isinstance(fault, _Refused) else type(fault).__name__


class _Queue:
    """Bodies that wait; the oldest go where there are too many."""

    def __init__(self) -> None:
        self._bodies: deque[bytes] = deque(maxlen=QUEUED)
        self._some, self.empty = asyncio.Event(), asyncio.Event()
        self.empty.set()

    def put(self, body: bytes) -> None:
        if len(self._bodies) == QUEUED:
            _LOG.error("an alert was dropped: %d wait already", QUEUED)
        self._bodies.append(body)
        self.empty.clear()
        self._some.set()

    async def next(self) -> bytes:
        while not self._bodies:
            self._some.clear()
            await self._some.wait()
        return self._bodies.popleft()

    def done(self) -> None:
        if not self._bodies:
            self.empty.set()
