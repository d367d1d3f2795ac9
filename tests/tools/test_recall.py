"""On real catalogues a search finds what tasks need; floors a little below what was measured."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tierwise.tools import ToolIndex

ROOT = Path(__file__).parents[2]
SHARED = ROOT / "../shared/data/tools"

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="no shared catalogues beside the project")


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_tools", ROOT / "benchmarks" / "tools.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_bfcl_has_every_needed_tool_among_twenty(bench: ModuleType) -> None:
    pool = bench.bfcl(SHARED)
    assert (len(pool.tools), len(pool.tasks)) == (1032, 1477)

    index = ToolIndex(pool.tools)
    row = bench.measure(pool, [index.search([task.query], 20) for task in pool.tasks], 20, {})

    assert row.whole >= 0.95


def test_livemcpbench_is_reached_in_one_query_and_step_by_step(bench: ModuleType) -> None:
    pool = bench.live(SHARED)
    assert (len(pool.tools), sum(pool.tokens)) == (527, 103_516)

    index = ToolIndex(pool.tools)
    row = bench.measure(pool, [index.search([task.query], 40) for task in pool.tasks], 40, {})
    whole, recall, saved, _ = bench.stepwise(pool, index.search, 20, 20)

    assert row.recall >= 0.79
    assert whole >= 0.78
    assert recall >= 0.88
    assert saved >= 0.80
