"""What the log lets one see of success: sessions, retries, errors, feedback."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np

from tierwise.audit._account import Account
from tierwise.audit._findings import Outcomes
from tierwise.audit._layout import STATUSES
from tierwise.catalog import KINDS

SUCCESS_RULE = (
    "a call that ended without error, was not cut short, and was not asked again; "
    "feedback scores are shown beside it, not counted in"
)


def outcomes(account: Account, rows: Any, retried: Any, spend: Decimal) -> Outcomes:
    """Outcomes of the calls in a boolean mask whose spend is `spend`.

    Success needs an ending in the log: without any known status there is no rate of it.
    """
    calls = account.calls
    status = calls["status"][rows]
    ok = status == STATUSES.index("ok")
    known = status != STATUSES.index("unknown")
    retry = retried[rows]
    scores = calls["score"][rows]
    scored = ~np.isnan(scores)
    session = np.where(calls["session"] != 0, calls["session"], calls["trace"])[rows]
    sessions = len(np.unique(session[session != 0]))
    in_session = int((session != 0).sum())
    first = known & ~retry
    good = int((ok & ~retry).sum())
    tokens = int(sum(int(account.counts[kind][rows].astype(np.int64).sum()) for kind in KINDS))
    whole = in_session == len(session) and sessions > 0
    return Outcomes(
        sessions=sessions,
        tokens_per_session=tokens / sessions if whole else None,
        spend_per_session=spend / sessions if whole else None,
        first_attempt_success=good / int(first.sum()) if first.any() else None,
        cost_per_success=spend / int(ok.sum()) if ok.any() else None,
        retries=int(retry.sum()),
        errors=int((status == STATUSES.index("error")).sum()),
        scored=int(scored.sum()),
        score_mean=float(scores[scored].mean(dtype=np.float64)) if scored.any() else None,
        success_rule=SUCCESS_RULE if known.any() else None,
    )
