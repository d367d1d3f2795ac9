"""One line of a recorder file: a call as it was recorded, without its text.

Written by the live half, read by the audit as one more log format. Lines stand alone, so that
a file can be cut anywhere between two of them.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Literal

import msgspec

from tierwise.calls._words import Endpoint, Status
from tierwise.catalog import Lane, LaneBasis, Tokens

VERSION = 1
NOT_RECORDED = msgspec.Raw()
"""Stands for a part that a line leaves out; only this very value is left out."""
Flag = Literal[
    "stream",
    "store",
    "background",
    "answered",
    "refusal",
    "empty",
    "odd tier",
    "residency",
    "useless",
    "again",
]
"""What else is known of a call: that it was streamed, stored, in the background; that a reply
came, that it is a refusal, or holds neither text nor tool call; that its service tier has no
published price; that it went to a data-residency endpoint; that the answer fails a check that costs nothing (`failure`);
that the same was asked, and answered, a moment before."""


class Spend(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request of a call that is not its answer: an attempt that was not accepted, or what checked one."""

    what: Literal["attempt", "check"]
    served: str
    """The model that served it; the one asked where the reply does not say."""
    lane: Lane = "standard"
    tokens: Tokens | None = None
    """None where no usage came back."""
    hosted: dict[str, int] = {}
    """Billed hosted-tool calls by kind."""
    cost: Decimal | None = None
    """USD, part of the call's cost; None where it has no price."""


class RecordedText(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Text of a call beside its record, as a ledger exports it where its owner has text kept."""

    request: msgspec.Raw
    """The body of the request."""
    reply: msgspec.Raw = NOT_RECORDED
    """The body that came back; left out where none is kept."""


class Recorded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call without its text. Digests are 64 bits, keyed with the owner's key."""

    recorder: int
    """Version of this form; the first field of a line, and its mark."""
    key_id: str = ""
    """Of the key that digests are taken under (`workloads.key_id`); '' for none."""
    id: str | None = None
    """The response's id, which makes two records the same call."""
    join: str | None = None
    """Of half a call: a digest in hex, the same in its other half."""
    at: int | None = None
    """Microseconds since the epoch, UTC."""
    latency: int | None = None
    """Microseconds to the last byte."""
    endpoint: Endpoint = "other"
    asked: str | None = None
    served: str | None = None
    tokens: Tokens | None = None
    estimated: bool = False
    """Whether the tokens are an estimate, because no usage came back."""
    lane: Lane = "standard"
    lane_basis: LaneBasis = "assumed"
    status: Status = "unknown"
    error: str | None = None
    """OpenAI's code, or the name of a fault of the way there."""
    project: str | None = None
    key: str | None = None
    user: str | None = None
    """A digest in hex."""
    session: str | None = None
    trace: str | None = None
    span: str | None = None
    parent: str | None = None
    name: str | None = None
    tags: tuple[str, ...] = ()
    flags: frozenset[Flag] = frozenset()
    answer: int = 0
    """Digest of the tools called with their arguments: equal answers are a loop."""
    called: tuple[int, ...] = ()
    """Digests of the tools called, as in the facts."""
    hosted: dict[str, int] = {}
    """Billed hosted-tool calls by kind."""
    scores: dict[str, float] = {}
    """Feedback on the answer, by name."""
    facts: msgspec.Raw = NOT_RECORDED
    """What recognising the request told (`workloads.Facts`); empty where there was no request."""
    names: dict[str, str] = {}
    """Tool digest in hex to name, where the owner has names kept; else only the tool without a name."""
    outline: bytes = b""
    """What the instructions look like, to find what breaks the cache (`caching.outline`); given
    for texts that an audit would keep."""
    decision: msgspec.Raw = NOT_RECORDED
    state: msgspec.Raw = NOT_RECORDED
    cost: Decimal | None = None
    """USD as priced when it was recorded; an audit prices anew."""
    as_asked: Decimal | None = None
    text: RecordedText | None = None
    saved: dict[str, Decimal] = {}
    """`as_asked` minus `cost` by lever, USD; adds up to it exactly."""
    spent: tuple[Spend, ...] = ()
    """Other requests of the call: their cost is in `cost`, their tokens are not in `tokens`."""


@cache
def _encoder() -> msgspec.json.Encoder:
    return msgspec.json.Encoder(decimal_format="string")


@cache
def _decoder() -> msgspec.json.Decoder[Recorded]:
    return msgspec.json.Decoder(Recorded)


def encode_recorded(recorded: Recorded) -> bytes:
    """The line of a call, with its line break."""
    return _encoder().encode(recorded) + b"\n"


def decode_recorded(line: bytes) -> Recorded:
    """A line's call. Raises msgspec.DecodeError for what is none."""
    return _decoder().decode(line)
