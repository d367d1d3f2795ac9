"""The only room that speaks HTTP to OpenAI: one asynchronous client over one pool of connections.

In: `tierwise.calls.Outgoing`, a request with its body as it will stand on the wire. Out: a reply that
satisfies `tierwise.calls.Incoming`, its bytes untouched, or an UpstreamError that says what failed and
what was tried. Beside it, what reads along with a stream: events cut out of bytes, whether the
stream came to its end, its usage and model. aiohttp is an extra, loaded when an `Upstream` is
entered.
"""

from __future__ import annotations

from tierwise.upstream._batches import BatchApi
from tierwise.upstream._client import FLEX, OPENAI, Upstream
from tierwise.upstream._events import Event, EventSplitter
from tierwise.upstream._inflate import Inflater
from tierwise.upstream._keys import Key
from tierwise.upstream._retries import Verdict, verdict
from tierwise.upstream._streams import StreamWatch, stream_ended_cleanly, whole_reply
from tierwise.upstream._targets import Azure

__all__ = [
    "FLEX",
    "OPENAI",
    "Azure",
    "BatchApi",
    "Event",
    "EventSplitter",
    "Inflater",
    "Key",
    "StreamWatch",
    "Upstream",
    "Verdict",
    "stream_ended_cleanly",
    "verdict",
    "whole_reply",
]
