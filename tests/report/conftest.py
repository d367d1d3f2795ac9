"""The hand-made findings, a plain console, and golden files renewed by UPDATE_GOLDEN=1."""

from __future__ import annotations

import importlib.util
import io
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

from tierwise import report
from tierwise.audit import Findings

HERE = Path(__file__).parent
UPDATE = bool(os.environ.get("UPDATE_GOLDEN"))


@pytest.fixture(scope="session")
def made() -> ModuleType:
    """tests/report/findings.py, which importlib mode leaves without a name to import it by."""
    spec = importlib.util.spec_from_file_location("report_findings", HERE / "findings.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def printed() -> Callable[..., str]:
    """The terminal report as text, without colour and without spaces at the ends of lines."""

    def of(findings: Findings, width: int = 100, encoding: str = "utf-8") -> str:
        raw = io.BytesIO()
        out = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
        report.terminal(findings, Console(file=out, width=width, no_color=True, legacy_windows=False))
        out.flush()
        return "".join(f"{line.rstrip()}\n" for line in raw.getvalue().decode(encoding).splitlines())

    return of


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare text with a golden file; with UPDATE_GOLDEN=1 write it instead."""

    def compare(name: str, text: str) -> None:
        path = HERE / "golden" / name
        if UPDATE:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        assert text == path.read_text("utf-8"), f"renew {name} with UPDATE_GOLDEN=1 if the change is meant"

    return compare
