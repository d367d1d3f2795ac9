"""Our own errors, in the form of OpenAI's: one function makes them all."""

from __future__ import annotations

from tierwise.errors import (
    CallerError,
    LedgerUnavailable,
    OutcomeUnknown,
    TierwiseError,
    UnsafeRequest,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from tierwise.online import Answer, refusal

Told = tuple[int, str, str]
"""Status, code, message."""

NO_KEY: Told = (
    401,
    "invalid_api_key",
    "expected a gateway key (tw-...) or an OpenAI key as bearer, found neither",
)
BAD_KEY: Told = (401, "invalid_api_key", "the gateway key is unknown or was ended; ask its owner for another")
ENDED_KEY: Told = (401, "invalid_api_key", "the key that handed this in was ended before it was sent")
NOT_FOUND: Told = (404, "not_found", "no such object")
TOO_LARGE: Told = (413, "request_too_large", "the request is larger than this gateway takes")
FILE_TOO_LARGE: Told = (
    413,
    "request_too_large",
    "an input file of a batch holds at most 200 MB (200,000,000 bytes); split it",
)
TOO_SLOW: Told = (408, "request_timeout", "the request did not come in time")
TOO_MANY: Told = (503, "gateway_busy", "the gateway has as many calls under way as it takes; try again")
TOO_FAST: Told = (429, "rate_limit_exceeded", "the key has made as many calls as it may in a minute")
AT_ONCE: Told = (429, "rate_limit_exceeded", "the key has as many calls under way as it may")
NO_PLACE: Told = (503, "ledger_unavailable", "the call cannot be written down, so it does not go; try again")
NO_LEASE: Told = (
    503,
    "ledger_unavailable",
    "the ledger cannot be reached, and what this gateway may spend until then is used up; try again",
)
NO_LEDGER: Told = (
    503,
    "ledger_unavailable",
    "the ledger cannot be reached, and only it knows whether this may go; try again",
)
NOT_SCOPED: Told = (403, "not_in_scope", "the key may not use this path; its owner can allow pass_through")
NO_MODEL: Told = (403, "not_in_scope", "the key may not ask for this model")
NO_WORKLOAD: Told = (403, "not_in_scope", "the key may not call for this workload")
NO_REPORT: Told = (403, "not_in_scope", "calls sent elsewhere are taken down for gateway keys only")
NO_OUTCOMES: Told = (403, "not_in_scope", "outcomes are taken for gateway keys only")
NO_ADMIN: Told = (403, "not_in_scope", "the key may not do this; it takes an admin key")

CANNOT_WAIT: Told = (
    400,
    "cannot_wait",
    (
        "a call with an OpenAI key of your own cannot wait, since keys are not kept: use a gateway key, or leave out "
        "the deadline"
    ),
)
NO_STORE: Told = (
    400,
    "cannot_wait",
    "the call cannot be kept: it asks for a stream, or the policy forbids to store bodies; leave out x-tierwise-store",
)
NOT_CONFIGURED: Told = (
    400,
    "cannot_wait",
    "this gateway keeps no calls: whoever runs it can start it with a batch key; leave out x-tierwise-store",
)
TOO_LONG: Told = (
    400,
    "deadline_too_long",
    (
        "a Chat call is held for 10 minutes at most: for a later deadline call Responses with background: true, or send "
        "x-tierwise-store: 1 and get the answer from /v1/chat/completions/{id}"
    ),
)
UNREAD_DEADLINE: Told = (
    400,
    "invalid_deadline",
    "expected a deadline from now on such as 90, 15m or 24h in x-tierwise-deadline",
)
CONFLICT: Told = (
    409,
    "idempotency_conflict",
    "another request was made under this idempotency key; use a new key for a new request",
)
NOT_YET: Told = (
    504,
    "not_yet_answered",
    (
        "the answer did not come within the deadline, and the call goes on: repeat it with the same Idempotency-Key to "
        "have its answer, at no further cost"
    ),
)
NO_STREAM: Told = (
    400,
    "cannot_stream",
    "an answer that comes later cannot be streamed; ask without stream until its status is 'completed'",
)
WAITS_STILL: Told = (
    409,
    "not_yet_answered",
    "the response to go on from has no answer yet; ask again once its status is 'completed'",
)
NO_BATCH: Told = (
    403,
    "tierwise_limits",
    "the policy's zero_retention forbids Batch, which stores requests and answers",
)
GONE: Told = (404, "not_found", "the answer is no longer kept")


def error(told: Told, *, wait: float | None = None) -> Answer:
    """The reply of an error of ours. `wait` is seconds after which it is worth trying again."""
    status, code, message = told
    headers = (("retry-after", f"{max(1, round(wait))}"),) if wait is not None else ()
    answer = refusal(status, code, message, headers)
    if wait is None:
        return answer
    again = tuple((name, "true" if name == "x-should-retry" else value) for name, value in answer.headers)
    return Answer(status=answer.status, headers=again, body=answer.body)


def of_fault(fault: Exception) -> Answer:
    """The reply to a call that could not be carried out."""
    match fault:
        case UpstreamUnreachable():
            return error((502, "upstream_unreachable", str(fault)), wait=1)
        case OutcomeUnknown():
            # It may have been carried out and billed: not to be sent again by itself.
            return error((502, "upstream_outcome_unknown", str(fault)))
        case UpstreamTimeout():
            return error((504, "upstream_timeout", str(fault)))
        case UpstreamError():
            return error((502, "upstream_error", str(fault)))
        case UnsafeRequest() | CallerError():
            return error((400, "invalid_request", str(fault)))
        case LedgerUnavailable():
            return error(NO_LEDGER, wait=5)
        case TierwiseError():
            return error((500, "gateway_misconfigured", str(fault)))
        case _:
            return error((500, "gateway_fault", f"a fault in the gateway: {type(fault).__name__}"))


def event_of(fault: Exception, *, responses: bool) -> bytes:
    """The event that ends a stream which broke: an error, as SDKs raise it."""
    body = of_fault(fault).body or b"{}"
    if responses:
        inner = body.removeprefix(b'{"error":').removesuffix(b"}")
        return b'event: error\ndata: {"type":"error","sequence_number":0,"error":' + inner + b"}\n\n"
    return b"data: " + body + b"\n\n"
