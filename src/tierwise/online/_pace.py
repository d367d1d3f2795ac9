"""How often a workload calls, at what gaps, over how many shards, and whether its tools come in several orders."""

from __future__ import annotations

from typing import Final

import msgspec

from tierwise.caching import GAPS, gap_class, shard_of, shards_for
from tierwise.online._recent import Recent

SLOT: Final = 10_000_000
"""Microseconds of one count."""
SLOTS: Final = 60
"""Counts kept: ten minutes."""
A_MINUTE: Final = 6
HALF: Final = 2_000
"""Gaps after which older ones are given half their weight."""
WORKLOADS: Final = 5_000
SESSIONS: Final = 50_000
HELD: Final = 1_800_000_000
"""Microseconds for which a session that is silent keeps its shard: as long as its prefix may be warm."""

Caller = tuple[str | None, ...]


class Pace(msgspec.Struct):
    """Of the calls of one workload by one caller. Times are microseconds since the epoch."""

    shards: int = 1
    last: int | None = None
    slot: int = 0
    """Number of the newest count."""
    counts: list[int] = msgspec.field(default_factory=lambda: [0] * SLOTS)
    gaps: list[int] = msgspec.field(default_factory=lambda: [0] * (len(GAPS) + 1))
    order: int | None = None
    """Digest of the first order of tools seen."""
    orders_vary: bool = False

    def arrive(self, at: int, replicas: int) -> int:
        """A call came: count it, and have as many shards as its rate needs. Gives the calls of the last minute."""
        if self.last is not None and at >= self.last:
            self.gaps[gap_class(at - self.last)] += 1
            if sum(self.gaps) >= HALF:
                self.gaps = [count // 2 for count in self.gaps]
        self.last = max(at, self.last or 0)
        moved = self._advance(at // SLOT)
        self.counts[self.slot % SLOTS] += 1
        rate = self._minute(0) * replicas
        peak = max(map(self._minute, range(SLOTS - A_MINUTE))) * replicas if moved else rate
        fewer = shards_for(self.shards, rate, peak)
        # Only a count that ended says that calls became fewer.
        self.shards = fewer if moved else max(fewer, self.shards)
        return rate

    def _advance(self, slot: int) -> bool:
        if slot <= self.slot:
            return False
        for number in range(max(self.slot + 1, slot - SLOTS + 1), slot + 1):
            self.counts[number % SLOTS] = 0
        self.slot = slot
        return True

    def _minute(self, back: int) -> int:
        """Calls of the minute that ended so many counts ago."""
        newest = self.slot - back
        return sum([self.counts[(newest - number) % SLOTS] for number in range(A_MINUTE)])

    def sends(self, order: int) -> None:
        """Its tools came in an order."""
        if self.order is None:
            self.order = order
        elif order != self.order:
            self.orders_vary = True


class Paces:
    """All of them, within bounds."""

    def __init__(self) -> None:
        self._paces: Recent[tuple[Caller, int, str | None], Pace] = Recent(WORKLOADS)
        self._sessions: Recent[tuple[Caller, int, str], tuple[int, int]] = Recent(SESSIONS)

    def of(self, caller: Caller, workload: int, model: str | None) -> Pace:
        """The pace of a workload's calls that ask for one model: each model has a cache of its own."""
        name = (caller, workload, model)
        found = self._paces.get(name)
        return found if found is not None else self._paces.put(name, Pace())

    def shard(self, caller: Caller, workload: int, session: str, shards: int, at: int) -> int:
        """The shard of a session: the one it began on while it goes on, else by its digest."""
        name = (caller, workload, session)
        held = self._sessions.get(name)
        shard = held[0] if held is not None and at - held[1] <= HELD else shard_of(session, shards)
        self._sessions.put(name, (shard, at))
        return shard
