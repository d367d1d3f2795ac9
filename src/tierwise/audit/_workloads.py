"""Which workload each call belongs to, numbered by money, and what a workload's calls share."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from tierwise.audit._columns import mixed
from tierwise.audit._layout import CODES
from tierwise.audit._table import CallTable
from tierwise.workloads import Templates


class Workloads(msgspec.Struct, frozen=True, kw_only=True):
    """Every call in exactly one workload, so that their spend adds up to the total."""

    of: Any
    """Workload number per call."""
    ids: tuple[int, ...]
    """64-bit fingerprints; shown as 16 hex digits."""
    templates: Templates = Templates()
    """What the log taught of its templates."""
    named: dict[int, dict[int, int]] = {}
    """Workloads divided by the application's own names: workload to digest of a name to workload."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def names(self) -> tuple[str, ...]:
        """Ids as shown."""
        return tuple(f"{i:016x}" for i in self.ids)


UNKNOWN = CODES["depth"]["unknown"]


def sessions(calls: CallTable) -> Any:
    """A 64-bit value per call, equal within a session (else a trace), 0 outside any."""
    return np.where(calls["session"] != 0, calls["session"], calls["trace"])


def depth_of_conversation(calls: CallTable, workload: Any) -> Any:
    """Depth code per call: the deepest of its workload's calls in the same session.

    A conversation is decided once: its later turns stay on the rung that its deepest needs,
    and keep the cache warm. Turns without a signal follow the ones that have one.
    """
    depth = calls["depth"].copy()
    session = sessions(calls)
    rows = np.flatnonzero(session != 0)
    if not len(rows):
        return depth
    unique, inverse = np.unique(mixed((session[rows], workload[rows])), return_inverse=True)
    deepest = np.zeros(len(unique), dtype=depth.dtype)
    np.maximum.at(deepest, inverse, depth[rows])
    depth[rows] = deepest[inverse]
    return depth


def alone(calls: CallTable) -> Any:
    """True for calls that are no step of a trace and no turn of a longer session."""
    session = sessions(calls)
    unique, inverse, counts = np.unique(session, return_inverse=True, return_counts=True)
    lonely = (counts == 1) | (unique == 0)
    return lonely[inverse] & (calls["parent"] == 0)
