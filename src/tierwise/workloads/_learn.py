"""Learning templates from a log: which segments are static, by document frequency.

Names and retrieved text cannot be told from one text. Over many, they can: what recurs in
texts whose rest differs is static, what is rare is put in. Rows are distinct masked texts,
split again and again by a segment that some hold and others do not, as long as the others
hold something else in its place (so it names a template, and is not an optional line).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from tierwise.workloads._openings import Openings, keys_of
from tierwise.workloads._segments import LABEL, LOOSE
from tierwise.workloads._templates import Centre, Leaf, Templates, alike, fingerprint

MOST_BASES = 4_096
MOST_TEXTS = 4_096
"""Distinct masked texts kept per base group: those with the smallest hash."""
HEAVY = 8
"""Weight from which one text alone is known to be static: so many calls have exactly it."""
RECURS = 3
"""Texts in which a segment must be found to count as static in some of them."""
MANY = 6
"""Texts with nothing but a common part that are taken for one template with text put in."""
NAMES = 4
"""Variants of a segment, names apart, that make it a slot."""


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """Calls with the same masked instructions and opening, counted."""

    base: int
    segments: tuple[int, ...]
    opening: tuple[int, ...] = ()
    calls: int = 1
    tools: tuple[int, ...] = ()
    """Digests of the tools sent: lets tool sets that differ in a few tools be one base group."""


class Text(msgspec.Struct):
    """One distinct masked text of a base group while sightings are gathered."""

    calls: int = 0
    openings: Openings = {}


class Group(msgspec.Struct):
    """One base group while sightings are gathered."""

    tools: frozenset[int]
    texts: dict[tuple[int, ...], Text]


class Sightings:
    """Gathers what was seen, in any order and in parts; bounded, and the same however it was cut.

    Where a bound is met, what has the smallest hash stays: a fair sample that two parts agree on.
    """

    def __init__(self) -> None:
        self._groups: dict[int, Group] = {}

    def add(self, seen: Observed) -> None:
        """Take in one observation."""
        text = self._text(seen.base, frozenset(seen.tools), seen.segments)
        if text is not None:
            text.calls += seen.calls
            _keep(text, seen.segments, seen.opening, seen.calls)

    def merge(self, other: Sightings) -> None:
        """Take in what another gathered; the other is not changed."""
        for base, group in other._groups.items():
            for segments, theirs in group.texts.items():
                text = self._text(base, group.tools, segments)
                if text is None:
                    continue
                text.calls += theirs.calls
                for opening, calls in theirs.openings.items():
                    _keep(text, segments, opening, calls)

    def learn(self) -> Templates:
        """Templates of everything gathered."""
        centres: dict[int, list[Centre]] = {}
        pools: dict[int, dict[tuple[int, ...], Text]] = {}
        order = sorted(self._groups, key=lambda base: (-_calls(self._groups[base]), base))
        for base in order:
            group = self._groups[base]
            sets = centres.setdefault(base >> 32, [])
            home = next((centre.base for centre in sets if alike(group.tools, centre.tools)), None)
            if home is None:
                sets.append(Centre(base=base, tools=group.tools))
                home = base
            _pool(pools.setdefault(home, {}), group.texts)
        leaves = {base: tuple(_leaves(base, texts)) for base, texts in pools.items()}
        return Templates(
            centres={shape: tuple(sets) for shape, sets in centres.items()},
            leaves=leaves,
            index={base: _index(found) for base, found in leaves.items()},
        )

    def _text(self, base: int, tools: frozenset[int], segments: tuple[int, ...]) -> Text | None:
        """Where to count; None when the bounds leave no room."""
        group = self._groups.get(base)
        if group is None:
            group = self._groups[base] = Group(tools=tools, texts={})
            if len(self._groups) > MOST_BASES:
                del self._groups[max(self._groups)]
        text = group.texts.get(segments)
        if text is None:
            texts = group.texts
            text = texts[segments] = Text(openings={})
            if len(texts) > MOST_TEXTS + MOST_TEXTS // 8:
                for dropped in sorted(texts, key=hash)[MOST_TEXTS:]:
                    del texts[dropped]
        return text


def learn_templates(observations: Iterable[Observed]) -> Templates:
    """Templates of a log's observations; their order and how they were counted do not matter."""
    sightings = Sightings()
    for seen in observations:
        sightings.add(seen)
    return sightings.learn()


def _calls(group: Group) -> int:
    return sum(text.calls for text in group.texts.values())


def _keep(text: Text, segments: tuple[int, ...], opening: tuple[int, ...], calls: int) -> None:
    """Count an opening; few are enough where the instructions tell the template."""
    most = 4_096 if len(segments) <= 1 else 256
    openings = text.openings
    openings[opening] = openings.get(opening, 0) + calls
    if len(openings) > most + most // 4:
        for dropped in sorted(openings, key=hash)[most:]:
            del openings[dropped]


def _pool(into: dict[tuple[int, ...], Text], texts: dict[tuple[int, ...], Text]) -> None:
    for segments, text in texts.items():
        kept = into.setdefault(segments, Text(openings={}))
        kept.calls += text.calls
        for opening, calls in text.openings.items():
            kept.openings[opening] = kept.openings.get(opening, 0) + calls


def _index(leaves: tuple[Leaf, ...]) -> dict[int, tuple[int, ...]]:
    positions: dict[int, list[int]] = {}
    for at, leaf in enumerate(leaves):
        for segment in leaf.required:
            positions.setdefault(segment, []).append(at)
    return {segment: tuple(found) for segment, found in positions.items()}


class Row(msgspec.Struct, frozen=True):
    """Texts with the same segments, slots taken together."""

    segments: frozenset[int]
    order: tuple[int, ...]
    weight: int
    texts: tuple[tuple[int, ...], ...]


def _leaves(base: int, texts: dict[tuple[int, ...], Text]) -> Iterator[Leaf]:
    rows = [
        Row(segments=frozenset(segments), order=segments, weight=_weight(text), texts=(segments,))
        for segments, text in sorted(texts.items())
    ]
    for required, members in grow([row for row in rows if row.segments]):
        workload = fingerprint(base, required)
        openings: Openings = {}
        for row in members:
            for segments in row.texts:
                openings.update(texts[segments].openings)
        yield Leaf(workload=workload, required=required, keys=keys_of(workload, len(required), openings))
    bare = texts.get(())
    if bare is not None:
        workload = fingerprint(base)
        yield Leaf(workload=workload, required=(), keys=keys_of(workload, 0, bare.openings))


def _weight(text: Text) -> int:
    """How often a text was used afresh: once an opening; a conversation's turns hardly count."""
    return sum(min(1 + calls // 8, HEAVY) for calls in text.openings.values()) or 1


def grow(rows: list[Row]) -> Iterator[tuple[tuple[int, ...], list[Row]]]:
    """Required segments, in order, and rows of every template found."""
    waiting: list[tuple[list[Row], frozenset[int]]] = [(rows, frozenset())] if rows else []
    while waiting:
        rows, used = waiting.pop()
        rows = _with_slots(rows)
        if len(rows) == 1:
            yield _ordered(rows[0].segments, rows), rows
            continue
        common = frozenset.intersection(*(row.segments for row in rows))
        chosen = _splitter(rows, common)
        if chosen is not None:
            waiting.append(([row for row in rows if chosen not in row.segments], common))
            waiting.append(([row for row in rows if chosen in row.segments], common))
        elif common and len(rows) >= MANY:
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
        return sum(weight for weight in variants.values() if weight >= HEAVY) < 0.5 * whole
    return True


def _splitter(rows: list[Row], common: frozenset[int]) -> int | None:
    """The heaviest segment that tells a template from others, None where none does."""
    found: Counter[int] = Counter()
    weights: Counter[int] = Counter()
    heaviest: dict[int, int] = {}
    for row in rows:
        for segment in row.segments:
            found[segment] += 1
            weights[segment] += row.weight
            heaviest[segment] = max(heaviest.get(segment, 0), row.weight)
    strong = {
        segment
        for segment, count in found.items()
        if segment not in common and (count >= RECURS or heaviest[segment] >= HEAVY)
    }
    for segment in sorted(strong, key=lambda s: (-weights[s], s))[:64]:
        if not common or _tells(segment, rows, strong, len(common)):
            return segment
    return None


def _tells(segment: int, rows: list[Row], strong: set[int], shared: int) -> bool:
    """Whether rows without `segment` hold something static in its place."""
    inside: Counter[int] = Counter()
    outside: Counter[int] = Counter()
    size = 0
    for row in rows:
        if segment in row.segments:
            size += 1
            inside.update(row.segments & strong)
        else:
            outside.update(row.segments & strong)
    if sum(1 for s, n in inside.items() if n >= 0.9 * size and outside[s] <= 0.1 * n) > max(shared, 2):
        return True
    instead = {s for s, n in outside.items() if inside[s] <= 0.05 * size}
    left = [row for row in rows if segment not in row.segments]
    covered = sum(row.weight for row in left if not instead.isdisjoint(row.segments))
    return covered >= 0.7 * sum(row.weight for row in left)
