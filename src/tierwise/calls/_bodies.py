"""The body of a request as a log line has it, for whoever sends the call again."""

from __future__ import annotations

from typing import Final

import msgspec

from tierwise.calls._types import Call, Record

_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_UNDER: Final = ("request", "req", "request_body", "requestBody", "kwargs", "params", "body")
_INNER: Final = ("body", "json", "content")
_OF_A_REQUEST: Final = frozenset({"messages", "input", "instructions"})
_BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def logged_body(line: bytes) -> bytes:
    """The request body in a line that holds it as it was sent; b'' where the line has none in that form.

    Looked for where pairs, wire recordings and Batch input files have it: an object, or the same as JSON in
    a string, under a name for requests, at most one envelope deep.
    """
    outer = _fields(line)
    for name in _UNDER:
        if (raw := outer.get(name)) is None:
            continue
        found = _body(bytes(raw))
        if found:
            return found
        inner = _fields(_plain(bytes(raw)))
        for deeper in _INNER:
            if deeper in inner and (found := _body(bytes(inner[deeper]))):
                return found
    return b""


def _body(raw: bytes) -> bytes:
    plain = _plain(raw)
    return plain if _fields(plain).keys() & _OF_A_REQUEST else b""


def _plain(raw: bytes) -> bytes:
    """JSON in a string as itself."""
    if raw[:1] != b'"':
        return raw
    try:
        return msgspec.json.decode(raw, type=str).encode()
    except (*_BROKEN, UnicodeEncodeError):
        return b""


def _fields(raw: bytes) -> dict[str, msgspec.Raw]:
    try:
        return _FIELDS.decode(raw)
    except _BROKEN:
        return {}


def with_body(records: tuple[Record, ...], line: bytes) -> tuple[Record, ...]:
    """The records of one line, its only call with the body that the line has."""
    calls = [record for record in records if isinstance(record, Call)]
    if len(calls) != 1 or calls[0].request is None or not (body := logged_body(line)):
        return records
    call = msgspec.structs.replace(calls[0], request=msgspec.structs.replace(calls[0].request, body=body))
    return tuple(call if record is calls[0] else record for record in records)
