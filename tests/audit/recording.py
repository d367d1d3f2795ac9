"""Recorder files of small logs, and what an audit says in money and counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from logs import TODAY, write

from tierwise.audit import LEVERS, audit
from tierwise.calls import Call, encode_recorded, plan, read
from tierwise.online import Keeper
from tierwise.workloads import Recogniser

KEY = b"k" * 32


def calls_of(*paths: Path) -> list[Call]:
    """The calls of logs."""
    found = [record for unit in plan(paths).units for record in read(unit)]
    return [record for record in found if isinstance(record, Call)]


def lines_of(calls: Iterable[Call], key: bytes = KEY, *, names: bool = False) -> list[bytes]:
    """What one recorder writes of calls, a line each."""
    keeper, recogniser = Keeper(key, names=names), Recogniser(key)
    return [
        encode_recorded(keeper.keep(call, recogniser.recognise(call.request) if call.request else None))
        for call in calls
    ]


def recorded(path: Path, calls: Iterable[Call], key: bytes = KEY, *, names: bool = False) -> Path:
    """A recorder file of calls."""
    path.write_bytes(b"".join(lines_of(calls, key, names=names)))
    return path


def money(paths: Sequence[Path], key: bytes = KEY, *, ids: bool = True) -> dict[str, Any]:
    """Everything that an audit of logs says in money, counts and workloads."""
    found = audit(paths, processes=1, key=key, today=TODAY).findings
    return {
        "counts": msgspec.to_builtins(found.counts),
        "duplicates": found.duplicates,
        "unpriced": found.spend.unpriced,
        "could save": (found.could_save, found.low, found.high),
        **{lever: found.levers[lever] for lever in LEVERS},
        "outcomes": msgspec.to_builtins(found.outcomes),
        "models": [(row.model, row.counts.spend) for row in found.models],
        "lanes": [(group.name, group.counts.spend) for group in found.lanes],
        "projects": [(group.name, group.counts.spend) for group in found.projects],
        "workloads": sorted(
            (
                row.id if ids else "",
                row.calls,
                row.spend,
                row.could_save,
                row.role,
                row.task,
                row.depth,
                row.tools_sent,
                len(row.tools_unused),
                row.cached_share,
                row.cacheable_share,
                tuple(breaker.saves for breaker in row.breakers),
            )
            for row in found.workloads
        ),
    }


def both(folder: Path, lines: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The money of a full log, and of its recorder file, under one key."""
    full = write(folder / "full.jsonl", lines)
    kept = recorded(folder / "kept.jsonl", calls_of(full))
    return money([full]), money([kept])
