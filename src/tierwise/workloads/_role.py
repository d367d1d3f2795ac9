"""Stub."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tierwise.calls import Request
from tierwise.workloads._signals import TemplateSignals
from tierwise.workloads._types import Role


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a trace, model call or not."""

    id: str
    parent: str | None = None
    name: str | None = None
    calls_model: bool = True
    role: Role = "unknown"
    """What the request alone says (`role_of`)."""


def role_of(request: Request, template: TemplateSignals) -> Role:
    """The role that one request alone tells; 'unknown' where it does not."""
    return template.role


def roles_in_trace(spans: Iterable[Span]) -> dict[str, Role]:
    """Roles of the model calls of one trace, by span id."""
    return {}
