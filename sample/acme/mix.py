"""Which workloads the company has, how much of each, and what goes wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from acme import desk, expert, jobs, research, talks, words
from acme.desk import reply_id
from acme.plan import Planned

WORKLOADS: tuple[tuple[Callable[[Random, int], list[Planned]], int], ...] = (
    (desk.triage, 3000),
    (desk.invoices, 1450),
    (desk.product_copy, 1250),
    (jobs.review_digest, 1000),
    (desk.translation, 1250),
    (jobs.moderation, 2650),
    (talks.support, 1700),
    (research.research, 1300),
    (jobs.labeling, 1450),
    (jobs.keywords, 900),
    (expert.code_review, 500),
    (expert.contracts, 200),
    (expert.sql, 600),
    (expert.demand, 160),
    (expert.minutes, 350),
    (desk.emails, 800),
    (talks.returns_desk, 700),
    (jobs.search_rewrites, 800),
    (expert.odds, 120),
)
"""What makes the calls, and its share."""

TWICE = 0.008
"""Share of records that stand in the log twice, word for word or with another time."""
REFUSED = 0.007
"""Share of calls that were refused (429, 500) and sent again."""
LEFT = 0.002
"""Share of calls whose caller stopped waiting."""
CUT = 0.004
"""Share of calls cut at their output cap."""
AGAIN = 0.006
"""Share of calls sent again although they were answered well: same request, new answer."""


def shares(count: int) -> list[int]:
    """`count` split over the workloads by largest remainder."""
    whole = sum(weight for _, weight in WORKLOADS)
    parts = [count * weight // whole for _, weight in WORKLOADS]
    rests = sorted(range(len(parts)), key=lambda i: (-(count * WORKLOADS[i][1] % whole), i))
    for place in rests[: count - sum(parts)]:
        parts[place] += 1
    return parts


def _extras(count: int) -> dict[str, int]:
    return {
        name: round(count * share)
        for name, share in (("twice", TWICE), ("refused", REFUSED), ("again", AGAIN))
    }


def planned(seed: int, count: int) -> list[Planned]:
    """About `count` calls in the order of time: exactly as many as lines, less those written twice."""
    extras = _extras(count)
    calls: list[Planned] = []
    for (make, _), share in zip(WORKLOADS, shares(count - sum(extras.values())), strict=True):
        calls += make(Random(f"{seed}:{make.__name__}"), share)
    rng = Random(f"{seed}:faults")
    calls += _refused(rng, calls, extras["refused"])
    calls += _again(rng, calls, extras["again"])
    _cut_or_left(rng, calls)
    calls.sort(key=lambda call: (call.at, call.reply_id))
    return calls


def _plain(rng: Random, calls: list[Planned], count: int) -> list[Planned]:
    """Calls that a fault may meet: live, answered."""
    able = [
        call for call in calls if call.outcome == "ok" and call.lane is None and call.endpoint != "embeddings"
    ]
    return rng.sample(able, min(count, len(able)))


def _refused(rng: Random, calls: list[Planned], count: int) -> list[Planned]:
    """First attempts that failed a moment before the call that went through."""
    return [
        replace(
            call,
            at=call.at - rng.randrange(900, 4000) / 1000,
            outcome=rng.choice(("429", "429", "500")),
            reply_id=reply_id(rng, call.endpoint),
            span=words.hexes(rng, 16) if call.span else None,
            scores={},
            acts=(),
            answer="",
            reasoning=0,
        )
        for call in _plain(rng, calls, count)
    ]


def _again(rng: Random, calls: list[Planned], count: int) -> list[Planned]:
    """The same request a little later, answered and billed a second time."""
    return [
        replace(
            call,
            at=call.at + rng.randrange(4000, 90_000) / 1000,
            reply_id=reply_id(rng, call.endpoint),
            span=words.hexes(rng, 16) if call.span else None,
            scores={},
        )
        for call in _plain(rng, calls, count)
    ]


def _cut_or_left(rng: Random, calls: list[Planned]) -> None:
    for call in _plain(rng, calls, round(len(calls) * CUT)):
        if call.answer and not call.schema:
            call.outcome = "cut"
            call.answer = call.answer[: max(1, len(call.answer) // 2)]
    for call in _plain(rng, calls, round(len(calls) * LEFT)):
        call.outcome = "timeout"


def twice(seed: int, calls: list[Planned], count: int) -> list[Planned]:
    """Records to write a second time: half word for word, half by a second logger a moment later."""
    rng = Random(f"{seed}:twice")
    chosen = _plain(rng, calls, count)
    return [
        call if place % 2 else replace(call, at=call.at + 0.4, seconds=call.seconds)
        for place, call in enumerate(chosen)
    ]
