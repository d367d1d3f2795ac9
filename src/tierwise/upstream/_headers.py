"""Which headers go up, which come down, and what may not stand in one.

Hop-by-hop headers belong to one connection (RFC 9110, 7.6.1) and are never passed on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from tierwise.calls import Headers
from tierwise.errors import UnsafeRequest

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
KEYS = frozenset({"api-key", "authorization"})
"""Headers that carry a key to OpenAI or Azure."""
READABLE = ("gzip", "deflate", "identity")
"""Content codings that `Inflater` reads; others are not asked for."""
# Set by the client itself (host, content-length), meant for us alone (expect, cookie).
_OURS = frozenset({"content-length", "cookie", "expect", "host"})
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


@lru_cache(maxsize=1024)
def _lowered(name: str) -> str | None:
    """The name in lower case where it goes up, None where it stays here.

    Raises:
        UnsafeRequest: It is not a header name.
    """
    if not name or not _TOKEN.issuperset(name):
        raise UnsafeRequest(f"a header is named {name[:40]!r}; a name has letters, digits and -._ only")
    low = name.lower()
    return None if low in HOP_BY_HOP or low in _OURS or low.startswith("x-tierwise-") else low


def upward(headers: Headers, *, own: Mapping[str, str], keyed: bool, body: bool) -> list[tuple[str, str]]:
    """The headers to send: the caller's without what stays here, and ours.

    Args:
        headers: The caller's, in order.
        own: Ours, by lower-case name; they replace the caller's of the same name.
        keyed: True where a key of ours is sent, so that the caller's is not.
        body: Whether a body is sent, which needs a content type.

    Raises:
        UnsafeRequest: A name that is none, or a value with a line break, a zero byte, or
            characters that no header can carry.
    """
    out: list[tuple[str, str]] = []
    seen: set[str] = set()
    named: Iterable[str] = ()
    for name, value in headers:
        low = _lowered(name)
        if low is None:
            if name.lower() == "connection":
                named = (*named, *(part.strip().lower() for part in value.split(",")))
            continue
        if low in own or (keyed and low in KEYS):
            continue
        if low == "accept-encoding":
            value = _codings(value)  # noqa: PLW2901  # the value that is sent is the narrowed one
        out.append((name, safe_value(name, value)))
        seen.add(low)
    if named:
        out = [pair for pair in out if pair[0].lower() not in named]
        seen -= set(named)
    out.extend(own.items())
    for low, value in (("accept", "*/*"), ("accept-encoding", "identity"), ("user-agent", "tierwise")):
        if low not in seen and low not in own:
            out.append((low, value))
    if body and "content-type" not in seen and "content-type" not in own:
        out.append(("content-type", "application/json"))
    return out


def _codings(value: str) -> str:
    kept = [part for part in value.split(",") if part.partition(";")[0].strip().lower() in READABLE]
    return ",".join(kept).strip() or "identity"


def safe_value(name: str, value: str) -> str:
    """A header's value as it may be sent: the same bytes as came.

    A value with bytes over 127 reaches us as ASGI has it, decoded as latin-1; it is given on as
    the UTF-8 text that it was, since the client encodes as UTF-8.

    Raises:
        UnsafeRequest: It has a control character, or is neither ASCII nor UTF-8.
    """
    if value.isprintable() and value.isascii():
        return value
    if not value.isascii():
        try:
            value = value.encode("latin-1").decode("utf-8")
        except UnicodeError:
            raise UnsafeRequest(f"header {name} is neither ASCII nor UTF-8; encode its value") from None
    if any((letter < " " and letter != "\t") or letter == "\x7f" for letter in value):
        raise UnsafeRequest(f"header {name} has a line break or another control character; remove it")
    return value


@lru_cache(maxsize=1024)
def _comes_down(name: bytes) -> bool:
    return name.lower().decode("latin-1") not in HOP_BY_HOP


def downward(raw: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    """Upstream's headers without those of the connection itself, names and values as they came."""
    return tuple([pair for pair in raw if _comes_down(pair[0])])
