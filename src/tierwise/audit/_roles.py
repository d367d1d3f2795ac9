"""Roles of calls in their traces, once a whole trace can be seen."""

from __future__ import annotations

import numpy as np

from tierwise.audit._layout import CODES
from tierwise.audit._table import CallTable
from tierwise.audit._workloads import Workloads
from tierwise.workloads import ROLES, Span, roles_in_trace

MOST_STEPS = 500
"""Calls of one trace that are looked at; a longer one keeps what its requests say."""


def assign_roles(calls: CallTable, workloads: Workloads) -> None:
    """Set `role` for calls of traces, as `roles_in_trace` has it; others keep their request's."""
    trace = calls["trace"]
    rows = np.flatnonzero(trace != 0)
    if not len(rows):
        return
    rows = rows[np.argsort(trace[rows], kind="stable")]
    starts = np.flatnonzero(np.concatenate(([True], trace[rows[1:]] != trace[rows[:-1]])))
    sizes = np.diff(np.append(starts, len(rows)))
    role, codes = calls["role"].copy(), CODES["role"]
    lone = rows[starts[sizes == 1]]
    role[lone[role[lone] == codes["unknown"]]] = codes["single"]
    chosen = (sizes > 1) & (sizes <= MOST_STEPS)
    for start, size in zip(starts[chosen].tolist(), sizes[chosen].tolist(), strict=True):
        members = rows[start : start + size]
        steps = _steps(calls, workloads, members)
        found = roles_in_trace(steps)
        role[members] = [codes[found[step.id]] for step in steps]
    calls.columns["role"] = role


def _steps(calls: CallTable, workloads: Workloads, members: np.ndarray) -> list[Span]:
    """The calls of one trace as its steps."""
    columns = ("span", "parent", "name", "role", "at", "latency", "turn", "request", "toolset")
    rows = zip(
        *(calls[column][members].tolist() for column in columns), workloads.of[members].tolist(), strict=True
    )
    return [
        Span(
            # A call without a span of its own is a step all the same.
            id=str(span or -number - 1),
            parent=str(parent) if parent else None,
            name=calls.words("name", name),
            role=ROLES[role],
            template=of + 1,
            at=at if at >= 0 else None,
            until=at + latency * 1000 if at >= 0 and latency else None,
            turn=turn,
            request=request,
            tools=toolset != 0,
        )
        for number, (span, parent, name, role, at, latency, turn, request, toolset, of) in enumerate(rows)
    ]
