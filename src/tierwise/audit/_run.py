"""`audit`: from paths to Findings, in one reading."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from decimal import Context, Decimal, localcontext
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from tierwise import __version__
from tierwise.audit._advice import MOST, advice, counted, left_out
from tierwise.audit._analysis import Analysis, analyse
from tierwise.audit._breakdowns import breakdowns
from tierwise.audit._findings import LEVERS, CacheCheck, Findings, Outcomes
from tierwise.audit._headline import forecasts, headline, lever_shares, monthly, scenario_notes, spend
from tierwise.audit._map import Progress, map_all, where
from tierwise.audit._notable import notable
from tierwise.audit._outcomes import outcomes
from tierwise.audit._rows import workload_rows
from tierwise.audit._shutdowns import shutdowns
from tierwise.audit._table import CallTable, Merge
from tierwise.audit._totals import coverage_notes, from_totals
from tierwise.calls import Plan, plan
from tierwise.catalog import Catalog
from tierwise.errors import CatalogError
from tierwise.policy import NO_LIMITS, Limits, Policy, proposal

EXACT: Final = Context(prec=60)
"""Sums of money keep every digit: a million calls need under 30."""
DEFAULT_TIMES: Final = (1.0, 2.0, 10.0)


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """Findings, and the analysis behind them where there were calls one by one."""

    findings: Findings
    analysis: Analysis | None
    files: tuple[str, ...]


def audit(
    paths: Sequence[str | Path],
    *,
    format: str | None = None,
    strict: bool = False,
    ladder: str = "gpt-5.4",
    limits: Limits = NO_LIMITS,
    prices: Path | None = None,
    times: Sequence[float] = DEFAULT_TIMES,
    processes: int | None = None,
    progress: Progress | None = None,
    today: dt.date | None = None,
    key: bytes = b"",
) -> Audit:
    """Audit the logs at `paths` without a key or a network.

    Args:
        paths: Files, folders, globs, or '-' for standard input.
        format: Format to force; found out by content otherwise.
        strict: Stop at the first record that cannot be read.
        ladder: Name of the ladder that moves are proposed on.
        limits: The owner's: approved models, zero retention.
        prices: Overrides file: prices, discounts, aliases, ladders.
        times: Volumes to forecast, as multiples of the log's.
        processes: Most processes to read with; the machine's cores by default.
        progress: Told the bytes read and in all.
        today: Day that shutdowns and successors are looked at from; today by default.
        key: The owner's, under which workloads are named; digests of a recorder file keep their own.

    Raises:
        LogError: Nothing to read at the paths, or under `strict` a bad record.
        ConfigurationError: No such ladder, or a bad overrides file.
        UnknownModel: An approved model that the catalog does not know.
    """
    catalog = Catalog.open(prices)
    policy = proposal(catalog.ladder(ladder), _named(limits, catalog))
    found = plan(paths, format=format)
    merge = Merge()
    day = today or dt.datetime.now(dt.UTC).date()
    results = map_all(found, processes=processes, progress=progress, strict=strict, key=key)
    for number, result in enumerate(results):
        merge.add(result)
        if number == 0:
            _load_prices(catalog, policy, day)
    table = merge.table()
    with localcontext(EXACT):
        if not len(table) and (table.buckets or table.costs):
            return Audit(
                findings=from_totals(
                    table, found, policy, catalog, day, tuple(times), skipped_of(table, found)
                ),
                analysis=None,
                files=found.files,
            )
        costs = table.costs
        charged = sum((line.amount for line in costs), Decimal(0)) if costs else None
        analysis = analyse(table, policy, catalog, day)
        findings = _findings(analysis, found, policy, charged, tuple(times))
        return Audit(findings=findings, analysis=analysis, files=found.files)


def _load_prices(catalog: Catalog, policy: Policy, day: dt.date) -> None:
    """Load the price list while other processes still read: it takes half a second."""
    with suppress(CatalogError):
        catalog.rate_card(policy.ladder.models[0], "standard", at=day)


def _named(limits: Limits, catalog: Catalog) -> Limits:
    """Limits with approved models by the catalog's names. Raises UnknownModel for one it does not know."""
    if limits.models is None:
        return limits
    names = frozenset(catalog.resolve(name).model.name for name in limits.models)
    return msgspec.structs.replace(limits, models=names)


def skipped_of(table: CallTable, found: Plan) -> tuple[dict[str, int], tuple[str, ...]]:
    """Skipped records and files by reason, and the places of the first few."""
    counts = Counter(table.skipped)
    counts.update(skipped.reason for skipped in found.skipped)
    places = [where(skipped, None, found) for skipped in found.skipped[:5]]
    places += [where(skipped, found.units[unit], found) for unit, skipped in table.examples[:20]]
    return dict(counts.most_common()), tuple(places)


def _findings(
    analysis: Analysis, found: Plan, policy: Policy, charged: Decimal | None, times: tuple[float, ...]
) -> Findings:
    account, calls = analysis.account, analysis.calls
    counts = account.total()
    rows = workload_rows(analysis)
    groups = breakdowns(account, policy.ladder)
    money = spend(analysis, counts, charged)
    shares = analysis.shares
    low, high = shares.whole_range()
    saved = shares.expected.saved
    ends = shutdowns(account, analysis.workloads.of, analysis.workloads.names)
    skipped, examples = skipped_of(calls, found)
    start, end = _period(analysis)
    everything = calls["at"] == calls["at"]
    told = advice(analysis, rows, found, partial(monthly, analysis))
    return Findings(
        tierwise=__version__,
        policy=policy.digest,
        prices=f"{account.catalog.digest} ({account.catalog.prices_date.isoformat()})",
        ladder=policy.ladder.name,
        files=len(found.files),
        calls=counts.calls,
        duplicates=analysis.duplicates,
        skipped=skipped,
        skipped_examples=examples,
        start=start,
        end=end,
        per_call=True,
        counts=counts,
        spend=money,
        headline=headline(analysis, counts, shares.expected.total("waste")) if counts.calls else None,
        models=groups.models,
        workloads=rows,
        projects=groups.projects,
        keys=groups.keys,
        tags=groups.tags,
        days=groups.days,
        lanes=groups.lanes,
        hours=groups.hours,
        levers={lever: shares.expected.total(lever) for lever in LEVERS},
        lever_shares=lever_shares(analysis, money.monthly, counts.spend),
        could_save=saved,
        low=low,
        high=high,
        outcomes=outcomes(account, everything, analysis.waste.retried, counts.spend)
        if counts.calls
        else Outcomes(),
        cache_check=analysis.cache_check,
        findings=notable(analysis, rows, ends),
        advice=told[:MOST],
        shutdowns=ends,
        forecasts=forecasts(groups.days, money, saved, low, high, times),
        notes=(*_notes(analysis), *left_out(told)),
        key_id=next(iter(calls.key_ids)) if len(calls.key_ids) == 1 else None,
    )


def _period(analysis: Analysis) -> tuple[str | None, str | None]:
    at = analysis.calls["at"]
    known = at[at >= 0]
    if not len(known):
        return None, None
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    first, last = (epoch + dt.timedelta(microseconds=int(t)) for t in (known.min(), known.max()))
    return first.isoformat(timespec="seconds"), last.isoformat(timespec="seconds")


def _cache_notes(found: CacheCheck | None) -> list[str]:
    if found is None or not found.input:
        return []
    said = (
        f"The prompt cache is replayed under the documented rules. On {counted(found.calls)} the replay reads "
        f"{found.simulated / found.input:.0%} of the input, the log says {found.seen / found.input:.0%}; they are "
        f"within 256 tokens of each other on {found.close / found.calls:.0%} of them."
    )
    return [said]


def _key_notes(key_ids: frozenset[str]) -> list[str]:
    if len(key_ids) < 2:
        return []
    said = (
        f"Calls were recorded under {len(key_ids)} keys (none counts as one), so one workload may be listed more "
        "than once. Name the key of a recorder file with --key, and use one key for all."
    )
    return [said]


def _notes(analysis: Analysis) -> tuple[str, ...]:
    if not len(analysis.calls):
        return ()
    classes = len(analysis.verdicts.decisions)
    notes = [
        "Savings are 'could save, unproven': an audit sees prices and shapes of calls, not the quality of answers.",
        f"Moves are proposed by '{analysis.policy.name}', decided for {counted(classes, 'kind')} of like calls.",
        *(
            f"Reserved capacity of {capacity.monthly_fee} dollars a month ({capacity.reason}) is in no sum."
            for capacity in analysis.account.catalog.reserved
        ),
        *scenario_notes(),
        *_cache_notes(analysis.cache_check),
        *_key_notes(analysis.calls.key_ids),
        *coverage_notes(analysis.calls, analysis.account.day),
    ]
    return tuple(notes)
