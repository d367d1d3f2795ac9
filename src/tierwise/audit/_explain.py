"""One workload's prompt cache, explained: what the audit found of it, and why there is no more."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
import numpy as np

from tierwise.audit._findings import Breaker, WorkloadRow
from tierwise.audit._layout import HAS_REQUEST, RECORDED
from tierwise.catalog import KINDS
from tierwise.errors import CallerError

if TYPE_CHECKING:
    from tierwise.audit._analysis import Analysis
    from tierwise.audit._run import Audit

LEAST_PREFIX: Final = 4
"""Digits of an id that name a workload, where no other begins with them."""
NEAREST: Final = 5


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """What `tierwise cache explain --json` prints. Figures are those of the audit's row of the workload."""

    workload: str
    """16 hex digits."""
    label: str
    template: str
    """Where the prompts come from: the first words of the instructions, '' where the log has no text."""
    calls: int
    models: dict[str, int]
    spend: Decimal
    input: int
    """Tokens of all prompts, cached and written ones included."""
    cached_share: float
    """Of the input, read from the cache as billed, 0 to 1."""
    simulated_share: float
    """What the cache would have read with the prompts as sent and in the log's order."""
    cacheable_share: float
    """What it could have read with all breakers mended."""
    breakers: tuple[Breaker, ...]
    """Dearest first."""
    saves: Decimal
    """Of all breakers, USD over the log, before any other lever."""
    cache_saves: Decimal
    """What the audit's cache lever saves in this workload, after waste and tools."""
    text: Literal["text", "outlines", "none"]
    """What the log has of its prompts."""
    notes: tuple[str, ...]
    """Why there is nothing to mend, or what could not be seen."""


def explain(found: Audit, workload: str) -> Explained:
    """Explain the prompt cache of one workload of an audit.

    Args:
        found: The audit of a log of calls.
        workload: Its id, or so much of its start that no other has it, four digits at least.

    Raises:
        CallerError: No such workload, or a log of totals alone.
    """
    analysis = found.analysis
    if analysis is None or not found.findings.workloads:
        raise CallerError("expected a log of calls to explain the cache of, got totals or no call at all")
    row = _row(found.findings.workloads, workload)
    calls = np.flatnonzero(analysis.workloads.of == analysis.workloads.names.index(row.id))
    flags = analysis.calls["flags"][calls]
    recorded = bool((flags & RECORDED != 0).all())
    told = bool((flags & HAS_REQUEST != 0).any())
    heads = [s.head for s in analysis.calls.tables["skeleton"] if s is not None]
    first = analysis.calls.words("skeleton", int(analysis.calls["skeleton"][calls[0]])) if heads else None
    return Explained(
        workload=row.id,
        label=row.label,
        template=first.head if first is not None else "",
        calls=row.calls,
        models=row.models,
        spend=row.spend,
        input=row.counts.input + row.counts.cached + row.counts.written,
        cached_share=row.cached_share,
        simulated_share=row.simulated_share,
        cacheable_share=row.cacheable_share,
        breakers=row.breakers,
        saves=sum((breaker.saves for breaker in row.breakers), Decimal(0)),
        cache_saves=row.levers["cache"],
        text="none" if not told else "outlines" if recorded else "text",
        notes=tuple(_notes(analysis, row, calls, told=told, recorded=recorded)),
    )


def _row(rows: tuple[WorkloadRow, ...], asked: str) -> WorkloadRow:
    wanted = asked.strip().lower()
    found = [row for row in rows if row.id.startswith(wanted)] if len(wanted) >= LEAST_PREFIX else []
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(row.id for row in found[:NEAREST])
        raise CallerError(f"expected the id of one workload, {asked[:40]!r} begins {len(found)}: {names}")
    near = get_close_matches(wanted[:40], [row.id for row in rows], n=NEAREST, cutoff=0.4)
    nearest = near or [row.id for row in rows[:NEAREST]]
    which = "nearest" if near else "dearest"
    named = ", ".join(f"{row.id} ({_printable(row.label[:40])})" for row in rows if row.id in nearest)
    raise CallerError(f"no workload {asked[:40]!r} in this log; the {which} are {named}")


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)


def _notes(analysis: Analysis, row: WorkloadRow, calls: Any, *, told: bool, recorded: bool) -> Iterator[str]:
    if not told:
        yield "The log has no prompts of this workload, so nothing can be replayed: record its requests too."
        return
    if recorded:
        yield "The log has outlines and no text: kinds, places and money are known, what stands there is not."
    if len(calls) == 1:
        yield "One call has no earlier one to read from; explain a log with more of this workload."
    account = analysis.account
    cards, card = account.book.cards, account.card[calls]
    if not any(cards[number].reads_priced for number in np.unique(card[card >= 0]).tolist()):
        yield "None of its models has a price for cached input: nothing can be saved by the cache."
    longest = int(sum(account.counts[kind][calls].astype(np.int64) for kind in KINDS[:4]).max())
    models = [known for name in row.models if (known := account.known(name)) is not None]
    least = min((model.cache.shortest for model in models), default=0)
    if longest < least:
        yield (
            f"Its longest prompt has {longest:,} tokens, and prefixes are cached from {least:,} on: "
            "nothing can be read, and what varies early costs nothing."
        )
        return
    if (analysis.calls["at"][calls] < 0).all():
        yield "Its calls have no times, so that nothing is known to be warm."
    if not row.breakers and len(calls) > 1:
        yield _nothing_broken(row)


def _nothing_broken(row: WorkloadRow) -> str:
    if row.cacheable_share <= row.cached_share:
        return "Nothing breaks its prefix that costs money: what could be read was read."
    return (
        "Nothing breaks its prefix that costs money. What could have been read and was not had left the cache, "
        "or went to another machine: see `cache.key` and `cache.retention` in docs/policy.md."
    )
