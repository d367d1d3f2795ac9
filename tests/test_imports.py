"""The rooms import one way, as the table in docs/architecture.md says."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "tierwise"

ROOMS = {
    "errors": set(),
    "stats": set(),
    "catalog": set(),
    "calls": {"catalog"},
    "workloads": {"calls", "catalog"},
    "tools": {"calls", "catalog", "workloads"},
    "caching": {"calls", "catalog", "workloads"},
    "policy": {"calls", "catalog", "workloads", "tools", "caching"},
    "router": {"calls", "catalog", "workloads", "policy", "stats"},
    "upstream": {"calls"},
    "cascade": {"stats", "calls", "catalog", "policy"},
    "online": {
        "batch",
        "cascade",
        "router",
        "stats",
        "calls",
        "catalog",
        "workloads",
        "tools",
        "caching",
        "policy",
        "upstream",
    },
    "client": {
        "cascade",
        "stats",
        "online",
        "batch",
        "calls",
        "catalog",
        "workloads",
        "tools",
        "caching",
        "policy",
        "upstream",
    },
    "batch": {"calls", "catalog", "workloads", "policy"},
    "ledger": {"stats", "calls", "catalog", "workloads", "policy", "batch"},
    "gateway": {
        "ledger",
        "batch",
        "cascade",
        "stats",
        "online",
        "calls",
        "catalog",
        "workloads",
        "tools",
        "caching",
        "policy",
        "upstream",
    },
    "statement": {"ledger", "online", "policy", "calls", "catalog"},
    "prove": {"stats", "calls", "catalog", "workloads", "policy"},
    "audit": {"calls", "catalog", "workloads", "tools", "caching", "policy", "stats"},
    "report": {"audit", "calls", "catalog", "workloads", "policy"},
    "integrations": set(),
    "simulator": {"calls"},
    "cli": {
        "cascade",
        "simulator",
        "client",
        "gateway",
        "ledger",
        "batch",
        "statement",
        "stats",
        "online",
        "upstream",
        "audit",
        "calls",
        "catalog",
        "workloads",
        "tools",
        "caching",
        "policy",
        "prove",
        "report",
        "router",
    },
}


def rooms_imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            raise AssertionError(f"{path}: relative import, line {node.lineno}")
        names = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom) and node.module
            else []
        )
        found |= {name.split(".")[1] for name in names if name.startswith("tierwise.")}
    return found


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_imports_only_the_rooms_named_for_it(room: str) -> None:
    place = SOURCE / room
    files = sorted(place.rglob("*.py")) if place.is_dir() else [SOURCE / f"{room}.py"]
    allowed = ROOMS[room] | {"errors", room}
    assert files
    wrong = {str(f.relative_to(SOURCE)): rooms_imported(f) - allowed for f in files}
    assert {f: edges for f, edges in wrong.items() if edges} == {}


def test_every_folder_of_the_source_is_a_room() -> None:
    found = {p.name for p in SOURCE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert found == set(ROOMS) - {"errors"}


def test_other_rooms_are_entered_by_the_door() -> None:
    """No room reaches into another room's underscored modules."""
    for path in SOURCE.rglob("*.py"):
        own = path.relative_to(SOURCE).parts[0]
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tierwise."):
                parts = node.module.split(".")
                private = any(part.startswith("_") for part in parts[2:])
                assert not private or parts[1] == own, f"{path}:{node.lineno} enters {node.module}"
