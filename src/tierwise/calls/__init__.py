"""Request, Response and Call, and the readers that turn log exports into them.

In: files, folders, globs or standard input, in any of the formats of docs/logs.md. Out: a
stream of Call, Bucket, CostLine and Skipped records, each with the place it came from.
"""

from __future__ import annotations

from tierwise.calls._batches import (
    BATCHED,
    MOST_BYTES,
    MOST_LINES,
    BatchError,
    BatchObject,
    batch_line,
    batch_results,
)
from tierwise.calls._chat_chunks import assembled_chat
from tierwise.calls._chat_stream import ChatStream
from tierwise.calls._checks import REFUSED, failure
from tierwise.calls._context import named_place
from tierwise.calls._exchange import Around, live_call
from tierwise.calls._plain_json import NO_JSON, is_number, json_in, kind_of
from tierwise.calls._plan import Plan, Unit, absolute_place, formats, plan
from tierwise.calls._read import read
from tierwise.calls._recorded import NOT_RECORDED, Flag, Recorded, Spend, decode_recorded, encode_recorded
from tierwise.calls._recorded import VERSION as RECORDER_VERSION
from tierwise.calls._requests import parse_request, request_from
from tierwise.calls._responses import parse_response, response_from
from tierwise.calls._schema import Wanted, misfit, wanted
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
from tierwise.calls._to_chat import failed_reply, to_chat
from tierwise.calls._to_responses import reasoning_lost, to_responses
from tierwise.calls._types import (
    NOT_DAMAGE,
    Bucket,
    Call,
    CostLine,
    Function,
    Message,
    Part,
    Place,
    Record,
    Request,
    Response,
    Skipped,
    ToolCall,
)
from tierwise.calls._words import Endpoint, Status

__all__ = [
    "BATCHED",
    "MOST_BYTES",
    "MOST_LINES",
    "NOT_DAMAGE",
    "NOT_RECORDED",
    "NO_JSON",
    "RECORDER_VERSION",
    "REFUSED",
    "Around",
    "Attempt",
    "BatchError",
    "BatchObject",
    "Bucket",
    "Call",
    "ChatStream",
    "CostLine",
    "Endpoint",
    "Flag",
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
    "Recorded",
    "Request",
    "Response",
    "Retries",
    "Send",
    "SendMany",
    "Skipped",
    "Spend",
    "Status",
    "Timeouts",
    "ToolCall",
    "Unit",
    "Wanted",
    "absolute_place",
    "assembled",
    "assembled_chat",
    "batch_line",
    "batch_results",
    "decode_recorded",
    "encode_recorded",
    "failed_reply",
    "failure",
    "formats",
    "is_number",
    "json_in",
    "kind_of",
    "live_call",
    "misfit",
    "named_place",
    "parse_request",
    "parse_response",
    "plan",
    "read",
    "reasoning_lost",
    "request_from",
    "response_from",
    "to_chat",
    "to_responses",
    "wanted",
]
