"""How the prompt cache of each call's model works, and under which of its settings."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from tierwise.audit._account import Account
from tierwise.audit._columns import MIX
from tierwise.audit._layout import EFFORT_CODES
from tierwise.caching import LONG_SINCE, MINIMUM_PREFIX, SHORT_WINDOW, STEP, chooses, window_of


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How the cache of each call's model works, a value a call."""

    key: Any
    window: Any
    step: Any
    minimum: Any
    at_ends: Any
    """True where a prefix ends with a message (gpt-5.6 and later)."""
    model: Any
    effort: Any
    """Code of the effort, the model's own where none was sent."""

    def of(self, rows: Any) -> Rules:
        """Those of some calls."""
        return Rules(**{name: getattr(self, name)[rows] for name in self.__struct_fields__})


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
        model=model,
        effort=effort,
    )
