"""Pages of OpenAI's organization API: data[] of buckets, each with results[]."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def results_of(source: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each result with the bucket it stands in, from a page or from a bucket."""
    data = source.get("data")
    for holder in data if isinstance(data, list) else [source]:
        if not isinstance(holder, Mapping):
            continue
        # An earlier form of the API wrote 'result'.
        results = holder.get("results", holder.get("result"))
        for result in results if isinstance(results, list) else ():
            if isinstance(result, Mapping):
                yield holder, result
