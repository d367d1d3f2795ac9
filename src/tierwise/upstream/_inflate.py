"""Compressed replies read piece by piece, for our own copy; what is passed on stays as it came."""

from __future__ import annotations

import zlib

from tierwise.errors import UpstreamGarbled


class Inflater:
    """Reads a body in the coding of its `content-encoding`, with a bound on what it becomes.

    Args:
        coding: The header's value; None, '' or 'identity' gives the bytes back.
        most: Bytes that may come out in all; a small body can be made to grow to gigabytes.

    Raises:
        UpstreamGarbled: A coding other than gzip and deflate.
    """

    def __init__(self, coding: str | None, *, most: int = 1 << 28) -> None:
        name = (coding or "identity").strip().lower()
        if name not in ("identity", "gzip", "x-gzip", "deflate"):
            raise UpstreamGarbled(
                f"content-encoding {name[:40]!r} is not read here; ask for gzip or identity"
            )
        self._most = most
        self._left = most
        # 32: a gzip or zlib head, whichever comes.
        self._inflate = None if name == "identity" else zlib.decompressobj(zlib.MAX_WBITS | 32)
        # 'deflate' is zlib by the book, and bare deflate from servers that read it otherwise. Until
        # something came out, what went in is kept for a second try.
        self._head: bytes | None = b"" if name == "deflate" else None

    def feed(self, piece: bytes) -> bytes:
        """What the next piece adds, b'' where more is needed.

        Raises:
            UpstreamGarbled: It is not in that coding, or becomes too large.
        """
        if self._inflate is None:
            return self._counted(piece)
        if self._head is not None:
            self._head += piece
        try:
            out = self._inflate.decompress(piece, self._left + 1)
        except zlib.error:
            if self._head is None:
                raise UpstreamGarbled("the body is not in the coding that content-encoding names") from None
            head, self._head = self._head, None
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
            return self.feed(head)
        if out:
            self._head = None
        return self._counted(out)

    def _counted(self, out: bytes) -> bytes:
        self._left -= len(out)
        if self._left < 0:
            raise UpstreamGarbled(f"the body is larger than {self._most} bytes; it is not read")
        return out
