"""What can wait: kept until its answer is there, sent in batches, and by itself where time runs out.

In: requests with sealed bodies. Out: an end for each, told exactly once as far as money goes. OpenAI's
files and batches, the store and whoever prices an answer come as protocols.
"""

from __future__ import annotations

from tierwise.batch._alone import Alone
from tierwise.batch._durable import VERSION, Durable
from tierwise.batch._form import is_time, room
from tierwise.batch._life import MARK, Life
from tierwise.batch._protocols import Api, Senders, Store, Told
from tierwise.batch._results import error_body, failures, outcome
from tierwise.batch._runner import Runner
from tierwise.batch._seal import Sealer
from tierwise.batch._settings import BatchSettings
from tierwise.batch._types import OPEN, Batch, Found, Group, ItemState, Outcome, Waiting

__all__ = [
    "MARK",
    "OPEN",
    "VERSION",
    "Alone",
    "Api",
    "Batch",
    "BatchSettings",
    "Durable",
    "Found",
    "Group",
    "ItemState",
    "Life",
    "Outcome",
    "Runner",
    "Sealer",
    "Senders",
    "Store",
    "Told",
    "Waiting",
    "error_body",
    "failures",
    "is_time",
    "outcome",
    "room",
]
