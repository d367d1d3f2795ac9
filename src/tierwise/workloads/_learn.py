"""Learning templates from a log: which segments are static, by document frequency.

Names and retrieved text cannot be told from one text. Over many, they can: what recurs in
texts whose rest differs is static, what is rare is put in. Rows are distinct masked texts,
split again and again by a segment that some hold and others do not, as long as the others
hold something else in its place (so it names a template, and is not an optional line).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import combinations

import msgspec

from tierwise.workloads._openings import Openings, keys_of
from tierwise.workloads._segments import LABEL, LOOSE
from tierwise.workloads._templates import Leaf, fingerprint

HEAVY = 8
"""Weight from which one text alone is known to be static: so many calls have exactly it."""
RECURS = 3
"""Texts in which a segment must be found to count as static in some of them."""
MANY = 8
"""Texts with nothing but a common part that are taken for one template with text put in."""
MANY_ONCE = 4
"""The same for texts that were hardly used twice, as texts with something put in are."""
COVERED = 0.85
"""Share of the calls without a segment that must hold something else in its place."""
MOST_TRIED = 64
"""Segments of a node that are tried, heaviest first."""
NAMES = 3
"""Variants of a segment, names apart, that make it a slot."""


class Row(msgspec.Struct, frozen=True):
    """Texts with the same segments, slots taken together."""

    segments: frozenset[int]
    order: tuple[int, ...]
    weight: int
    texts: tuple[tuple[int, ...], ...]


def leaves_of(base: int, texts: Mapping[tuple[int, ...], Openings]) -> Iterator[Leaf]:
    """The templates of a base group, given its distinct texts (segments) and their openings."""
    rows = [
        Row(segments=frozenset(segments), order=segments, weight=_weight(openings), texts=(segments,))
        for segments, openings in sorted(texts.items())
    ]
    for required, members in grow([row for row in rows if row.segments]):
        workload = fingerprint(base, required)
        met: Openings = {}
        for row in members:
            for segments in row.texts:
                met.update(texts[segments])
        yield Leaf(
            workload=workload,
            required=required,
            exact=len(members) == 1,
            keys=keys_of(workload, len(required), met),
        )
    bare = texts.get(())
    if bare is not None:
        workload = fingerprint(base)
        yield Leaf(workload=workload, required=(), keys=keys_of(workload, 0, bare))


def _weight(openings: Openings) -> int:
    """How often a text was used afresh: once an opening; a conversation's turns hardly count."""
    return sum(min(1 + calls // 8, HEAVY) for calls in openings.values()) or 1


def grow(rows: list[Row]) -> Iterator[tuple[tuple[int, ...], list[Row]]]:
    """Required segments, in order, and rows of every template found."""
    waiting = [rows] if rows else []
    while waiting:
        rows = _with_slots(waiting.pop())
        if len(rows) == 1:
            yield _ordered(rows[0].segments, rows), rows
            continue
        common = frozenset.intersection(*(row.segments for row in rows))
        chosen = _splitter(rows, common)
        if chosen is not None:
            waiting.append([row for row in rows if chosen not in row.segments])
            waiting.append([row for row in rows if chosen in row.segments])
        elif common and (_is_filled(rows) or _optional(rows, common)):
            yield _ordered(common, rows), rows


def _ordered(required: frozenset[int], rows: list[Row]) -> tuple[int, ...]:
    first = min(rows, key=lambda row: row.order).order
    return tuple(dict.fromkeys(segment for segment in first if segment in required))


def _with_slots(rows: list[Row]) -> list[Row]:
    """Rows with segments that differ in a name replaced by their loose form, equal rows joined."""
    variants: dict[int, Counter[int]] = {}
    for row in rows:
        for segment in row.segments:
            variants.setdefault(segment & LOOSE, Counter())[segment] += row.weight
    slots = {loose for loose, found in variants.items() if _is_slot(loose, found)}
    if not slots:
        return rows
    joined: dict[frozenset[int], Row] = {}
    for row in rows:
        order = tuple(s & LOOSE if s & LOOSE in slots else s for s in row.order)
        segments = frozenset(order)
        same = joined.get(segments)
        joined[segments] = (
            Row(segments=segments, order=order, weight=row.weight, texts=row.texts)
            if same is None
            else Row(
                segments=segments,
                order=min(same.order, order),
                weight=same.weight + row.weight,
                texts=same.texts + row.texts,
            )
        )
    return list(joined.values())


def _is_slot(loose: int, variants: Counter[int]) -> bool:
    """Whether variants of one loose form are values put in, rather than templates of their own.

    A label ('Task: ...') also begins lines that tell templates apart, so its values must be
    rare; a difference in names alone need not.
    """
    if len(variants) < NAMES:
        return False
    whole = sum(variants.values())
    if max(variants.values()) > 0.7 * whole:
        return False
    if loose & LABEL:
        return sum(weight for weight in variants.values() if weight >= RECURS) < 0.5 * whole
    return True


def _splitter(rows: list[Row], common: frozenset[int]) -> int | None:
    """The heaviest segment that tells a template from others, None where none does."""
    holders: dict[int, list[int]] = {}
    for at, row in enumerate(rows):
        for segment in row.segments - common:
            holders.setdefault(segment, []).append(at)
    weights = [row.weight for row in rows]
    strong = {
        segment: held
        for segment, held in holders.items()
        if sum(len(rows[at].texts) for at in held) >= RECURS or max(weights[at] for at in held) >= HEAVY
    }
    loads = {segment: sum(weights[at] for at in held) for segment, held in strong.items()}
    order = sorted(strong, key=lambda segment: (-loads[segment], segment))
    if not common:
        return order[0] if order else None
    full = sum(row.weight for row in rows if len(row.segments) > len(common))
    tried = order[:MOST_TRIED]
    return next((s for s in tried if _tells(s, rows, strong, full - loads[s], len(common))), None)


def _tells(segment: int, rows: list[Row], strong: dict[int, list[int]], left: int, shared: int) -> bool:
    """Whether rows without `segment` hold something static in its place.

    `left` is the weight of those rows, without the ones that hold nothing beside the `shared`
    segments of all: these say neither.
    """
    held = strong[segment]
    inside: Counter[int] = Counter()
    for at in held:
        inside.update(rows[at].segments)
    size = len(held)
    own = sum(
        1 for s, n in inside.items() if n >= 0.9 * size and s in strong and len(strong[s]) - n <= 0.1 * n
    )
    if own > 2 * shared + 2:
        return True
    instead: set[int] = set()
    for s, found in strong.items():
        if inside[s] <= 0.05 * size and len(found) > inside[s]:
            instead.update(found)
    covered = sum(rows[at].weight for at in instead.difference(held))
    return covered > 0 and covered >= COVERED * left


def _is_filled(rows: list[Row]) -> bool:
    """Whether so many texts share a part that what differs must have been put in."""
    once = sum(row.weight for row in rows) <= 1.5 * len(rows)
    return len(rows) >= (MANY_ONCE if once else MANY)


def _optional(rows: list[Row], common: frozenset[int]) -> bool:
    """Whether few texts differ only in lines that may be left out, as their combinations show."""
    extras = [row.segments - common for row in rows]
    if len(rows) == 2:
        return not min(extras, key=len) and max(map(len, extras)) <= 0.2 * len(common)
    every = frozenset.union(*extras)
    if len(every) > len(common):
        return False
    together = {pair for extra in extras for pair in combinations(sorted(extra), 2)}
    return all(pair in together for pair in combinations(sorted(every), 2))
