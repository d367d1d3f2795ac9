"""When calls arrive: ten days of November 2026 (14 to 23), in UTC, at three kinds of hour."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import accumulate
from random import Random

FIRST_DAY = int(datetime(2026, 11, 14, tzinfo=UTC).timestamp())
"""A Saturday, seconds since the epoch."""
DAYS = 10
_DAY = 86_400

_OFFICE_DAYS = (2, 1, 20, 22, 21, 20, 17, 2, 1, 22)
_OFFICE_HOURS = (0, 0, 0, 0, 0, 0, 1, 5, 11, 13, 12, 10, 7, 11, 12, 11, 8, 4, 2, 1, 0, 0, 0, 0)
_SHOP_DAYS = (13, 14, 9, 8, 8, 9, 11, 13, 13, 9)
_SHOP_HOURS = (1, 1, 0, 0, 0, 1, 2, 4, 5, 6, 6, 7, 7, 6, 6, 6, 7, 8, 9, 10, 10, 8, 5, 2)


def _draw(rng: Random, weights: Sequence[int]) -> int:
    totals = list(accumulate(weights))
    return bisect(totals, rng.random() * totals[-1])


def _moment(rng: Random, days: Sequence[int], hours: Sequence[int]) -> float:
    day = _draw(rng, days)
    hour = _draw(rng, hours)
    return FIRST_DAY + day * _DAY + hour * 3600 + rng.randrange(3_600_000) / 1000


def office(rng: Random) -> float:
    """A moment of office work: workdays from 6 to 19, hardly any at weekends."""
    return _moment(rng, _OFFICE_DAYS, _OFFICE_HOURS)


def shop(rng: Random) -> float:
    """A moment of shopping: every day, most in the evening."""
    return _moment(rng, _SHOP_DAYS, _SHOP_HOURS)


def nightly(rng: Random, hour: int = 2, minutes: int = 25) -> float:
    """A moment of a nightly job: starts at the hour and is through within the minutes."""
    start = FIRST_DAY + rng.randrange(DAYS) * _DAY + hour * 3600 + 600
    return start + rng.randrange(minutes * 60_000) / 1000


def stamp(at: float) -> str:
    """ISO time with milliseconds, UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def minute(at: float) -> str:
    """The time to the minute, as prompts show it, UTC."""
    return stamp(at)[:16].replace("T", " ")
