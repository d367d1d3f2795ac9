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
    from tierwise.tools._index import ToolIndex

__all__ = ["LEAST_SESSIONS", "Described", "Sent", "ToolIndex", "Unused", "unused"]


def __getattr__(name: str) -> object:
    """The search on first use: it loads numpy, which a call without tool search never needs."""
    if name in {"Described", "ToolIndex"}:
        from tierwise.tools import _described, _index

        return {"Described": _described.Described, "ToolIndex": _index.ToolIndex}[name]
    raise AttributeError(name)
