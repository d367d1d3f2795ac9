"""The record of live calls: a spool that outlives its process, a database that adds up, keys and budgets.

In: calls about to be sent and calls that are over. Out: every answered call once, sums to the last
digit, and lines that the next audit reads. SQLAlchemy is an extra, loaded when this room is.
"""

from __future__ import annotations

from tierwise.ledger._alarms import ALARM, Raised, alarms_in, lift_alarm, raise_alarm
from tierwise.ledger._breach import breach_of, rules_of, served_otherwise, workloads_of
from tierwise.ledger._budgets import Budgets, Held, Over, Standing
from tierwise.ledger._entries import Entered, entries
from tierwise.ledger._export import write_parquet
from tierwise.ledger._files import Files
from tierwise.ledger._job_items import JobItems
from tierwise.ledger._jobs import Jobs
from tierwise.ledger._keys import PREFIX, Key, Keys, Scope
from tierwise.ledger._leases import Leases
from tierwise.ledger._lengths import Wrote, newest_lengths
from tierwise.ledger._lines import Closed, Line, Opened, decode_line, encode_line
from tierwise.ledger._living import CHECK, Living, forgone_since, living
from tierwise.ledger._money import Budget, exact, plain, read_amount, shares
from tierwise.ledger._outcomes import Outcome, add_outcomes, outcomes_of, projects_of
from tierwise.ledger._policies import GATEWAY, Policies, Version
from tierwise.ledger._queue import Queue
from tierwise.ledger._reconcile import Difference, reconcile
from tierwise.ledger._rows import SETTLED, UNKNOWN, day_of
from tierwise.ledger._settle import Correction, Settling, corrections, newest, settle, settling, uncovered
from tierwise.ledger._spool import Spool, orphans
from tierwise.ledger._standing import Queued, completion, waiting_now
from tierwise.ledger._store import Ledger, look_at
from tierwise.ledger._texts import forget, lines_with_text, purge
from tierwise.ledger._totals import BY, Total
from tierwise.ledger._worth import Money, Quality, Sides

__all__ = [
    "ALARM",
    "BY",
    "CHECK",
    "GATEWAY",
    "PREFIX",
    "SETTLED",
    "UNKNOWN",
    "Budget",
    "Budgets",
    "Closed",
    "Correction",
    "Difference",
    "Entered",
    "Files",
    "Held",
    "JobItems",
    "Jobs",
    "Key",
    "Keys",
    "Leases",
    "Ledger",
    "Line",
    "Living",
    "Money",
    "Opened",
    "Outcome",
    "Over",
    "Policies",
    "Quality",
    "Queue",
    "Queued",
    "Raised",
    "Scope",
    "Settling",
    "Sides",
    "Spool",
    "Standing",
    "Total",
    "Version",
    "Wrote",
    "add_outcomes",
    "alarms_in",
    "breach_of",
    "completion",
    "corrections",
    "day_of",
    "decode_line",
    "encode_line",
    "entries",
    "exact",
    "forget",
    "forgone_since",
    "lift_alarm",
    "lines_with_text",
    "living",
    "look_at",
    "newest",
    "newest_lengths",
    "orphans",
    "outcomes_of",
    "plain",
    "projects_of",
    "purge",
    "raise_alarm",
    "read_amount",
    "reconcile",
    "rules_of",
    "served_otherwise",
    "settle",
    "settling",
    "shares",
    "uncovered",
    "waiting_now",
    "workloads_of",
    "write_parquet",
]
