"""Findings: the things worth a reader's time, each in a sentence with its money."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

import numpy as np

from tierwise.audit._advice import LEAST_RISK_SHOWN, counted
from tierwise.audit._analysis import Analysis
from tierwise.audit._findings import Finding, Shutdown, WorkloadRow
from tierwise.audit._money import money_by
from tierwise.audit._waste import KINDS

_WASTE_ADVICE = {
    "identical": "Store the answer in the application, keyed by project, user and the whole request.",
    "failed": "Find the cause of the error, and retry once with backoff instead of at every layer.",
    "abandoned": "Cancel upstream when the caller leaves, and stream where people wait.",
    "loop": "Bound the steps of the agent and stop when an answer repeats.",
}
# In the past tense, so that one call and many read well.
_WASTE_TEXT = {
    "identical": "{calls} repeated one that was answered within a day before, for the same project, key and user",
    "failed": "{calls} failed or ended without an answer, yet cost money",
    "abandoned": "{calls} ended when the caller left, yet cost money",
    "loop": "{calls} belonged to loops: the same tool call four times or more in a row in one session",
}


def notable(
    analysis: Analysis, rows: tuple[WorkloadRow, ...], ends: tuple[Shutdown, ...]
) -> tuple[Finding, ...]:
    """All findings, those with most money first."""
    found = [
        *_waste(analysis),
        *_retries(analysis),
        *_breakers(rows),
        *_unused(analysis, rows),
        *_unpriced(analysis),
        *_mismatch(analysis),
        *_ends(ends),
        *_proposed_ends(analysis),
    ]
    return tuple(sorted(found, key=lambda f: -(f.saves or Decimal(0))))


def _waste(analysis: Analysis) -> Iterator[Finding]:
    account = analysis.account
    money = money_by(
        account.book, analysis.waste.kind.astype(np.int64), len(KINDS), account.card, account.counts
    )
    counts = np.bincount(analysis.waste.kind, minlength=len(KINDS)).tolist()
    for kind, spend, calls in list(zip(KINDS, money, counts, strict=True))[1:]:
        if calls:
            text = _WASTE_TEXT[kind].format(calls=counted(calls))
            yield Finding(kind=kind, text=text, saves=spend, calls=calls, advice=_WASTE_ADVICE[kind])


def _retries(analysis: Analysis) -> Iterator[Finding]:
    retried = int(analysis.waste.retried.sum())
    if retried:
        yield Finding(
            kind="retries",
            text=f"{counted(retried)} came again after one that failed; the failed try is the waste",
            calls=retried,
        )
    if analysis.duplicates:
        yield Finding(
            kind="duplicates",
            text=f"left out: {counted(analysis.duplicates, 'record')} of a call already counted",
            calls=analysis.duplicates,
        )


def _breakers(rows: tuple[WorkloadRow, ...]) -> Iterator[Finding]:
    for row in rows:
        for breaker in row.breakers:
            a, b = breaker.example
            yield Finding(
                kind="breaker",
                workload=row.id,
                text=f"{row.label}: {breaker.kind} in {breaker.where} breaks the cached prefix ({a!r} / {b!r})",
                saves=breaker.saves,
                calls=breaker.calls,
                advice=breaker.advice,
            )


def _unused(analysis: Analysis, rows: tuple[WorkloadRow, ...]) -> Iterator[Finding]:
    numbers = {name: number for number, name in enumerate(analysis.workloads.names)}
    for row in rows:
        unused = analysis.definitions.unused.get(numbers[row.id], ())
        if unused:
            tokens = sum(u.tool.tokens for u in unused)
            risk = max(*(u.risk for u in unused), LEAST_RISK_SHOWN)
            yield Finding(
                kind="unused-tools",
                workload=row.id,
                text=f"{row.label}: {len(unused):,} of {counted(row.tools_sent, 'tool definition')} ({tokens:,} tokens a call) "
                f"were used by no session in the log",
                saves=row.levers["tools"],
                calls=row.calls,
                advice=f"Leave them out or defer them: at 95 % confidence at most {risk:.2%} of sessions need one, "
                "each, while the workload stays as it was.",
            )


def _unpriced(analysis: Analysis) -> Iterator[Finding]:
    for reason, calls in analysis.account.unpriced.most_common():
        yield Finding(
            kind="unpriced",
            text=f"{counted(calls)} without a price: {reason}",
            calls=calls,
            advice="They are in no sum above. Add a price or an alias to an overrides file and pass --prices.",
        )
    for reason, uses in analysis.account.unpriced_fees.most_common():
        yield Finding(
            kind="unpriced",
            text=f"{counted(uses, 'use')} of hosted tools without a price, beside the tokens: {reason}",
        )


def _mismatch(analysis: Analysis) -> Iterator[Finding]:
    """Calls whose served model is not the one asked for."""
    calls, account = analysis.calls, analysis.account
    both = (calls["asked"] != 0) & (calls["served"] != 0)
    offset = len(calls.tables["served"])
    names = [getattr(r, "model", None) for r in account.resolutions]
    canonical = [model.name if model is not None else None for model in names]
    pairs = calls["asked"][both].astype(np.int64) * offset + calls["served"][both]
    counts = np.bincount(pairs, minlength=1)
    for pair in np.flatnonzero(counts).tolist():
        asked, served = divmod(pair, offset)
        count = int(counts[pair])
        a, b = canonical[offset + asked], canonical[served]
        if a is not None and b is not None and a != b:
            yield Finding(
                kind="mismatch",
                text=f"{counted(count)} asked for {a} and got {b}; priced as served",
                calls=count,
            )


def _proposed_ends(analysis: Analysis) -> Iterator[Finding]:
    """Models that calls would move to and whose end is announced too."""
    verdicts, catalog = analysis.verdicts, analysis.account.catalog
    moving: Counter[str] = Counter()
    for decision, size in zip(verdicts.decisions, verdicts.sizes, strict=True):
        if decision.plan.rung.model != decision.baseline.model:
            moving[decision.plan.rung.model] += size
    for name, calls in moving.most_common():
        model = catalog.resolve(name).model
        if model.shutdown is not None:
            other = next(
                (
                    f"--ladder {ladder.name}"
                    for ladder in catalog.ladders()
                    if model.successor in ladder.models
                ),
                None,
            )
            yield Finding(
                kind="proposed-ends",
                text=f"{calls:,} calls would move to {name}, which shuts down on {model.shutdown.isoformat()} itself",
                calls=calls,
                advice=f"Compare with {other}, which has its successor {model.successor}." if other else "",
            )


def _ends(ends: tuple[Shutdown, ...]) -> Iterator[Finding]:
    for end in ends:
        successor = f"its successor is {end.successor}" if end.successor else "no successor is named"
        yield Finding(
            kind="shutdown",
            text=f"{end.model} {'was shut' if end.past else 'shuts'} down on {end.date}; {successor}",
            calls=end.calls,
            advice="Calls of that name fail, or reach another model: see to what replaced them."
            if end.past
            else "Prove the successor on these workloads before that day.",
        )
