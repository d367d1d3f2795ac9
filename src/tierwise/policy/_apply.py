"""Changes carried out on a request body: every other field keeps its bytes and its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from tierwise.errors import RequestError
from tierwise.policy._decision import Change

Fields = dict[str, msgspec.Raw]
"""The top-level fields of a body, each still as its bytes."""

_FIELDS: Final = msgspec.json.Decoder(Fields)
_BY_TRANSLATION: Final = frozenset({"endpoint", "store", "tools[].strict"})
"""Changes that going by Responses brings with it."""
_COUNTS: Final = frozenset({"max_tokens", "max_completion_tokens", "max_output_tokens"})


def applied(
    body: bytes, changes: Iterable[Change], also: Callable[[Fields, Change], bool] | None = None
) -> bytes:
    """The body with the changes made.

    Args:
        body: A JSON object, already in the form of the endpoint it goes to.
        changes: As `decide` or `pinned` lists them. Those to the tool list are somebody else's.
        also: Makes changes that are more than a field set, and says whether it made one.

    Raises:
        RequestError: A change that this body cannot take.
    """
    fields = _FIELDS.decode(body)
    for change in changes:
        if change.parameter in _BY_TRANSLATION or (also is not None and also(fields, change)):
            continue
        name, _, inner = change.parameter.partition(".")
        if name in {"tools", "lane"}:
            # A lane that is no service tier does not stand in the body.
            continue
        if name.endswith("[]"):
            raise RequestError(f"{change.parameter} cannot be changed in a call's body")
        if inner:
            nested = object_in(fields.get(name))
            _set(nested, inner, change.after)
            fields[name] = msgspec.Raw(msgspec.json.encode(nested))
        else:
            _set(fields, name, change.after)
    return msgspec.json.encode(fields)


def _set(fields: Fields, name: str, after: str | None) -> None:
    if after is None:
        fields.pop(name, None)
        return
    value: Any = int(after) if name in _COUNTS else after
    fields[name] = msgspec.Raw(msgspec.json.encode(value))


def object_in(raw: msgspec.Raw | None) -> Fields:
    """The fields of a field that is an object; none where it is null or was not sent. Raises RequestError."""
    if raw is None or bytes(raw) == b"null":
        return {}
    try:
        return _FIELDS.decode(raw)
    except msgspec.DecodeError:
        raise RequestError("expected an object where the decision changes a part of it") from None
