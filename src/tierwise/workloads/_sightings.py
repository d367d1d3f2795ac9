"""What is gathered of a log before learning: counted, bounded, mergeable."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from tierwise.workloads._learn import leaves_of
from tierwise.workloads._openings import Openings
from tierwise.workloads._templates import Centre, Leaf, Templates, alike

Kept = TypeVar("Kept")

MOST_BASES = 4_096
MOST_TEXTS = 2_048
"""Distinct masked texts kept per base group: those with the smallest hash."""


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
        self._trim()
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
        leaves = {
            base: tuple(leaves_of(base, {segments: text.openings for segments, text in texts.items()}))
            for base, texts in pools.items()
        }
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
                _keep_smallest(texts, MOST_TEXTS)
        return text

    def _trim(self) -> None:
        """Down to the bounds, which are overrun by a little while gathering."""
        for group in self._groups.values():
            _keep_smallest(group.texts, MOST_TEXTS)
            for segments, text in group.texts.items():
                _keep_smallest(text.openings, _most_openings(segments))


def learn_templates(observations: Iterable[Observed]) -> Templates:
    """Templates of a log's observations; their order and how they were counted do not matter."""
    sightings = Sightings()
    for seen in observations:
        sightings.add(seen)
    return sightings.learn()


def _calls(group: Group) -> int:
    return sum(text.calls for text in group.texts.values())


def _most_openings(segments: tuple[int, ...]) -> int:
    """Few are enough where the instructions tell the template."""
    return 4_096 if len(segments) <= 1 else 256


def _keep(text: Text, segments: tuple[int, ...], opening: tuple[int, ...], calls: int) -> None:
    """Count an opening."""
    most = _most_openings(segments)
    openings = text.openings
    openings[opening] = openings.get(opening, 0) + calls
    if len(openings) > most + most // 4:
        _keep_smallest(openings, most)


def _keep_smallest(entries: dict[tuple[int, ...], Kept], most: int) -> None:
    """Drop all but the `most` with the smallest hash; hashes of integers do not vary by process."""
    if len(entries) > most:
        for dropped in sorted(entries, key=lambda key: (hash(key), key))[most:]:
            del entries[dropped]


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
