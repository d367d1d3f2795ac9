"""Being asked to end, for commands that serve."""

from __future__ import annotations

import asyncio
import signal


def asked_to_end() -> asyncio.Event:
    """Set once somebody presses Ctrl-C or sends SIGTERM; to be called where the loop runs.

    Not left to whoever raises on a signal: raised inside a callback, the loop would only log it.
    """
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    return ended
