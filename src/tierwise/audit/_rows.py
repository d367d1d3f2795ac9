"""One row per workload: what it is, what it costs, and what it could cost."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import numpy as np

from tierwise.audit._analysis import Analysis
from tierwise.audit._breakers_found import breakers
from tierwise.audit._findings import LEVERS, Breaker, Counts, WorkloadRow
from tierwise.audit._layout import RECORDED
from tierwise.audit._money import money_by
from tierwise.audit._outcomes import outcomes
from tierwise.workloads import DEPTHS, ROLES, TASKS, own_name

SIGNALS_SHOWN: Final = 8
LABEL_LENGTH: Final = 80


def workload_rows(analysis: Analysis) -> tuple[WorkloadRow, ...]:
    """All workloads, most spend first."""
    account, workloads = analysis.account, analysis.workloads
    counts = account.counts_by(workloads.of, len(workloads))
    by_number = _rows_by_number(workloads.of, len(workloads))
    signals = _signals(analysis)
    broken = breakers(analysis)
    rows = [
        _row(analysis, number, calls, counts[number], signals.get(number, Counter()), broken.get(number, ()))
        for number, calls in enumerate(by_number)
    ]
    return tuple(sorted(rows, key=lambda row: (-row.spend, -row.calls, row.id)))


def _rows_by_number(of: Any, n: int) -> list[Any]:
    if not n:
        return []
    order = np.argsort(of, kind="stable")
    return np.split(order, np.cumsum(np.bincount(of, minlength=n))[:-1])


def _row(
    analysis: Analysis,
    number: int,
    calls: Any,
    counts: Counts,
    signals: Counter[str],
    broken: tuple[Breaker, ...],
) -> WorkloadRow:
    account, shares = analysis.account, analysis.shares
    table = analysis.calls
    mask = np.zeros(len(table), dtype=bool)
    mask[calls] = True
    low, high = shares.range_of(number)
    models = _named(account.models, account.model[calls])
    proposed, effort, lane = _proposed(analysis, calls)
    defined = analysis.definitions
    unused = defined.unused.get(number, ())
    return WorkloadRow(
        id=analysis.workloads.names[number],
        label=_label(analysis, number, calls),
        task=_most(TASKS, table["task"][calls], TASKS.index("unknown")),
        depth=_most(DEPTHS, analysis.depth[calls], 0),
        role=_most(ROLES, table["role"][calls], 0),
        calls=len(calls),
        spend=counts.spend,
        counts=counts,
        model=_dearest(analysis, calls),
        models=models,
        proposed=proposed,
        proposed_effort=effort,
        proposed_lane=lane,
        levers={lever: shares.expected.by_workload[lever][number] for lever in LEVERS},
        could_save=shares.expected.of_workload(number),
        low=low,
        high=high,
        signals=tuple(
            f"{signal} ({count / len(calls):.0%})" for signal, count in signals.most_common(SIGNALS_SHOWN)
        ),
        depths=_named(DEPTHS, analysis.depth[calls]),
        reasons=tuple(reason for reason, _ in analysis.verdicts.reasons(calls).most_common(4)),
        projects=tuple(_named(table.tables["project"], table["project"][calls])),
        tags=tuple(
            sorted({tag for tags in _named(table.tables["tags"], table["tags"][calls]) for tag in tags})
        ),
        outcomes=outcomes(account, mask, analysis.waste.retried, counts.spend),
        cached_share=_share(counts.cached, counts.input + counts.cached + counts.written),
        cacheable_share=_share(
            int(np.maximum(analysis.warmth.mended[calls], table["cached"][calls]).sum()),
            counts.input + counts.cached + counts.written,
        ),
        simulated_share=_share(
            int(analysis.warmth.simulated[calls].sum()), counts.input + counts.cached + counts.written
        ),
        breakers=broken,
        tools_sent=defined.sent.get(number, 0),
        tools_unused=tuple(u.tool.name for u in unused),
    )


def _share(part: int, whole: int) -> float:
    return min(1.0, part / whole) if whole else 0.0


def _named(words: Any, index: Any) -> dict[Any, int]:
    """Words to how often they occur, most first; None is left out."""
    unique, counts = np.unique(index, return_counts=True)
    pairs = [(words[i], c) for i, c in zip(unique.tolist(), counts.tolist(), strict=True)]
    return dict(sorted(((w, c) for w, c in pairs if w is not None), key=lambda p: (-p[1], str(p[0]))))


def _most(words: tuple[str, ...], codes: Any, unknown: int) -> str:
    """The word most calls have; 'unknown' only where nothing else occurs in a tenth of them."""
    counts = np.bincount(codes, minlength=len(words))
    known = counts.copy()
    known[unknown] = 0
    best = int(known.argmax())
    return words[best] if known[best] * 10 >= len(codes) else words[unknown]


def _dearest(analysis: Analysis, calls: Any) -> str:
    """The model most of the calls' spend goes to; of unpriced calls the most frequent."""
    account = analysis.account
    model = account.model[calls]
    unique, inverse, counts = np.unique(model, return_inverse=True, return_counts=True)
    spend = money_by(
        account.book,
        inverse.astype(np.int64),
        len(unique),
        account.card[calls],
        {kind: column[calls] for kind, column in account.counts.items()},
    )
    best = max(range(len(unique)), key=lambda i: (spend[i], int(counts[i])))
    return account.models[int(unique[best])]


def _proposed(analysis: Analysis, calls: Any) -> tuple[str | None, str | None, str | None]:
    """Model, effort and lane that most calls would move to; None each where they stay."""
    verdicts = analysis.verdicts
    of = verdicts.of[calls]
    of = of[of >= 0]
    if not len(of):
        return None, None, None
    classes, counts = np.unique(of, return_counts=True)
    model: Counter[str | None] = Counter()
    effort: Counter[str | None] = Counter()
    lane: Counter[str | None] = Counter()
    for number, count in zip(classes.tolist(), counts.tolist(), strict=True):
        decision = verdicts.decisions[number]
        rung, baseline = decision.plan.rung, decision.baseline
        model[rung.model if rung.model != baseline.model else None] += count
        effort[rung.effort if rung.effort != baseline.effort else None] += count
        lane[decision.plan.lane if decision.plan.lane != decision.lane_asked else None] += count
    return model.most_common(1)[0][0], effort.most_common(1)[0][0], lane.most_common(1)[0][0]


def _label(analysis: Analysis, number: int, calls: Any) -> str:
    """What a person calls it: the application's own name, else the first words of its instructions."""
    table = analysis.calls
    heads = _named(
        [s.head if s is not None else None for s in table.tables["skeleton"]], table["skeleton"][calls]
    )
    names = _named([own_name(name) for name in table.tables["name"]], table["name"][calls])
    tags = _named(table.tables["tags"], table["tags"][calls])
    head = next((h for h in heads if h), "")
    if names:
        return str(next(iter(names)))[:LABEL_LENGTH]
    if head:
        return str(head)[:LABEL_LENGTH]
    if tags:
        return ", ".join(next(iter(tags)))[:LABEL_LENGTH]
    if not heads:
        return "(no request text in the log)"
    recorded = (table["flags"][calls] & RECORDED).any()
    return f"workload {analysis.workloads.names[number][:8]}" if recorded else "(no instructions)"


def _signals(analysis: Analysis) -> dict[int, Counter[str]]:
    """Signals by workload number, each with the calls it was seen in."""
    table = analysis.calls
    words = table.tables["signals"]
    pairs, counts = np.unique(analysis.workloads.of * len(words) + table["signals"], return_counts=True)
    found: dict[int, Counter[str]] = {}
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        number, index = divmod(pair, len(words))
        of_workload = found.setdefault(number, Counter())
        for signal in words[index] or ():
            of_workload[signal] += count
    return found


def totals_by_depth(analysis: Analysis) -> dict[str, Counts]:
    """Calls and money by depth, 'unknown' included."""
    counts = analysis.account.counts_by(analysis.depth.astype(np.int64), len(DEPTHS))
    return dict(zip(DEPTHS, counts, strict=True))
