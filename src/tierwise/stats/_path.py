"""The observations of a test in a form small enough for a file, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from tierwise.errors import OutOfBounds

LONGEST = 10_000_000
"""Observations that a record may hold: a few bytes of a forged one could else keep a machine busy for years."""


class Packed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Observations in order: each distinct (x, weight) once, and runs of them."""

    values: tuple[tuple[float, float], ...]
    """Distinct observations with their weights, in order of first appearance."""
    runs: tuple[tuple[int, int], ...]
    """(place in `values`, how often in a row), in order."""


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A test as it was made: `MeanTest.replay` makes it again and compares."""

    low: float
    high: float
    alpha: float
    aim: float
    spread: float
    observations: Packed
    held_at: int | None
    """The observation, from 1, at which it came to hold."""
    fell_at: int | None
    """The observation, from 1, at which it came to fall."""


def pack(order: Sequence[tuple[float, float]]) -> Packed:
    """Observations with weights, in order, in their small form."""
    places: dict[tuple[float, float], int] = {}
    runs = [(places.setdefault(one, len(places)), sum(1 for _ in same)) for one, same in groupby(order)]
    return Packed(values=tuple(places), runs=tuple(runs))


def unpack(packed: Packed) -> Iterator[tuple[float, float]]:
    """The observations again.

    Raises:
        OutOfBounds: for a run of a value that is not there, or of no length, or for too many in all.
    """
    if sum(times for _, times in packed.runs if times > 0) > LONGEST:
        raise OutOfBounds(f"a record of over {LONGEST:,} observations is not one that was written here")
    for place, times in packed.runs:
        if not (0 <= place < len(packed.values) and times > 0):
            raise OutOfBounds(
                f"run ({place}, {times}) of {len(packed.values)} values: the record of observations is damaged"
            )
        for _ in range(times):
            yield packed.values[place]
