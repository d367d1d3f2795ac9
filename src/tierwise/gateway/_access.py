"""Who is calling: a gateway key, or an OpenAI key of the caller's own that is passed on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Final

import msgspec

from tierwise.errors import LedgerUnavailable
from tierwise.gateway._errors import AT_ONCE, BAD_KEY, NO_KEY, TOO_FAST, Told
from tierwise.ledger import PREFIX, Key, Keys

REMEMBERED: Final = 10_000
GRACE: Final = 10
"""Times the usual age up to which a key is still taken for what it was while the database is gone."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls."""

    key: Key | None = None
    """The gateway key; None for a caller with an OpenAI key of its own."""

    @property
    def project(self) -> str | None:
        """Whose its objects are."""
        return self.key.scope.project if self.key is not None else None

    @property
    def names(self) -> frozenset[str]:
        """As policies name callers."""
        if self.key is None:
            return frozenset()
        return frozenset({f"key:{self.key.name}", f"project:{self.key.scope.project}"})


class Refused(Exception):
    """The caller may not go on. Never leaves the room."""

    def __init__(self, told: Told, wait: float | None = None) -> None:
        super().__init__(told[2])
        self.told, self.wait = told, wait


class _Seen(msgspec.Struct):
    key: Key | None
    at: float


class Access:
    """Finds keys, remembers them for a short time, and counts what each has under way.

    Args:
        keys: The ledger's; None takes only callers with keys of their own.
        remembered: Seconds that an answer of the database holds.
        clock: Seconds that only go forward.
    """

    def __init__(
        self, keys: Keys | None, *, remembered: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._keys, self._age, self._clock = keys, remembered, clock
        self._seen: dict[bytes, _Seen] = {}
        self._by_name: dict[str, Key] = {}
        self._minute: dict[str, deque[float]] = {}
        self._under_way: dict[str, int] = {}

    def caller(self, headers: Mapping[str, str]) -> Caller:
        """Who a request is of, by its headers in lower case. Raises Refused, LedgerUnavailable."""
        given = headers.get("authorization", "")
        text = given[7:].strip() if given[:7].lower() == "bearer " else headers.get("api-key", "")
        if not text:
            raise Refused(NO_KEY)
        if not text.startswith(PREFIX):
            return Caller()
        key = self._find(text)
        if key is None:
            raise Refused(BAD_KEY)
        self._by_name[key.name] = key
        return Caller(key=key)

    def named(self, name: str) -> Key | None:
        """The key of a name; None where there is none, or where only the database knows it and is gone."""
        found = self._by_name.get(name)
        if found is None:
            with suppress(Exception):
                found = self.looked_up(name)
        return found

    def looked_up(self, name: str) -> Key | None:
        """The key of a name as it is now, also one that was ended; None where there is none. Raises LedgerUnavailable."""
        key = self._keys.named(name) if self._keys is not None else None
        if key is not None:
            self._by_name[name] = key
        return key

    @contextmanager
    def under_way(self, caller: Caller) -> Iterator[None]:
        """Count a call while it is under way. Raises Refused where the key has too many."""
        key = caller.key
        if key is None:
            yield
            return
        self._in_rate(key)
        count = self._under_way.get(key.id, 0)
        if key.scope.at_once is not None and count >= key.scope.at_once:
            raise Refused(AT_ONCE, 1)
        self._under_way[key.id] = count + 1
        try:
            yield
        finally:
            self._under_way[key.id] -= 1

    def _in_rate(self, key: Key) -> None:
        most = key.scope.a_minute
        if most is None:
            return
        now, calls = self._clock(), self._minute.setdefault(key.id, deque())
        while calls and now - calls[0] >= 60:
            calls.popleft()
        if len(calls) >= most:
            raise Refused(TOO_FAST, 60 - (now - calls[0]) if calls else 60)
        calls.append(now)

    def _find(self, text: str) -> Key | None:
        """The key, asked of the database at most once an age; its last word holds longer while it is gone."""
        if self._keys is None:
            return None
        name, now = sha256(text.encode("utf-8", "surrogatepass")).digest(), self._clock()
        seen = self._seen.get(name)
        if seen is not None and now - seen.at < self._age:
            return seen.key
        try:
            key = self._keys.find(text)
        except LedgerUnavailable:
            if seen is not None and now - seen.at < GRACE * self._age:
                return seen.key
            raise
        if len(self._seen) >= REMEMBERED:
            self._seen.clear()
        self._seen[name] = _Seen(key, now)
        return key
