"""The usage export of OpenAI's dashboard: `completions_usage_<from>_<to>.csv`."""

from __future__ import annotations

from collections.abc import Mapping

from tierwise.calls._format import Format, Sample
from tierwise.calls._formats._buckets import bucket, span
from tierwise.calls._types import Place, Record

_TIMES = {"start_time", "end_time", "start_time_iso", "end_time_iso"}


def read_row(row: Mapping[str, str], place: Place) -> tuple[Record, ...]:
    """One row to one Bucket; a row of an empty day to none. Raises BadRecord."""
    if not any(value for name, value in row.items() if name not in _TIMES):
        return ()
    start, end = span(row)
    return (bucket(row, start, end, place),)


def matches(sample: Sample) -> bool:
    """Whether the columns are the usage export's; an empty period has only the times."""
    columns = set(sample.columns)
    if sample.shape != "csv" or "start_time" not in columns:
        return False
    return {"num_model_requests", "input_tokens"} <= columns or (
        columns <= _TIMES and not sample.name.startswith("cost")
    )


FORMAT = Format(
    name="openai-usage-csv",
    title="OpenAI usage export (CSV)",
    matches=matches,
    read_row=read_row,
)
