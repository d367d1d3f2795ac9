"""Tool definitions: which of them a workload needs, what the others cost, which fit a turn.

In: definitions as sent, the calls that answers made, texts of a conversation. Out: definitions
that can be left out or deferred, with the risk that a session needs one after all; and the
definitions that a search finds for a turn, without a model call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tierwise.tools._unused import LEAST_SESSIONS, Sent, Unused, unused

if TYPE_CHECKING:
    from tierwise.tools._described import Described
    from tierwise.tools._index import ToolIndex, Weights

__all__ = ["LEAST_SESSIONS", "Described", "Sent", "ToolIndex", "Unused", "Weights", "unused"]


def __getattr__(name: str) -> object:
    """The search on first use: it loads numpy, which a call without tool search never needs."""
    if name == "Described":
        from tierwise.tools._described import Described

        return Described
    if name in {"ToolIndex", "Weights"}:
        from tierwise.tools import _index

        return getattr(_index, name)
    raise AttributeError(name)
