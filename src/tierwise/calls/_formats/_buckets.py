"""Rows of OpenAI's usage and cost exports, CSV and API alike, to Buckets and CostLines.

Columns: dashboard exports of September 2025 to October 2026; fields: the organization usage and
costs API. The two share their names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tierwise.calls._format import BadRecord
from tierwise.calls._types import Bucket, CostLine, Place
from tierwise.calls._values import count, first, moment, money, text, tokens
from tierwise.catalog import Lane, LaneBasis


def span(source: Mapping[str, Any]) -> tuple[int, int | None]:
    """Start and end of a bucket. Raises BadRecord 'impossible date', 'no date'."""
    start = moment(first_filled(source, "start_time", "start_time_iso"))
    if start is None:
        raise BadRecord("no date", "expected start_time or start_time_iso")
    return start, moment(first_filled(source, "end_time", "end_time_iso"))


def first_filled(source: Mapping[str, Any], *names: str) -> Any:
    """The first value that is neither absent nor ''."""
    return first({name: source.get(name) or None for name in names}, *names)


def bucket(row: Mapping[str, Any], start: int, end: int | None, place: Place) -> Bucket:
    """One usage row. Raises BadRecord 'impossible usage'."""
    lane, basis, free = lane_of_row(row)
    half_day = count(row.get("input_cache_write_12h_tokens"), "input_cache_write_12h_tokens")
    written = count(row.get("input_cache_write_tokens"), "input_cache_write_tokens")
    if not written:
        written = half_day + count(row.get("input_cache_write_30m_tokens"), "input_cache_write_30m_tokens")
    return Bucket(
        start=start,
        end=end,
        requests=count(row.get("num_model_requests"), "num_model_requests"),
        model=text(row.get("model")),
        lane=lane,
        lane_basis=basis,
        tokens=tokens(
            input=count(row.get("input_tokens"), "input_tokens"),
            output=count(row.get("output_tokens"), "output_tokens"),
            cached=count(row.get("input_cached_tokens"), "input_cached_tokens"),
            written=written - half_day,
            written_12h=half_day,
            **_audio(row),
        ),
        project=text(row.get("project_id")),
        key=text(row.get("api_key_id")),
        user=text(row.get("user_id")),
        free=free,
        place=place,
    )


def _audio(row: Mapping[str, Any]) -> dict[str, int]:
    audio = count(row.get("input_audio_tokens"), "input_audio_tokens")
    cached = count(row.get("input_cached_audio_tokens"), "input_cached_audio_tokens")
    if not cached and audio:
        # Without a split, cached and audio overlap by no more than they must to fit the input.
        text_part = count(row.get("input_tokens"), "input_tokens") - audio
        cached = max(0, count(row.get("input_cached_tokens"), "input_cached_tokens") - text_part)
    return {
        "audio_input": audio,
        "audio_cached": cached,
        "audio_output": count(row.get("output_audio_tokens"), "output_audio_tokens"),
    }


def lane_of_row(row: Mapping[str, Any]) -> tuple[Lane, LaneBasis, bool]:
    """Lane, basis, and whether the tokens were free (shared data)."""
    batch = row.get("batch")
    if batch is True or (isinstance(batch, str) and batch.strip().lower() in ("true", "1", "yes")):
        return "batch", "served", False
    match row.get("service_tier"):
        case "flex":
            return "flex", "served", False
        case "priority" | "fast":
            return "priority", "served", False
        case "batch":
            return "batch", "served", False
        case "default" | "standard":
            return "standard", "served", False
        case "incentivized-tier":
            return "standard", "served", True
        case _:
            return "standard", "assumed", False


def cost(row: Mapping[str, Any], start: int, place: Place) -> CostLine | None:
    """One cost row, None for a row that only marks an empty day. Raises BadRecord."""
    amount = row.get("amount")
    value, currency = (
        (amount.get("value"), amount.get("currency"))
        if isinstance(amount, Mapping)
        else (row.get("amount_value"), row.get("amount_currency"))
    )
    charged = money(value)
    if charged is None:
        return None
    return CostLine(
        start=start,
        amount=charged,
        currency=(text(currency) or "usd").lower(),
        line_item=text(row.get("line_item")),
        project=text(row.get("project_id")),
        place=place,
    )
