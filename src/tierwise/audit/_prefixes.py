"""The cache lever: what the prompt cache could have served, as sent and with breakers mended."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np

from tierwise.audit._account import Account
from tierwise.audit._breaking import Breaking, Stage
from tierwise.audit._cache_rules import Rules, rules_of
from tierwise.audit._columns import MIX
from tierwise.audit._findings import CacheCheck
from tierwise.audit._layout import BLOCKS, HAS_TOKENS
from tierwise.audit._turns import Turns
from tierwise.caching import machines, readable
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
    """With all that breaks prefixes mended; no more than was read where cached input has no
    published rate, since what has no price is no saving."""
    parts: tuple[tuple[Stage, Any], ...]
    """Stage of a breaker (of `Breaking`, then 'turns'), and `mended` with it and those before it alone."""


def warmth(account: Account, rules: Rules, broken: Breaking, turns: Turns) -> Warmth:
    """What the cache could have served on the models as they were.

    Args:
        account: the calls, in time order.
        rules: how the cache of each call's model works.
        broken: what varies before the calls' own parts.
        turns: what differs between the turns of a conversation.
    """
    simulated = _replay(account, rules)
    as_sent = mended = _beyond_doubt(account, simulated)
    parts: list[tuple[Stage, Any]] = []
    for step in broken.steps:
        found = _found(
            account,
            rules.of(step.rows),
            step.shared[np.newaxis, :],
            broken.static[np.newaxis, step.rows],
            step.rows,
        )
        mended = mended.copy()
        mended[step.rows] = np.maximum(mended[step.rows], found)
        mended = _beyond_doubt(account, _capped(account, mended, rules.step))
        parts.append((step.stage, _where_priced(account, mended)))
    if turns.any:
        kept = np.where(turns.tokens >= rules.minimum, turns.tokens, 0)
        mended = _beyond_doubt(account, _capped(account, np.maximum(mended, kept), rules.step))
        parts.append(("turns", _where_priced(account, mended)))
    return Warmth(
        simulated=simulated, as_sent=as_sent, mended=_where_priced(account, mended), parts=tuple(parts)
    )


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


def _found(account: Account, rules: Rules, digests: Any, tokens: Any, rows: Any = None) -> Any:
    """What the replay finds of some calls (all, without `rows`), whose rules, digests and tokens are given."""
    at = account.calls["at"] if rows is None else account.calls["at"][rows]
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
