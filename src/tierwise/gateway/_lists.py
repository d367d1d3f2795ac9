"""Lists of objects: only what is the project's own, however many pages of others stand between."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

import msgspec

_LIST: Final = re.compile(r"^/v1/(files|batches|chat/completions)(\?|$)")
_USUAL: Final = {"files": 10_000}
"""Items of a page where the caller does not say how many; 20 in every other list."""
NEXT: Final = 100
"""Items asked for at once of further pages: the most that every list gives."""
PAGES: Final = 100
"""Further pages looked through for one reply."""
Items = list[dict[str, Any]]


def lists(method: str, path: str) -> bool:
    """Whether a request is for a list of objects that several projects share."""
    return method == "GET" and _LIST.match(path) is not None


async def own_list(
    path: str, first: bytes, fetch: Callable[[str], Awaitable[bytes | None]], mine: Callable[[Items], Items]
) -> bytes:
    """A list with only the items that `mine` keeps, filled up from further pages as far as was asked for.

    `first` is upstream's reply to `path`, `fetch` gets a further page (None where that fails). What is
    no list goes back as it is.
    """
    page = last = _page(first)
    if page is None or last is None:
        return first
    limit = _limit(path)
    kept = await asyncio.to_thread(mine, page["data"])
    for _ in range(PAGES):
        if len(kept) >= limit or not last.get("has_more") or not last["data"]:
            break
        following = _page(await fetch(_after(path, str(last["data"][-1]["id"]))))
        if following is None:
            break
        last = following
        kept += await asyncio.to_thread(mine, last["data"])
    more = len(kept) > limit or bool(last.get("has_more"))
    shown = kept[:limit]
    told = {
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": more,
    }
    return msgspec.json.encode({**page, "data": shown, **{name: told[name] for name in told if name in page}})


def _page(body: bytes | None) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(body or b"", type=dict[str, Any])
        whole = all(isinstance(item["id"], str) for item in found["data"])
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
        return None
    return found if whole else None


def _limit(path: str) -> int:
    kind = _LIST.match(path)
    usual = _USUAL.get(kind[1], 20) if kind is not None else 20
    said = dict(parse_qsl(path.partition("?")[2])).get("limit", "")
    return int(said) if said.isascii() and said.isdigit() else usual


def _after(path: str, identity: str) -> str:
    """The path of the page behind an item, with everything else as the caller asked."""
    bare, _, query = path.partition("?")
    kept = [(name, value) for name, value in parse_qsl(query) if name not in {"after", "limit"}]
    return f"{bare}?{urlencode([*kept, ('limit', NEXT), ('after', identity)])}"
