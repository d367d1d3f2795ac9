"""The headline, the lever table and the forecast."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import numpy as np

from tierwise.audit._analysis import Analysis
from tierwise.audit._breakdowns import tier_of
from tierwise.audit._findings import (
    LEVERS,
    Basis,
    Counts,
    Forecast,
    Group,
    Headline,
    LeverName,
    LeverShare,
    Spend,
)
from tierwise.audit._layout import NO_COST, PICO
from tierwise.audit._money import MICROSECONDS_A_DAY
from tierwise.audit._rows import totals_by_depth
from tierwise.audit._stages import EXPECTED, HIGH, LOW
from tierwise.policy import LENGTHS

DAY: Final = MICROSECONDS_A_DAY
LEAST_PERIOD: Final = DAY // 4
"""Microseconds of log below which nothing is scaled to a month."""
SMALL_BILL: Final = Decimal(5_000)
"""USD a month below which small levers are named as not worth the work."""
SMALL_SAVING: Final = Decimal(100)
"""USD a month that a lever must save to be worth the work on a small bill."""

_BASIS: Final[dict[LeverName, Basis]] = {
    "waste": "measured",
    "tools": "simulated",
    "cache": "simulated",
    "tier": "assumed",
    "effort": "assumed",
    "lane": "assumed",
}
_ASSUMPTION: Final[dict[LeverName, str]] = {
    "waste": "Failed, abandoned and looping calls and repeats within a day are not made (low: half of the repeats).",
    "tools": "Definitions that no session used are left out; their tokens are counted to within a fifth.",
    "cache": "What varies moves behind what does not; entries live 10 minutes, or 30 (low: half is read).",
    "tier": "Each depth runs on its tier with answers as long, reasoning a fifth longer (low: 1.2 and 2 times).",
    "effort": "Reasoning falls to what the depth needs: low takes 0.4 of medium, high 2 (low: half of the fall).",
    "lane": "Single, unstreamed calls that arrived in bursts can wait a day (low: Batch caches nothing).",
}


def lever_shares(analysis: Analysis, monthly: Decimal | None, spend: Decimal) -> tuple[LeverShare, ...]:
    """One row a lever, in order."""
    shares = analysis.shares
    rows = []
    for lever in LEVERS:
        saves = shares.expected.total(lever)
        low, high = shares.range(lever)
        rows.append(
            LeverShare(
                lever=lever,
                saves=saves,
                low=low,
                high=high,
                basis=_BASIS[lever],
                measured=saves if lever == "waste" else Decimal(0),
                calls=shares.expected.touched[lever],
                assumption=_ASSUMPTION[lever],
                worthwhile=worthwhile(saves, spend, monthly),
            )
        )
    return tuple(rows)


def worthwhile(saves: Decimal, spend: Decimal, monthly: Decimal | None) -> bool:
    """False when a small bill makes a small saving not worth the work."""
    if monthly is None or monthly >= SMALL_BILL or not spend:
        return True
    return saves * monthly / spend >= SMALL_SAVING


def headline(analysis: Analysis, counts: Counts, measured: Decimal) -> Headline:
    """Who needs the top tier, who is sent there, and the money."""
    account = analysis.account
    ladder = analysis.policy.ladder
    tiers = [tier_of(name, account.catalog, ladder, account.today)[0] for name in account.models]
    top = np.array([tier == "frontier" for tier in tiers], dtype=bool)
    on_top = top[account.model]
    by_depth = totals_by_depth(analysis)
    unknown = by_depth["unknown"].calls
    recognised = counts.calls - unknown
    spend_on_top = account.spend_by(np.where(on_top, 0, -1), 1)[0]
    return Headline(
        needs_frontier=by_depth["frontier"].calls / recognised if recognised else 0.0,
        sent_to_top=float(on_top.mean()) if len(on_top) else 0.0,
        spend_on_top=spend_on_top,
        spend_needing_frontier=by_depth["frontier"].spend,
        spend=counts.spend,
        could_be=counts.spend - analysis.shares.expected.saved,
        measured=measured,
        by_depth=by_depth,
        unknown=unknown / counts.calls if counts.calls else 0.0,
    )


def spend(analysis: Analysis, counts: Counts, charged: Decimal | None) -> Spend:
    """What the calls cost, as priced, as logged, and as charged."""
    calls, account = analysis.calls, analysis.account
    logged = calls["logged"][calls["logged"] != NO_COST]
    return Spend(
        total=counts.spend,
        unpriced_calls=counts.unpriced_calls,
        unpriced=dict(account.unpriced.most_common()),
        logged=Decimal(int(logged.sum(dtype=object))) / PICO if len(logged) else None,
        logged_calls=len(logged),
        charged=charged,
        monthly=monthly(analysis, counts.spend),
    )


def monthly(analysis: Analysis, total: Decimal) -> Decimal | None:
    """Spend scaled to 30 days; None when the log has no times or covers under six hours.

    A period counts from its first to its last call, and at least one day.
    """
    at = analysis.calls["at"]
    known = at[at >= 0]
    if not len(known):
        return None
    length = int(known.max() - known.min())
    if length < LEAST_PERIOD:
        return None
    return total * 30 * DAY / max(length, DAY)


def forecasts(
    days: Sequence[Group], spend: Spend, saved: Decimal, low: Decimal, high: Decimal, times: Sequence[float]
) -> tuple[Forecast, ...]:
    """Spend and saving a month at N times the volume.

    The range of spend is two standard errors of a month of days like those in the log, where
    it has three days or more, else a fifth either way.
    """
    if spend.monthly is None or not spend.total:
        return ()
    daily = [float(group.counts.spend) for group in days]
    if len(daily) >= 3 and sum(daily) > 0:
        mean = sum(daily) / len(daily)
        deviation = (sum((x - mean) ** 2 for x in daily) / (len(daily) - 1)) ** 0.5
        # The mean of the log's days is itself uncertain, and so is each of the 30 to come.
        spread = 2 * deviation * (1 / len(daily) + 1 / 30) ** 0.5 / mean
    else:
        spread = 0.2
    margin = Decimal(str(round(min(spread, 1.0), 4)))
    scale = spend.monthly / spend.total
    rows = []
    for n in times:
        factor = Decimal(str(n))
        month = spend.monthly * factor
        rows.append(
            Forecast(
                times=n,
                spend=month,
                spend_low=month * (1 - margin),
                spend_high=month * (1 + margin),
                could_save=saved * scale * factor,
                low=low * scale * factor * (1 - margin),
                high=high * scale * factor * (1 + margin),
            )
        )
    return tuple(rows)


def scenario_notes() -> tuple[str, ...]:
    """The three scenarios in words, for the report's notes."""
    return tuple(
        f"{s.name.capitalize()}: on another model, answers {s.output / 1000:g} and reasoning "
        f"{LENGTHS.reasoning * s.reasoning / 1_000_000:.2g} times as long, unless its own calls show other lengths; "
        f"{s.cache / 10:g} % of the readable prefix is read; reasoning falls by {s.effort / 10:g} % of what is "
        f"expected; dropped tools weigh {s.tools / 10:g} % of their count; Batch keeps {s.batch_cached / 10:g} % "
        "of the cached share."
        for s in (EXPECTED, LOW, HIGH)
    )
