"""A job: many requests handed in as one file, which come back as one output and one error file. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from tierwise.batch._types import OPEN
from tierwise.calls import BatchError

JobState = Literal["validating", "in_progress", "finalizing", "completed", "failed", "expired", "cancelled"]
JOB_ENDED: Final = frozenset({"completed", "failed", "expired", "cancelled"})
PREFIX: Final = "batch_tw"
"""What ids of jobs begin with, so that nobody takes them for OpenAI's."""
FILE_PREFIX: Final = "file-tw"
ALL: Final = -1
"""`Job.taken` once every line was handed in."""
DEADLINE: Final = "deadline_passed"
"""The code of a request that no lane brought in time."""
_US: Final = 1_000_000


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A file of requests, and how far it is."""

    id: str
    """`PREFIX` and digits; ids of its requests are this, '-' and the number of the line."""
    project: str | None = None
    key: str | None = None
    """Name of the gateway key that handed it in."""
    endpoint: str | None
    """The path that every line names; None where each names its own."""
    input: str
    """Id of the input file."""
    made: int
    """Microseconds since the epoch, like all times."""
    due: int
    """By when answers are promised."""
    state: JobState = "validating"
    total: int = 0
    taken: int = 0
    """Number of the last line that was handed in; `ALL` once every one was."""
    problems: tuple[BatchError, ...] = ()
    """Lines that are no request, the first of them; or why the whole file is none."""
    begun: int | None = None
    finalizing: int | None = None
    ended: int | None = None
    cancel: int | None = None
    """When it was asked to be cancelled."""
    completed: int = 0
    failed: int = 0
    output: str | None = None
    """Id of the output file."""
    errors: str | None = None
    """Id of the error file."""
    metadata: dict[str, str] | None = None
    keep: int | None = None
    """Seconds that output files are kept after it was made; None for as long as is usual."""
    name: str | None = None
    """What its owner knows it by: a path, in the terminal."""
    labels: dict[str, str] = {}
    """Headers beside each request that speak to tierwise, in lower case."""


def item_of(job: str, number: int) -> str:
    """The id of the request on a line: the same each time it is read."""
    return f"{job}-{number}"


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of a job by what became of them."""

    done: int = 0
    failed: int = 0
    open: int = 0


def progress(counts: Mapping[str, int], unfit: int = 0) -> Progress:
    """From requests by state, as the queue counts them; `unfit` are lines that are no request."""
    ended = counts.get("failed", 0) + counts.get("cancelled", 0)
    still = sum(counts.get(state, 0) for state in OPEN)
    return Progress(done=counts.get("done", 0), failed=ended + unfit, open=still)


def end_of(job: Job, *, expired: bool) -> JobState:
    """The state that a job ends in."""
    if job.cancel is not None:
        return "cancelled"
    return "expired" if expired else "completed"


def shown(job: Job, seen: Progress | None = None) -> dict[str, Any]:
    """A job as the API shows a batch.

    Args:
        job: The job.
        seen: What became of its requests so far, where it is not over.
    """
    status: str = job.state
    if job.cancel is not None and job.state not in JOB_ENDED:
        status = "cancelling"
    done, failed = (seen.done, seen.failed) if seen is not None else (job.completed, job.failed)
    problems = [
        {"code": one.code, "message": one.message, "line": one.line, "param": one.param}
        for one in job.problems
    ]
    return {
        "id": job.id,
        "object": "batch",
        "endpoint": job.endpoint or "",
        "errors": {"object": "list", "data": problems} if problems else None,
        "input_file_id": job.input,
        "completion_window": "24h",
        "status": status,
        "output_file_id": job.output,
        "error_file_id": job.errors,
        "created_at": job.made // _US,
        "in_progress_at": _seconds(job.begun),
        "expires_at": job.due // _US,
        "finalizing_at": _seconds(job.finalizing),
        "completed_at": _ended(job, "completed"),
        "failed_at": _ended(job, "failed"),
        "expired_at": _ended(job, "expired"),
        "cancelling_at": _seconds(job.cancel),
        "cancelled_at": _ended(job, "cancelled"),
        "request_counts": {"total": job.total, "completed": done, "failed": failed},
        "metadata": job.metadata,
    }


def _seconds(at: int | None) -> int | None:
    return at // _US if at is not None else None


def _ended(job: Job, state: str) -> int | None:
    return _seconds(job.ended) if job.state == state else None


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A file of ours: its content is kept sealed, in pieces."""

    id: str
    project: str | None = None
    name: str
    purpose: str
    """'batch' or 'batch_output'."""
    size: int = 0
    """Bytes."""
    made: int
    """Microseconds since the epoch."""
    until: int
    """When it goes, microseconds since the epoch."""


def shown_file(file: Stored) -> dict[str, Any]:
    """A file as the API shows it."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.size,
        "created_at": file.made // _US,
        "expires_at": file.until // _US,
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }
