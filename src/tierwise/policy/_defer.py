"""What may wait, by the owner's word: the [defer] table as a value, and its window."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal
from zoneinfo import ZoneInfo

import msgspec

from tierwise.catalog import Lane

LATE: Final[tuple[Lane, ...]] = ("flex", "standard")
"""Lanes by which a call goes that no batch brings in time, the cheaper one first."""
DAY: Final = 86_400


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """The hours of a day in which what waits may be sent. From equal to until is the whole day."""

    begins: int
    """Minutes after midnight, 0 to 1439."""
    ends: int
    """Minutes after midnight, 0 to 1439; before `begins` where it spans midnight."""
    zone: str = "UTC"
    """IANA name of the time zone whose clocks it goes by."""

    def opens_in(self, at: int) -> int:
        """Seconds from a time (microseconds since the epoch, UTC) until it is open; 0 where it is.

        By the zone's own clocks: where they are put on over its beginning, it begins an hour later
        by them, at the same moment.
        """
        here = dt.datetime.fromtimestamp(at / 1e6, dt.UTC).astimezone(ZoneInfo(self.zone))
        minute = here.hour * 60 + here.minute
        if self.begins <= self.ends:
            inside = self.begins <= minute < self.ends or self.begins == self.ends
        else:
            inside = minute >= self.begins or minute < self.ends
        if inside:
            return 0
        day = here.date() if minute < self.begins else here.date() + dt.timedelta(days=1)
        opens = dt.datetime.combine(day, dt.time(self.begins // 60, self.begins % 60), here.tzinfo)
        # Differences within a zone are of its clocks: in UTC they are of time.
        return max(1, int((opens.astimezone(dt.UTC) - here.astimezone(dt.UTC)).total_seconds()))


class Defer(msgspec.Struct, frozen=True, kw_only=True):
    """How calls wait whose rule lets them: by its lanes and its deadline, or the caller's own."""

    window: Window | None = None
    """When batches are sent; None: at any hour, which costs the same."""
    own_keys: Literal["now", "refuse"] = "now"
    """What becomes of a call that may wait and comes with an OpenAI key of the caller's own, which is not kept."""
    late: tuple[Lane, ...] = LATE
    """Lanes for what no batch brings in time, first to last."""
    late_cost: Decimal = Decimal(1)
    """What a late call may cost at most, as a share of its cost as asked."""
    collect: int = 300
    """Seconds that a call waits for others to share its batch."""
    keep: int = DAY
    """Seconds that bodies are kept once their answer was fetched."""
    keep_unfetched: int = 30 * DAY
    """Seconds that an answer is kept which nobody fetches."""
    enqueued: Mapping[str, int] = {}
    """Enqueued input tokens by model, as the account's limits have them; others are found out."""
    key_env: str | None = None
    """Environment variable with the key that bodies are sealed with."""
