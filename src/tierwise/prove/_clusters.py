"""Calls that are not independent of each other, as clusters, in an order that a seed fixes."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import msgspec

from tierwise.calls import Call, Message, Request
from tierwise.prove._near import Shingles, near_pairs

NEWEST = 4
"""One part in this many is the newest."""
_INSTRUCTIONS = frozenset({"system", "developer"})
_PERSON = b"cluster"


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """Calls of one session or trace, and of others that ask nearly the same."""

    id: str
    """Keyed digest, 16 hex digits: of the session, trace or call, the least of all that were joined."""
    members: tuple[int, ...]
    """Places in the calls given, in their order."""
    newest: bool
    """Whether it is among the newest quarter of clusters, by its latest call."""


def clusters(calls: Sequence[Call], key: bytes, seed: str) -> list[Cluster]:
    """Calls of one workload as clusters, in the order in which they are drawn.

    A session is a cluster, else a trace, else a call alone. Clusters are joined where two calls have the
    same prompt, or newest turns that are nearly the same (`prove._near`), instructions aside.

    Args:
        calls: In any order; the same calls give the same clusters, whatever their order.
        key: The owner's, so that no digest can be guessed.
        seed: Fixes the order: by hash of seed and cluster id.

    Returns:
        Each call in exactly one cluster. The newest quarter, rounded up, is marked; calls without a time
        are never the newest.
    """
    own = [_own(call, key, place) for place, call in enumerate(calls)]
    roots = _Roots(len(calls))
    _join_equal(own, roots)
    prompts = [_prompt(call.request) for call in calls]
    _join_equal([_digest(key, "prompt", text) if text else None for text in prompts], roots)
    # The first call that has a turn stands for all of them, whatever the order the calls came in.
    order = sorted(range(len(calls)), key=lambda place: (own[place], place))
    signatures = Shingles(key).signatures([newest_turn(calls[place].request) for place in order])
    for one, other in near_pairs(signatures):
        roots.join(order[one], order[other])
    return _ordered(calls, own, roots, seed)


def _own(call: Call, key: bytes, place: int) -> str:
    if call.session:
        return _digest(key, "session", call.session)
    if call.trace:
        return _digest(key, "trace", call.trace)
    if call.id:
        return _digest(key, "call", call.id)
    where = call.place
    return _digest(key, "place", f"{where.file}:{where.line}" if where is not None else f"given {place}")


def _digest(key: bytes, kind: str, text: str) -> str:
    data = f"{kind}\x1f{text}".encode("utf-8", "surrogatepass")
    return blake2b(data, key=key[:64], person=_PERSON, digest_size=8).hexdigest()


def _join_equal(words: Sequence[str | None], roots: _Roots) -> None:
    first: dict[str, int] = {}
    for place, word in enumerate(words):
        if word is not None:
            roots.join(first.setdefault(word, place), place)


def _prompt(request: Request | None) -> str:
    """Everything asked, instructions aside."""
    if request is None:
        return ""
    return "\x1e".join(
        f"{message.role or message.type}\x1f{_said(message)}"
        for message in request.messages
        if message.role not in _INSTRUCTIONS
    )


def newest_turn(request: Request | None) -> str:
    """The text of the last message of the user; '' where there is none.

    Results of tools are left out: 'file written' is the same in sessions that have nothing else in common.
    """
    for message in reversed(request.messages if request is not None else ()):
        if message.role == "user" and message.text:
            return message.text
    return ""


def _said(message: Message) -> str:
    parts = [
        message.text,
        *(bytes(raw).decode("utf-8", "replace") for raw in (message.arguments, message.output)),
    ]
    for call in message.tool_calls or ():
        if call.function is not None:
            parts += [call.function.name or "", call.function.arguments or ""]
    return "\n".join(part for part in parts if part)


class _Roots:
    """Sets that only grow together (union-find)."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def of(self, place: int) -> int:
        while self._parent[place] != place:
            self._parent[place] = self._parent[self._parent[place]]
            place = self._parent[place]
        return place

    def join(self, one: int, other: int) -> None:
        first, second = sorted((self.of(one), self.of(other)))
        self._parent[second] = first


def _ordered(calls: Sequence[Call], own: Sequence[str], roots: _Roots, seed: str) -> list[Cluster]:
    members: dict[int, list[int]] = {}
    for place in range(len(calls)):
        members.setdefault(roots.of(place), []).append(place)
    named = {min(own[place] for place in places): tuple(places) for places in members.values()}
    newest = _newest({name: _latest(calls, places) for name, places in named.items()})
    drawn = sorted(named, key=lambda name: (_rank(seed, name), name))
    return [Cluster(id=name, members=named[name], newest=name in newest) for name in drawn]


def _rank(seed: str, name: str) -> bytes:
    return blake2b(f"{seed}\x1f{name}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _latest(calls: Sequence[Call], places: Sequence[int]) -> int | None:
    return max((at for place in places if (at := calls[place].at) is not None), default=None)


def _newest(latest: dict[str, int | None]) -> frozenset[str]:
    dated = sorted(((at, name) for name, at in latest.items() if at is not None), reverse=True)
    return frozenset(name for _, name in dated[: -(-len(dated) // NEWEST)])
