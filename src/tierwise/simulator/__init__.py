"""An OpenAI API on loopback, for tests, demos and finding us wrong.

In: HTTP requests as the official SDK sends them. Out: answers in OpenAI's wire forms, with real token
counts, prompt caching, batches, limits and faults, from models whose skill is stated; and a bill by
arithmetic of its own over a hand-typed price table. Nothing here uses the product's catalog, cache
or tool search.
"""

from __future__ import annotations

from tierwise.simulator._bill import BillLine, Used
from tierwise.simulator._engine import Settings
from tierwise.simulator._faults import Fault, parse_fault, read_faults
from tierwise.simulator._limits import Limits
from tierwise.simulator._prices import PriceList
from tierwise.simulator._simulator import Simulator
from tierwise.simulator._teach import ToolUse

__all__ = [
    "BillLine",
    "Fault",
    "Limits",
    "PriceList",
    "Settings",
    "Simulator",
    "ToolUse",
    "Used",
    "parse_fault",
    "read_faults",
]
