"""Server-sent events cut out of a stream of bytes, wherever the pieces were split.

After the WHATWG HTML standard, 9.2 (event streams): lines end with CR LF, LF or CR; an empty line
ends an event; `data` lines are joined by a line break; lines that begin with ':' are comments.
"""

from __future__ import annotations

import re

import msgspec

from tierwise.errors import UpstreamGarbled

# Atomic, so that one CR LF is never read as two line ends.
_BLANK = re.compile(rb"(?>\r\n|\n|\r){2}")
_LINE = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"
LARGEST = 1 << 26
"""Bytes of one event; the last event of a Responses stream holds the whole reply, images too."""


class Event(msgspec.Struct, frozen=True, gc=False):
    """One block of the stream, with the empty line that ends it."""

    raw: bytes
    """Exactly as it came. The raws of a stream, joined, are the stream."""

    @property
    def data(self) -> bytes:
        """Its data lines joined by a line break; b'' for comments and other blocks without data."""
        raw = self.raw
        if raw.startswith(b"data: ") and raw.endswith(b"\n\n") and b"\r" not in raw:
            data = raw[6:-2]
            if b"\n" not in data:
                return data
        return b"\n".join(self._fields(b"data"))

    @property
    def name(self) -> str:
        """Its `event` field, '' where it has none."""
        raw = self.raw
        if raw.startswith(b"data:") and b"\nevent" not in raw and b"\revent" not in raw:
            return ""
        return ([b"", *self._fields(b"event")])[-1].decode("utf-8", "replace")

    def _fields(self, name: bytes) -> list[bytes]:
        found = []
        for line in _LINE.split(self.raw.removeprefix(_BOM)):
            field, _, value = line.partition(b":")
            if field == name:
                found.append(value.removeprefix(b" "))
        return found


class EventSplitter:
    """Takes pieces, gives events as they become whole. Events are the same for any split.

    A lone CR at the very end of what came is not yet a line end, since an LF may follow.

    Args:
        largest: Bytes that one event may have.
    """

    def __init__(self, *, largest: int = LARGEST) -> None:
        self._largest = largest
        self._rest = bytearray()
        self._seen = 0

    @property
    def waiting(self) -> bool:
        """Whether a part of an event has come."""
        return bool(self._rest)

    @property
    def rest(self) -> bytes:
        """What came after the last whole event."""
        return bytes(self._rest)

    def feed(self, piece: bytes) -> list[Event]:
        """The events that this piece completes.

        Raises:
            UpstreamGarbled: An event is larger than the bound.
        """
        if not self._rest and b"\r" not in piece:
            return self._plain(piece)
        self._rest += piece
        events = []
        start = 0
        at = self._seen
        while found := _BLANK.search(self._rest, at):
            end = found.end()
            if end == len(self._rest) and self._rest[-1] == 13:
                break
            events.append(self._event(bytes(self._rest[start:end])))
            start = at = end
        del self._rest[:start]
        self._keep()
        return events

    def end(self) -> list[Event]:
        """The last event of a stream that is over: one that a lone CR ends. `rest` is what remains."""
        whole = bytes(self._rest)
        found = _BLANK.search(whole, self._seen)
        if not found:
            return []
        self._rest.clear()
        self._seen = 0
        return [Event(whole)]

    def _plain(self, piece: bytes) -> list[Event]:
        """A piece that begins an event and knows only LF, which is nearly all of them."""
        first = piece.find(b"\n\n") + 2
        if 1 < first == len(piece) <= self._largest:
            return [Event(piece)]
        events = []
        start = 0
        while first > 1:
            events.append(self._event(piece[start:first]))
            start, first = first, piece.find(b"\n\n", first) + 2
        if start < len(piece):
            self._rest += piece[start:]
            self._keep()
        return events

    def _keep(self) -> None:
        # A blank line of two line ends has at most four bytes, so three may have been seen of it.
        self._seen = max(0, len(self._rest) - 3)
        if len(self._rest) > self._largest:
            self._too_large()

    def _event(self, raw: bytes) -> Event:
        if len(raw) > self._largest:
            self._too_large()
        return Event(raw)

    def _too_large(self) -> None:
        raise UpstreamGarbled(
            f"an event of the stream is larger than {self._largest} bytes; it is not held in memory",
            sent=True,
        )
