"""OpenAI's prompt cache as documented, both generations, written apart from the product's.

First generation (before gpt-5.6): a prompt of 1,024 tokens or more leaves its prefix behind; the next
one reuses the longest equal start, in steps (128 tokens; 2,048 on gpt-5.5). Second generation: only
prefixes that end at a breakpoint are written, for a fee, and found at any message's end; counts are
exact. A request goes to the machine of its first 256 tokens and cache key; beyond about 15 requests a
minute it overflows to another machine, which has to learn the prefix first.

Sources: OpenAI's prompt caching guide (September 2026) and cookbook "Prompt Caching 201".
"""

from __future__ import annotations

from collections import deque
from hashlib import blake2b
from typing import Final

import msgspec

from tierwise.simulator._ask import Ask
from tierwise.simulator._render import Prompt

MINIMUM: Final = 1_024
ROUTED_BY: Final = 256
A_MINUTE: Final = 15
"""Requests a minute of one prefix and key that one machine takes."""
_STEP: Final = 128
_IDLE: Final = {"in_memory": 300.0, "24h": 86_400.0, "30m": 1_800.0, "12h": 43_200.0}
"""Seconds after the last use. In memory is documented as 5 to 10 minutes; the shorter is simulated."""
_LONGEST_IN_MEMORY: Final = 3_600.0
_LOOKED_AT: Final = 80
"""Breakpoints of a conversation that are compared, the latest ones."""
_SWEEP: Final = 200_000


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """What the cache did for one request, in tokens."""

    cached: int = 0
    written_30m: int = 0
    written_12h: int = 0


class _Entry:
    __slots__ = ("born", "idle", "used")

    def __init__(self, now: float, idle: float) -> None:
        self.born = self.used = now
        self.idle = idle

    def alive(self, now: float) -> bool:
        if self.idle == _IDLE["in_memory"] and now - self.born > _LONGEST_IN_MEMORY:
            return False
        return now - self.used <= self.idle


class Cache:
    """All machines of one organisation."""

    def __init__(self) -> None:
        self._entries: dict[tuple[bytes, int, bytes], _Entry] = {}
        self._recent: dict[bytes, deque[float]] = {}

    def look(self, ask: Ask, effort: str | None, prompt: Prompt, now: float, *, batch: bool = False) -> Hit:
        """Read and write for one request at `now` (Unix seconds).

        `effort` is the one in force. Batch ignores the cache key, as far as is known.
        """
        if ask.model.generation == 2 and ask.cache_mode == "explicit" and not prompt.explicit:
            return Hit()
        if len(prompt.ids) < MINIMUM:
            return Hit()
        if len(self._entries) > _SWEEP:
            self._sweep(now)
        settings = _settings(ask, effort)
        key = "" if batch else ask.cache_key or ""
        route = _digest(settings, key.encode("utf-8", "replace"), prompt.ids[:ROUTED_BY].tobytes())
        machine = self._machine(route, now)
        if ask.model.generation == 1:
            return self._first(ask, settings, prompt, route, machine, now)
        return self._second(ask, settings, prompt, route, machine, now)

    def _machine(self, route: bytes, now: float) -> int:
        recent = self._recent.setdefault(route, deque())
        while recent and now - recent[0] >= 60:
            recent.popleft()
        recent.append(now)
        return (len(recent) - 1) // A_MINUTE

    def _first(
        self, ask: Ask, settings: bytes, prompt: Prompt, route: bytes, machine: int, now: float
    ) -> Hit:
        idle = _IDLE.get(ask.retention or ask.model.retention or "in_memory", 300.0)
        step = ask.model.cache_step
        cached = 0
        found = _prefixes(settings, prompt, range(step, len(prompt.ids) + 1, step))
        for length, digest in found:
            if length < MINIMUM:
                continue
            place = (route, machine, digest)
            entry = self._entries.get(place)
            if entry is not None and entry.alive(now):
                cached = length
                entry.used, entry.idle = now, max(entry.idle, idle)
            else:
                self._entries[place] = _Entry(now, idle)
        return Hit(cached=cached // _STEP * _STEP)

    def _second(
        self, ask: Ask, settings: bytes, prompt: Prompt, route: bytes, machine: int, now: float
    ) -> Hit:
        explicit = list(prompt.explicit)
        writes = explicit[-4:] if ask.cache_mode == "explicit" else [*explicit[-3:], prompt.implicit]
        looked = {*prompt.ends[-_LOOKED_AT:], *writes}
        digests = dict(_prefixes(settings, prompt, sorted(n for n in looked if n >= MINIMUM)))
        cached = 0
        for length, digest in digests.items():
            entry = self._entries.get((route, machine, digest))
            if entry is not None and entry.alive(now):
                cached = length
                entry.used = now
        written = 0
        for length in sorted({n for n in writes if n >= MINIMUM and n > cached}):
            self._entries[route, machine, digests[length]] = _Entry(now, _IDLE.get(ask.ttl, 1_800.0))
            written = length - cached
        if ask.ttl == "12h":
            return Hit(cached=cached, written_12h=written)
        return Hit(cached=cached, written_30m=written)

    def _sweep(self, now: float) -> None:
        self._entries = {k: e for k, e in self._entries.items() if e.alive(now)}
        self._recent = {k: r for k, r in self._recent.items() if r and now - r[-1] < 60}


def _settings(ask: Ask, effort: str | None) -> bytes:
    """What beside the tokens is part of the prefix: the model and the settings written into the prompt."""
    words = (
        ask.model.snapshot,
        effort,
        ask.verbosity,
        ask.parallel,
        (ask.body.get("reasoning") or {}).get("mode"),
    )
    return repr(words).encode()


def _digest(*parts: bytes) -> bytes:
    found = blake2b(digest_size=12)
    for part in parts:
        found.update(len(part).to_bytes(8, "big"))
        found.update(part)
    return found.digest()


def _prefixes(settings: bytes, prompt: Prompt, lengths: range | list[int]) -> list[tuple[int, bytes]]:
    """Each length with the digest of the prompt up to there, in one pass."""
    running = blake2b(settings, digest_size=12)
    raw = memoryview(prompt.ids).cast("B")
    width, done, found = prompt.ids.itemsize, 0, []
    for length in lengths:
        running.update(raw[done * width : length * width])
        done = length
        found.append((length, running.copy().digest()))
    return found
