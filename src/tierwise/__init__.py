"""tierwise cuts an OpenAI bill without lowering quality. See README.md for the tour.

import tierwise
client = tierwise.wrap(OpenAI())      # every call decided before it is made
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tierwise.client import labels, recorder, wrap
    from tierwise.online import FileRecorder, MemoryRecorder

__all__ = ["FileRecorder", "MemoryRecorder", "__version__", "labels", "recorder", "wrap"]

__version__ = "0.1.0"

_FROM = {
    "labels": "client",
    "recorder": "client",
    "wrap": "client",
    "FileRecorder": "online",
    "MemoryRecorder": "online",
}


def __getattr__(name: str) -> Any:
    """Load what is named when it is first used: importing the package costs a millisecond."""
    if name not in _FROM:
        raise AttributeError(f"module 'tierwise' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"tierwise.{_FROM[name]}"), name)
