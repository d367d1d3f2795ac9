"""The levers over all calls, one after the other: counts and rate cards after each.

Each stage is what the calls would have used had the levers up to it been pulled. The
difference of two neighbouring stages is a lever's share, so shares add up exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from tierwise.audit._decisions import Inputs, Verdicts, day_column
from tierwise.audit._findings import LeverName
from tierwise.audit._layout import RESIDENCY
from tierwise.audit._money import UNPRICED, PriceBook
from tierwise.catalog import LANES
from tierwise.policy import Use, at_effort, moved, rewritten, scaled, warmed, without_tools


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """How well the assumptions turn out. Ratios per mille."""

    name: str
    identical: int = 1000
    """Share of identical calls that an answer store would have caught."""
    tools: int = 1000
    """Tokens of a dropped definition against their count: rendering differs by about a fifth."""
    cache: int = 1000
    """Share of the readable prefix that is really read."""
    output: int = 1000
    reasoning: int = 1000
    """Lengths on another model, on top of what was assumed or learned."""
    effort: int = 1000
    """Share of the expected fall in reasoning that comes about."""
    batch_cached: int = 1000
    """Share of cached input that stays cached in the batch lane."""


EXPECTED = Scenario(name="expected")
LOW = Scenario(
    name="low", identical=500, tools=800, cache=500, output=1200, reasoning=1700, effort=500, batch_cached=0
)
HIGH = Scenario(name="high", tools=1200, output=900, reasoning=800)


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """All calls after a lever."""

    lever: LeverName | None
    """None for the calls as they were."""
    counts: dict[str, Any]
    card: Any
    alive: Any
    """False for calls that would not have been made."""
    touched: Any
    """True for calls that this lever changed."""


class Levers(msgspec.Struct, frozen=True, kw_only=True):
    """What the levers need to know of each call."""

    inputs: Inputs
    verdicts: Verdicts
    card: Any
    """Rate card per call as served."""
    wasted: Any
    """True where the call was waste of any kind."""
    identical: Any
    dropped: Any
    """Tokens of unused tool definitions per call."""
    readable: Any
    kept_warm: Any


def stages(levers: Levers, book: PriceBook, scenario: Scenario) -> Iterator[Stage]:
    """The calls as they were, then after each lever in order."""
    calls, verdicts = levers.inputs.calls, levers.verdicts
    n = len(calls)
    decided = verdicts.of >= 0
    untouched = np.zeros(n, dtype=bool)
    audio = {kind: calls[kind].astype(np.int64) for kind in ("audio_input", "audio_cached", "audio_output")}
    written_12h = calls["written_12h"].astype(np.int64)
    use = Use(*(calls[kind].astype(np.int64) for kind in Use._fields))
    card = levers.card
    alive = np.ones(n, dtype=bool)

    def stage(lever: LeverName | None, touched: Any) -> Stage:
        counts = {**use._asdict(), "written_12h": written_12h, **audio}
        of_the_living = touched if lever == "waste" else touched & alive
        return Stage(lever=lever, counts=counts, card=card, alive=alive, touched=of_the_living)

    yield stage(None, untouched)
    alive = ~_would_be_caught(levers, scenario)
    yield stage("waste", ~alive)

    dropped = np.where(decided, scaled(levers.dropped, scenario.tools), 0)
    use = without_tools(use, dropped)
    yield stage("tools", dropped > 0)

    before = use.cached
    use = warmed(use, np.where(decided, scaled(np.maximum(levers.readable - dropped, 0), scenario.cache), 0))
    yield stage("cache", use.cached > before)

    moves = np.zeros(n, dtype=bool)
    moves[decided] = verdicts.moved[verdicts.of[decided]]
    before_tier = use
    use = moved(
        use,
        output=_of_class(levers, verdicts.output, 1000, moves, scenario.output),
        reasoning=_of_class(levers, verdicts.reasoning, 1000, moves, scenario.reasoning),
        kept_warm=np.where(moves, levers.kept_warm, 1000),
    )
    written = rewritten(use, _of_class(levers, verdicts.writes, 0, moves, 1000))
    # What stays on its model was written as the log says.
    use = use._replace(
        uncached=np.where(moves, written.uncached, before_tier.uncached),
        written=np.where(moves, written.written, before_tier.written),
    )
    card = _cards(levers, book, lanes_changed=False)
    yield stage("tier", moves)

    effort = _of_class(levers, verdicts.effort, 1000, decided, 1000)
    effort = 1000 - (1000 - effort) * scenario.effort // 1000
    use = at_effort(use, effort)
    yield stage("effort", effort < 1000)

    in_batch = np.zeros(n, dtype=bool)
    in_batch[decided] = verdicts.lane[verdicts.of[decided]] != calls["lane"][decided]
    kept = np.where(in_batch, scaled(use.cached, scenario.batch_cached), use.cached)
    use = use._replace(uncached=use.uncached + use.cached - kept, cached=kept)
    card = _cards(levers, book, lanes_changed=True)
    yield stage("lane", in_batch)


def _would_be_caught(levers: Levers, scenario: Scenario) -> Any:
    """Calls that would not be made: all waste, of the identical ones the scenario's share."""
    if scenario.identical >= 1000:
        return levers.wasted
    # Spread evenly in time: of any ten repeats in a row, five at a share of a half.
    caught_so_far = np.cumsum(levers.identical) * scenario.identical // 1000
    caught = np.diff(caught_so_far, prepend=0) > 0
    return levers.wasted & (~levers.identical | caught)


def _of_class(levers: Levers, values: Any, otherwise: int, where: Any, factor: int) -> Any:
    """A class's value for each call that `where` names, times a scenario's factor per mille."""
    found = np.full(len(levers.inputs.calls), otherwise, dtype=np.int64)
    found[where] = values[levers.verdicts.of[where]] * factor // 1000
    return found


def _cards(levers: Levers, book: PriceBook, *, lanes_changed: bool) -> Any:
    """Rate cards under the decided model, and lane where `lanes_changed`; as served elsewhere."""
    calls, verdicts = levers.inputs.calls, levers.verdicts
    card = levers.card.copy()
    moves = np.zeros(len(calls), dtype=bool)
    decided = verdicts.of >= 0
    lane = calls["lane"].astype(np.int64)
    of = verdicts.of[decided]
    moves[decided] = verdicts.moved[of] | (lanes_changed & (verdicts.lane[of] != lane[decided]))
    rows = np.flatnonzero(moves)
    if not len(rows):
        return card
    target = verdicts.lane[verdicts.of[rows]] if lanes_changed else lane[rows]
    standard = LANES.index("standard")
    special = (calls["flags"][rows] & RESIDENCY != 0).astype(np.int64)
    models, model = verdicts.models, verdicts.model[verdicts.of[rows]]
    day = day_column(calls)[rows]
    numbers = book.numbers(models, model, target, day, special)
    # A lane that the new model does not offer falls back to standard, as the decision did.
    missing = numbers == UNPRICED
    if missing.any():
        numbers[missing] = book.numbers(
            models, model[missing], np.full(int(missing.sum()), standard), day[missing], special[missing]
        )
    card[rows] = numbers
    return card
