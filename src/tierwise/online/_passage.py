"""A stream on its way to the caller: passed on as it comes, read along, and settled once at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from tierwise.calls import ChatStream, Endpoint, Status
from tierwise.errors import TierwiseError, UpstreamGarbled
from tierwise.online._hide import Hide
from tierwise.upstream import Event, EventSplitter, StreamWatch, whole_reply

MOST_KEPT: Final = 32 * 1024 * 1024
"""Bytes of a stream's events that are kept for the record; of a longer one only the newest are."""

End = Callable[[Mapping[str, Any] | None, Status | None], object]
"""Told once how the stream ended: the body it would have had, and 'abandoned' or None."""


class Passage:
    """Feeds a stream through and settles it.

    Bytes are passed on untouched, but for the usage event that only we asked for, and for a
    stream that is translated. Reading along never breaks it: what cannot be read is passed on.

    Args:
        endpoint: The endpoint whose stream comes.
        translate: Turns Responses events into Chat chunks.
        hide_usage: Leave out the chunk that carries nothing but usage.
        ended: Told once, at the event that ends the stream, at its close, or when somebody left.
        strict: Whether a stream that closes before its end is an error, also where it is not translated.
        hide: Takes out what only we asked for.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        translate: ChatStream | None,
        hide_usage: bool,
        ended: End,
        strict: bool = False,
        hide: Hide | None = None,
    ) -> None:
        self._translate = translate
        self._hide_usage = hide_usage
        self._hide = hide
        self._strict = strict or translate is not None
        self._ended: End | None = ended
        self._splitter = EventSplitter()
        self._watch = StreamWatch(endpoint)
        self._parts: list[bytes] = []
        self._kept = 0
        self._blind = False

    def feed(self, piece: bytes) -> bytes:
        """Bytes for the caller, for bytes from upstream.

        An event is held back until it is whole only where events are changed.

        Raises:
            UpstreamGarbled: An event that must be translated cannot be.
        """
        if self._blind or self._nothing_new(piece):
            return piece
        held = self._splitter.rest if self._changes else b""
        try:
            events = self._splitter.feed(piece)
        except UpstreamGarbled:
            if self._translate is not None:
                raise
            # Too large to read along; it is the caller's all the same.
            self._blind = True
            return held + piece
        out = [self._pass(event) for event in events]
        return b"".join(out) if self._changes else piece

    def end(self) -> bytes:
        """The last bytes, once upstream has closed.

        Raises:
            UpstreamCut: It closed without the event that ends such a stream; an end is never made up.
        """
        if self._blind:
            self._settle(None)
            return b""
        events = self._splitter.end()
        last = b"".join(self._pass(event) for event in events)
        rest = self._splitter.rest if self._changes and self._translate is None else b""
        whole = self._watch.ended
        self._settle(None if whole else "abandoned")
        if not whole and self._strict:
            self._watch.check_end()
        return last + rest if self._changes else b""

    def left(self) -> None:
        """The caller has left, or the connection broke: what was seen is what is recorded."""
        self._settle("abandoned")

    @property
    def _changes(self) -> bool:
        return self._translate is not None or self._hide_usage or self._hide is not None

    def _pass(self, event: Event) -> bytes:
        self._note(event)
        shown = self._hide.feed(event) if self._hide is not None else event
        out = shown.raw if shown is not None else b""
        if self._translate is not None:
            out = self._translate.feed(shown.data) if shown is not None else b""
            if self._watch.ended:
                out += self._translate.end()
        elif self._hide_usage and _only_usage(event):
            out = b""
        if self._watch.ended:
            self._settle(None)
        return out

    def _nothing_new(self, piece: bytes) -> bool:
        """Whether a piece is whole events that only go by, as most are: kept unsplit, and passed on."""
        if (
            self._translate is not None
            or self._hide is not None
            or self._splitter.waiting
            or not self._watch.passes(piece)
        ):
            return False
        self._keep(piece)
        return True

    def _note(self, event: Event) -> None:
        self._watch.feed(event)
        self._keep(event.raw)

    def _keep(self, part: bytes) -> None:
        self._parts.append(part)
        self._kept += len(part)
        while self._kept > MOST_KEPT and len(self._parts) > 1:
            self._kept -= len(self._parts.pop(0))

    def _settle(self, how: Status | None) -> None:
        ended, self._ended = self._ended, None
        if ended is None:
            return
        try:
            body: Mapping[str, Any] | None = whole_reply(b"".join(self._parts))
        except TierwiseError:
            body = self._watch.summary() if self._watch.events else None
        self._parts.clear()
        ended(body, how)


def _only_usage(event: Event) -> bool:
    """Whether a Chat chunk has usage and no choice, as the one has that `include_usage` adds."""
    if b'_tokens"' not in event.raw:
        return False
    data = event.data.replace(b" ", b"")
    return b'"choices":[]' in data[:4096] and b'"usage":' in data and b'"usage":null' not in data
