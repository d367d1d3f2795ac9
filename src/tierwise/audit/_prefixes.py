"""The cache lever: what the prompt cache could have served, as sent and with breakers mended."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np

from tierwise.audit._account import Account
from tierwise.audit._layout import BLOCKS
from tierwise.caching import SHORT_WINDOW, readable, window_of
from tierwise.catalog import KINDS

DOUBT: Final = 256
"""Tokens by which a replayed prefix must exceed what was read before it counts as missed."""


class Warmth(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens that the cache could serve, per call."""

    as_sent: Any
    """With the prompts as they were."""
    mended: Any
    """With what varies early in the instructions moved behind what does not; no more than was read
    where cached input has no published rate, since what has no price is no saving."""


def windows(account: Account, names: list[str]) -> Any:
    """Microseconds that an entry stays warm, per model name."""
    found = np.full(len(names), SHORT_WINDOW, dtype=np.int64)
    for i, name in enumerate(names):
        model = account.known(name)
        if model is not None:
            found[i] = window_of(model)
    return found


def warmth(account: Account, *, static: Any, shared: Any) -> Warmth:
    """What the cache could have served on the models as they were.

    Args:
        account: the calls, in time order.
        static: per call, tokens at the start of the prompt that are the same in all of its workload
            once variables are moved behind them; 0 where nothing breaks the prefix.
        shared: per call, an unsigned 64-bit value equal for calls that share those tokens.
    """
    key = _key(account, account.model)
    window = windows(account, account.models)[account.model]
    as_sent = _beyond_doubt(account, _replay(account, key, window))
    if not (static > 0).any():
        return Warmth(as_sent=as_sent, mended=_where_priced(account, as_sent))
    mended = readable(
        at=account.calls["at"],
        key=key,
        digests=shared[np.newaxis, :],
        tokens=static[np.newaxis, :],
        window=window,
    )
    mended = _beyond_doubt(account, _capped(account, np.maximum(as_sent, mended)))
    return Warmth(as_sent=as_sent, mended=_where_priced(account, mended))


def _where_priced(account: Account, found: Any) -> Any:
    """What the cache could serve where reads have a price; elsewhere at most what it served."""
    has_rate = np.array([*(card.reads_priced for card in account.book.cards), False], dtype=bool)
    return np.where(has_rate[account.card], found, np.minimum(found, account.counts["cached"]))


def kept_warm(account: Account, as_sent: Any, names: tuple[str, ...], model: Any) -> Any:
    """Per mille of the cached input that stays cached when calls run on other models.

    Args:
        account: the calls, in time order.
        as_sent: what the cache could have served on the models as they were.
        names: model names.
        model: per call, index into `names` of the model it would run on; -1 leaves it as it was.
    """
    stays = model < 0
    offset = len(account.models)
    target = np.where(stays, account.model, model + offset)
    window = windows(account, [*account.models, *names])[target]
    there = _replay(account, _key(account, target), window)
    ratio = np.minimum(there * 1000 // np.maximum(as_sent, 1), 1000)
    # Where the replay sees no prefix at all (no text in the log), it says nothing of a loss.
    return np.where(stays | (as_sent == 0), 1000, ratio)


def _beyond_doubt(account: Account, found: Any) -> Any:
    """What was read anyway, where the replay finds hardly more: our counts are that uncertain."""
    cached = account.counts["cached"].astype(np.int64)
    return np.where(found - cached < DOUBT, np.minimum(found, cached), found)


def _key(account: Account, model: Any) -> Any:
    return (model.astype(np.uint64) + np.uint64(1)) * np.uint64(64) + account.calls["effort"]


def _replay(account: Account, key: Any, window: Any) -> Any:
    calls = account.calls
    found = readable(
        at=calls["at"],
        key=key,
        digests=np.stack([calls[f"block{i}"] for i in range(BLOCKS)]),
        tokens=np.stack([calls[f"block_tokens{i}"] for i in range(BLOCKS)]),
        window=window,
    )
    return _capped(account, found)


def _capped(account: Account, tokens: Any) -> Any:
    """Never more than the call's own text input, in whole steps of 128."""
    text = sum(account.counts[kind].astype(np.int64) for kind in KINDS[:4])
    capped = np.minimum(tokens, text)
    return capped - capped % 128
