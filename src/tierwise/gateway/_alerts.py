"""What is worth telling somebody, found in what the gateway sees of itself. Nothing here waits or sends.

An alert is one sentence with its numbers. No text of a call and no key is in it.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final, Literal

import msgspec

from tierwise.ledger import Raised, Standing
from tierwise.online import Entry
from tierwise.policy import Policy, expiring

Kind = Literal["budget", "cache", "prices", "evidence", "policy", "ledger", "spool", "living"]
HOUR: Final = 3_600.0
AHEAD: Final = dt.timedelta(days=7)
"""How long before its evidence expires a policy's owner is told."""
SILENT: Final = 30.0
"""Seconds without a folding of the spool after which the ledger counts as gone."""
RECENT: Final = 50
"""Calls of a workload that its cached share is taken of."""
BEFORE: Final = 150
"""Calls before those that it is held against, at most; at least as many as RECENT."""
SMALLEST: Final = 1_024
"""Input tokens below which nothing is cached by OpenAI, so that a call tells nothing."""
WORTH: Final = 100
"""Per mille of input that was cached before, below which a loss is not worth an alert."""
MOST: Final = 5_000
"""Workloads whose cache is watched, and alerts that are remembered; the oldest go."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to be told."""

    kind: Kind
    about: str
    """What it is about; alerts of one kind about the same are the same alert."""
    text: str
    """A sentence."""
    numbers: Mapping[str, str | int] = {}
    """Money as decimal text in USD, days as ISO has them."""
    once: bool = False
    """Whether it is told only once; else again after an hour, while it holds."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway sees of itself at one moment."""

    today: dt.date
    """In UTC."""
    budgets: tuple[Standing, ...] = ()
    policy: Policy | None = None
    refused: str | None = None
    """Why the policy file as it is now was refused; None where it is the one in force."""
    alarms: Mapping[str, Raised] = {}
    """Alarms of the living proof that stand, by workload."""
    prices: dt.date | None = None
    """The day that the price list was last checked."""
    most_days: int = 60
    """Days after which a price list is stale."""
    silent: float = 0.0
    """Seconds since the spool was last folded into the ledger."""
    waiting: int = 0
    """Bytes in the spool's folder that may not be in the ledger yet."""
    most_waiting: int = 64 * 1024 * 1024


def alerts_in(seen: Seen) -> Iterator[Alert]:
    """Everything that holds now, told before or not."""
    yield from _of_budgets(seen.budgets)
    if seen.policy is not None:
        yield from _of_evidence(seen.policy, seen.today)
    if seen.refused is not None:
        text = f"the changed policy was refused and the old one stays in force: {seen.refused[:500]}"
        yield Alert(kind="policy", about="refused", text=text)
    yield from _of_alarms(seen.alarms)
    if seen.prices is not None and (age := (seen.today - seen.prices).days) > seen.most_days:
        text = f"the price list was last checked on {seen.prices}, {age} days ago; update tierwise"
        yield Alert(kind="prices", about=str(seen.prices), text=text, numbers={"days": age})
    if seen.silent > SILENT:
        text = f"the ledger has taken nothing in for {seen.silent:.0f} seconds; the spool holds what is new"
        yield Alert(kind="ledger", about="silent", text=text, numbers={"seconds": int(seen.silent)})
    if seen.waiting > seen.most_waiting:
        text = (
            f"{seen.waiting} bytes are in the spool, more than {seen.most_waiting}; is the ledger keeping up?"
        )
        yield Alert(kind="spool", about="waiting", text=text, numbers={"bytes": seen.waiting})


class Told:
    """Which alerts were told, so that the same one is told at most once an hour, or once."""

    def __init__(self) -> None:
        self._at: dict[tuple[str, str], float] = {}

    def due(self, alerts: Iterable[Alert], now: float) -> list[Alert]:
        """Those to be told now, which then count as told. `now` is seconds that only go forward."""
        found = []
        for alert in alerts:
            name = (alert.kind, alert.about)
            before = self._at.get(name)
            if before is not None and (alert.once or now - before < HOUR):
                continue
            self._at.pop(name, None)
            self._at[name] = now
            found.append(alert)
        while len(self._at) > MOST:
            self._at.pop(next(iter(self._at)))
        return found


class Caches:
    """The cached share of each workload's input, over its newest calls and those before. A recorder."""

    def __init__(self) -> None:
        self._trails: dict[int, _Trail] = {}

    def record(self, entry: Entry) -> None:
        """Take one call in, if its usage is known and it was long enough to be cached."""
        tokens, facts = entry.line.tokens, entry.facts
        if tokens is None or facts is None or entry.line.estimated or tokens.input_total < SMALLEST:
            return
        trail = self._trails.get(facts.workload)
        if trail is None:
            if len(self._trails) >= MOST:
                self._trails.pop(next(iter(self._trails)))
            trail = self._trails[facts.workload] = _Trail()
        trail.add(tokens.cached + tokens.audio_cached, tokens.input_total)

    def alerts(self) -> Iterator[Alert]:
        """The workloads that have lost their cache."""
        for workload, trail in self._trails.items():
            lost = trail.lost()
            if lost is None:
                continue
            before, now = lost
            name = f"{workload:016x}"
            text = (
                f"workload {name} has lost its cache: {now / 10:.1f} % of the input of its last {RECENT} calls "
                f"was cached, {before / 10:.1f} % before"
            )
            numbers: dict[str, str | int] = {"workload": name, "before_permille": before, "permille": now}
            yield Alert(kind="cache", about=name, text=text, numbers=numbers)


class _Trail:
    """Cached and whole input of the newest calls, with their sums kept."""

    __slots__ = ("_before", "_cached", "_cached_before", "_input", "_input_before", "_recent")

    def __init__(self) -> None:
        self._recent: deque[tuple[int, int]] = deque()
        self._before: deque[tuple[int, int]] = deque()
        self._cached = self._input = self._cached_before = self._input_before = 0

    def add(self, cached: int, whole: int) -> None:
        self._recent.append((cached, whole))
        self._cached += cached
        self._input += whole
        if len(self._recent) <= RECENT:
            return
        old_cached, old_whole = old = self._recent.popleft()
        self._cached -= old_cached
        self._input -= old_whole
        self._before.append(old)
        self._cached_before += old_cached
        self._input_before += old_whole
        if len(self._before) > BEFORE:
            gone_cached, gone_whole = self._before.popleft()
            self._cached_before -= gone_cached
            self._input_before -= gone_whole

    def lost(self) -> tuple[int, int] | None:
        """Per mille cached before and now, where it fell to less than half; None where it did not."""
        if len(self._before) < RECENT:
            return None
        before = self._cached_before * 1_000 // self._input_before
        now = self._cached * 1_000 // self._input
        return (before, now) if before >= WORTH and now * 2 < before else None


def _of_budgets(standings: Iterable[Standing]) -> Iterator[Alert]:
    """The highest mark that each has passed: all of it, or 80 %."""
    for one in standings:
        if one.limit <= 0:
            continue
        mark = next((mark for mark in (100, 80) if one.spent * 100 >= one.limit * mark), None)
        if mark is None:
            continue
        share = one.spent * 100 / one.limit
        yield Alert(
            kind="budget",
            about=f"{one.who} {one.period} {mark}",
            text=f"{share:.0f} % of the budget of {one.who} for {one.period} is spent: "
            f"{_dollars(one.spent)} of {_dollars(one.limit)} dollars",
            numbers={
                "who": one.who,
                "period": one.period,
                "percent": mark,
                "spent": f"{one.spent:f}",
                "budget": f"{one.limit:f}",
            },
            once=True,
        )


def _of_evidence(policy: Policy, today: dt.date) -> Iterator[Alert]:
    for rule, proof in expiring(policy, today, AHEAD):
        over = today > proof.expires
        when = f"expired on {proof.expires}" if over else f"expires on {proof.expires}"
        then = "move unproven" if rule.unproven else "go as asked"
        yield Alert(
            kind="evidence",
            about=f"{rule.name} {proof.workload} {proof.expires} {'expired' if over else 'ahead'}",
            text=f"the evidence of rule {rule.name} for workload {proof.workload} {when}; its calls then {then}",
            numbers={"rule": rule.name, "workload": proof.workload, "expires": str(proof.expires)},
            once=True,
        )


def _of_alarms(alarms: Mapping[str, Raised]) -> Iterator[Alert]:
    for workload, one in alarms.items():
        yield Alert(
            kind="living",
            about=f"{workload} {one.at}",
            text=f"workload {workload} goes as asked until rule {one.rule} is proved again: {one.why}",
            numbers={"workload": workload, "rule": one.rule, "at": one.at},
            once=True,
        )


def _dollars(amount: Decimal) -> str:
    return f"{amount:.2f}"
