"""Tool definitions: which of them a workload needs, and what the others cost.

In: definitions as sent and the calls that answers made. Out: definitions that can be left
out or deferred, with the risk that a session needs one after all.
"""

from __future__ import annotations

from tierwise.tools._described import Described, Searches
from tierwise.tools._namespaces import Space, described, namespaces
from tierwise.tools._offered import Definition, Offered
from tierwise.tools._shown import HEAD, shown
from tierwise.tools._unused import LEAST_SESSIONS, Sent, Unused, unused

__all__ = [
    "HEAD",
    "LEAST_SESSIONS",
    "Definition",
    "Described",
    "Offered",
    "Searches",
    "Sent",
    "Space",
    "Unused",
    "described",
    "namespaces",
    "shown",
    "unused",
]
