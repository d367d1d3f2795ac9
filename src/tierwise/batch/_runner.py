"""Keeps batches going: makes them when it is time, follows each, takes over from processes that are gone."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from secrets import token_hex
from typing import Final, Protocol

from tierwise.batch._alone import Alone
from tierwise.batch._form import is_time, latest, room
from tierwise.batch._life import Life
from tierwise.batch._protocols import Senders, Store, Told
from tierwise.batch._seal import Sealer
from tierwise.batch._settings import HOUR, BatchSettings
from tierwise.batch._types import Batch, Group

_LOG: Final = logging.getLogger("tierwise.batch")
_US: Final = 1_000_000


class Follows(Protocol):
    """Follows batches durably: `Durable`."""

    async def begin(self, batch: str) -> None:
        """Follow a new batch."""

    async def take_over(self, batch: str) -> None:
        """Go on with a batch whose process is gone."""


class Runner:
    """Looks at what waits, again and again.

    Args:
        store: Where requests and batches are kept.
        senders: Who can send.
        sealer: Opens bodies.
        told: Is told every end before it is kept.
        settings: Limits and times.
        name: Of this process, unlike any before it.
        clock: Unix seconds.
    """

    def __init__(
        self,
        store: Store,
        senders: Senders,
        sealer: Sealer,
        told: Told,
        settings: BatchSettings,
        name: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name or f"r_{token_hex(8)}"
        self._store, self._settings, self._clock = store, settings, clock
        self._alone = Alone(store, senders, sealer, told, settings, self.name, clock)
        life = Life(store, senders, sealer, told, settings, self.name, clock)
        self.step = life.step
        self._mine: set[str] = set()
        self._forgot = 0.0

    @property
    def going(self) -> int:
        """Requests that this process is sending by themselves."""
        return self._alone.going

    async def run(self, follows: Follows, every: float = 1.0) -> None:
        """Tend until cancelled."""
        try:
            while True:
                await self.tend(follows)
                await asyncio.sleep(every)
        finally:
            await self._alone.aclose()

    async def tend(self, follows: Follows) -> None:
        """One look at everything. A fault is logged, and the next look is as good."""
        try:
            await self._take_over(follows)
            await self._form(follows)
            await self._alone.tend()
            await self._forget()
        except Exception:  # noqa: BLE001 - the database may be gone for a while; what waits is kept there
            _LOG.exception("what waits could not be looked after; it is looked at again")

    def _now(self) -> int:
        return int(self._clock() * 1e6)

    async def _form(self, follows: Follows) -> None:
        now = self._now()
        for group in await asyncio.to_thread(self._store.groups, latest(now, self._settings), now):
            for _ in range(1 + group.items // max(1, self._settings.most_items)):
                batch = await asyncio.to_thread(self._formed, group, now)
                if batch is None:
                    break
                self._mine.add(batch.id)
                await follows.begin(batch.id)

    def _formed(self, group: Group, now: int) -> Batch | None:
        recent = self._store.recent(now - HOUR * _US)
        tokens = room(group, recent, now, self._settings)
        if not is_time(group, tokens, now, self._settings):
            return None
        batch = Batch(
            id=f"b_{token_hex(12)}",
            sender=group.sender,
            path=group.path,
            model=group.model,
            items=0,
            tokens=0,
            made=now,
            due=group.due,
            runner=self.name,
            until=now + int(self._settings.lease * _US),
        )
        settings = self._settings
        after = latest(now, settings)
        return self._store.form(batch, after, tokens, settings.most_bytes, settings.most_items)

    async def _take_over(self, follows: Follows) -> None:
        """Keep what this process has, and take what no process has any more."""
        now = self._now()
        until = now + int(self._settings.lease * _US)
        for batch in await asyncio.to_thread(self._store.recent, now):
            if batch.ended is not None:
                self._mine.discard(batch.id)
            elif batch.runner == self.name:
                if batch.until - now < self._settings.lease * _US * 2 // 3:
                    await asyncio.to_thread(self._store.claim, batch.id, self.name, now, until)
                if batch.id not in self._mine:
                    self._mine.add(batch.id)
                    await follows.take_over(batch.id)
            elif batch.until < now and await asyncio.to_thread(
                self._store.claim, batch.id, self.name, now, until
            ):
                _LOG.warning("batch %s is taken over from %s, which is gone", batch.id, batch.runner)
                self._mine.add(batch.id)
                await follows.take_over(batch.id)

    async def _forget(self) -> None:
        now = self._clock()
        if now - self._forgot < HOUR / 60:
            return
        self._forgot = now
        fetched, ended = now - self._settings.keep, now - self._settings.keep_unfetched
        await asyncio.to_thread(self._store.forget, int(fetched * _US), int(ended * _US))
