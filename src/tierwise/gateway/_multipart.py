"""Forms with files, read as they come: `multipart/form-data`, RFC 7578."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import Message
from typing import Final

import msgspec

from tierwise.errors import RequestError

MOST_HEADERS: Final = 16_384
"""Bytes of a part's headers."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part begins; its content follows in pieces."""

    name: str
    filename: str | None = None


def boundary_of(content_type: str) -> bytes:
    """The boundary that a content type names. Raises RequestError where there is none."""
    found = Message()
    found["content-type"] = content_type
    said = found.get_param("boundary")
    if found.get_content_type() != "multipart/form-data" or not isinstance(said, str) or not said:
        raise RequestError("expected a file as multipart/form-data with a boundary")
    return said.encode("latin-1", "replace")


class Form:
    """Takes a body piece by piece and gives its parts and their content.

    Args:
        boundary: As its content type says.
    """

    def __init__(self, boundary: bytes) -> None:
        self._mark = b"\r\n--" + boundary
        # The first boundary has no line end before it.
        self._held = bytearray(b"\r\n")
        self._within: str = "before"
        self.ended = False
        """Whether the last boundary came."""

    def feed(self, piece: bytes) -> Iterator[Part | bytes]:
        """What a piece brings. Raises RequestError for what is no form."""
        self._held += piece
        while not self.ended:
            found = self._step()
            if found is None:
                return
            if found:
                yield found

    def _step(self) -> Part | bytes | None:
        """What comes next; empty where only a boundary was passed, None where more is to come."""
        if self._within == "headers":
            return self._headers()
        at = self._held.find(self._mark)
        if at < 0:
            # What may be the beginning of a boundary is held back.
            at = len(self._held) - len(self._mark) + 1
            return self._content(at) if at > 0 else None
        if at > 0:
            return self._content(at)
        return self._boundary()

    def _content(self, size: int) -> bytes:
        found = bytes(self._held[:size])
        del self._held[:size]
        return found if self._within == "content" else b""

    def _boundary(self) -> bytes | None:
        line = self._held.find(b"\r\n", len(self._mark))
        rest = bytes(self._held[len(self._mark) : line if line >= 0 else len(self._held)])
        if rest.startswith(b"--"):
            self.ended = True
            self._held.clear()
            return b""
        if line < 0:
            self._more()
            return None
        if rest.strip(b" \t"):
            raise RequestError("the form's boundary goes on where it should end")
        del self._held[: line + 2]
        self._within = "headers"
        return b""

    def _headers(self) -> Part | None:
        end = 0 if self._held.startswith(b"\r\n") else self._held.find(b"\r\n\r\n")
        if end < 0:
            self._more()
            return None
        found = Message()
        for line in bytes(self._held[:end]).split(b"\r\n"):
            name, _, value = line.decode("utf-8", "replace").partition(":")
            found[name.strip()] = value.strip()
        del self._held[: end + 4 if end else 2]
        self._within = "content"
        return Part(name=_parameter(found, "name") or "", filename=_parameter(found, "filename"))

    def _more(self) -> None:
        if len(self._held) > MOST_HEADERS:
            raise RequestError(f"the headers of a part of the form are over {MOST_HEADERS} bytes")


def _parameter(headers: Message, name: str) -> str | None:
    found: object = headers.get_param(name, header="content-disposition")
    return found if isinstance(found, str) else None
