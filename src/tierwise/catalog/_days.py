"""The UTC day of a moment: what prices, budgets and rules hold by."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Final

_DAY: Final = 86_400
_EPOCH: Final = dt.date(1970, 1, 1)


def utc_day(seconds: float) -> dt.date:
    """The UTC day of a time in Unix seconds. Raises OverflowError outside of the years 1 to 9999."""
    return _day(int(seconds // _DAY))


@lru_cache(maxsize=64)
def _day(number: int) -> dt.date:
    """The day so many days after the epoch; a live call asks for today's several times."""
    return _EPOCH + dt.timedelta(days=number)
