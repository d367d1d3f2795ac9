"""From a request to Facts: which workload it belongs to, what it asks for, how deep it goes.

In: a Request. Out: Facts, a pure function of it, without its text. Grouping that needs many
calls (which segments vary inside a workload) learns Templates from a log and applies them.
"""

from __future__ import annotations

from tierwise.workloads._definitions import tool_digest, tool_names
from tierwise.workloads._keys import key_id, make_key, read_key
from tierwise.workloads._mask import mask
from tierwise.workloads._named import name_digest, own_name
from tierwise.workloads._prompt import instructions_of
from tierwise.workloads._recognise import Recogniser
from tierwise.workloads._role import Span, role_of
from tierwise.workloads._sightings import Observed, Sightings, learn_templates
from tierwise.workloads._templates import Leaf, Templates, fingerprint
from tierwise.workloads._traces import TraceMemory, step_of
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
    facts_from,
)
from tierwise.workloads._whole import roles_in_trace

__all__ = [
    "DEPTHS",
    "ROLES",
    "TASKS",
    "Block",
    "Depth",
    "Facts",
    "Leaf",
    "Observed",
    "Recogniser",
    "Role",
    "Sightings",
    "Span",
    "Task",
    "Template",
    "Templates",
    "ToolFact",
    "TraceMemory",
    "facts_from",
    "fingerprint",
    "instructions_of",
    "key_id",
    "learn_templates",
    "make_key",
    "mask",
    "name_digest",
    "own_name",
    "read_key",
    "role_of",
    "roles_in_trace",
    "step_of",
    "tool_digest",
    "tool_names",
]
