"""Roles of live calls: what a trace tells while it is still being written."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import msgspec

from tierwise.workloads._role import Span, role_in
from tierwise.workloads._types import Role

TRACES: Final = 5_000
"""Traces remembered; the one that had a call longest ago goes first."""
STEPS: Final = 200
"""Steps of a trace remembered; later ones are judged by these."""


class _Trace(msgspec.Struct):
    steps: dict[str, Span] = {}


class TraceMemory:
    """Remembers the steps of traces under way. Not locked."""

    def __init__(self) -> None:
        self._traces: OrderedDict[str, _Trace] = OrderedDict()

    def role(self, trace: str, step: Span) -> Role:
        """The role of a step by what it says itself and what came before in its trace; remembers it.

        A call becomes a sub-agent's only when a model call of the trace stands above it and
        nothing says that it directs others or puts their answers together.
        """
        known = self._traces.get(trace)
        if known is None:
            known = self._traces[trace] = _Trace()
            if len(self._traces) > TRACES:
                self._traces.popitem(last=False)
        self._traces.move_to_end(trace)
        role = role_in(step, known.steps)
        if len(known.steps) < STEPS:
            known.steps[step.id] = msgspec.structs.replace(step, role=role)
        return role
