"""Tool definitions that a workload sends and never uses: what they cost, what dropping risks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

LEAST_SESSIONS: Final = 30
"""Sessions that must have been seen before a definition counts as unused."""


class Sent(msgspec.Struct, frozen=True):
    """One definition as sent: keyed digest, name, tokens of its text."""

    digest: int
    name: str
    tokens: int


class Unused(msgspec.Struct, frozen=True, kw_only=True):
    """A definition that no logged session has used."""

    tool: Sent
    sessions: int
    """Sessions that carried it."""
    risk: float
    """Upper bound at 95 % on the chance that a session needs it: about 3 / sessions, the rule
    of three (Hanley and Lippman-Hand 1983), while the workload stays as it was."""


def unused(
    sent: Mapping[Sent, int], used: Iterable[str], *, least: int = LEAST_SESSIONS
) -> tuple[Unused, ...]:
    """Definitions of one workload that were never used, dearest first.

    Args:
        sent: each definition to the number of sessions that carried it.
        used: names of the tools that any answer of the workload called.
        least: sessions below which nothing is said of a definition.
    """
    called = frozenset(used)
    found = [
        Unused(tool=tool, sessions=sessions, risk=min(1.0, 3 / sessions))
        for tool, sessions in sent.items()
        if sessions >= least and tool.name and tool.name not in called
    ]
    return tuple(sorted(found, key=lambda u: (-u.tool.tokens, u.tool.name)))
