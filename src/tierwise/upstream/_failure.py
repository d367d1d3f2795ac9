"""What is left of an attempt that got no reply."""

from __future__ import annotations

import msgspec

from tierwise.errors import UpstreamError


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """No reply came."""

    error: UpstreamError
    reason: str
    """For the record of the attempt."""
    again: bool = False
    """Whether sending it again may help and cannot do anything twice."""
    unknown: bool = False
    """Whether sending it again may help, and may do it twice."""
