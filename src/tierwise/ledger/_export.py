"""Calls as a Parquet file: one more log for an audit, and columns for whoever reads it with something else."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec

from tierwise.calls import Recorded, decode_recorded
from tierwise.errors import MissingExtra

ROWS: Final = 10_000
"""Rows of a row group."""


def write_parquet(lines: Iterable[bytes], path: Path) -> int:
    """Write recorder lines as Parquet; how many.

    The column `recorded` has each line as it is, which an audit reads; the others repeat what is
    asked for most: money as decimal text in USD, times in microseconds since the epoch.

    Raises:
        MissingExtra: pyarrow is not installed.
        OSError: The file cannot be written.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise MissingExtra("Parquet needs pyarrow: pip install 'tierwise[parquet]'") from None
    text, number = pa.string(), pa.int64()
    schema = pa.schema(
        [
            ("recorded", text), ("id", text), ("at", number), ("endpoint", text), ("asked", text), ("served", text),
            ("lane", text), ("status", text), ("project", text), ("key", text), ("name", text), ("session", text),
            ("trace", text), ("input", number), ("cached", number), ("output", number), ("cost", text), ("as_asked", text),
        ]
    )  # fmt: skip
    count, coming = 0, iter(lines)
    with parquet.ParquetWriter(path, schema, compression="zstd") as file:
        while group := list(islice(coming, ROWS)):
            file.write_table(pa.Table.from_pylist([_row(line) for line in group], schema=schema))
            count += len(group)
    return count


def _row(line: bytes) -> dict[str, Any]:
    whole = {"recorded": line.decode("utf-8", "replace").rstrip("\n")}
    try:
        call = decode_recorded(line)
    except (msgspec.DecodeError, ValueError, RecursionError):
        # Damaged: whoever reads it says so; no line is lost.
        return whole
    return whole | {
        **{
            name: getattr(call, name)
            for name in ("id", "at", "endpoint", "asked", "served", "lane", "status")
        },
        **{name: getattr(call, name) for name in ("project", "key", "name", "session", "trace")},
        **_counts(call),
        "cost": str(call.cost) if call.cost is not None else None,
        "as_asked": str(call.as_asked) if call.as_asked is not None else None,
    }


def _counts(call: Recorded) -> dict[str, int | None]:
    tokens = call.tokens
    if tokens is None:
        return {"input": None, "cached": None, "output": None}
    return {"input": tokens.input_total, "cached": tokens.cached, "output": tokens.output_total}
