"""Batches as they stand on the wire: the object, the lines of an input file, the lines that come back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

import msgspec

from tierwise.calls._send import ItemReply

BatchStatus = Literal[
    "validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"
]
ENDED: Final = frozenset({"failed", "completed", "expired", "cancelled"})
"""Statuses that do not change any more."""
MOST_LINES: Final = 50_000
MOST_BYTES: Final = 200_000_000
"""Limits of an input file. Source: OpenAI's Batch guide."""
BATCHED: Final = (
    "/v1/responses",
    "/v1/chat/completions",
    "/v1/embeddings",
    "/v1/completions",
    "/v1/moderations",
)
"""Endpoints that Batch takes and whose lines name a model. Source: OpenAI's Batch guide."""


class BatchError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a batch failed before it began."""

    code: str | None = None
    message: str | None = None
    line: int | None = None
    """From 1."""
    param: str | None = None


class BatchErrors(msgspec.Struct, frozen=True, kw_only=True):
    """As the API wraps them."""

    data: tuple[BatchError, ...] = ()


class BatchCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Lines by what became of them."""

    total: int = 0
    completed: int = 0
    failed: int = 0


class BatchObject(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as the API shows it; fields that nothing here needs are left out."""

    id: str
    status: str
    endpoint: str = ""
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    created_at: int = 0
    """Unix seconds, like all times."""
    in_progress_at: int | None = None
    completed_at: int | None = None
    errors: BatchErrors | None = None
    request_counts: BatchCounts | None = None
    metadata: dict[str, str] | None = None

    @property
    def ended(self) -> bool:
        """Whether its status does not change any more."""
        return self.status in ENDED

    @property
    def problems(self) -> tuple[BatchError, ...]:
        """Why it failed before it began."""
        return self.errors.data if self.errors is not None else ()


class _Line(msgspec.Struct):
    custom_id: str
    method: str
    url: str
    body: msgspec.Raw


class _Response(msgspec.Struct):
    status_code: int = 0
    request_id: str | None = None
    body: msgspec.Raw = msgspec.Raw(b"null")


class _Failure(msgspec.Struct):
    code: str | None = None
    message: str | None = None


class _Result(msgspec.Struct):
    custom_id: str
    response: _Response | None = None
    error: _Failure | None = None


_RESULT = msgspec.json.Decoder(_Result)


def batch_line(custom_id: str, url: str, body: bytes) -> bytes:
    """One line of an input file, with its end of line; the body's bytes stay as they are but for line ends.

    A body may hold line ends between its tokens, which would cut the line: JSON has none inside strings.
    """
    raw = body.replace(b"\r", b" ").replace(b"\n", b" ")
    return msgspec.json.encode(_Line(custom_id, "POST", url, msgspec.Raw(raw))) + b"\n"


def batch_results(lines: Iterable[bytes]) -> Iterator[ItemReply | None]:
    """What each line of an output or error file says, in the file's order; None for a line that says nothing.

    Lines come in any order, may come twice, and may be for ids that nobody sent: to match them is
    the caller's.
    """
    for raw in lines:
        if not raw.strip():
            continue
        try:
            found = _RESULT.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            yield None
            continue
        yield _reply(found)


def _reply(found: _Result) -> ItemReply:
    response, error = found.response, found.error
    if response is None or not response.status_code:
        code = error.code if error is not None else None
        message = error.message if error is not None else None
        body = msgspec.json.encode({"error": {"code": code, "message": message}})
        return ItemReply(id=found.custom_id, body=body, error=code or "no_response")
    body = bytes(response.body)
    failed = None if response.status_code < 400 else _code(body) or str(response.status_code)
    return ItemReply(
        id=found.custom_id,
        status=response.status_code,
        body=body,
        error=failed,
        request_id=response.request_id,
    )


def _code(body: bytes) -> str | None:
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    error = found.get("error") if isinstance(found, dict) else None
    said = error.get("code") or error.get("type") if isinstance(error, dict) else None
    return said if isinstance(said, str) else None
