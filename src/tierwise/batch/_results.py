"""From the lines of output and error files to what became of each request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from tierwise.batch._types import Batch, Found, Outcome
from tierwise.calls import BatchError, ItemReply

NOT_DONE: Final = frozenset({"batch_expired", "batch_cancelled"})
"""Codes of lines that upstream did not come to: not billed, and to be sent again. Source: OpenAI's
Batch guide for the first; the second is how the simulator names it and only assumed of OpenAI."""
PASSING: Final = frozenset({408, 409, 429, 500, 502, 503, 504})
"""Statuses of lines that failed for no fault of their own."""


def outcome(reply: ItemReply, found: Found, most_tries: int) -> Outcome | None:
    """What a line says of its request; None where the request is to wait again."""
    if reply.status is None:
        if reply.error in NOT_DONE or found.item.tries + 1 < most_tries:
            return None
        return Outcome(id=reply.id, state="failed", body=reply.body, error=reply.error)
    if reply.status < 400:
        return Outcome(
            id=reply.id, state="done", status=reply.status, body=reply.body, response=_id_of(reply.body)
        )
    if reply.status in PASSING and found.item.tries + 1 < most_tries:
        return None
    return Outcome(id=reply.id, state="failed", status=reply.status, body=reply.body, error=reply.error)


def failures(batch: Batch, problems: Iterable[BatchError], ids: Iterable[str]) -> Iterator[Outcome]:
    """Requests that a batch failed for before it began: those of the lines named, all where none is.

    Args:
        batch: The batch.
        problems: What upstream says.
        ids: Requests in the order of the file.
    """
    said = list(problems)
    by_line = {problem.line: problem for problem in said if problem.line is not None}
    whole = None if by_line else (said[0] if said else BatchError(code="batch_failed"))
    for number, identity in enumerate(ids, 1):
        problem = whole or by_line.get(number)
        if problem is not None:
            body = error_body(problem.code, problem.message or f"the batch {batch.upstream} failed")
            yield Outcome(id=identity, state="failed", status=400, body=body, error=problem.code)


def error_body(code: str | None, message: str) -> bytes:
    """An error as OpenAI writes it."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return msgspec.json.encode({"error": error})


def _id_of(body: bytes) -> str | None:
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    said = found.get("id") if isinstance(found, dict) else None
    return said if isinstance(said, str) else None
