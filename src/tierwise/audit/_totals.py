"""Logs that only hold totals: spend by what they group by, and what-ifs instead of savings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Hashable, Iterable
from decimal import Decimal
from typing import Any, Final

import msgspec

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
from tierwise.calls import Bucket, Plan
from tierwise.catalog import Catalog, Cost, Tokens
from tierwise.errors import CatalogError
from tierwise.policy import Policy, scaled

NEEDS: Final = "needs per-call records: `tierwise record -- COMMAND` writes them"
HALF: Final = 500
"""Per mille of the calls that a what-if moves; the log cannot tell which."""


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """One bucket with what it cost, and would cost one tier down and in Batch."""

    bucket: Bucket
    model: str
    cost: Decimal | None
    why: str | None
    tier: Decimal
    """Saved when half of it runs one tier down."""
    tier_all: Decimal
    lane: Decimal
    """Saved when, after that, half of it goes by Batch."""
    lane_all: Decimal


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
    priced = [_price(bucket, policy, catalog) for bucket in table.buckets]
    total = _counts(priced)
    days = _grouped(priced, lambda p: _day(p.bucket.start), by_name=True)
    money = _spend(table, priced, total, days)
    levers = _levers(priced, money)
    saved = sum((share.saves for share in levers), Decimal(0))
    high = sum((share.high for share in levers), Decimal(0))
    return Findings(
        tierwise=_version(),
        policy=policy.digest,
        prices=f"{catalog.digest} ({catalog.prices_date.isoformat()})",
        ladder=policy.ladder.name,
        files=len(found.files),
        calls=total.calls,
        duplicates=0,
        skipped=skipped[0],
        skipped_examples=skipped[1],
        start=days[0].name if days else None,
        end=days[-1].name if days else None,
        per_call=False,
        counts=total,
        spend=money,
        headline=None,
        models=_models(priced, policy, catalog, today),
        workloads=(),
        projects=_grouped(priced, lambda p: p.bucket.project) if priced else _charged_by_project(table),
        keys=_grouped(priced, lambda p: p.bucket.key),
        tags=(),
        days=days or _charged_by_day(table),
        lanes=_grouped(priced, lambda p: p.bucket.lane),
        levers={share.lever: share.saves for share in levers},
        lever_shares=levers,
        could_save=saved,
        low=Decimal(0),
        high=high,
        outcomes=Outcomes(),
        findings=_what_ifs(priced, total),
        shutdowns=_shutdowns(priced, catalog, today),
        forecasts=forecasts(days, money, saved, Decimal(0), high, times),
        notes=(
            "This log holds totals, not calls: workloads, waste, tools and cache breakers cannot be told from it.",
            "Tier and lane are what-ifs: half of every bucket one tier down, then half of it by Batch; "
            "low is nothing, high is all of it.",
        ),
    )


def _price(bucket: Bucket, policy: Policy, catalog: Catalog) -> Priced:
    day = dt.datetime.fromtimestamp(bucket.start / 1e6, tz=dt.timezone.utc).date()
    name = bucket.model or "(no model)"
    nothing = Decimal(0)
    try:
        if bucket.model is None:
            raise CatalogError("the export is not grouped by model; group it by model to price it")
        name = catalog.resolve(bucket.model).model.name
        cost = _cost(bucket, bucket.tokens, name, bucket.lane, catalog, day).total
    except CatalogError as error:
        return Priced(
            bucket=bucket, model=name, cost=None, why=str(error), tier=nothing, tier_all=nothing, lane=nothing, lane_all=nothing
        )
    if bucket.free:
        cost = nothing
    below = _below(name, policy, catalog, day)
    tier, tier_all = nothing, nothing
    if below is not None and not bucket.free:
        half, rest = _halved(bucket.tokens)
        tier = _saving(bucket, half, name, below, bucket.lane, bucket.lane, catalog, day)
        tier_all = tier + _saving(bucket, rest, name, below, bucket.lane, bucket.lane, catalog, day)
    lane, lane_all = _lane(bucket, name, below, catalog, day)
    return Priced(
        bucket=bucket, model=name, cost=cost, why=None, tier=tier, tier_all=tier_all, lane=lane, lane_all=lane_all
    )


def _cost(bucket: Bucket, tokens: Tokens, model: str, lane: Any, catalog: Catalog, day: dt.date) -> Cost:
    """Cost of totals at the short-context rates: a total says nothing of single prompts."""
    card = catalog.rate_card(model, lane, at=day)
    return msgspec.structs.replace(card, long=None, threshold=None).cost(tokens)


def _saving(
    bucket: Bucket, tokens: Tokens, model: str, other: str, lane: Any, other_lane: Any, catalog: Catalog, day: dt.date
) -> Decimal:
    try:
        before = _cost(bucket, tokens, model, lane, catalog, day).total
        after = _cost(bucket, tokens, other, other_lane, catalog, day).total
    except CatalogError:
        return Decimal(0)
    return max(before - after, Decimal(0))


def _lane(
    bucket: Bucket, name: str, below: str | None, catalog: Catalog, day: dt.date
) -> tuple[Decimal, Decimal]:
    """Saved by Batch on half of what the tier what-if left, and on all of it."""
    if bucket.lane != "standard" or bucket.free:
        return Decimal(0), Decimal(0)
    half, rest = _halved(bucket.tokens)
    low, high = _halved(half)
    low_rest, high_rest = _halved(rest)
    lower = below or name
    saved = [
        _saving(bucket, part, model, model, "standard", "batch", catalog, day)
        for part, model in ((low, lower), (low_rest, name), (high, lower), (high_rest, name))
    ]
    return saved[0] + saved[1], sum(saved, Decimal(0))


def _halved(tokens: Tokens) -> tuple[Tokens, Tokens]:
    kinds = tokens.__struct_fields__
    half = {kind: scaled(getattr(tokens, kind), HALF) for kind in kinds}
    return Tokens(**half), Tokens(**{kind: getattr(tokens, kind) - half[kind] for kind in kinds})


def _below(model: str, policy: Policy, catalog: Catalog, day: dt.date) -> str | None:
    """The ladder's model one tier below; None at its foot."""
    tier, _ = tier_of(model, catalog, policy.ladder, day)
    if tier is None:
        return None
    at = policy.ladder.models.index(policy.ladder.model_for(tier))
    return policy.ladder.models[at - 1] if at > 0 else None


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


def _day(start: int) -> str:
    return dt.datetime.fromtimestamp(start / 1e6, tz=dt.timezone.utc).date().isoformat()


def _spend(table: CallTable, priced: list[Priced], total: Counts, days: tuple[Group, ...]) -> Spend:
    unpriced: dict[str, int] = {}
    for p in priced:
        if p.why is not None:
            unpriced[p.why] = unpriced.get(p.why, 0) + p.bucket.requests
    charged = sum((line.amount for line in table.costs), Decimal(0)) if table.costs else None
    charged_days = len({_day(line.start) for line in table.costs})
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
                needs=None if lever in sums else NEEDS,
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
        found.append(Finding(kind="cache", text=f"{read / whole:.1%} of input tokens were read from the prompt cache"))
    for group in _grouped(priced, lambda p: p.model):
        saves = sum((p.tier_all for p in priced if p.model == group.name), Decimal(0))
        if saves > 0:
            found.append(
                Finding(
                    kind="what-if",
                    text=f"each tenth of the {group.name} calls that can run one tier down saves a tenth of this",
                    saves=saves,
                    calls=group.counts.calls,
                    advice="Find out which calls: " + NEEDS,
                )
            )
    free = [p for p in priced if p.bucket.free]
    if free:
        calls = sum(p.bucket.requests for p in free)
        found.append(Finding(kind="free", text=f"{calls:,} calls used free shared-data tokens and cost nothing", calls=calls))
    return tuple(found)


def _shutdowns(priced: list[Priced], catalog: Catalog, today: dt.date) -> tuple[Shutdown, ...]:
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
                spend_on_successor=_on_successor(priced, group.name, model.successor, catalog, today),
            )
        )
    return tuple(sorted(rows, key=lambda row: (row.date, row.model)))


def _on_successor(
    priced: list[Priced], name: str, successor: str | None, catalog: Catalog, today: dt.date
) -> Decimal | None:
    if successor is None:
        return None
    try:
        return sum(
            (
                _cost(p.bucket, p.bucket.tokens, successor, p.bucket.lane, catalog, today).total
                for p in priced
                if p.model == name and not p.bucket.free
            ),
            Decimal(0),
        )
    except CatalogError:
        return None


def _charged_by_project(table: CallTable) -> tuple[Group, ...]:
    return _charged(table, lambda line: line.project or "(no project)", by_name=False)


def _charged_by_day(table: CallTable) -> tuple[Group, ...]:
    return _charged(table, lambda line: _day(line.start), by_name=True)


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
    days = {_day(bucket.start) for bucket in calls.buckets}
    return (
        f"A usage export of {requests:,} requests on {len(days)} days was read beside {len(day):,} single calls; "
        "it is compared with them, not added.",
    )


def _version() -> str:
    from tierwise import __version__

    return __version__
