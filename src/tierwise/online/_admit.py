"""Admit: which endpoint, what the request says, what stands beside it. Nothing here refuses a call."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tierwise.calls import Endpoint, Headers, Request, parse_request
from tierwise.errors import RequestError
from tierwise.online._values import NO_LABELS, Admitted, Asked, Labels

OURS: Final = "x-tierwise-"
"""Headers that speak to us; they never go upstream."""
LONGEST: Final = 200
"""Characters of a label; a longer one is none."""
_CREATES: Final[dict[str, Endpoint]] = {
    "chat/completions": "chat",
    "responses": "responses",
    "embeddings": "embeddings",
    "completions": "completions",
}
"""Ends of the paths that call a model."""
_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$")
"""W3C Trace Context, version 00: trace id and the id of the step that calls."""
_DURATION = re.compile(r"^([0-9]{1,9})(s|m|h|d)?$")
_SECONDS = {None: 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_TEXTS = ("task", "depth", "role", "workload", "session", "trace", "span", "parent", "name", "project")
_IN_METADATA = {
    "session": ("session", "session_id", "conversation_id", "thread_id"),
    "trace": ("trace", "trace_id"),
    "span": ("span", "span_id"),
    "parent": ("parent", "parent_id", "parent_span_id"),
    "name": ("name", "step"),
}
"""Metadata keys that carry a label, as applications commonly call them."""
_SAYS = (OURS, "traceparent")
_KEYS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def creates(method: str, path: str) -> Endpoint | None:
    """The endpoint of a path that calls a model; None for every other request, which just passes."""
    if method.upper() != "POST":
        return None
    bare = path.partition("?")[0].rstrip("/")
    for end, endpoint in _CREATES.items():
        if bare.endswith("/" + end) or bare == end:
            return endpoint
    return None


def admit(asked: Asked, endpoint: Endpoint) -> Admitted:
    """Read a call once. A body that is no request is admitted too: upstream says what is wrong with it."""
    said = {name.lower(): value for name, value in asked.headers}
    request: Request | None = None
    keys: frozenset[str] = frozenset()
    unread = None
    try:
        request = parse_request(endpoint, _plain(asked.body, said))
        keys = frozenset(_KEYS.decode(asked.body))
    except (RequestError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        unread = f"the request cannot be read: {error}"
    metadata = request.metadata if request is not None else {}
    return Admitted(
        asked=asked,
        endpoint=endpoint,
        request=request,
        labels=labels_of(asked.labels, said, metadata),
        sent=upward(asked.headers),
        keys=keys,
        unread=unread,
    )


def _plain(body: bytes, headers: Mapping[str, str]) -> bytes:
    packed = headers.get("content-encoding", "identity")
    if packed != "identity":
        raise RequestError(f"the body is packed as {packed:.40}")
    return body


def labels_of(given: Labels, headers: Mapping[str, str], metadata: Mapping[str, str]) -> Labels:
    """Labels by the program's word, then by headers, then by metadata; `headers` in lower case."""
    if given == NO_LABELS and not metadata and not any(name.startswith(_SAYS) for name in headers):
        return NO_LABELS
    found: dict[str, Any] = {}
    for name in _TEXTS:
        value = getattr(given, name) or headers.get(OURS + name) or _named(metadata, name)
        if value and len(value) <= LONGEST:
            found[name] = _written(value)
    parent = _TRACEPARENT.match(headers.get("traceparent", ""))
    if parent is not None:
        found.setdefault("trace", parent[1])
        found.setdefault("parent", parent[2])
    deadline = given.deadline or seconds(headers.get(OURS + "deadline") or metadata.get("deadline"))
    tags = given.tags or tuple(t.strip() for t in headers.get(OURS + "tags", "").split(",") if t.strip())
    route = given.route and headers.get(OURS + "route", "").lower() != "off"
    return Labels(**found, deadline=deadline, tags=tuple(map(_written, tags[:20])), route=route)


def _written(text: str) -> str:
    """Text that can be written down: bytes of a header that are no UTF-8 come as lone surrogates."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def seconds(text: str | None) -> int | None:
    """A deadline such as '90', '15m' or '24h' in seconds; None for anything else."""
    found = _DURATION.match((text or "").strip().lower())
    return (int(found[1]) * _SECONDS[found[2]] or None) if found else None


def hint_headers(labels: Labels) -> dict[str, str]:
    """Labels in the form in which `policy.hints_of` reads headers."""
    hints = {name: getattr(labels, name) for name in ("task", "depth", "role", "workload")}
    return {OURS + name: value for name, value in hints.items() if value}


def _named(metadata: Mapping[str, str], name: str) -> str | None:
    if not metadata:
        return None
    return next((metadata[key] for key in _IN_METADATA.get(name, ()) if metadata.get(key)), None)


def upward(headers: Headers) -> Headers:
    """Headers that may go upstream: all but those that speak to us."""
    return tuple((name, value) for name, value in headers if not name.lower().startswith(OURS))
