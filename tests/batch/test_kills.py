"""Processes that are killed while they work off files: the short form of `benchmarks/batch.py --kills`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_batch", ROOT / "benchmarks" / "batch.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_ten_kills_lose_nothing_and_pay_for_nothing_twice(
    benchmark: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    held = benchmark.kills(10, 40, 0.8, report=False)
    said = capsys.readouterr().out
    assert held, said


def test_hundreds_of_requests_come_back_whole_through_a_gateway_that_is_killed(
    benchmark: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    held = benchmark.through_a_gateway(300)
    said = capsys.readouterr().out
    assert held, said
