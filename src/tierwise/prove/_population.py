"""The calls that a proof is about: those of one workload, between two dates, that can be asked again."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable
from hashlib import blake2b
from typing import Final

import msgspec

from tierwise.calls import Call
from tierwise.catalog import Catalog
from tierwise.errors import CatalogError
from tierwise.policy import Rung, effort_as_asked
from tierwise.prove._replayable import unreplayable

FEWEST_REPLAYABLE: Final = 0.8
"""Share of a workload's calls that must be replayable for a verdict that carries a rule."""
_DAY: Final = 86_400_000_000


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """A logged call, and where an audit of the whole log put it."""

    call: Call
    workload: str
    """16 hex digits."""
    sub_agent: bool = False
    """Whether its place in its trace is that of a sub-agent."""


class Population(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of one workload that a proof speaks of, and those that it does not."""

    workload: str
    baseline: Rung
    """The model, by the catalog's name, and effort that its calls had as asked."""
    calls: tuple[Call, ...]
    """In the order of the log."""
    unreplayable: tuple[tuple[str, int], ...] = ()
    """Calls that cannot be asked again, by reason."""
    aside: tuple[tuple[str, int], ...] = ()
    """Calls that are of another population: failed, or as asked on another rung."""
    first: dt.date | None = None
    """UTC day of the first call; None where no call has a time."""
    last: dt.date | None = None
    per_step: bool = False
    """Whether its calls are steps of an agent: a verdict then holds per step alone."""
    digest: str = ""
    """Keyed digest of all its calls, 32 hex digits."""

    @property
    def share(self) -> float:
        """The share of its calls that can be replayed, 0 to 1; 0 of none."""
        total = len(self.calls) + sum(count for _, count in self.unreplayable)
        return len(self.calls) / total if total else 0.0


def call_id(call: Call) -> str:
    """What names a call in files of labels and digests: its own id, else its place in the log."""
    if call.id:
        return call.id
    return f"{call.place.file}:{call.place.line}" if call.place is not None else ""


def populations(logged: Iterable[Logged], prices: Catalog, key: bytes) -> list[Population]:
    """Calls apart by workload, each with the rung that most of its calls asked for.

    Args:
        logged: Calls with their bodies (`read(unit, bodies=True)`), halves joined.
        prices: Names models, and their default effort.
        key: The owner's, for digests.

    Returns:
        By number of calls, most first.
    """
    groups: dict[str, list[Logged]] = {}
    for one in logged:
        groups.setdefault(one.workload, []).append(one)
    found = [_population(workload, group, prices, key) for workload, group in groups.items()]
    return sorted(found, key=lambda one: (-len(one.calls), one.workload))


def _population(workload: str, group: list[Logged], prices: Catalog, key: bytes) -> Population:
    left: Counter[str] = Counter()
    aside: Counter[str] = Counter()
    rungs: Counter[Rung] = Counter()
    usable: list[tuple[Logged, Rung]] = []
    for one in group:
        call = one.call
        if call.response is None or call.status == "error" or call.response.status == "error":
            aside["failed, or has no answer in the log"] += 1
            continue
        rung = rung_of(call, prices)
        if rung is None:
            aside["asked for a model that the catalog does not know"] += 1
            continue
        rungs[rung] += 1
        usable.append((one, rung))
    baseline = max(rungs, key=lambda rung: (rungs[rung], str(rung)), default=Rung(""))
    kept: list[Logged] = []
    for one, rung in usable:
        if rung != baseline:
            aside[f"asked for {rung}, not {baseline}"] += 1
        elif (why := unreplayable(one.call)) is not None:
            left[why] += 1
        else:
            kept.append(one)
    days = sorted(one.call.at // _DAY for one in kept if one.call.at is not None)
    return Population(
        workload=workload,
        baseline=baseline,
        calls=tuple(one.call for one in kept),
        unreplayable=tuple(left.most_common()),
        aside=tuple(aside.most_common()),
        first=_date(days[0]) if days else None,
        last=_date(days[-1]) if days else None,
        per_step=any(one.sub_agent or _is_step(one.call) for one in kept),
        digest=_digest((one.call for one in kept), key),
    )


def restricted(population: Population, ids: Collection[str], why: str, key: bytes) -> Population:
    """The same population without the calls whose id is not among `ids`, which are set aside for the reason given."""
    kept = tuple(call for call in population.calls if call_id(call) in ids)
    gone = len(population.calls) - len(kept)
    days = sorted(call.at // _DAY for call in kept if call.at is not None)
    return msgspec.structs.replace(
        population,
        calls=kept,
        aside=(*population.aside, (why, gone)) if gone else population.aside,
        first=_date(days[0]) if days else None,
        last=_date(days[-1]) if days else None,
        digest=_digest(kept, key),
    )


def _date(day: int) -> dt.date:
    return dt.date(1970, 1, 1) + dt.timedelta(days=day)


def rung_of(call: Call, prices: Catalog) -> Rung | None:
    """The rung that a call had as asked, by the catalog's name; None for a model that it does not know."""
    request = call.request
    asked = (request.model if request is not None else None) or call.model_asked or ""
    try:
        model = prices.resolve(asked).model
    except CatalogError:
        return None
    return Rung(model.name, effort_as_asked(request.effort if request is not None else None, model))


def _is_step(call: Call) -> bool:
    """Whether a call is a step of an agent: it called a tool, or goes on after one."""
    request, response = call.request, call.response
    if response is not None and response.tool_calls:
        return True
    return request is not None and any(
        message.tool_calls or message.role == "tool" or "call" in (message.type or "")
        for message in request.messages
    )


def _digest(calls: Iterable[Call], key: bytes) -> str:
    """The same for the same calls, whatever their order in the log."""
    each = sorted(
        blake2b(
            call_id(call).encode("utf-8", "surrogatepass")
            + b"\x1f"
            + (call.request.body if call.request is not None else b""),
            key=key[:64],
            person=b"proved call",
            digest_size=16,
        ).digest()
        for call in calls
    )
    return blake2b(b"".join(each), key=key[:64], person=b"population", digest_size=16).hexdigest()
