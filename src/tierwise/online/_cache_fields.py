"""Changes for the cache's sake that are more than a field set: the order of the tools, and a breakpoint."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from tierwise.errors import RequestError
from tierwise.online._order import ordered
from tierwise.policy import MARK, ORDER, Change, Fields

_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_PLACE: Final = re.compile(r"(messages|input)\[(\d{1,9})\]\." + MARK)
_MARKED: Final = msgspec.Raw(b'{"mode":"explicit"}')
_TEXT: Final = {"messages": msgspec.Raw(b'"text"'), "input": msgspec.Raw(b'"input_text"')}


def changed_for_cache(fields: Fields, change: Change) -> bool:
    """Make such a change; False where the change is another.

    Raises:
        RequestError: The body has not what is to be changed.
    """
    if change.parameter == ORDER:
        fields["tools"] = msgspec.Raw(ordered(bytes(fields.get("tools", msgspec.Raw(b"[]")))))
        return True
    place = _PLACE.fullmatch(change.parameter)
    if place is None:
        return False
    try:
        items = _LIST.decode(fields[place[1]])
        items[int(place[2])] = _marked(items[int(place[2])], _TEXT[place[1]])
    except (KeyError, IndexError, msgspec.DecodeError):
        raise RequestError(f"expected {change.parameter} to mark, found no such part") from None
    fields[place[1]] = msgspec.Raw(msgspec.json.encode(items))
    return True


def _marked(message: msgspec.Raw, kind: msgspec.Raw) -> msgspec.Raw:
    """A message whose last part a breakpoint ends. Content that is one text becomes one part with that text."""
    fields = _FIELDS.decode(message)
    content = fields["content"]
    if bytes(content).lstrip()[:1] == b'"':
        parts = [{"type": kind, "text": content}]
    else:
        parts = [_FIELDS.decode(part) for part in _LIST.decode(content)]
    parts[-1][MARK] = _MARKED
    fields["content"] = msgspec.Raw(msgspec.json.encode(parts))
    return msgspec.Raw(msgspec.json.encode(fields))
