"""Templates learned from the whole log, and each call's workload by them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from tierwise.audit._columns import mixed
from tierwise.audit._layout import HAS_REQUEST, OPENINGS
from tierwise.audit._result import Skeleton
from tierwise.audit._table import CallTable
from tierwise.audit._workloads import Workloads
from tierwise.workloads import (
    Leaf,
    Observed,
    Sightings,
    Template,
    Templates,
    ToolFact,
    name_digest,
    own_name,
)

MOST_OF_A_SKELETON: Final = 2_000
"""Calls of one masked template that are learned from: those whose opening mixes lowest."""


MOST_NAMES: Final = 64
"""Names in one workload above which they are taken for data, such as a customer a call."""


def group(calls: CallTable) -> Workloads:
    """Every call in one workload; calls without a request are grouped by name, tags and endpoint."""
    templates = _learn(calls)
    workload = np.zeros(len(calls), dtype=np.uint64)
    rows = calls["flags"] & HAS_REQUEST != 0
    _by_template(calls, templates, rows, workload)
    _by_name(calls, ~rows, workload)
    names = _refine(calls, rows, workload)
    ids, of = np.unique(workload, return_inverse=True)
    return Workloads(of=of.astype(np.int64), ids=tuple(ids.tolist()), templates=templates, named=names)


def _openings(calls: CallTable, rows: Any) -> Any:
    return np.stack([calls[f"opening{i}"][rows] for i in range(OPENINGS)], axis=1)


def _learn(calls: CallTable) -> Templates:
    rows = np.flatnonzero(calls["flags"] & HAS_REQUEST != 0)
    sightings = Sightings()
    if not len(rows):
        return sightings.learn()
    opening = mixed(calls[f"opening{i}"][rows] for i in range(OPENINGS))
    skeleton = calls["skeleton"][rows]
    order = np.lexsort((opening, skeleton))
    rows, opening, skeleton = rows[order], opening[order], skeleton[order]
    fresh = np.ones(len(rows), dtype=bool)
    fresh[1:] = (skeleton[1:] != skeleton[:-1]) | (opening[1:] != opening[:-1])
    starts = np.flatnonzero(fresh)
    counts = np.diff(np.append(starts, len(rows)))
    rank = _rank_in_group(skeleton[starts])
    kept = rank < MOST_OF_A_SKELETON
    chosen = rows[starts[kept]]
    openings = _openings(calls, chosen).tolist()
    words = calls.tables["skeleton"]
    for index, opening, count in zip(
        calls["skeleton"][chosen].tolist(), openings, counts[kept].tolist(), strict=True
    ):
        known: Skeleton = words[index]
        sightings.add(
            Observed(
                base=known.base,
                segments=known.segments,
                opening=tuple(opening) if any(opening) else (),
                calls=count,
                tools=known.tools,
            )
        )
    return sightings.learn()


def _rank_in_group(sorted_groups: Any) -> Any:
    """0, 1, 2, ... within each run of equal values."""
    starts = np.flatnonzero(np.concatenate(([True], sorted_groups[1:] != sorted_groups[:-1])))
    lengths = np.diff(np.append(starts, len(sorted_groups)))
    return np.arange(len(sorted_groups)) - np.repeat(starts, lengths)


def _by_template(calls: CallTable, templates: Templates, rows: Any, workload: Any) -> None:
    words = calls.tables["skeleton"]
    leaves: dict[int, Leaf] = {}
    fixed = np.zeros(len(words), dtype=np.uint64)
    split = np.zeros(len(words), dtype=bool)
    for index in np.unique(calls["skeleton"][rows]).tolist():
        leaf = leaves[index] = templates.leaf(_template(words[index]))
        fixed[index] = leaf.workload
        split[index] = bool(leaf.keys)
    skeleton = calls["skeleton"]
    workload[rows] = fixed[skeleton[rows]]
    by_opening = np.flatnonzero(rows & split[skeleton])
    if len(by_opening):
        found = [
            leaves[index].of(opening)
            for index, opening in zip(
                skeleton[by_opening].tolist(), _openings(calls, by_opening).tolist(), strict=True
            )
        ]
        workload[by_opening] = np.array(found, dtype=np.uint64)


def _template(skeleton: Skeleton) -> Template:
    return Template(
        digest=0,
        base=skeleton.base,
        segments=skeleton.segments,
        head=skeleton.head,
        instructions_tokens=0,
        tools_tokens=skeleton.tools_tokens,
        schema_tokens=skeleton.schema_tokens,
        tools=tuple(ToolFact(digest, 0) for digest in skeleton.tools),
        needs=frozenset(),
        task="unknown",
        depth="unknown",
        depth_score=0.0,
        signals=(),
    )


def _by_name(calls: CallTable, rows: Any, workload: Any) -> None:
    """Calls whose log holds no request: one workload per name (else tags) and endpoint."""
    chosen = np.flatnonzero(rows)
    by_name = _digests(calls.tables["name"])
    by_tags = _digests([",".join(tags) if tags else None for tags in calls.tables["tags"]])
    name, tags = by_name[calls["name"][chosen]], by_tags[calls["tags"][chosen]]
    workload[chosen] = mixed((np.where(name != 0, name, tags), calls["endpoint"][chosen])) | np.uint64(1)


def _refine(calls: CallTable, rows: Any, workload: Any) -> dict[int, dict[int, int]]:
    """Divide a workload whose calls the application names differently, unless it has a name a call.

    Returns what was divided: workload to digest of a name to workload.
    """
    named = np.flatnonzero(rows & (calls["name"] != 0))
    if not len(named):
        return {}
    words = calls.tables["name"]
    digests = _digests([own_name(word) for word in words])
    name = digests[calls["name"][named]]
    named, name = named[name != 0], name[name != 0]
    first = np.unique(mixed((workload[named], name)), return_index=True)[1]
    of_pair, names = np.unique(workload[named[first]], return_counts=True)
    divided = of_pair[(names > 1) & (names <= MOST_NAMES)]
    chosen = np.isin(workload[named], divided)
    rows_of, name = named[chosen], name[chosen]
    before = workload[rows_of]
    workload[rows_of] = mixed((before, name)) | np.uint64(1)
    found: dict[int, dict[int, int]] = {}
    firsts = np.unique(workload[rows_of], return_index=True)[1].tolist()
    for at in firsts:
        found.setdefault(int(before[at]), {})[int(name[at])] = int(workload[rows_of[at]])
    return found


def _digests(words: list[str | None]) -> Any:
    """A 64-bit digest per word, 0 for none: the same in every log that has the word."""
    found = np.zeros(len(words), dtype=np.uint64)
    for i, word in enumerate(words):
        if word is not None:
            found[i] = name_digest(word)
    return found
