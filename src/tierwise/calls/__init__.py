"""Request, Response and Call, and the readers that turn log exports into them.

In: files, folders, globs or standard input, in any of the formats of docs/logs.md. Out: a
stream of Call, Bucket, CostLine and Skipped records, each with the place it came from.
"""

from __future__ import annotations

from tierwise.calls._types import (
    Bucket,
    Call,
    CostLine,
    Endpoint,
    Function,
    Message,
    Part,
    Place,
    Record,
    Request,
    Response,
    Skipped,
    Status,
    ToolCall,
)

__all__ = [
    "Bucket",
    "Call",
    "CostLine",
    "Endpoint",
    "Function",
    "Message",
    "Part",
    "Place",
    "Record",
    "Request",
    "Response",
    "Skipped",
    "Status",
    "ToolCall",
]
