"""Learned templates, and the workload a call belongs to by them.

A base group is one endpoint kind, tool set and schema. Inside it, a leaf is one template:
the segments that all its instructions hold. A call belongs to the leaf with most segments
among those whose every segment it holds, else to the fingerprint of its own masked segments.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from hashlib import blake2b

import msgspec

from tierwise.workloads._segments import LOOSE
from tierwise.workloads._types import Template, ToolFact

ALIKE = 0.7
"""Jaccard index of two tool sets from which they count as one, a few tools per user apart."""


class Key(msgspec.Struct, frozen=True, gc=False):
    """A template that sits in the user message: what its calls' openings share."""

    rank: int
    """Lower ranks are looked for first."""
    workload: int
    inner: dict[int, int] = {}
    """Second digest to workload, where one beginning is shared by several templates."""


class Leaf(msgspec.Struct, frozen=True):
    """One template of a base group."""

    workload: int
    required: tuple[int, ...]
    """Segments that all its calls hold; a digest whose lower half is 0 stands for a loose form."""
    exact: bool = False
    """Its calls hold nothing else; otherwise other text was put in, and differs from call to call."""
    keys: dict[int, Key] = {}
    """Opening digest to the template in the user message, where calls are told apart by that."""

    def of(self, opening: Iterable[int]) -> int:
        """The workload of a call of this leaf."""
        keys = self.keys
        if not keys:
            return self.workload
        best: Key | None = None
        for digest in opening:
            key = keys.get(digest)
            if key is not None and (best is None or key.rank < best.rank):
                best = key
        if best is None:
            return self.workload
        for digest in opening:
            found = best.inner.get(digest)
            if found is not None:
                return found
        return best.workload


class Centre(msgspec.Struct, frozen=True, gc=False):
    """A tool set that stands for those like it."""

    base: int
    tools: frozenset[int]


class Templates(msgspec.Struct, frozen=True, kw_only=True):
    """What was learned of a log: a value that pickles. Empty, it knows nothing and still answers."""

    centres: dict[int, tuple[Centre, ...]] = {}
    """Shape (endpoint kind and schema) to its tool sets, most calls first."""
    leaves: dict[int, tuple[Leaf, ...]] = {}
    """Base of a centre to its templates."""
    index: dict[int, dict[int, tuple[int, ...]]] = {}
    """Base to segment to positions in `leaves`."""

    def leaf(self, template: Template) -> Leaf:
        """The leaf of a template, learned or made of its own segments."""
        return self.find(template.base, template.segments, template.tools)

    def find(self, base: int, segments: tuple[int, ...], tools: Iterable[ToolFact]) -> Leaf:
        """As `leaf`, of a template's fields."""
        base = self.home(base, tools)
        leaves = self.leaves.get(base, ())
        hits: dict[int, int] = {}
        index = self.index.get(base, {})
        for segment in forms(segments):
            for position in index.get(segment, ()):
                hits[position] = hits.get(position, 0) + 1
        full = [
            leaves[at]
            for at, count in hits.items()
            if count == len(leaves[at].required) and _fits(leaves[at], segments)
        ]
        if full:
            return max(full, key=lambda leaf: (len(leaf.required), leaf.workload))
        if not segments:
            bare = [leaf for leaf in leaves if not leaf.required]
            if bare:
                return bare[0]
        return Leaf(workload=fingerprint(base, segments), required=segments)

    def workload(self, template: Template, opening: tuple[int, ...] = ()) -> int:
        """64-bit id of the workload of a call with this template and opening (`Facts.opening`)."""
        return self.leaf(template).of(opening)

    def home(self, base: int, tools: Iterable[ToolFact]) -> int:
        """The base group that a base is counted in: tool sets that are alike are one."""
        sets = self.centres.get(base >> 32)
        if not sets or any(centre.base == base for centre in sets):
            return base
        names = frozenset(tool.digest for tool in tools)
        return next((centre.base for centre in sets if alike(names, centre.tools)), base)


def _fits(leaf: Leaf, segments: tuple[int, ...]) -> bool:
    """Whether segments hold no more than the leaf allows."""
    if not leaf.exact:
        return True
    required = set(leaf.required)
    return all(segment in required or segment & LOOSE in required for segment in segments)


def alike(some: frozenset[int], others: frozenset[int]) -> bool:
    """Whether two tool sets differ by so few tools that they are one application's."""
    return bool(some) and len(some & others) >= ALIKE * len(some | others)


def forms(segments: Iterable[int]) -> set[int]:
    """Segments and their loose forms."""
    found = set(segments)
    found.update([segment & LOOSE for segment in found])
    return found


def fingerprint(*numbers: int | Iterable[int]) -> int:
    """One 64-bit number, never 0, of numbers and sequences of numbers; repeats count once."""
    flat: dict[int, None] = {}
    for number in numbers:
        flat.update(dict.fromkeys((number,) if isinstance(number, int) else number))
    packed = struct.pack(f"<{len(flat)}Q", *flat)
    return int.from_bytes(blake2b(packed, digest_size=8, person=b"workload").digest(), "little") or 1
