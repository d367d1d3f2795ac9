"""Calls followed by a pipeline that only observes: auditing its file comes to the money of the full log."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tierwise.audit import LEVERS, audit
from tierwise.catalog import Catalog
from tierwise.online import Asked, FileRecorder, Labels, Pipeline, Reply

SAMPLE = Path(__file__).parents[2] / "sample" / "calls.jsonl.gz"
KEY = b"k" * 32


def follow(lines: Iterable[dict[str, Any]], path: Path) -> None:
    """Send the calls of a log through a pipeline, with the replies that the log holds."""
    now = [0.0]
    with FileRecorder(path) as recorder:
        pipeline = Pipeline(Catalog.open(), recorder, key=KEY, clock=lambda: now[0])
        for line in lines:
            now[0] = dt.datetime.fromisoformat(line["started_at"]).timestamp()
            body = line["request"] | ({"user": line["user"]} if line.get("user") else {})
            asked = Asked(
                method="POST",
                path=line["endpoint"],
                body=json.dumps(body).encode(),
                key=line.get("key"),
                labels=Labels(
                    session=line.get("session_id"),
                    trace=line.get("trace_id"),
                    span=line.get("span_id"),
                    parent=line.get("parent_span_id"),
                    name=line.get("name"),
                    tags=tuple(line.get("tags") or ()),
                    project=line.get("project"),
                ),
            )
            steps = pipeline.follow(asked)
            sent = next(steps)
            assert sent.body == asked.body, "observing changes no call"
            with suppress(StopIteration):
                steps.send(Reply(status=line["status"], body=json.dumps(line["response"]).encode()))


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The first lines of the sample log, and what an observing pipeline took down of the same calls."""
    folder = tmp_path_factory.mktemp("observed")
    full, kept = folder / "full.jsonl", folder / "kept.jsonl"
    with gzip.open(SAMPLE, "rb") as packed:
        read = [json.loads(line) for line in islice(packed, 4_000)]
    # Lines whose request or reply was lost are of the log and not of the calls.
    lines = [x for x in read if isinstance(x.get("request"), dict) and isinstance(x.get("response"), dict)]
    full.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    follow(lines, kept)
    return full, kept


def test_an_observed_program_is_audited_to_the_money_of_its_full_log(logs: tuple[Path, Path]) -> None:
    full, kept = (audit([path], processes=1, key=KEY).findings for path in logs)
    assert kept.calls == full.calls
    assert kept.counts.spend == full.counts.spend
    assert kept.levers == full.levers
    assert (kept.could_save, kept.low, kept.high) == (full.could_save, full.low, full.high)
    for lever in LEVERS:
        assert full.levers[lever] >= 0
    assert all(full.levers[lever] > 0 for lever in ("waste", "tools", "cache", "tier", "effort"))


def test_its_workloads_are_those_of_the_full_log(logs: tuple[Path, Path]) -> None:
    full, kept = (
        {
            row.id: (row.calls, row.spend, row.could_save, row.role, row.task, row.depth, row.label)
            for row in audit([path], processes=1, key=KEY).findings.workloads
        }
        for path in logs
    )
    assert kept == full
