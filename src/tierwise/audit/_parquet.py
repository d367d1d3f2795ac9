"""One row a call, for whoever wants to look further."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from tierwise.audit._analysis import Analysis
from tierwise.audit._layout import EFFORT_CODES, ENDPOINTS, LANE_BASES, STATUSES
from tierwise.audit._run import Audit
from tierwise.audit._waste import KINDS as WASTE
from tierwise.catalog import KINDS, LANES
from tierwise.errors import CallerError, MissingExtra
from tierwise.workloads import DEPTHS, ROLES, TASKS

CHUNK = 100_000
"""Calls written at a time."""


def write_parquet(audit: Audit, path: Path) -> None:
    """Write the calls of an audit, each with workload, task, depth, cost and what is proposed.

    Raises:
        MissingExtra: pyarrow is not installed.
        CallerError: the log held totals, not calls.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtra(
            "writing Parquet needs pyarrow; install it with: pip install 'tierwise[parquet]'"
        ) from None
    analysis = audit.analysis
    if analysis is None:
        raise CallerError(
            "expected single calls to write as Parquet, got a log of totals; leave out --parquet"
        )
    writer = None
    try:
        for start in range(0, max(len(analysis.calls), 1), CHUNK):
            rows = np.arange(start, min(start + CHUNK, len(analysis.calls)))
            table = pa.table(_columns(pa, analysis, rows, audit.files))
            writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


def _columns(pa: Any, analysis: Analysis, rows: Any, files: tuple[str, ...]) -> dict[str, Any]:
    calls, account = analysis.calls, analysis.account

    def words(labels: Any, codes: Any) -> Any:
        values = pa.array([None if label is None else str(label) for label in labels], type=pa.string())
        return values.take(pa.array(codes.astype(np.int32)))

    def table(name: str) -> Any:
        return words(calls.tables[name], calls[name][rows])

    at = calls["at"][rows]
    columns: dict[str, Any] = {
        "at": pa.array(at, type=pa.timestamp("us", tz="UTC"), mask=at < 0),
        "workload": words(analysis.workloads.names, analysis.workloads.of[rows]),
        "task": words(TASKS, calls["task"][rows]),
        "depth": words(DEPTHS, analysis.depth[rows]),
        "role": words(ROLES, calls["role"][rows]),
        "model": words(account.models, account.model[rows]),
        "model_asked": table("asked"),
        "effort": words(EFFORT_CODES, calls["effort"][rows]),
        "endpoint": words(ENDPOINTS, calls["endpoint"][rows]),
        "lane": words(LANES, calls["lane"][rows]),
        "lane_basis": words(LANE_BASES, calls["lane_basis"][rows]),
        "status": words(STATUSES, calls["status"][rows]),
        "waste": words(WASTE, analysis.waste.kind[rows]),
        "project": table("project"),
        "key": table("api_key"),
        "user": table("user"),
        **{kind: pa.array(calls[kind][rows]) for kind in KINDS},
        "cacheable": pa.array(analysis.warmth.mended[rows]),
        "latency_ms": pa.array(calls["latency"][rows]),
        **_proposals(pa, analysis, rows),
        "file": words(files, calls["file"][rows]),
    }
    columns["spend"] = pa.array(_spend(analysis, rows), type=pa.decimal128(38, 18))
    return columns


def _spend(analysis: Analysis, rows: Any) -> list[Decimal | None]:
    account = analysis.account
    places = np.full(len(analysis.calls), -1, dtype=np.int64)
    places[rows] = np.arange(len(rows))
    spend = account.spend_by(places, len(rows))
    return [s if known else None for s, known in zip(spend, account.priced[rows].tolist(), strict=True)]


def _proposals(pa: Any, analysis: Analysis, rows: Any) -> dict[str, Any]:
    verdicts = analysis.verdicts
    of = verdicts.of[rows]
    mask = of < 0

    def column(values: list[str | None]) -> Any:
        codes = pa.array(np.where(mask, 0, of).astype(np.int32), mask=mask)
        return pa.array(values or [None], type=pa.string()).take(codes)

    plans = [decision.plan for decision in verdicts.decisions]
    return {
        "proposed_model": column([plan.rung.model for plan in plans]),
        "proposed_effort": column([plan.rung.effort for plan in plans]),
        "proposed_lane": column([plan.lane for plan in plans]),
        "reason": column(["; ".join(decision.reasons) for decision in verdicts.decisions]),
    }
