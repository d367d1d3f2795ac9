"""What is done for the prompt cache of one call: its key, its retention, the order of its tools, a breakpoint.

Nothing a caller said is replaced, no text moves; each is a change with its reason and numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from tierwise.caching import A_MINUTE, LEAST_GAPS, LIVES, Rates, breaks_even, cost_kept, within
from tierwise.catalog import Model, RateCard
from tierwise.policy._decision import NO_CACHING, Caching, Change
from tierwise.policy._state import State, Warmth
from tierwise.policy._types import CacheSettings, Limits

KEPT_LONG: Final = frozenset({"24h", "12h"})
"""Retentions that keep what prompts are made into for longer than memory does."""
LEAST_SHARE: Final = 20
"""One gap out of so many must be one that the longer life bridges, where that life is free."""
_OWN: Final = frozenset({"prompt_cache_retention", "prompt_cache_options"})


def caching_of(
    settings: CacheSettings, limits: Limits, state: State, model: Model, card: RateCard, *, translated: bool
) -> Caching:
    """What to do on a model at its rates; nothing where it reads no cache, or the prompt is too short for one."""
    warmth, sent = state.cache, state.sent
    if warmth is None or sent is None or not card.reads_priced:
        return NO_CACHING
    if state.usage.input_total < model.cache.shortest:
        return NO_CACHING
    retention, _ = retention_of(settings, limits, state, model, card)
    mark = settings.breakpoints and not translated and _marks(warmth, state, model, card, retention)
    key = warmth.key if settings.key and "prompt_cache_key" not in sent.parameters else None
    order = settings.order_tools and warmth.orders_vary
    if key is None and retention is None and not mark and not order:
        return NO_CACHING
    return Caching(key=key, retention=retention, order_tools=order, mark=warmth.mark if mark else None)


def retention_of(
    settings: CacheSettings, limits: Limits, state: State, model: Model, card: RateCard
) -> tuple[str | None, str]:
    """The retention to ask for, and why; None with the reason where none is."""
    wanted, warmth, offered = settings.retention, state.cache, model.cache.retentions
    if wanted is None or warmth is None or state.sent is None:
        return None, ""
    if own := state.sent.parameters & _OWN:
        return None, f"the caller set {min(own)}"
    if wanted != "auto":
        return _forced(wanted, limits, model)
    longer = next((one for one in offered if one in KEPT_LONG), None)
    if longer is None:
        return None, f"{model.name} takes no longer one"
    if limits.zero_retention:
        return None, f"zero data retention rules out {longer}"
    if model.cache.write_fee and (warmth.mark is None or not settings.breakpoints):
        return None, "no breakpoint ends the fixed prefix"
    return _paying(longer, warmth, model, card, state.usage.input_total)


def _forced(wanted: str, limits: Limits, model: Model) -> tuple[str | None, str]:
    """What the policy names, where the model takes it and the owner's limits let it be."""
    if wanted not in model.cache.retentions:
        return None, f"{model.name} does not take {wanted}"
    if limits.zero_retention and wanted in KEPT_LONG:
        return None, f"zero data retention rules out {wanted}"
    return wanted, "the policy says so"


def _paying(longer: str, warmth: Warmth, model: Model, card: RateCard, whole: int) -> tuple[str | None, str]:
    """A longer retention where the gaps make it pay: for free in the older generation, else for dearer writes.

    A request has one life for all that it writes, so what follows the fixed prefix is dearer too.
    """
    gaps, total = warmth.gaps, sum(warmth.gaps)
    if total < LEAST_GAPS:
        return None, f"{total} gaps between calls seen, {LEAST_GAPS} tell"
    if warmth.prefix < model.cache.shortest:
        return None, f"{warmth.prefix} tokens are fixed, {model.cache.shortest} are cached"
    usual = "30m" if model.cache.write_fee else "in_memory"
    bridged = within(gaps, LIVES[longer]) - within(gaps, LIVES[usual])
    words = f"{bridged} of {total} gaps between calls are longer than {usual} lasts and within {longer}"
    if not model.cache.write_fee:
        pays = bridged * LEAST_SHARE >= total
        return (longer if pays else None), words
    rates = _rates(card, whole)
    if rates is None:
        return None, f"{model.name} has no price for {longer}"
    fixed, rest = warmth.prefix, max(whole - warmth.prefix, 0)
    before = fixed * cost_kept(gaps, LIVES[usual], rates.written, rates.read) + rest * rates.written
    after = fixed * cost_kept(gaps, LIVES[longer], rates.written_long, rates.read) + rest * rates.written_long
    words += f": {after:.6f} for {before:.6f} dollars of input a call"
    return (longer if after < before else None), words


def _marks(warmth: Warmth, state: State, model: Model, card: RateCard, retention: str | None) -> bool:
    sent = state.sent
    if warmth.mark is None or not model.cache.write_fee or warmth.prefix < model.cache.shortest:
        return False
    if sent is None or "prompt_cache_options" in sent.parameters or sum(warmth.gaps) < LEAST_GAPS:
        return False
    rates = _rates(card, state.usage.input_total)
    if rates is None:
        return False
    if retention == "12h":
        rates = msgspec.structs.replace(rates, written=rates.written_long)
    return breaks_even(warmth.gaps, LIVES[retention or "30m"], rates)


def _rates(card: RateCard, whole: int) -> Rates | None:
    rates = card.rates(whole)
    plain, read = rates.of("uncached"), rates.of("cached")
    written, longer = rates.of("written"), rates.of("written_12h")
    if plain is None or read is None or written is None:
        return None
    return Rates(
        plain=plain / 1_000_000,
        read=read / 1_000_000,
        written=written / 1_000_000,
        written_long=(longer if longer is not None else 2 * written) / 1_000_000,
    )


def cache_changes(plan: Caching, warmth: Warmth | None, model: Model, why_kept: str) -> Iterator[Change]:
    """What differs in the request for the cache's sake."""
    if warmth is None:
        return
    if plan.order_tools:
        yield Change(
            parameter=ORDER,
            before="as sent",
            after="by name",
            why="calls of the workload send these tools in several orders, each a prefix of its own",
        )
    if plan.key is not None:
        why = (
            f"shard {warmth.shard + 1} of {warmth.shards} of the workload, for {warmth.rate} calls a minute;"
            f" a machine takes {A_MINUTE} of one prefix and key"
        )
        yield Change(parameter="prompt_cache_key", before=None, after=plan.key, why=why)
    if plan.retention is not None:
        name = "prompt_cache_options.ttl" if model.cache.write_fee else "prompt_cache_retention"
        yield Change(parameter=name, before=None, after=plan.retention, why=why_kept)
    if plan.mark is not None:
        life = LIVES[plan.retention or "30m"]
        why = (
            f"{warmth.prefix} tokens up to there are fixed, and {within(warmth.gaps, life)} of"
            f" {sum(warmth.gaps)} calls come while they are warm"
        )
        yield Change(parameter=f"{plan.mark}.{MARK}", before=None, after="explicit", why=why)


ORDER: Final = "tools.order"
"""Parameter of the change that only orders the list of tools."""
MARK: Final = "prompt_cache_breakpoint"
