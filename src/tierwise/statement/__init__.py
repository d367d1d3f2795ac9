"""A month of the ledger for finance: a FOCUS table whose rows add up to the ledger, and one page in words.

In: a ledger, a list of prices and the owner's. Out: rows by day, project, model, lane and kind of token,
and sums as counted, at list and at contract prices. Money stays exact; nothing here rounds.
"""

from __future__ import annotations

from tierwise.statement._charges import Charge, Charges, Sums, charges
from tierwise.statement._focus import COLUMNS, VERSION, Focus, safe
from tierwise.statement._month import Group, Month, Span, month_of, state
from tierwise.statement._page import html, markdown

__all__ = [
    "COLUMNS",
    "VERSION",
    "Charge",
    "Charges",
    "Focus",
    "Group",
    "Month",
    "Span",
    "Sums",
    "charges",
    "html",
    "markdown",
    "month_of",
    "safe",
    "state",
]
