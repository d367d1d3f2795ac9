"""Keeps batches going: makes them when it is time, follows each, takes over from processes that are gone."""

from __future__ import annotations

import asyncio
import logging
from secrets import token_hex
from typing import Final, Protocol

from tierwise.batch._alone import Alone
from tierwise.batch._form import is_time, latest, room
from tierwise.batch._life import Life
from tierwise.batch._means import Means
from tierwise.batch._settings import HOUR
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
        means: What it is done with.
    """

    def __init__(self, means: Means) -> None:
        self._means = means
        self.name = means.runner
        self._alone = Alone(means)
        self.step = Life(means).step
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

    async def _form(self, follows: Follows) -> None:
        now = self._means.now()
        for group in await asyncio.to_thread(
            self._means.store.groups, latest(now, self._means.settings), now
        ):
            for _ in range(1 + group.items // max(1, self._means.settings.most_items)):
                batch = await asyncio.to_thread(self._formed, group, now)
                if batch is None:
                    break
                self._mine.add(batch.id)
                await follows.begin(batch.id)

    def _formed(self, group: Group, now: int) -> Batch | None:
        recent = self._means.store.recent(now - HOUR * _US)
        tokens = room(group, recent, now, self._means.settings)
        if not is_time(group, tokens, now, self._means.settings):
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
            until=now + int(self._means.settings.lease * _US),
        )
        settings = self._means.settings
        after = latest(now, settings)
        return self._means.store.form(batch, after, tokens, settings.most_bytes, settings.most_items)

    async def _take_over(self, follows: Follows) -> None:
        """Keep what this process has, and take what no process has any more."""
        now = self._means.now()
        until = now + int(self._means.settings.lease * _US)
        for batch in await asyncio.to_thread(self._means.store.recent, now):
            if batch.ended is not None:
                self._mine.discard(batch.id)
            elif batch.runner == self.name:
                if batch.until - now < self._means.settings.lease * _US * 2 // 3:
                    await asyncio.to_thread(self._means.store.claim, batch.id, self.name, now, until)
                if batch.id not in self._mine:
                    self._mine.add(batch.id)
                    await follows.take_over(batch.id)
            elif batch.until < now and await asyncio.to_thread(
                self._means.store.claim, batch.id, self.name, now, until
            ):
                _LOG.warning("batch %s is taken over from %s, which is gone", batch.id, batch.runner)
                self._mine.add(batch.id)
                await follows.take_over(batch.id)

    async def _forget(self) -> None:
        now = self._means.clock()
        if now - self._forgot < HOUR / 60:
            return
        self._forgot = now
        fetched, ended = now - self._means.settings.keep, now - self._means.settings.keep_unfetched
        await asyncio.to_thread(self._means.store.forget, int(fetched * _US), int(ended * _US))
