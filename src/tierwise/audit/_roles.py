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
    """Set `role` for calls of traces with more than one call; others keep their request's."""
    trace = calls["trace"]
    rows = np.flatnonzero(trace != 0)
    if len(rows) < 2:
        return
    rows = rows[np.argsort(trace[rows], kind="stable")]
    starts = np.flatnonzero(np.concatenate(([True], trace[rows[1:]] != trace[rows[:-1]])))
    ends = np.append(starts[1:], len(rows))
    role = calls["role"].copy()
    codes = CODES["role"]
    span, parent, name = (calls[column][rows].tolist() for column in ("span", "parent", "name"))
    said, of, at = role[rows].tolist(), workloads.of[rows].tolist(), calls["at"][rows].tolist()
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        if not 1 < end - start <= MOST_STEPS:
            continue
        steps = [
            Span(
                # A call without a span of its own is a step all the same.
                id=str(span[i] or -i - 1),
                parent=str(parent[i]) if parent[i] else None,
                name=calls.words("name", name[i]),
                role=ROLES[said[i]],
                template=of[i] + 1,
                at=at[i] if at[i] >= 0 else None,
            )
            for i in range(start, end)
        ]
        found = roles_in_trace(steps)
        for i in range(start, end):
            told = found.get(str(span[i] or -i - 1))
            if told is not None:
                role[rows[i]] = codes[told]
    calls.columns["role"] = role
