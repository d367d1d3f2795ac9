"""Pages and buckets of `GET /v1/organization/costs`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tierwise.calls._format import BadRecord, Format, Sample
from tierwise.calls._formats._buckets import cost, span
from tierwise.calls._formats._pages import results_of
from tierwise.calls._types import Place, Record, Skipped
from tierwise.calls._values import exact_object


def read(raw: bytes, place: Place) -> list[Record]:
    """A page, a bucket or a list of them to CostLines, one a result. Raises BadRecord."""
    found: list[Record] = []
    for holder, result in results_of(exact_object(raw)):
        try:
            line = cost(result, span(holder)[0], place)
        except BadRecord as fault:
            found.append(Skipped(reason=fault.reason, detail=fault.detail, place=place))
            continue
        if line is not None:
            found.append(line)
    return found


def matches(sample: Sample) -> bool:
    """Whether the objects hold results of the costs API, or are pages without any."""
    return sample.shape == "objects" and any(
        (item.get("object") in ("page", "bucket") and not list(results_of(item))) or _has_costs(item)
        for item in sample.objects
    )


def _has_costs(item: Mapping[str, Any]) -> bool:
    return any(
        result.get("object") == "organization.costs.result"
        or (isinstance(result.get("amount"), Mapping) and "value" in result["amount"])
        for _, result in results_of(item)
    )


FORMAT = Format(
    name="openai-costs-api",
    title="OpenAI costs API (JSON)",
    matches=matches,
    read=read,
    wrappers=("data",),
)
