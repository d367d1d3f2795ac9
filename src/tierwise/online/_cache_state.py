"""What a decision may know of the prompt cache, and what a call that is over leaves in it.

Three tables of places are kept: where calls really went; where they would have gone as asked; and where
on the model asked for, with what the policy lets be done for the cache. The first says what is warm on
a rung, the others what the cache lever is expected to bring.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Final

import msgspec

from tierwise.caching import LEAST_GAPS, LIVES, cache_key, within
from tierwise.calls import Call, Request
from tierwise.catalog import Model
from tierwise.online._order import Order, order_of, ordered
from tierwise.online._pace import Caller, Paces
from tierwise.online._recent import Recent
from tierwise.online._values import Admitted
from tierwise.online._warmth import Lines, Places, Sizes, begins
from tierwise.policy import NO_CACHE, Decision, Policy, State, Warmth
from tierwise.workloads import Block, Facts

PREFIXES: Final = 50_000
"""Prefixes that may be warm, in each table."""
ORDERED: Final = 5_000
FIXED: Final = frozenset({"system", "developer"})

Recognise = Callable[[Request], Facts]
Blocks = tuple[Block, ...]


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What was found for one call."""

    warm: dict[str, int]
    """Input tokens warm by model where the call may be sent."""
    cached: int = 0
    """Input tokens that would be read as asked."""
    readable: int = 0
    """Input tokens that would be read on the model asked for, with the lever."""
    warmth: Warmth | None = None


class PromptCache:
    """Remembers prefixes, rates and gaps. Not locked: the pipeline is.

    Args:
        key: The owner's key for digests.
    """

    def __init__(self, key: bytes = b"") -> None:
        self.key = key
        self._paces = Paces()
        self._sent = Places(PREFIXES)
        self._as_asked = Places(PREFIXES)
        self._with_lever = Places(PREFIXES)
        self._sizes = Sizes(PREFIXES)
        self._lines = Lines(PREFIXES)
        self._ordered: Recent[int, Blocks] = Recent(ORDERED)
        self._orders: Recent[int, Order | None] = Recent(ORDERED)

    def look(
        self,
        call: Admitted,
        request: Request,
        facts: Facts,
        policy: Policy,
        at: int,
        asked: Model | None,
        session: str | None,
        recognise: Recognise | None,
    ) -> Served:
        """What is known of the cache for a call at a time."""
        plain = self._route(request.prompt_cache_key, facts.blocks, session)
        as_asked = self._read(self._as_asked, facts.blocks, plain, at)
        cached = as_asked.get(asked.name, 0) if asked is not None else 0
        allowed = policy.caches
        if allowed == NO_CACHE:
            return Served(
                warm=self._read(self._sent, facts.blocks, plain, at), cached=cached, readable=cached
            )
        warmth = self._warmth(call, request, facts, policy, at, session)
        blocks = facts.blocks
        if allowed.order_tools and warmth.orders_vary and recognise is not None:
            blocks = self._in_order(request, facts, recognise)
        own = request.prompt_cache_key or (warmth.key if allowed.key else None)
        route = self._route(own, blocks, session)
        lever = self._read(self._with_lever, blocks, route, at)
        keyed = self._read(self._sent, blocks, route, at)
        return Served(
            warm=self._read(self._sent, facts.blocks, plain, at),
            cached=cached,
            readable=lever.get(asked.name, 0) if asked is not None else 0,
            warmth=msgspec.structs.replace(warmth, warm=keyed),
        )

    def after(
        self,
        call: Call,
        facts: Facts,
        decision: Decision | None,
        state: State | None,
        served: Model,
        asked: Model,
        root: str | None,
    ) -> None:
        """A call is over: what it left warm, and what it would have left as asked."""
        at, tokens, warmth = call.at or 0, call.tokens, state.cache if state is not None else None
        if tokens is None:
            return
        own = call.request.prompt_cache_key if call.request is not None else None
        plain = self._route(own, facts.blocks, root)
        self._as_asked.write(self._lines.of(facts.blocks), asked, plain, at)
        caching = decision.plan.caching if decision is not None else None
        blocks, key = facts.blocks, own
        if caching is not None:
            if caching.order_tools and blocks:
                blocks = self._ordered.get(blocks[-1].digest) or blocks
            key = caching.key or own
        route = self._route(key, blocks, root)
        marked = caching is not None and caching.mark is not None
        retention = caching.retention if caching is not None else None
        line = self._lines.of(blocks)
        self._sent.write(line, served, route, at, marked=marked, retention=retention)
        if warmth is not None:
            self._with_lever.write(line, asked, route, at, marked=marked, retention=retention)
        for one in {facts.blocks, blocks}:
            self._lines.add(one)
        self._sizes.learn(blocks, served, tokens.input_total, tokens.cached)

    def _warmth(
        self,
        call: Admitted,
        request: Request,
        facts: Facts,
        policy: Policy,
        at: int,
        session: str | None,
    ) -> Warmth:
        caller: Caller = (
            call.asked.project or call.labels.project,
            call.asked.key,
            *sorted(call.asked.callers),
        )
        pace = self._paces.of(caller, facts.workload, facts.model)
        rate = pace.arrive(at, policy.caches.replicas)
        order = self._order(request, facts) if policy.caches.order_tools else None
        if order is not None:
            pace.sends(order.digest)
        spread = session or _opening(request, call.asked.body)
        shard = self._paces.shard(caller, facts.workload, spread, pace.shards, at)
        return Warmth(
            key=cache_key(self.key, caller, facts.workload, shard),
            shard=shard,
            shards=pace.shards,
            rate=rate,
            gaps=tuple(pace.gaps),
            prefix=facts.blocks[1].tokens if len(facts.blocks) > 1 else 0,
            orders_vary=pace.orders_vary and order is not None and not order.canonical,
            mark=mark_of(request, call.keys, call.asked.body) if policy.caches.breakpoints else None,
        )

    def _order(self, request: Request, facts: Facts) -> Order | None:
        if not request.tools:
            return None
        digest = facts.template.digest
        if digest in self._orders:
            return self._orders.get(digest)
        return self._orders.put(digest, order_of(request.tools))

    def _in_order(self, request: Request, facts: Facts, recognise: Recognise) -> Blocks:
        """The prefixes that the prompt would have with its tools in order."""
        tools = ordered(request.tools)
        if tools == request.tools or not facts.blocks:
            blocks = facts.blocks
        else:
            blocks = recognise(msgspec.structs.replace(request, tools=tools)).blocks
        return self._ordered.put(facts.blocks[-1].digest, blocks) if facts.blocks else blocks

    def _read(self, places: Places, blocks: Blocks, route: int, at: int) -> dict[str, int]:
        """Input tokens by model that are warm in a table."""
        found = places.read(self._lines.of(blocks), route, at)
        return {name: self._sizes.of(block, model) for name, (block, model) in found.items()}

    @staticmethod
    def _route(key: str | None, blocks: Blocks, root: str | None) -> int:
        return hash((key or "", begins(blocks, root)))


def _opening(request: Request, body: bytes) -> str:
    """What a conversation without any other name is known by: a digest of what its first message says."""
    said = next((m.text for m in request.messages if m.role not in FIXED and m.text), "")
    raw = said.encode("utf-8", "surrogatepass") or body[:4_096]
    return blake2b(raw, digest_size=8).hexdigest()


def kept_warm(warmth: Warmth | None) -> int:
    """Per mille of a shared prefix that a workload would find warm on another rung, once it runs there.

    Its calls that come within the shortest life of an entry; all of them, until enough gaps tell.
    """
    total = sum(warmth.gaps) if warmth is not None else 0
    if warmth is None or total < LEAST_GAPS:
        return 1000
    return within(warmth.gaps, LIVES["in_memory"]) * 1000 // total


def mark_of(request: Request, keys: frozenset[str], body: bytes) -> str | None:
    """The message whose end is that of the fixed prefix and may carry a breakpoint; None where there is none.

    Top-level `instructions` cannot carry one, and where the caller set breakpoints they stay his.
    """
    if b"prompt_cache_breakpoint" in body or request.endpoint not in {"chat", "responses"}:
        return None
    fixed = 0
    for message in request.messages:
        if message.role not in FIXED or message.type not in {None, "message"}:
            break
        fixed += 1
    if not fixed or fixed == len(request.messages):
        return None
    if request.endpoint == "chat":
        return f"messages[{fixed - 1}]"
    # Top-level instructions are the first message of a Request, and no item of the body.
    place = fixed - 1 - ("instructions" in keys)
    return f"input[{place}]" if place >= 0 else None
