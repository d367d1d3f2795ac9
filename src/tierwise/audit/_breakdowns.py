"""Spend by model, project, key, tag, lane, day and hour."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

import msgspec
import numpy as np

from tierwise.audit._account import Account
from tierwise.audit._findings import Counts, Group, ModelRow
from tierwise.catalog import LANES, Catalog, Ladder, Resolution
from tierwise.errors import CatalogError

MOST_GROUPS: Final = 200
"""Rows of one breakdown; the rest is one row, so that sums still hold."""
MOST_HOURS: Final = 31 * 24
HOUR: Final = 3_600_000_000


class Breakdowns(msgspec.Struct, frozen=True, kw_only=True):
    """Every grouping that the report shows."""

    models: tuple[ModelRow, ...]
    projects: tuple[Group, ...]
    keys: tuple[Group, ...]
    tags: tuple[Group, ...]
    days: tuple[Group, ...]
    hours: tuple[Group, ...]
    lanes: tuple[Group, ...]


def breakdowns(account: Account, ladder: Ladder) -> Breakdowns:
    """All of them."""
    calls = account.calls
    return Breakdowns(
        models=_models(account, ladder),
        projects=_by_table(account, "project", "(no project)"),
        keys=_by_table(account, "api_key", "(no key)"),
        tags=_by_tags(account),
        lanes=_groups(account.grouped(LANES, calls["lane"].astype(np.int64), "")),
        days=_days(account),
        hours=_hours(account),
    )


def tier_of(model: str, catalog: Catalog, ladder: Ladder, day: dt.date) -> tuple[str | None, bool]:
    """A model's tier on the ladder, and whether it is on it; off the ladder the nearest by price.

    Nearest is by the ratio of standard input plus output rates. None for a model without prices.
    """
    on = ladder.tier_of(model)
    if on is not None:
        return on, True
    rate = _rate(model, catalog, day)
    if rate is None:
        return None, False
    distances = []
    for name in ladder.models:
        other = _rate(name, catalog, day)
        if other:
            distances.append((max(rate / other, other / rate), ladder.tier_of(name)))
    return (min(distances)[1], False) if distances else (None, False)


def _rate(model: str, catalog: Catalog, day: dt.date) -> float | None:
    try:
        rates = catalog.rate_card(model, "standard", at=day).short
    except CatalogError:
        return None
    if rates.uncached is None or not rates.output:
        return None
    return float(rates.uncached + rates.output)


def _models(account: Account, ladder: Ladder) -> tuple[ModelRow, ...]:
    rows = []
    notes = _notes(account)
    for name, counts in account.grouped(account.models, account.model, "(no model)"):
        tier, on = tier_of(name, account.catalog, ladder, account.today)
        note = notes.get(name)
        if note is None and tier is not None and not on:
            note = "not on the ladder; tier by price"
        rows.append(ModelRow(model=name, tier=tier, counts=counts, note=note))
    return tuple(rows)


def _notes(account: Account) -> dict[str, str]:
    """How odd names were understood, by the model they led to."""
    used = np.zeros(len(account.names), dtype=bool)
    used[np.unique(account.name)] = True
    notes: dict[str, str] = {}
    for name, found, seen in zip(account.names, account.resolutions, used.tolist(), strict=True):
        if not seen:
            continue
        if not isinstance(found, Resolution):
            notes[name or "(no model)"] = str(found)
        elif found.how not in {"exact", "snapshot"} and found.note:
            notes.setdefault(found.model.name, f"{found.asked}: {found.note}")
    return notes


def _groups(rows: list[tuple[str, Counts]]) -> tuple[Group, ...]:
    shown = [Group(name=name, counts=counts) for name, counts in rows[:MOST_GROUPS]]
    rest = rows[MOST_GROUPS:]
    if rest:
        shown.append(Group(name=f"({len(rest)} more)", counts=added([counts for _, counts in rest])))
    return tuple(shown)


def added(parts: list[Counts]) -> Counts:
    """Several groups as one."""
    fields = Counts.__struct_fields__
    sums = {name: sum(getattr(part, name) for part in parts) for name in fields}
    return Counts(**sums) if parts else Counts()


def _by_table(account: Account, name: str, otherwise: str) -> tuple[Group, ...]:
    labels = account.calls.tables[name]
    if len(labels) == 1:
        return ()
    return _groups(account.grouped(labels, account.calls[name].astype(np.int64), otherwise))


def _by_tags(account: Account) -> tuple[Group, ...]:
    """By single tag. A call with two tags is in two rows, so these rows do not add up to the total."""
    labels = account.calls.tables["tags"]
    if len(labels) == 1:
        return ()
    per_set = account.counts_by(account.calls["tags"].astype(np.int64), len(labels))
    by_tag: dict[str, list[Counts]] = {}
    for tags, counts in zip(labels, per_set, strict=True):
        for tag in tags or ("(no tag)",):
            by_tag.setdefault(tag, []).append(counts)
    rows = [(tag, added(parts)) for tag, parts in by_tag.items()]
    return _groups(sorted((r for r in rows if r[1].calls), key=lambda r: (-r[1].spend, r[0])))


def _days(account: Account) -> tuple[Group, ...]:
    return _periods(account, account.day, lambda day: account.book.day(day).isoformat())


def _hours(account: Account) -> tuple[Group, ...]:
    at = account.calls["at"]
    hour = np.where(at >= 0, at // HOUR, -1)
    known = hour[hour >= 0]
    if not len(known) or int(known.max() - known.min()) >= MOST_HOURS:
        return ()
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return _periods(account, hour, lambda h: (epoch + dt.timedelta(hours=h)).strftime("%Y-%m-%dT%H:00Z"))


def _periods(account: Account, period: Any, name: Any) -> tuple[Group, ...]:
    """Known periods in order of time."""
    unique, inverse = np.unique(period, return_inverse=True)
    counts = account.counts_by(inverse.astype(np.int64), len(unique))
    return tuple(
        Group(name=name(value), counts=c)
        for value, c in zip(unique.tolist(), counts, strict=True)
        if value >= 0
    )
