"""Which prefixes are warm, where: a table of places, as the documentation says that calls are sent to them."""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from tierwise.caching import A_MINUTE, LIVES, read_of, window_of
from tierwise.catalog import Model
from tierwise.online._recent import Recent
from tierwise.workloads import Block

MINUTE: Final = 60_000_000
ROUTED_BY: Final = 256
"""Tokens at the start of a prompt that choose its machine."""
ROUTES: Final = 20_000
MOST_MACHINES: Final = 64
MOST_TURNS: Final = 32
"""Earlier turns of a conversation whose prompts are looked at."""

Prefix = tuple[Block, Model]
Route = tuple[str, int]
"""A model, and a digest of what its calls are sent by."""


class Warm(msgspec.Struct, frozen=True):
    """A prefix on one machine."""

    at: int
    """When it was used last."""
    life: int
    """Microseconds that it stays after that."""


class Line(msgspec.Struct, frozen=True):
    """The prefixes of one prompt: as recognised, and those of the turns before its last."""

    blocks: tuple[Block, ...]
    """Growing."""
    fixed: Block | None
    whole: Block | None
    """None where images, files or audio leave the whole prompt without a digest."""

    def ends_at(self, block: Block, *, marked: bool) -> bool:
        """Whether a breakpoint ends a prefix: by itself the whole prompt, where it is marked the fixed part."""
        return block is self.whole or (marked and block is self.fixed)


class Lines:
    """Which prompt each prompt went on from. Bounded."""

    def __init__(self, most: int) -> None:
        self._before: Recent[int, Block] = Recent(most)

    def of(self, blocks: tuple[Block, ...]) -> Line:
        """The prefixes of a prompt."""
        if len(blocks) < 4:
            return Line(blocks, blocks[1] if len(blocks) > 1 else None, None)
        before: list[Block] = []
        earlier = self._before.get(blocks[2].digest)
        while earlier is not None and earlier.tokens > blocks[1].tokens and len(before) < MOST_TURNS:
            before.append(earlier)
            earlier = self._before.get(earlier.digest)
        return Line((*blocks[:2], *reversed(before), *blocks[2:]), blocks[1], blocks[3])

    def add(self, blocks: tuple[Block, ...]) -> None:
        """Remember what a prompt went on from."""
        if len(blocks) == 4 and blocks[1].tokens < blocks[2].tokens < blocks[3].tokens:
            self._before.put(blocks[3].digest, blocks[2])


class Places:
    """Prefixes by model, route and machine. Bounded; times are microseconds since the epoch.

    Args:
        most: Prefixes that are remembered.
    """

    def __init__(self, most: int) -> None:
        self._warm: Recent[tuple[int, int], dict[tuple[str, int], Warm]] = Recent(most)
        self._calls: Recent[Route, deque[int]] = Recent(ROUTES)
        self._models: dict[str, Model] = {}

    def read(self, line: Line, route: int, at: int) -> dict[str, Prefix]:
        """By model, the longest prefix that is warm where a call at `at` would be sent."""
        found: dict[str, Prefix] = {}
        machines: dict[str, int] = {}
        for block in line.blocks:
            places = self._warm.get((block.digest, route))
            if not places:
                continue
            for (name, machine), warm in places.items():
                if at - warm.at > warm.life:
                    continue
                here = machines.get(name)
                if here is None:
                    here = machines[name] = self._machine((name, route), at)
                if here == machine:
                    found[name] = (block, self._models[name])
        return found

    def write(
        self,
        line: Line,
        model: Model,
        route: int,
        at: int,
        *,
        marked: bool = False,
        retention: str | None = None,
    ) -> None:
        """A call was sent by a route. `marked`: a breakpoint ends its fixed prefix."""
        here = (model.name, route)
        self._models[model.name] = model
        machine = self._machine(here, at)
        calls = self._calls.get(here) or self._calls.put(here, deque(maxlen=A_MINUTE * MOST_MACHINES))
        calls.append(at)
        life = max(window_of(model), LIVES["12h"] if retention == "12h" else 0)
        for block in line.blocks:
            if block.tokens < model.cache.shortest:
                continue
            key = (block.digest, route)
            places = self._warm.get(key)
            if model.cache.write_fee and not line.ends_at(block, marked=marked):
                # Models that charge for it write up to breakpoints alone; what is read stays, for longer.
                found = places.get((model.name, machine)) if places is not None else None
                if places is None or found is None or at - found.at > found.life:
                    continue
            if places is None:
                places = self._warm.put(key, {})
            places[model.name, machine] = Warm(at, life)

    def _machine(self, route: Route, at: int) -> int:
        calls = self._calls.get(route)
        if calls is None:
            return 0
        while calls and at - calls[0] >= MINUTE:
            calls.popleft()
        return len(calls) // A_MINUTE


class Sizes:
    """Tokens of prefixes: estimates, corrected by what upstream reports of calls that begin with them."""

    def __init__(self, most: int) -> None:
        self._known: Recent[int, _Size] = Recent(most)

    def of(self, block: Block, model: Model) -> int:
        """Tokens that are read of a warm prefix."""
        known = self._known.get(block.digest)
        return read_of(block.tokens if known is None else known.tokens, model)

    def learn(self, blocks: tuple[Block, ...], model: Model, whole: int, cached: int) -> None:
        """Take in what a call reported: its whole input, and what of it was read from the cache."""
        if len(blocks) < 4 or not blocks[3].tokens:
            return
        for block in blocks:
            known, rest = self._known.get(block.digest), blocks[3].tokens - block.tokens
            if known is None or rest < known.rest:
                # The estimate is off by the same share for the start as for all of it.
                tokens = whole - rest * whole // blocks[3].tokens
                self._known.put(block.digest, _Size(tokens, rest))
        sizes = [(block.digest, self._known.get(block.digest)) for block in blocks[:3]]
        # Of the last step upstream does not tell how much of it there is.
        most = cached + model.cache.grid - 1
        near = [
            (max(cached - size.tokens, size.tokens - most), digest, size)
            for digest, size in sizes
            if size is not None
        ]
        if not cached or any(read_of(size.tokens, model) == cached for _, _, size in near):
            return
        off, digest, size = min(near)
        if off < 2 * model.cache.step and size.rest:
            tokens = cached if size.tokens < cached else most
            self._known.put(digest, _Size(tokens, size.rest))


class _Size(msgspec.Struct, frozen=True, order=True):
    tokens: int
    rest: int
    """Estimated tokens that came after it in the call that told."""


def begins(blocks: tuple[Block, ...], root: str | None) -> int:
    """What stands for the start of a prompt that chooses its machine: the first prefix that is long enough."""
    for block in blocks[:2]:
        if block.tokens >= ROUTED_BY:
            return block.digest
    return hash(root) if root is not None else blocks[-1].digest if blocks else 0
