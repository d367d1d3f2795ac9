"""The cost export of OpenAI's dashboard: `cost_<from>_<to>.csv`."""

from __future__ import annotations

from collections.abc import Mapping

from tierwise.calls._format import Format, Sample
from tierwise.calls._formats._buckets import cost, span
from tierwise.calls._types import Place, Record

_TIMES = {"start_time", "end_time", "start_time_iso", "end_time_iso"}


def read_row(row: Mapping[str, str], place: Place) -> tuple[Record, ...]:
    """One row to one CostLine; a row of an empty day to none. Raises BadRecord."""
    if not row.get("amount_value"):
        return ()
    line = cost(row, span(row)[0], place)
    return () if line is None else (line,)


def matches(sample: Sample) -> bool:
    """Whether the columns are the cost export's; an empty period has only the times."""
    columns = set(sample.columns)
    if sample.shape != "csv" or "start_time" not in columns:
        return False
    return "amount_value" in columns or (columns <= _TIMES and sample.name.startswith("cost"))


FORMAT = Format(
    name="openai-cost-csv",
    title="OpenAI cost export (CSV)",
    matches=matches,
    read_row=read_row,
)
