"""When waiting requests become a batch, and how large it may be. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from tierwise.batch._settings import HOUR, SMALLEST_SHARE, BatchSettings
from tierwise.batch._types import Batch, Group

OVER: Final = "token_limit_exceeded"
"""The code with which a batch fails that is over the enqueued limit. Source: openai-python 2084."""
_US: Final = 1_000_000


def room(group: Group, recent: Iterable[Batch], now: int, settings: BatchSettings) -> int:
    """Input tokens that a batch of the group may have now; 0 where it has to wait.

    Upstream says only afterwards that a batch was over the enqueued limit, and not what the limit
    is where the account's owner has not told it. A batch that failed so is followed by one of half its
    tokens once those that were under way beside it are over.

    Args:
        group: What waits.
        recent: Batches of the last hour, and those under way.
        now: Microseconds since the epoch.
        settings: Limits.
    """
    own = [batch for batch in recent if batch.sender == group.sender]
    if sum(batch.made > now - HOUR * _US for batch in own) >= settings.an_hour:
        return 0
    alike = [batch for batch in own if batch.model == group.model]
    under_way = sum(batch.tokens for batch in alike if batch.ended is None)
    most = settings.most_tokens or group.tokens
    limit = settings.enqueued.get(group.model)
    if limit is not None:
        most = min(most, limit - under_way)
        if most < group.tokens and under_way:
            return max(0, most) if most >= limit // 4 else 0
    failed = [batch for batch in alike if batch.failed == OVER and batch.made > now - HOUR * _US]
    if not failed:
        return max(0, most)
    if under_way:
        return 0
    newest = max(failed, key=lambda batch: batch.made)
    least = max(batch.tokens for batch in failed) // SMALLEST_SHARE
    return max(1, min(most, max(least, newest.tokens // 2)))


def is_time(group: Group, tokens: int, now: int, settings: BatchSettings) -> bool:
    """Whether a group goes now: full, old enough, or with less than half the time left that a batch promises to take.

    With more than that, waiting for others takes a small part of it.
    """
    full = group.items >= settings.most_items or group.size >= settings.most_bytes or group.tokens > tokens
    old = now - group.oldest >= settings.collect * _US
    pressing = group.due - now <= (settings.window // 2 + settings.cancelling + settings.live) * _US
    return tokens > 0 and (full or old or pressing)


def latest(now: int, settings: BatchSettings) -> int:
    """What is due by then can no longer wait for a batch: cancelling takes its time, and so does going alone."""
    return now + (settings.cancelling + settings.live) * _US
