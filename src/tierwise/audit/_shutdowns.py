"""Models in use whose end is announced, what comes after them, and what that costs."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np

from tierwise.audit._account import Account
from tierwise.audit._findings import Shutdown
from tierwise.audit._money import UNPRICED, money_by


def shutdowns(account: Account, workload: Any, ids: tuple[str, ...]) -> tuple[Shutdown, ...]:
    """One row per model with an announced end, soonest first."""
    spend = account.spend_by(account.model, len(account.models))
    rows = []
    for index, name in enumerate(account.models):
        model = account.known(name)
        if model is None or model.shutdown is None:
            continue
        of_model = account.model == index
        if not of_model.any():
            continue
        numbers = np.unique(workload[of_model])
        rows.append(
            Shutdown(
                model=name,
                date=model.shutdown.isoformat(),
                successor=model.successor,
                calls=int(of_model.sum()),
                spend=spend[index],
                spend_on_successor=_on_successor(account, of_model, model.successor),
                past=model.shutdown < account.today,
                workloads=tuple(ids[number] for number in numbers.tolist() if number >= 0),
            )
        )
    return tuple(sorted(rows, key=lambda row: (row.date, row.model)))


def _on_successor(account: Account, rows: Any, successor: str | None) -> Decimal | None:
    """The same tokens and hosted tools at the successor's prices; None where any of them has none."""
    if successor is None:
        return None
    chosen = np.flatnonzero(rows & account.priced)
    n = len(chosen)
    card = account.book.numbers(
        [successor],
        np.zeros(n, dtype=np.int64),
        account.calls["lane"][chosen],
        np.full(n, (account.today - dt.date(1970, 1, 1)).days),
        np.zeros(n, dtype=np.int64),
    )
    counts = {kind: column[chosen] for kind, column in account.counts.items()}
    if account.book.refuse_unrated(card, counts) or (card == UNPRICED).any():
        return None
    tokens = money_by(account.book, np.zeros(n, dtype=np.int64), 1, card, counts)[0]
    return tokens + account.fees_by(np.where(rows, 0, -1), 1)[0]
