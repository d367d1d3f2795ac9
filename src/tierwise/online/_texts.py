"""The text of a call as it may be kept: redacted first, then packed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tierwise.online._redact import Redactor
from tierwise.policy import Keep, Policy, Text

_LOG: Final = logging.getLogger("tierwise")
DAY: Final = 86_400_000_000
LARGE: Final = 8 * 1024
"""Bytes of text above which making it clean takes more than some milliseconds."""


class Texts:
    """Makes the text that a policy has kept. Not locked; it holds nothing that changes but the policy's own."""

    def __init__(self, policy: Policy | None) -> None:
        keep = policy.keep if policy is not None else None
        self._keep = keep if isinstance(keep, Keep) else None
        self._redactor = Redactor(self._keep) if self._keep is not None else None

    def takes_long(self, size: int) -> bool:
        """Whether so many bytes of text are kept, if they are, after work that should hold up nobody."""
        return self._keep is not None and size > LARGE

    def of(
        self,
        call: str,
        workload: int | None,
        at: int,
        body: bytes | None,
        reply: bytes | Mapping[str, Any] | None,
    ) -> Text | None:
        """The text of a call, None where none is kept. What cannot be made clean is not kept; never raises.

        Args:
            call: Its id.
            workload: Its workload; None where it is not known.
            at: When it was sent, microseconds since the epoch.
            body: The request as the caller sent it; None where it was kept before.
            reply: What came back; None where nothing has.
        """
        keep, redactor = self._keep, self._redactor
        named = f"{workload:016x}" if workload is not None else None
        if keep is None or redactor is None or not keep.chooses(call, named):
            return None
        if keep.text == "prompts":
            reply = None
        try:
            return Text(
                until=at + keep.retention * DAY,
                request=_packed(redactor.body(body)) if body is not None else b"",
                reply=_packed(
                    redactor.body(reply if isinstance(reply, bytes) else msgspec.json.encode(reply))
                )
                if reply is not None
                else b"",
            )
        except Exception as fault:  # noqa: BLE001 - text that is not clean for sure is not kept
            _LOG.error("text of a call could not be kept: %s", type(fault).__name__)
            return None


def _packed(text: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(level=3).compress(text)
