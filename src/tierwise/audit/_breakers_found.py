"""Breakers with their calls and their money: one logic for the report, the findings and `cache explain`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import msgspec
import numpy as np

from tierwise.audit._analysis import Analysis
from tierwise.audit._breaking import Stage
from tierwise.audit._findings import Breaker
from tierwise.audit._layout import EFFORT_CODES, VERBOSITY_CODES
from tierwise.audit._money import money_by
from tierwise.audit._remedies import remedy
from tierwise.audit._result import NOT_KEPT, Broken
from tierwise.audit._turns import EFFORT, KINDS, MODEL, TOOLS, VERBOSITY, tools_of

EXAMPLE_LENGTH: Final = 60


class Gain(msgspec.Struct, frozen=True, kw_only=True):
    """What mending one kind of breaker saves, by workload number."""

    money: list[Decimal]
    calls: Any
    """How many would have read more."""
    first: Any
    """The first of them, -1 where there is none."""


def breakers(analysis: Analysis) -> dict[int, tuple[Breaker, ...]]:
    """Of each workload, dearest first; those that cost nothing are none.

    Their savings add up to what the workload saves by having all of them mended, before any other lever.
    """
    found: dict[int, list[Breaker]] = {}
    for kind, gain in _gains(analysis):
        for number in np.flatnonzero(gain.calls).tolist():
            if gain.money[number] <= 0:
                continue
            broken = _broken(analysis, kind, number, int(gain.first[number]))
            found.setdefault(number, []).append(
                Breaker(
                    kind=broken.kind,
                    where=broken.where,
                    example=broken.example,
                    calls=int(gain.calls[number]),
                    saves=gain.money[number],
                    tokens=broken.tokens,
                    excerpt=broken.excerpt,
                    advice=remedy(broken.kind),
                )
            )
    return {number: tuple(sorted(of, key=lambda b: (-b.saves, b.kind))) for number, of in found.items()}


def _gains(analysis: Analysis) -> Iterator[tuple[Stage | int, Gain]]:
    """Each stage's share in turn; of turns, each kind's."""
    cached = analysis.account.counts["cached"].astype(np.int64)
    before = np.maximum(analysis.warmth.as_sent, cached)
    for stage, mended in analysis.warmth.parts:
        after = np.maximum(before, mended)
        if stage == "turns":
            for kind in range(1, len(KINDS)):
                rows = analysis.turns.kind == kind
                if rows.any():
                    yield kind, _gain(analysis, before, np.where(rows, after, before))
        else:
            yield stage, _gain(analysis, before, after)
        before = after


def _gain(analysis: Analysis, before: Any, after: Any) -> Gain:
    of, n = analysis.workloads.of, len(analysis.workloads)
    rows = np.flatnonzero(after > before)
    first = np.full(n, -1, dtype=np.int64)
    first[of[rows[::-1]]] = rows[::-1]
    money = [a - b for a, b in zip(_spared(analysis, after), _spared(analysis, before), strict=True)]
    return Gain(money=money, calls=np.bincount(of[rows], minlength=n), first=first)


def _spared(analysis: Analysis, read: Any) -> list[Decimal]:
    """USD by workload that reading so much of each prompt saves over what was read."""
    account, n = analysis.account, len(analysis.workloads)
    gain = np.maximum(
        read - np.maximum(analysis.warmth.as_sent, account.counts["cached"].astype(np.int64)), 0
    )
    # As the lever does it: what was written is read first, and its fee is spared.
    written = np.minimum(gain, account.counts["written"].astype(np.int64))
    uncached = np.minimum(gain - written, account.counts["uncached"].astype(np.int64))
    gain = written + uncached
    groups = np.where(gain > 0, analysis.workloads.of, -1)
    full = money_by(account.book, groups, n, account.card, {"uncached": uncached, "written": written})
    less = money_by(account.book, groups, n, account.card, {"cached": gain})
    return [a - b for a, b in zip(full, less, strict=True)]


def _broken(analysis: Analysis, kind: Stage | int, number: int, row: int) -> Broken:
    if not isinstance(kind, int):
        return analysis.breaking.broken[number][kind]
    before = int(analysis.turns.previous[row])
    calls = analysis.calls
    at = dt.datetime.fromtimestamp(int(calls["at"][row]) / 1e6, dt.UTC)
    tokens = 0
    example = _settings(analysis, kind, before, row)
    if kind == TOOLS:
        example, tokens = _tools(analysis, before, row)
    return Broken(
        kind=KINDS[kind],
        where=f"turn {int(calls['turn'][row]) + 1} of a conversation, at {at:%Y-%m-%d %H:%M:%S} UTC",
        example=example,
        excerpt=None if example == NOT_KEPT else (f"[[{example[0]}]]", f"[[{example[1]}]]"),
        tokens=tokens,
    )


def _settings(analysis: Analysis, kind: int, before: int, row: int) -> tuple[str, str]:
    """What was set in the turn before and in this one."""
    account, calls = analysis.account, analysis.calls
    if kind == MODEL:
        words: Any = account.models
        codes = account.model
    elif kind == EFFORT:
        words, codes = ("(not sent)", *EFFORT_CODES[1:]), calls["effort"]
    elif kind == VERBOSITY and calls["verbosity"][[before, row]].any():
        words, codes = ("(not sent)", *VERBOSITY_CODES, "(another)"), calls["verbosity"]
    else:
        return NOT_KEPT
    return str(words[int(codes[before])])[:EXAMPLE_LENGTH], str(words[int(codes[row])])[:EXAMPLE_LENGTH]


def _tools(analysis: Analysis, before: int, row: int) -> tuple[tuple[str, str], int]:
    """Names that only the turn before or only this one sends, and the tokens before the first difference."""
    calls = analysis.calls
    indices = (int(calls["toolset"][before]), int(calls["toolset"][row]))
    one, other = (calls.words("toolset", index) for index in indices)
    of_one, of_other = (tools_of(calls, index) for index in indices)
    tokens = 0
    for a, b in zip(of_one.items(), of_other.items(), strict=False):
        if a != b:
            break
        tokens += a[1]
    return (_only(one, of_other), _only(other, of_one)), tokens


def _only(toolset: Any, others: dict[int, int]) -> str:
    if toolset is None:
        return "(no tools)"
    names = [
        name for name, digest in zip(toolset.names, toolset.digests, strict=True) if digest not in others
    ]
    return ", ".join(names)[:EXAMPLE_LENGTH] or "(nothing else)"
