"""JSON taken apart one level at a time: what is not looked into keeps its bytes."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

import msgspec
from msgspec import Raw

from tierwise.errors import RequestError

Fields = dict[str, Raw]
"""An object's values by name, in the order they came, each still as its bytes."""

NULL: Final = Raw(b"null")
_NAME: Final = re.compile(r"[\w.\-]{1,40}", re.ASCII)
_BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError, UnicodeEncodeError, RecursionError)


@cache
def _decoder() -> msgspec.json.Decoder[Fields]:
    return msgspec.json.Decoder(Fields)


@cache
def _lister() -> msgspec.json.Decoder[list[Raw]]:
    return msgspec.json.Decoder(list[Raw])


def fields(raw: bytes | Raw, place: str) -> Fields:
    """The fields of an object. Raises RequestError, naming the place, for anything else."""
    try:
        return _decoder().decode(raw)
    except _BROKEN:
        raise RequestError(f"expected an object as {place}, found something else") from None


def listed(raw: Raw, place: str) -> list[Raw]:
    """The elements of an array. Raises RequestError, naming the place, for anything else."""
    try:
        return _lister().decode(raw)
    except _BROKEN:
        raise RequestError(f"expected an array as {place}, found something else") from None


def says(raw: Raw | None, literal: bytes) -> bool:
    """Whether a field is exactly these bytes; no copy of it is made."""
    return raw is not None and memoryview(raw) == literal


def is_null(raw: Raw | None) -> bool:
    """Whether a field is null or was not sent."""
    return raw is None or says(raw, b"null")


def is_text(raw: Raw | None) -> bool:
    """Whether a field is a JSON string."""
    return raw is not None and memoryview(raw)[:1].tobytes() == b'"'


def word(raw: Raw | None) -> str | None:
    """The value of a JSON string; None for anything else, and for one that is not Unicode."""
    value = plain(raw)
    return value if isinstance(value, str) else None


def plain(raw: Raw | None) -> Any:
    """A field's value; None for one that was not sent or cannot be read."""
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw)
    except _BROKEN:
        return None


def encoded(value: Any) -> Raw:
    """Plain values and raw fields as one raw field."""
    return Raw(msgspec.json.encode(value))


def shown(value: str | None) -> str:
    """A name for a message; whatever else stands in its place may be prompt text, and is not shown."""
    return repr(value) if value is not None and _NAME.fullmatch(value) else "something else"


def only(found: Fields, known: frozenset[str], place: str) -> Fields:
    """The fields, none of which is left out unseen.

    Raises:
        RequestError: A field beside those known that is not null, by name.
    """
    for name, raw in found.items():
        if name not in known and not is_null(raw):
            raise RequestError(f"Responses has no {shown(name)} in {place}")
    return found
