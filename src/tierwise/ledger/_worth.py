"""Two sides of a rule compared, session by session: intervals that hold whenever they are looked at."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

from tierwise.stats import MeanTest

FEWEST: Final = 20
"""Sessions of a side below which no interval is told: it would say nothing."""
AIM: Final = 0.1
SPREAD: Final = 0.4
"""What the tests are designed for: of shares of 0.7 and 0.94 in 50 to 5,000 sessions, these were narrow for both.
They cost or save sessions, never validity."""
SCALE: Final = 50
"""Sessions that say what a dear one costs, and count for nothing else."""
Key = tuple[str, int]


class Sides(msgspec.Struct, frozen=True, kw_only=True):
    """How many of each side."""

    routed: int = 0
    held: int = 0
    routed_sessions: int = 0
    held_sessions: int = 0

    @property
    def calls(self) -> int:
        """Of both sides."""
        return self.routed + self.held

    @property
    def few(self) -> str | None:
        """Why no interval is told, in words; None where one is."""
        short = [
            f"{count} {name} sessions"
            for count, name in ((self.routed_sessions, "routed"), (self.held_sessions, "held-back"))
            if count < FEWEST
        ]
        return f"{' and '.join(short)}, {FEWEST} of each are needed" if short else None


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """Routed minus held back, in points from -1 to 1; below 0 is a loss."""

    name: str
    """The outcome."""
    sides: Sides
    """Calls with that outcome."""
    estimate: float | None
    """None where a side has none."""
    lower: float | None = None
    upper: float | None = None
    """None where `sides.few` says why."""
    routed_upper: float | None = None
    """Upper bound of the routed calls' mean, 0 to 1; one end of the difference's interval."""
    held_lower: float | None = None
    """Lower bound of the held-back calls' mean."""


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """USD saved by the routed calls, by what held-back calls cost."""

    paid: Decimal
    """What the routed calls cost."""
    as_asked: Decimal
    """What they would have cost as asked, by the ledger's estimate."""
    forgone: Decimal
    """What holding sessions back was expected to cost; not in the saving."""
    sides: Sides
    saved: Decimal
    """An estimate: by the held-back sessions, or where they are too few by `as_asked`."""
    measured: bool
    """Whether it is by the held-back sessions."""
    lower: Decimal | None = None
    upper: Decimal | None = None


class _Unit:
    """One session on one side."""

    __slots__ = ("count", "held", "propensity", "total", "weight")

    def __init__(self, held: bool, propensity: float) -> None:
        self.held, self.propensity = held, propensity
        self.count, self.total, self.weight = 0, 0.0, 0.0


class Arms:
    """Scores or costs of sessions in the order in which the first of each came."""

    def __init__(self) -> None:
        self._units: dict[tuple[Key, bool], _Unit] = {}
        self.paid = self.as_asked = Decimal(0)
        """USD of the routed calls."""

    def _unit(self, key: Key, held: bool, propensity: float) -> _Unit:
        found = self._units.get((key, held))
        if found is None:
            found = self._units[key, held] = _Unit(held, propensity)
        found.count += 1
        return found

    def add(self, key: Key, held: bool, propensity: float, score: float) -> None:
        """A score from 0 to 1 of one call."""
        unit = self._unit(key, held, propensity)
        unit.total += score
        unit.weight += 1.0

    def spend(self, key: Key, held: bool, propensity: float, cost: Decimal, as_asked: Decimal) -> None:
        """What one call cost, and would have cost as asked by the ledger's estimate, USD."""
        unit = self._unit(key, held, propensity)
        unit.total += float(cost)
        unit.weight += float(as_asked)
        if not held:
            self.paid += cost
            self.as_asked += as_asked

    def of(self, held: bool) -> list[_Unit]:
        """The sessions of a side."""
        return [unit for unit in self._units.values() if unit.held is held]

    @property
    def sides(self) -> Sides:
        """How many of each."""
        routed, held = self.of(False), self.of(True)
        return Sides(
            routed=sum(unit.count for unit in routed),
            held=sum(unit.count for unit in held),
            routed_sessions=len(routed),
            held_sessions=len(held),
        )

    def means(self, held: bool) -> list[float]:
        """The mean score of each session of a side, in their order."""
        return [unit.total / unit.weight for unit in self.of(held) if unit.weight]

    @property
    def first(self) -> list[_Unit]:
        """The first sessions of both sides: those that `SCALE` is about."""
        return list(self._units.values())[:SCALE]


def difference(name: str, arms: Arms, alpha: float) -> Quality:
    """Mean score of routed sessions minus that of held-back ones, with an interval that misses with `alpha` at most.

    Sessions are what is drawn, so they are the independent units: of each its mean counts once, weighed by
    one over its propensity (`stats.MeanTest`). Each side has a lower and an upper bound, each at
    alpha / 4, so each end of the difference is wrong with alpha / 2 at most.
    """
    sides = arms.sides
    routed, held = (_scored(arms.of(side), alpha) for side in (False, True))
    if not sides.routed or not sides.held:
        return Quality(name=name, sides=sides, estimate=None)
    estimate = routed.estimate - held.estimate
    if sides.few is not None:
        return Quality(name=name, sides=sides, estimate=estimate)
    return Quality(
        name=name,
        sides=sides,
        estimate=estimate,
        lower=max(-1.0, routed.lower - held.upper),
        upper=min(1.0, routed.upper - held.lower),
        routed_upper=routed.upper + 0.5,
        held_lower=held.lower + 0.5,
    )


def _scored(units: Iterable[_Unit], alpha: float) -> MeanTest:
    units = list(units)
    test = MeanTest(-0.5, 0.5, alpha=alpha / 4.0, aim=AIM, spread=SPREAD)
    least = min((unit.propensity for unit in units), default=1.0)
    for unit in units:
        test.add(unit.total / unit.weight - 0.5, least / unit.propensity)
    return test


def saving(arms: Arms, forgone: Decimal, alpha: float) -> Money:
    """What the routed calls saved, USD: what a held-back session costs minus what a routed one does, times those.

    Bounds as for `difference`. A session counts as at most twice the dearest as asked of the first `SCALE`, which say
    that and count for nothing else: what is cut off so is more of the held-back sessions, so that the
    saving is rather told too small.
    """
    sides, first = arms.sides, arms.first
    plain = Money(
        paid=arms.paid,
        as_asked=arms.as_asked,
        forgone=forgone,
        sides=sides,
        saved=arms.as_asked - arms.paid,
        measured=False,
    )
    most = 2.0 * max((max(unit.weight, unit.total) for unit in first), default=0.0)
    skipped = set(map(id, first))
    rest = [[unit for unit in arms.of(side) if id(unit) not in skipped] for side in (False, True)]
    if sides.few is not None or min(map(len, rest)) < FEWEST // 2 or not most:
        return plain
    routed, held = (_costing(units, most, alpha) for units in rest)
    whole = most * sides.routed_sessions
    return msgspec.structs.replace(
        plain,
        measured=True,
        saved=_dollars((held.estimate - routed.estimate) * whole),
        lower=_dollars((held.lower - routed.upper) * whole),
        upper=_dollars((held.upper - routed.lower) * whole),
    )


def _costing(units: list[_Unit], most: float, alpha: float) -> MeanTest:
    test = MeanTest(-0.5, 0.5, alpha=alpha / 4.0, aim=AIM, spread=SPREAD)
    least = min((unit.propensity for unit in units), default=1.0)
    for unit in units:
        test.add(min(unit.total / most, 1.0) - 0.5, least / unit.propensity)
    return test


def _dollars(amount: float) -> Decimal:
    return round(Decimal(amount), 6)
