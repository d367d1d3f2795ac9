"""Answers that came later, and those still to come: looked up, cancelled and deleted like upstream's own."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from tierwise.batch import Found
from tierwise.gateway._access import Caller, Refused
from tierwise.gateway._errors import GONE, NO_STREAM, NOT_FOUND, WAITS_STILL
from tierwise.gateway._waits import Gone, Waits
from tierwise.online import PREFIXES, Answer

_PATH: Final = re.compile(r"/v1/(responses|chat/completions)/([A-Za-z0-9_-]+)(/cancel|/input_items)?/?")
_AS_JSON: Final = (("content-type", "application/json"),)
_MOST: Final = 100
_PREVIOUS: Final = b'"previous_response_id"'
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def ours(path: str) -> re.Match[str] | None:
    """Whether a path names an answer that is kept here."""
    found = _PATH.fullmatch(path.partition("?")[0])
    if found is None:
        return None
    prefix = PREFIXES["responses" if found[1] == "responses" else "chat"]
    return found if found[2].startswith(prefix) else None


async def answer(waits: Waits, method: str, path: str, caller: Caller) -> Answer | None:
    """The reply to a request about an answer that is kept here; None for any other. Raises Refused."""
    named = ours(path)
    if named is None:
        return None
    found = await waits.find(named[2], caller)
    if found is None:
        raise Refused(NOT_FOUND)
    query = parse_qs(path.partition("?")[2])
    try:
        match method, named[1], named[3]:
            case "GET", _, None:
                if query.get("stream") == ["true"]:
                    raise Refused(NO_STREAM)
                return await waits.shown(found)
            case "POST", "responses", "/cancel":
                asked = await asyncio.to_thread(waits.queue.ask, named[2])
                return await waits.shown(asked if asked is not None else found)
            case "GET", "responses", "/input_items":
                return _items(await asyncio.to_thread(waits.body, found), found, query)
            case "DELETE", _, None:
                await asyncio.to_thread(waits.queue.delete, named[2], int(time.time() * 1e6))
                kind = "response" if named[1] == "responses" else "chat.completion.deleted"
                return _json({"id": named[2], "object": kind, "deleted": True})
    except Gone:
        raise Refused(GONE) from None
    raise Refused(NOT_FOUND)


async def going_on(waits: Waits, body: bytes, caller: Caller) -> bytes:
    """A request that goes on from an answer that came later: with upstream's own id of it in place of ours.

    Raises:
        Refused: There is no such answer, or none yet.
    """
    prefix = PREFIXES["responses"]
    if prefix.encode() not in body or _PREVIOUS not in body:
        return body
    try:
        fields = _FIELDS.decode(body)
        named = msgspec.json.decode(fields.get("previous_response_id", b"null"), type=str | None)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    if named is None or not named.startswith(prefix):
        return body
    found = await waits.find(named, caller)
    if found is None:
        raise Refused(NOT_FOUND)
    upstream = await asyncio.to_thread(waits.upstream_id, found)
    if upstream is None:
        raise Refused(WAITS_STILL if found.ended is None else GONE)
    return msgspec.json.encode(fields | {"previous_response_id": msgspec.Raw(msgspec.json.encode(upstream))})


def _items(body: bytes | None, found: Found, query: dict[str, list[str]]) -> Answer:
    """The input items of a request, newest first unless asked otherwise."""
    if body is None:
        raise Refused(GONE)
    given = msgspec.json.decode(body).get("input")
    listed: Iterable[Any] = [{"role": "user", "content": given}] if isinstance(given, str) else given or []
    items = [_item(found.item.id, place, item) for place, item in enumerate(listed) if isinstance(item, dict)]
    if query.get("order") != ["asc"]:
        items.reverse()
    after = query.get("after", [""])[0]
    places = [place for place, item in enumerate(items) if item["id"] == after]
    items = items[places[0] + 1 :] if places else items
    limit = query.get("limit", ["20"])[0]
    most = min(_MOST, max(1, int(limit))) if limit.isascii() and limit.isdigit() and len(limit) < 9 else 20
    page = items[:most]
    return _json(
        {
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": len(items) > most,
        }
    )


def _item(identity: str, place: int, item: dict[str, Any]) -> dict[str, Any]:
    """An input item as the API lists it: with an id, a message with its content in parts."""
    full = {"id": f"msg_{identity.removeprefix('resp_')}_{place}", "type": "message", **item}
    if full["type"] == "message":
        full["status"] = "completed"
        if isinstance(item.get("content"), str):
            kind = "output_text" if item.get("role") == "assistant" else "input_text"
            full["content"] = [{"type": kind, "text": item["content"]}]
    return full


def _json(value: Any) -> Answer:
    return Answer(status=200, headers=_AS_JSON, body=msgspec.json.encode(value))
