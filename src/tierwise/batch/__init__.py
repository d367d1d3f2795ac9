"""What can wait: kept until its answer is there, sent in batches, and by itself where time runs out.

In: requests with sealed bodies. Out: an end for each, told exactly once as far as money goes. OpenAI's
files and batches, the store and whoever prices an answer come as protocols.
"""

from __future__ import annotations

from tierwise.batch._alone import Alone
from tierwise.batch._carried import carry_in, carry_out, digest_of, new_job, unanswered
from tierwise.batch._durable import VERSION, Durable
from tierwise.batch._form import is_time, room
from tierwise.batch._job_life import Desk, JobLife
from tierwise.batch._jobs import (
    ALL,
    DEADLINE,
    FILE_PREFIX,
    JOB_ENDED,
    Job,
    JobState,
    Progress,
    Stored,
    item_of,
    progress,
    shown,
    shown_file,
)
from tierwise.batch._jobs import PREFIX as JOB_PREFIX
from tierwise.batch._life import MARK, Life
from tierwise.batch._lines import BadLine, JobLine, Reader, check
from tierwise.batch._means import Means
from tierwise.batch._pieces import Writer, read_lines, read_pieces
from tierwise.batch._protocols import Api, Files, Jobs, Senders, Store, Told
from tierwise.batch._results import error_body, failures, outcome
from tierwise.batch._runner import Runner
from tierwise.batch._seal import Sealer
from tierwise.batch._settings import BatchSettings
from tierwise.batch._types import OPEN, Batch, Found, Group, ItemState, Outcome, Waiting

__all__ = [
    "ALL",
    "DEADLINE",
    "FILE_PREFIX",
    "JOB_ENDED",
    "JOB_PREFIX",
    "MARK",
    "OPEN",
    "VERSION",
    "Alone",
    "Api",
    "BadLine",
    "Batch",
    "BatchSettings",
    "Desk",
    "Durable",
    "Files",
    "Found",
    "Group",
    "ItemState",
    "Job",
    "JobLife",
    "JobLine",
    "JobState",
    "Jobs",
    "Life",
    "Means",
    "Outcome",
    "Progress",
    "Reader",
    "Runner",
    "Sealer",
    "Senders",
    "Store",
    "Stored",
    "Told",
    "Waiting",
    "Writer",
    "carry_in",
    "carry_out",
    "check",
    "digest_of",
    "error_body",
    "failures",
    "is_time",
    "item_of",
    "new_job",
    "outcome",
    "progress",
    "read_lines",
    "read_pieces",
    "room",
    "shown",
    "shown_file",
    "unanswered",
]
