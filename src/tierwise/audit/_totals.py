"""Logs that only hold totals: spend by what they group by, and what-ifs instead of savings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Hashable, Iterable
from decimal import Decimal
from typing import Any, Final

from tierwise import __version__
from tierwise.audit._advice import counted
from tierwise.audit._breakdowns import added, tier_of
from tierwise.audit._findings import (
    LEVERS,
    Counts,
    Finding,
    Findings,
    Group,
    LeverName,
    LeverShare,
    ModelRow,
    Outcomes,
    Shutdown,
    Spend,
)
from tierwise.audit._headline import forecasts, worthwhile
from tierwise.audit._table import CallTable
from tierwise.audit._what_if import Priced, Totals, day_of
from tierwise.calls import Plan
from tierwise.catalog import Catalog
from tierwise.errors import CatalogError
from tierwise.policy import Policy

NEEDS: Final = (
    "needs per-call records: your own log of requests and responses (docs/logs.md), "
    "or what `tierwise record -- python app.py` writes"
)
NEEDS_USAGE: Final = "needs the usage export (completions_usage_*.csv) beside the costs: it has the tokens"


def from_totals(
    table: CallTable,
    found: Plan,
    policy: Policy,
    catalog: Catalog,
    today: dt.date,
    times: tuple[float, ...],
    skipped: tuple[dict[str, int], tuple[str, ...]],
) -> Findings:
    """Findings of a log without single calls."""
    pricing = Totals(catalog, policy)
    priced = [pricing.price(bucket) for bucket in table.buckets]
    total = _counts(priced)
    days = _grouped(priced, lambda p: day_of(p.bucket.start).isoformat(), by_name=True)
    charged_days = _charged(table, lambda line: day_of(line.start).isoformat(), by_name=True)
    money = _spend(table, priced, total, days)
    levers = _levers(priced, money)
    saved = sum((share.saves for share in levers), Decimal(0))
    high = sum((share.high for share in levers), Decimal(0))
    return Findings(
        tierwise=__version__,
        policy=policy.digest,
        prices=f"{catalog.digest} ({catalog.prices_date.isoformat()})",
        ladder=policy.ladder.name,
        files=len(found.files),
        calls=total.calls,
        duplicates=0,
        skipped=skipped[0],
        skipped_examples=skipped[1],
        start=(days or charged_days)[0].name,
        end=(days or charged_days)[-1].name,
        per_call=False,
        counts=total,
        spend=money,
        headline=None,
        models=_models(priced, policy, catalog, today) if priced else _charged_by_line(table),
        workloads=(),
        projects=_grouped(priced, lambda p: p.bucket.project) if priced else _charged_by_project(table),
        keys=_grouped(priced, lambda p: p.bucket.key),
        tags=(),
        days=days or charged_days,
        lanes=_grouped(priced, lambda p: p.bucket.lane),
        levers={share.lever: share.saves for share in levers},
        lever_shares=levers,
        could_save=saved,
        low=Decimal(0),
        high=high,
        outcomes=Outcomes(),
        findings=_what_ifs(priced, total),
        shutdowns=_shutdowns(priced, pricing, catalog, today),
        forecasts=forecasts(days, money, saved, Decimal(0), high, times),
        notes=_notes(bool(priced)),
    )


def _notes(has_tokens: bool) -> tuple[str, ...]:
    totals = (
        "This log holds totals, not calls: workloads, waste, tools and cache breakers cannot be told from it."
    )
    what_if = "Tier and lane are what-ifs: half of every bucket one tier down, then half of it by Batch."
    only = "Costs alone hold no tokens: spend is what was charged, and nothing can be said of savings."
    return (totals, what_if if has_tokens else only)


def _counts(priced: Iterable[Priced]) -> Counts:
    parts = []
    for p in priced:
        t = p.bucket.tokens
        parts.append(
            Counts(
                calls=p.bucket.requests,
                input=t.uncached + t.audio_input,
                cached=t.cached + t.audio_cached,
                written=t.written + t.written_12h,
                output=t.output + t.audio_output,
                reasoning=t.reasoning,
                spend=p.cost or Decimal(0),
                unpriced_calls=p.bucket.requests if p.cost is None else 0,
            )
        )
    return added(parts)


def _grouped(
    priced: list[Priced], name: Callable[[Priced], Hashable], *, by_name: bool = False
) -> tuple[Group, ...]:
    groups: dict[str, list[Priced]] = {}
    for p in priced:
        label = name(p)
        groups.setdefault(str(label) if label is not None else "(not given)", []).append(p)
    rows = [Group(name=label, counts=_counts(parts)) for label, parts in groups.items()]
    if by_name:
        return tuple(sorted(rows, key=lambda row: row.name))
    return tuple(sorted(rows, key=lambda row: (-row.counts.spend, -row.counts.calls, row.name)))


def _spend(table: CallTable, priced: list[Priced], total: Counts, days: tuple[Group, ...]) -> Spend:
    unpriced: dict[str, int] = {}
    for p in priced:
        if p.why is not None:
            unpriced[p.why] = unpriced.get(p.why, 0) + p.bucket.requests
    charged = sum((line.amount for line in table.costs), Decimal(0)) if table.costs else None
    charged_days = len({day_of(line.start) for line in table.costs})
    base, length = (total.spend, len(days)) if priced else (charged or Decimal(0), charged_days)
    return Spend(
        total=total.spend if priced else charged or Decimal(0),
        unpriced_calls=total.unpriced_calls,
        unpriced=unpriced,
        charged=charged,
        monthly=base * 30 / length if length else None,
    )


def _levers(priced: list[Priced], money: Spend) -> tuple[LeverShare, ...]:
    sums = {
        "tier": (sum((p.tier for p in priced), Decimal(0)), sum((p.tier_all for p in priced), Decimal(0))),
        "lane": (sum((p.lane for p in priced), Decimal(0)), sum((p.lane_all for p in priced), Decimal(0))),
    }
    says: dict[LeverName, str] = {
        "tier": "What-if: half of the calls run one tier down; which ones, the totals cannot tell.",
        "lane": "What-if: after that, half of the standard calls go by Batch; which ones, the totals cannot tell.",
    }
    rows = []
    for lever in LEVERS:
        saves, high = sums.get(lever, (Decimal(0), Decimal(0)))
        rows.append(
            LeverShare(
                lever=lever,
                saves=saves,
                low=Decimal(0),
                high=high,
                basis="assumed",
                measured=Decimal(0),
                calls=sum(p.bucket.requests for p in priced) if lever in sums else 0,
                assumption=says.get(lever, "The totals do not show it."),
                needs=NEEDS if lever not in sums else None if priced else NEEDS_USAGE,
                worthwhile=worthwhile(saves, money.total, money.monthly) if lever in sums else True,
            )
        )
    return tuple(rows)


def _models(priced: list[Priced], policy: Policy, catalog: Catalog, today: dt.date) -> tuple[ModelRow, ...]:
    rows = []
    for group in _grouped(priced, lambda p: p.model):
        tier, on = tier_of(group.name, catalog, policy.ladder, today)
        why = next((p.why for p in priced if p.model == group.name and p.why), None)
        note = why or (None if on or tier is None else "not on the ladder; tier by price")
        rows.append(ModelRow(model=group.name, tier=tier, counts=group.counts, note=note))
    return tuple(rows)


def _what_ifs(priced: list[Priced], total: Counts) -> tuple[Finding, ...]:
    found = []
    read = total.cached
    whole = total.input + total.cached + total.written
    if whole:
        found.append(
            Finding(kind="cache", text=f"{read / whole:.1%} of input tokens were read from the prompt cache")
        )
    for group in _grouped(priced, lambda p: p.model):
        saves = sum((p.tier_all for p in priced if p.model == group.name), Decimal(0))
        if saves > 0:
            found.append(
                Finding(
                    kind="what-if",
                    text=f"if all {counted(group.counts.calls)} of {group.name} could run one tier down; "
                    "of a part, its share",
                    saves=saves,
                    calls=group.counts.calls,
                    advice="Which calls can needs per-call records (`tierwise record`); without them, half is assumed above.",
                )
            )
    free = [p for p in priced if p.bucket.free]
    if free:
        calls = sum(p.bucket.requests for p in free)
        found.append(
            Finding(
                kind="free",
                text=f"{counted(calls)} used free shared-data tokens, at no cost",
                calls=calls,
            )
        )
    return tuple(found)


def _shutdowns(
    priced: list[Priced], pricing: Totals, catalog: Catalog, today: dt.date
) -> tuple[Shutdown, ...]:
    rows = []
    for group in _grouped(priced, lambda p: p.model):
        try:
            model = catalog.resolve(group.name).model
        except CatalogError:
            continue
        if model.shutdown is None:
            continue
        rows.append(
            Shutdown(
                model=group.name,
                date=model.shutdown.isoformat(),
                successor=model.successor,
                calls=group.counts.calls,
                spend=group.counts.spend,
                spend_on_successor=_on_successor(priced, group.name, model.successor, pricing, today),
                past=model.shutdown < today,
            )
        )
    return tuple(sorted(rows, key=lambda row: (row.date, row.model)))


def _on_successor(
    priced: list[Priced], name: str, successor: str | None, pricing: Totals, today: dt.date
) -> Decimal | None:
    if successor is None:
        return None
    try:
        return sum(
            (
                pricing.cost(p.bucket.tokens, successor, p.bucket.lane, today)
                for p in priced
                if p.model == name and not p.bucket.free
            ),
            Decimal(0),
        )
    except CatalogError:
        return None


def _charged_by_project(table: CallTable) -> tuple[Group, ...]:
    return _charged(table, lambda line: line.project or "(no project)", by_name=False)


def _charged_by_line(table: CallTable) -> tuple[ModelRow, ...]:
    """Line items of the cost export, which name a model and what of it was charged."""
    lines = _charged(table, lambda line: line.line_item or "(no line item)", by_name=False)
    return tuple(
        ModelRow(model=line.name, tier=None, counts=line.counts, note="line item of the cost export")
        for line in lines
    )


def _charged(table: CallTable, name: Callable[[Any], str], *, by_name: bool) -> tuple[Group, ...]:
    sums: dict[str, Decimal] = {}
    for line in table.costs:
        label = name(line)
        sums[label] = sums.get(label, Decimal(0)) + line.amount
    rows = [Group(name=label, counts=Counts(spend=amount)) for label, amount in sums.items()]
    return tuple(sorted(rows, key=lambda row: row.name if by_name else (-row.counts.spend, row.name)))


def coverage_notes(calls: CallTable, day: Any) -> tuple[str, ...]:
    """How single calls compare with totals read beside them: compared, never added."""
    if not calls.buckets:
        return ()
    requests = sum(bucket.requests for bucket in calls.buckets)
    days = {day_of(bucket.start) for bucket in calls.buckets}
    read = f"A usage export of {requests:,} requests on {len(days)} days was read beside {len(day):,} single calls"
    return (f"{read}; it is compared with them, not added.",)
