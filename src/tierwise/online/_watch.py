"""Who looks on at a call: told of its beginning and its end, and never in its way."""

from __future__ import annotations

import logging
from typing import Final

import msgspec

from tierwise.online._values import Admitted, Entry, Watch

_LOG: Final = logging.getLogger("tierwise")


def watched(call: Admitted, watch: Watch) -> Admitted:
    """The call with the headers that its watch sends upstream; as it was where the watch fails."""
    try:
        return msgspec.structs.replace(call, sent=watch.began(call))
    except Exception:  # noqa: BLE001 - the call goes whether or not somebody looks on
        _LOG.exception("a call goes unwatched")
        return call


def watched_to_its_end(entry: Entry, watch: Watch) -> None:
    """Tell the watch how the call ended."""
    try:
        watch.ended(entry)
    except Exception:  # noqa: BLE001 - the reply is the caller's, whatever becomes of the watch
        _LOG.exception("the end of a call went unwatched")
