"""From Calls to Findings: who spends what, and which lever could save what.

In: the records of `calls`, the facts of `workloads`, prices. Out: Findings, whose structs are
the JSON of `tierwise audit --json`. Nothing here calls a model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tierwise.audit._findings import (
    LEVERS,
    Advice,
    AdviceKind,
    Basis,
    Breaker,
    CacheCheck,
    Counts,
    Finding,
    Findings,
    Forecast,
    Group,
    Headline,
    LeverName,
    LeverShare,
    ModelRow,
    Outcomes,
    Shutdown,
    Spend,
    WorkloadRow,
)

if TYPE_CHECKING:
    from tierwise.audit._explain import Explained, explain
    from tierwise.audit._learned import learned_of
    from tierwise.audit._map import Progress
    from tierwise.audit._parquet import write_parquet
    from tierwise.audit._run import DEFAULT_TIMES, Audit, audit

__all__ = [
    "DEFAULT_TIMES",
    "LEVERS",
    "Advice",
    "AdviceKind",
    "Audit",
    "Basis",
    "Breaker",
    "CacheCheck",
    "Counts",
    "Explained",
    "Finding",
    "Findings",
    "Forecast",
    "Group",
    "Headline",
    "LeverName",
    "LeverShare",
    "ModelRow",
    "Outcomes",
    "Progress",
    "Shutdown",
    "Spend",
    "WorkloadRow",
    "audit",
    "explain",
    "learned_of",
    "write_parquet",
]

_LAZY = {
    "DEFAULT_TIMES": "_run",
    "Audit": "_run",
    "audit": "_run",
    "Explained": "_explain",
    "explain": "_explain",
    "learned_of": "_learned",
    "Progress": "_map",
    "write_parquet": "_parquet",
}


def __getattr__(name: str) -> Any:
    """Load what needs numpy when it is used: whoever only reads findings does not."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
