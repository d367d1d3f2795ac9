"""Pages and buckets of `GET /v1/organization/usage/completions` (and the other usage kinds)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tierwise.calls._format import BadRecord, Format, Sample
from tierwise.calls._formats._buckets import bucket, span
from tierwise.calls._formats._pages import results_of
from tierwise.calls._types import Place, Record, Skipped
from tierwise.calls._values import object_from


def read(raw: bytes, place: Place) -> list[Record]:
    """A page, a bucket or a list of them to Buckets, one a result. Raises BadRecord."""
    found: list[Record] = []
    for holder, result in results_of(object_from(raw)):
        try:
            start, end = span(holder)
            found.append(bucket(result, start, end, place))
        except BadRecord as fault:
            found.append(Skipped(reason=fault.reason, detail=fault.detail, place=place))
    return found


def matches(sample: Sample) -> bool:
    """Whether the objects hold results of the usage API."""
    return sample.shape == "objects" and any(
        _is_usage(result) for item in sample.objects for _, result in results_of(item)
    )


def _is_usage(result: Mapping[str, Any]) -> bool:
    return str(result.get("object")).startswith("organization.usage.") or (
        "num_model_requests" in result and "input_tokens" in result
    )


FORMAT = Format(
    name="openai-usage-api",
    title="OpenAI usage API (JSON)",
    matches=matches,
    read=read,
    wrappers=("data",),
)
