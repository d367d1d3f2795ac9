"""The lines of a spool: a call that is about to be sent, and what became of it."""

from __future__ import annotations

from decimal import Decimal
from functools import cache

import msgspec

from tierwise.calls import Attempt, Recorded
from tierwise.policy import Text


class Opened(msgspec.Struct, frozen=True, kw_only=True, tag="opened", tag_field="line", omit_defaults=True):
    """A call about to be sent. Without its `Closed` nobody knows what became of it."""

    id: str
    at: int
    """Microseconds since the epoch, UTC."""
    project: str | None = None
    key: str | None = None
    endpoint: str = "other"
    model: str | None = None
    """The model sent upstream."""
    workload: str | None = None
    reserved: Decimal = Decimal(0)
    """USD held for it."""


class Closed(msgspec.Struct, frozen=True, kw_only=True, tag="closed", tag_field="line", omit_defaults=True):
    """A call that is over."""

    id: str
    call: Recorded
    workload: str | None = None
    task: str | None = None
    depth: str | None = None
    rung: str | None = None
    rule: str | None = None
    stage: str | None = None
    moved: bool = False
    unproven: bool = False
    reason: str | None = None
    """Why it went as asked although there is a policy."""
    unpriced: str | None = None
    attempts: tuple[Attempt, ...] = ()
    """Every request that was sent for it."""
    text: Text | None = None
    """What the policy has kept of its text; in the same line, so that neither is there without the other."""


Line = Opened | Closed


@cache
def _decoder() -> msgspec.json.Decoder[Line]:
    return msgspec.json.Decoder(Line)


@cache
def _encoder() -> msgspec.json.Encoder:
    return msgspec.json.Encoder(decimal_format="string")


def encode_line(line: Line) -> bytes:
    """A line without its line break."""
    return _encoder().encode(line)


def decode_line(raw: bytes) -> Line | None:
    """What a line says; None for one that a crash tore."""
    try:
        return _decoder().decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
