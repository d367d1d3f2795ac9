"""From a request to Facts: which workload it belongs to, what it asks for, how deep it goes.

In: a Request. Out: Facts, a pure function of it, without its text. Grouping that needs many
calls (which segments vary inside a workload) learns Templates from a log and applies them.
"""

from __future__ import annotations

from tierwise.workloads._types import (
    DEPTHS,
    ROLES,
    TASKS,
    Block,
    Depth,
    Facts,
    Role,
    Task,
    Template,
    ToolFact,
)

__all__ = [
    "DEPTHS",
    "ROLES",
    "TASKS",
    "Block",
    "Depth",
    "Facts",
    "Role",
    "Task",
    "Template",
    "ToolFact",
]
