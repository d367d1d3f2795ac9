"""Request, Response and Call, and the readers that turn log exports into them.

In: files, folders, globs or standard input, in any of the formats of docs/logs.md. Out: a
stream of Call, Bucket, CostLine and Skipped records, each with the place it came from.
"""

from __future__ import annotations

from tierwise.calls._plan import Plan, Unit, absolute_place, formats, plan
from tierwise.calls._read import read
from tierwise.calls._requests import parse_request, request_from
from tierwise.calls._responses import parse_response, response_from
from tierwise.calls._send import (
    Attempt,
    Headers,
    Incoming,
    Item,
    ItemReply,
    Outgoing,
    Retries,
    Send,
    SendMany,
    Timeouts,
)
from tierwise.calls._streams import assembled
from tierwise.calls._types import (
    NOT_DAMAGE,
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
    "NOT_DAMAGE",
    "Attempt",
    "Bucket",
    "Call",
    "CostLine",
    "Endpoint",
    "Function",
    "Headers",
    "Incoming",
    "Item",
    "ItemReply",
    "Message",
    "Outgoing",
    "Part",
    "Place",
    "Plan",
    "Record",
    "Request",
    "Response",
    "Retries",
    "Send",
    "SendMany",
    "Skipped",
    "Status",
    "Timeouts",
    "ToolCall",
    "Unit",
    "absolute_place",
    "assembled",
    "formats",
    "parse_request",
    "parse_response",
    "plan",
    "read",
    "request_from",
    "response_from",
]
