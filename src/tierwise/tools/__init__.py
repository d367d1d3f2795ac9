"""Tool definitions: which of them a workload needs, what the others cost, which fit a turn.

In: definitions as sent, the calls that answers made, texts of a conversation. Out: definitions
that can be left out or deferred, with the risk that a session needs one after all; and the
definitions that a search finds for a turn, without a model call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tierwise.tools._described import Described
from tierwise.tools._namespaces import Space, described, namespaces
from tierwise.tools._offered import Definition, Offered
from tierwise.tools._shown import HEAD, shown
from tierwise.tools._unused import LEAST_SESSIONS, Sent, Unused, unused

if TYPE_CHECKING:
    from tierwise.tools._index import ToolIndex, Weights

__all__ = [
    "HEAD",
    "LEAST_SESSIONS",
    "Definition",
    "Described",
    "Offered",
    "Sent",
    "Space",
    "ToolIndex",
    "Unused",
    "Weights",
    "described",
    "namespaces",
    "shown",
    "unused",
]


def __getattr__(name: str) -> object:
    """The search on first use: it loads numpy, which a call without tool search never needs."""
    if name in {"ToolIndex", "Weights"}:
        from tierwise.tools import _index

        return getattr(_index, name)
    raise AttributeError(name)
