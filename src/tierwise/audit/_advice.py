"""Advice on the caller's own code: what to change, where it arises, and what that saves.

No arithmetic of its own: a breaker's saving is the breaker's, the others are their lever's share of
the workload.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

import numpy as np

from tierwise.audit._analysis import Analysis
from tierwise.audit._findings import Advice, Breaker, WorkloadRow
from tierwise.audit._layout import ENDPOINTS
from tierwise.calls import Plan

MOST: Final = 100
"""Pieces of advice in the findings."""
MOST_TOOLS: Final = 12
"""Definitions that a patch spells out."""
MOST_EFFORTS: Final = 3
LONGEST: Final = 160
"""Characters of one line of a patch."""
AROUND: Final = 400
"""Characters on either side of a difference in which its sentence is looked for."""
LEAST_RISK_SHOWN: Final = 0.0005

_ENDS: Final = re.compile(r"[.!?]\s+|[。！？]|[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")
"""Where a sentence, or a line, is over."""
Monthly = Callable[[Decimal], Decimal | None]


def counted(number: int, word: str = "call") -> str:
    """'1 call', '2,000 calls'."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def advice(
    analysis: Analysis, rows: tuple[WorkloadRow, ...], found: Plan, monthly: Monthly
) -> tuple[Advice, ...]:
    """All of it, most money first; what saves nothing is left out."""
    traces = _Traces(analysis, found)
    numbers = {name: number for number, name in enumerate(analysis.workloads.names)}
    each: list[Advice] = []
    for row in rows:
        number = numbers[row.id]
        each += _breakers(analysis, row, number, traces, monthly)
        each += _unused(analysis, row, number, traces, monthly)
        each += _effort(analysis, row, number, traces, monthly)
    return tuple(sorted(each, key=lambda one: (-one.saves, one.workload, one.kind, one.where)))


def left_out(every: tuple[Advice, ...]) -> list[str]:
    """A note on the pieces of advice beyond MOST."""
    rest = every[MOST:]
    if not rest:
        return []
    return [f"{counted(len(rest), 'piece')} of advice that saves less than the {MOST} listed is left out."]


class _Traces:
    """Where in the log the first call of some calls stands."""

    def __init__(self, analysis: Analysis, found: Plan) -> None:
        self._calls, self._files = analysis.calls, found.files
        ranges = [unit.file for unit in found.units]
        # Lines are counted within a unit: of a file read in several ranges they are not known.
        self._whole = {file for file in ranges if ranges.count(file) == 1} if len(ranges) < 5_000 else set()

    def first(self, rows: Any) -> str:
        """'calls.jsonl:12, 2026-11-16T09:00:00+00:00'."""
        row = int(rows[0])
        file, line, at = (int(self._calls[name][row]) for name in ("file", "line", "at"))
        place = self._files[file] if file < len(self._files) else ""
        if place and line and file in self._whole:
            place += f":{line}"
        when = ""
        if at >= 0:
            moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=at)
            when = moment.isoformat(timespec="seconds")
        return ", ".join(part for part in (place, when) if part)


def _breakers(
    analysis: Analysis, row: WorkloadRow, number: int, traces: _Traces, monthly: Monthly
) -> Iterator[Advice]:
    of = np.flatnonzero(analysis.workloads.of == number) if row.breakers else ()
    for breaker in row.breakers:
        if breaker.saves > 0:
            yield Advice(
                kind="breaker",
                workload=row.id,
                label=row.label,
                where=breaker.where,
                trace=traces.first(of),
                diff=_breaker_patch(analysis, number, breaker),
                calls=breaker.calls,
                saves=breaker.saves,
                monthly=monthly(breaker.saves),
                basis="simulated",
                unproven=False,
                text=f"{breaker.kind} in {breaker.where} keeps {counted(breaker.calls)} from sharing a cached "
                f"prefix. {breaker.advice}",
            )


def _breaker_patch(analysis: Analysis, number: int, breaker: Breaker) -> tuple[str, ...]:
    if breaker.kind == "tool order":
        first, second = map(_line, breaker.example)
        return (
            f"@@ {breaker.where} @@",
            f"-{first}, ... in some calls",
            f"-{second}, ... in others",
            "+the same list, sorted by name, in every call",
        )
    broken = analysis.breaking.broken.get(number, {}).get("text")
    if broken is None or broken.text is None or (broken.kind, broken.where) != (breaker.kind, breaker.where):
        return ()
    return moved_behind(broken.text, broken.position, breaker.kind, breaker.example[0], breaker.where)


def moved_behind(text: str, position: int, kind: str, varying: str, where: str) -> tuple[str, ...]:
    """The patch that moves the sentence around `position` of a template behind everything else.

    Args:
        text: The template as one call had it.
        position: Characters before the difference.
        kind: What varies; stands in braces for it.
        varying: The varying text itself; for kind 'text' all from the difference on is taken for it.
        where: The place in words, for the head of the patch.
    """
    low = max(0, position - AROUND)
    window = text[low : position + AROUND]
    ends = [0, *(match.end() for match in _ENDS.finditer(window)), len(window)]
    at = position - low
    start = max((end for end in ends if end <= at), default=0)
    end = min((end for end in ends if end > at), default=len(window))
    before = max((one for one in ends if one < start), default=start)
    after = min((one for one in ends if one > end), default=end)
    sentence = window[start:end]
    if kind == "text":
        sentence = f"{window[start:at]}{{text that varies}}"
    elif varying and varying in sentence:
        sentence = sentence.replace(varying, f"{{{kind}}}", 1)
    else:
        sentence = f"{window[start:at]}{{{kind}}}"
    moving = _line(sentence)
    context = [f" {line}" for line in (_line(window[before:start]),) if line]
    following = [f" {line}" for line in (_line(window[end:after]),) if line]
    return (
        f"@@ {where} @@",
        *context,
        f"-{moving}",
        *following,
        "@@ end of the instructions, or the newest user turn @@",
        f"+{moving}",
    )


def _line(text: str) -> str:
    """One line of a patch, cut in its middle where it is long."""
    said = " ".join(text.split())
    if len(said) <= LONGEST:
        return said
    half = (LONGEST - 5) // 2
    return f"{said[:half]} ... {said[-half:]}"


def _unused(
    analysis: Analysis, row: WorkloadRow, number: int, traces: _Traces, monthly: Monthly
) -> Iterator[Advice]:
    unused, saves = analysis.definitions.unused.get(number, ()), row.levers["tools"]
    if not unused or saves <= 0:
        return
    where = f"tools, {len(unused):,} of {counted(row.tools_sent, 'definition')}"
    lines = [
        f"-{_quoted(each.tool.name)}  {counted(each.tool.tokens, 'token')}, "
        f"used in none of {counted(each.sessions, 'session')}"
        for each in unused[:MOST_TOOLS]
    ]
    rest = unused[MOST_TOOLS:]
    if rest:
        lines.append(
            f"-{len(rest):,} more  {counted(sum(each.tool.tokens for each in rest), 'token')} together"
        )
    tokens = sum(each.tool.tokens for each in unused)
    risk = max(*(each.risk for each in unused), LEAST_RISK_SHOWN)
    rows = np.flatnonzero((analysis.workloads.of == number) & (analysis.definitions.dropped > 0))
    yield Advice(
        kind="unused-tools",
        workload=row.id,
        label=row.label,
        where=where,
        trace=traces.first(rows if len(rows) else np.flatnonzero(analysis.workloads.of == number)),
        diff=(f"@@ {where} @@", *lines),
        calls=len(rows),
        saves=saves,
        monthly=monthly(saves),
        basis="simulated",
        unproven=False,
        text=f"Leave these definitions out, or defer them behind a tool search where the model has one: {tokens:,} "
        f"tokens, and each one's part of the saving is its part of them. At 95 % confidence at most {risk:.2%} of "
        "sessions need one, each, while the workload stays as it was.",
    )


def _quoted(name: str) -> str:
    return json.dumps(name[:80], ensure_ascii=False)


def _effort(
    analysis: Analysis, row: WorkloadRow, number: int, traces: _Traces, monthly: Monthly
) -> Iterator[Advice]:
    """Efforts beyond what the depth needs, by what was sent and what would do."""
    saves, verdicts, calls = row.levers["effort"], analysis.verdicts, analysis.calls
    if saves <= 0:
        return
    rows = np.flatnonzero((analysis.workloads.of == number) & (verdicts.of >= 0))
    rows = rows[verdicts.effort[verdicts.of[rows]] < 1000]
    classes, first, sizes = np.unique(verdicts.of[rows], return_index=True, return_counts=True)
    groups: dict[tuple[str, bool, str, str | None, str, str | None], int] = {}
    for of, at, size in zip(classes.tolist(), first.tolist(), sizes.tolist(), strict=True):
        decision = verdicts.decisions[of]
        asked, rung = decision.baseline, decision.plan.rung
        endpoint = ENDPOINTS[calls["endpoint"][rows[at]]]
        sent = bool(calls["effort"][rows[at]])
        key = (endpoint, sent, asked.model, asked.effort, rung.model, rung.effort)
        groups[key] = groups.get(key, 0) + size
    if not groups:
        return
    most = sorted(groups.items(), key=lambda item: (-item[1], str(item[0])))
    lines = [line for key, size in most[:MOST_EFFORTS] for line in _effort_patch(*key, size)]
    left = len(most) - MOST_EFFORTS
    if left > 0:
        lines.append(f"@@ {counted(left, 'more combination')} of effort and model @@")
    (endpoint, _, _, asked_effort, _, effort), _ = most[0]
    moves = any(key[2] != key[4] for key in groups)
    yield Advice(
        kind="effort",
        workload=row.id,
        label=row.label,
        where=f"request, {_parameter(endpoint)}",
        trace=traces.first(rows),
        diff=tuple(lines),
        calls=len(rows),
        saves=saves,
        monthly=monthly(saves),
        basis="assumed",
        unproven=True,
        text=f"{row.depth.capitalize()} depth is taken to need effort {effort}, not {asked_effort}. Unproven: show on "
        "your own calls first that the answers stay good."
        + (" The saving is the effort's alone, after the move to the other model." if moves else ""),
    )


def _parameter(endpoint: str) -> str:
    return "reasoning.effort" if endpoint == "responses" else "reasoning_effort"


def _effort_patch(
    endpoint: str,
    sent: bool,
    model: str,
    effort: str | None,
    new_model: str,
    new_effort: str | None,
    calls: int,
) -> Iterator[str]:
    def said(value: str | None) -> str:
        quoted = json.dumps(value)
        return (
            f'"reasoning": {{"effort": {quoted}}}'
            if endpoint == "responses"
            else f'"reasoning_effort": {quoted}'
        )

    yield f"@@ {counted(calls)} by {endpoint} @@"
    if model == new_model:
        yield f' "model": {_quoted(model)}'
    else:
        yield f'-"model": {_quoted(model)}'
        yield f'+"model": {_quoted(new_model)}'
    if sent:
        yield f"-{said(effort)}"
    else:
        yield f" no effort is sent: {model} takes {effort}"
    yield f"+{said(new_effort)}"
