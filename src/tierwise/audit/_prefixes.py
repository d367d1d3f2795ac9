"""The cache lever: what the prompt cache could have served, as sent and with breakers mended."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np

from tierwise.audit._account import Account
from tierwise.audit._columns import MIX
from tierwise.audit._findings import CacheCheck
from tierwise.audit._layout import BLOCKS, EFFORT_CODES, HAS_TOKENS
from tierwise.caching import (
    LONG_SINCE,
    MINIMUM_PREFIX,
    SHORT_WINDOW,
    STEP,
    chooses,
    machines,
    readable,
    window_of,
)
from tierwise.catalog import KINDS

DOUBT: Final = 256
"""Tokens by which a replayed prefix must exceed what was read before it counts as missed."""


class Warmth(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens that the cache could serve, per call."""

    simulated: Any
    """What the replay finds, with the prompts as they were."""
    as_sent: Any
    """The same, where it is beyond doubt more than was read; else at most what was read."""
    mended: Any
    """With what varies early in the instructions moved behind what does not; no more than was read
    where cached input has no published rate, since what has no price is no saving."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How the cache of each call's model works, a value a call."""

    key: Any
    window: Any
    step: Any
    minimum: Any
    at_ends: Any
    """True where a prefix ends with a message (gpt-5.6 and later)."""


def rules_of(account: Account, names: list[str], model: Any, *, zero_retention: bool) -> Rules:
    """The rules of each call on the model of that index into `names`."""
    known = [account.known(name) for name in names]
    rules = [found.cache if found is not None else None for found in known]
    spans = [window_of(m, zero_retention=zero_retention) if m is not None else SHORT_WINDOW for m in known]
    window = np.array(spans, dtype=np.int64)[model]
    by_default = np.array([m is not None and chooses(m) for m in known], dtype=bool)[model]
    steps = [rule.grid if rule is not None else STEP for rule in rules]
    least = [rule.shortest if rule is not None else MINIMUM_PREFIX for rule in rules]
    ends = [rule is not None and rule.spacing == 0 for rule in rules]
    # An effort that was not sent is the model's own, and shares its cache.
    usual = [EFFORT_CODES.index((m.default_effort if m is not None else None) or "") for m in known]
    effort = account.calls["effort"]
    effort = np.where(effort == 0, np.array(usual, dtype=np.uint8)[model], effort)
    key = (model.astype(np.uint64) + np.uint64(1)) * np.uint64(64) + effort
    return Rules(
        key=key ^ account.calls["settings"] * MIX,
        window=np.where(by_default & (account.calls["at"] < LONG_SINCE), SHORT_WINDOW, window),
        step=np.array(steps, dtype=np.int64)[model],
        minimum=np.array(least, dtype=np.int64)[model],
        at_ends=np.array(ends, dtype=bool)[model],
    )


def warmth(account: Account, *, static: Any, shared: Any, zero_retention: bool = False) -> Warmth:
    """What the cache could have served on the models as they were.

    Args:
        account: the calls, in time order.
        static: per call, tokens at the start of the prompt that are the same in all of its workload
            once variables are moved behind them; 0 where nothing breaks the prefix.
        shared: per call, an unsigned 64-bit value equal for calls that share those tokens.
        zero_retention: whether entries are kept in memory only, where the model leaves the choice.
    """
    rules = rules_of(account, account.models, account.model, zero_retention=zero_retention)
    simulated = _replay(account, rules)
    as_sent = _beyond_doubt(account, simulated)
    if not (static > 0).any():
        return Warmth(simulated=simulated, as_sent=as_sent, mended=_where_priced(account, as_sent))
    mended = _found(account, rules, shared[np.newaxis, :], static[np.newaxis, :])
    mended = _beyond_doubt(account, _capped(account, np.maximum(as_sent, mended), rules.step))
    return Warmth(simulated=simulated, as_sent=as_sent, mended=_where_priced(account, mended))


def check(account: Account, warm: Warmth) -> CacheCheck | None:
    """The replay beside what the log says was read, over calls that tell both; None without such."""
    calls = account.calls
    told = (calls["flags"] & HAS_TOKENS != 0) & (calls["block2"] != 0) & (calls["at"] >= 0)
    if not told.any():
        return None
    seen, simulated = calls["cached"][told].astype(np.int64), warm.simulated[told]
    return CacheCheck(
        calls=int(told.sum()),
        input=int(sum(account.counts[kind][told].astype(np.int64).sum() for kind in KINDS[:4])),
        seen=int(seen.sum()),
        simulated=int(simulated.sum()),
        close=int((np.abs(seen - simulated) <= DOUBT).sum()),
        not_explained=int(np.maximum(seen - simulated, 0).sum()),
        not_read=int(np.maximum(simulated - seen, 0).sum()),
    )


def _where_priced(account: Account, found: Any) -> Any:
    """What the cache could serve where reads have a price; elsewhere at most what it served."""
    has_rate = np.array([*(card.reads_priced for card in account.book.cards), False], dtype=bool)
    return np.where(has_rate[account.card], found, np.minimum(found, account.counts["cached"]))


def kept_warm(
    account: Account, as_sent: Any, names: tuple[str, ...], model: Any, *, zero_retention: bool = False
) -> Any:
    """Per mille of the cached input that stays cached when calls run on other models.

    Args:
        account: the calls, in time order.
        as_sent: what the cache could have served on the models as they were.
        names: model names.
        model: per call, index into `names` of the model it would run on; -1 leaves it as it was.
        zero_retention: as for `warmth`.
    """
    stays = model < 0
    target = np.where(stays, account.model, model + len(account.models))
    there = _replay(
        account, rules_of(account, [*account.models, *names], target, zero_retention=zero_retention)
    )
    ratio = np.minimum(there * 1000 // np.maximum(as_sent, 1), 1000)
    # Where the replay sees no prefix at all (no text in the log), it says nothing of a loss.
    return np.where(stays | (as_sent == 0), 1000, ratio)


def _beyond_doubt(account: Account, found: Any) -> Any:
    """What was read anyway, where the replay finds hardly more: our counts are that uncertain."""
    cached = account.counts["cached"].astype(np.int64)
    return np.where(found - cached < DOUBT, np.minimum(found, cached), found)


def _replay(account: Account, rules: Rules) -> Any:
    calls = account.calls
    digests = np.stack([calls[f"block{i}"] for i in range(BLOCKS)])
    tokens = np.stack([calls[f"block_tokens{i}"] for i in range(BLOCKS)])
    if rules.at_ends.any():
        # No prefix ends inside a prompt but where an earlier call's whole prompt did.
        begun = rules.at_ends & (calls["turn"] == 0)
        digests[:2, rules.at_ends] = 0
        digests[2, begun] = 0
    return _capped(account, _found(account, rules, digests, tokens), rules.step)


def _found(account: Account, rules: Rules, digests: Any, tokens: Any) -> Any:
    at = account.calls["at"]
    machine = machines(at=at, key=rules.key, digests=digests, tokens=tokens)
    return readable(
        at=at,
        key=rules.key ^ machine * MIX,
        digests=digests,
        tokens=tokens,
        window=rules.window,
        step=rules.step,
        minimum=rules.minimum,
    )


def _capped(account: Account, tokens: Any, step: Any) -> Any:
    """Never more than the call's own text input, in whole steps."""
    text = sum(account.counts[kind].astype(np.int64) for kind in KINDS[:4])
    capped = np.minimum(tokens, text)
    return capped - capped % step
