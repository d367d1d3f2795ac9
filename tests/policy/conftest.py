"""A catalog, and facts, evidence and policies made with a few words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tierwise.catalog import Catalog
from tierwise.policy import Evidence, Policy, Rung, evidence_bytes, parse_policy
from tierwise.workloads import Facts, Template

NOW = dt.date(2026, 11, 24)
WORKLOAD = "00000000000000a1"


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return Catalog.open()


def make_facts(**changes: Any) -> Facts:
    """Facts of a commodity classification on gpt-5.5, but for the changes."""
    needs = frozenset(changes.pop("needs", ()))
    tools = changes.pop("tools", ())
    template = Template(
        digest=1,
        base=1,
        segments=(),
        head="",
        instructions_tokens=100,
        tools_tokens=sum(tool.tokens for tool in tools),
        schema_tokens=0,
        tools=tools,
        needs=needs,
        task="classification",
        depth="commodity",
        depth_score=-1.0,
        signals=(),
    )
    usual: dict[str, Any] = {
        "workload": 0xA1,
        "template": template,
        "opening": (),
        "endpoint": "chat",
        "model": "gpt-5.5",
        "effort": None,
        "task": "classification",
        "depth": "commodity",
        "role": "single",
        "signals": (),
        "needs": needs,
        "input_tokens": 1000,
        "newest_tokens": 100,
        "max_output_tokens": None,
        "blocks": (),
        "turn": 0,
        "request": 1,
    }
    return Facts(**(usual | changes))


@pytest.fixture(scope="session", name="make_facts")
def _make_facts() -> Callable[..., Facts]:
    return make_facts


@pytest.fixture
def evidence_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes evidence that holds for the usual facts on nano, but for the changes."""

    def write(name: str = "proof.json", **changes: Any) -> Path:
        usual: dict[str, Any] = {
            "workload": WORKLOAD,
            "baseline": Rung(model="gpt-5.5", effort="medium"),
            "rung": Rung(model="gpt-5.4-nano", effort="none"),
            "snapshot": "gpt-5.4-nano-2026-03-17",
            "verdict": "holds (gold)",
            "lower_bound": Decimal("0.012"),
            "margin": Decimal("0.05"),
            "confidence": Decimal("0.95"),
            "calls": 412,
            "created": dt.date(2026, 11, 1),
            "expires": dt.date(2027, 2, 1),
        }
        path = tmp_path / name
        path.write_bytes(evidence_bytes(Evidence(**(usual | changes))))
        return path

    return write


@pytest.fixture
def policy_of(catalog: Catalog, tmp_path: Path) -> Callable[..., Policy]:
    """A policy of TOML lines: `top`, one rule's lines, `default`'s lines."""

    def read(rule: str = "", top: str = "", default: str = "") -> Policy:
        text = f'ladder = "gpt-5.4"\n{top}\n{rule}\n[default]\n{default}\n'
        checked = parse_policy(text.encode(), catalog, folder=tmp_path, now=NOW)
        assert checked.policy is not None, "\n".join(map(str, checked.problems))
        return checked.policy

    return read
