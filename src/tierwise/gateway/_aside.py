"""What takes long without waiting for anybody: done in a thread, so that other calls go on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


async def aside(step: Callable[[], Found]) -> Found:
    """What a step gives, done in a thread; also waited for where the caller has left, so that it never runs on alone."""
    running = asyncio.ensure_future(asyncio.to_thread(step))
    left: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait({running})
        except asyncio.CancelledError as cancelled:
            left = cancelled
    if left is not None:
        # What the step raised is not this caller's any more.
        running.exception()
        raise left
    return running.result()
