"""Rates, shards and gaps of live calls, within bounds; prefixes and the places where they are warm."""

from __future__ import annotations

import random

import pytest

from tierwise.caching import FULL
from tierwise.catalog import Catalog
from tierwise.online._pace import Pace, Paces
from tierwise.online._warmth import Lines, Places, Sizes
from tierwise.workloads import Block

AT = 1_795_600_000_000_000
SECOND = 1_000_000
MINUTE = 60 * SECOND


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.open()


def steady(pace: Pace, at: int, rate: int, minutes: int, replicas: int = 1) -> int:
    """Calls at an even rate; gives the time after them."""
    for number in range(rate * minutes):
        pace.arrive(at + number * MINUTE // rate, replicas)
    return at + minutes * MINUTE


def test_shards_follow_the_rate_and_fewer_only_after_ten_quiet_minutes() -> None:
    pace = Pace()
    at = steady(pace, AT, 10, 5)
    assert pace.shards == 1
    at = steady(pace, at, 100, 3)
    assert pace.shards == 16
    assert FULL * pace.shards >= 100
    at = steady(pace, at, 60, 20)
    # 60 calls a minute are few for 16 shards, and enough for 8.
    assert pace.shards == 8
    at = steady(pace, at, 2, 8)
    assert pace.shards == 8
    steady(pace, at, 2, 30)
    assert pace.shards == 1


def test_a_rate_that_swings_within_the_hysteresis_changes_no_shards() -> None:
    pace, at, seen = Pace(), AT, set()
    at = steady(pace, at, 40, 4)
    for number in range(40):
        at = steady(pace, at, 24 if number % 2 else 40, 1)
        seen.add(pace.shards)
    assert seen == {4}


def test_each_replica_counts_its_share_for_all() -> None:
    pace = Pace()
    steady(pace, AT, 25, 3, replicas=4)
    assert pace.shards == 16


def test_gaps_are_counted_and_older_ones_fade() -> None:
    pace = Pace()
    for number in range(30):
        pace.arrive(AT + number * 40 * MINUTE, 1)
    assert pace.gaps == [0, 0, 29, 0, 0, 0]
    for number in range(5_000):
        pace.arrive(AT + 1_200 * MINUTE + number * SECOND, 1)
    assert sum(pace.gaps) <= 2_000
    assert pace.gaps[2] < 10


def test_a_clock_that_goes_back_breaks_nothing() -> None:
    pace = Pace()
    rng = random.Random(1)
    for _ in range(500):
        assert pace.arrive(AT + rng.randrange(-(10**10), 10**10), 1) >= 0
    assert sum(pace.gaps) < 500


def test_a_session_stays_on_its_shard_while_it_goes_on() -> None:
    paces = Paces()
    first = [paces.shard(("p",), 1, f"s{n}", 1, AT) for n in range(50)]
    grown = [paces.shard(("p",), 1, f"s{n}", 8, AT + MINUTE) for n in range(50)]
    assert first == grown == [0] * 50
    assert len({paces.shard(("p",), 1, f"t{n}", 8, AT + MINUTE) for n in range(50)}) == 8
    # Once its prefix is cold it may go where it belongs.
    assert len({paces.shard(("p",), 1, f"s{n}", 8, AT + 60 * MINUTE) for n in range(50)}) == 8


PROMPT = (Block(1, 0), Block(2, 1_500), Block(2, 1_500), Block(3, 1_600))


def test_calls_beyond_fifteen_a_minute_meet_a_machine_that_knows_nothing(catalog: Catalog) -> None:
    places, lines, model = Places(100), Lines(100), catalog.resolve("gpt-5.4").model
    line = lines.of(PROMPT)
    found = []
    for number in range(31):
        found.append(bool(places.read(line, 9, AT + number)))
        places.write(line, model, 9, AT + number)
    assert [number for number, warm in enumerate(found) if not warm] == [0, 15, 30]
    # A minute later it is the first machine again, still warm; by another route nothing is.
    assert places.read(line, 9, AT + MINUTE + 40)
    assert not places.read(line, 8, AT + MINUTE + 40)
    assert not places.read(line, 9, AT + 40 * MINUTE)


def test_a_turn_reads_what_an_earlier_one_than_the_last_left(catalog: Catalog) -> None:
    places, lines, model = Places(100), Lines(100), catalog.resolve("gpt-5.4").model
    turns = [(Block(1, 0), Block(2, 1_500), Block(n, 1_500 + 100 * (n - 2)), Block(n + 1, 1_600 + 100 * (n - 2)))
             for n in range(2, 7)]  # fmt: skip
    lines.add(turns[0])
    places.write(lines.of(turns[0]), model, 9, AT)
    for turn in turns[1:4]:
        lines.add(turn)
    (block, _) = places.read(lines.of(turns[4]), 9, AT + 1)["gpt-5.4"]
    assert block == turns[0][3]


def test_a_model_that_charges_for_writing_leaves_only_what_breakpoints_end(catalog: Catalog) -> None:
    model = catalog.resolve("gpt-5.6-luna").model
    for marked in (False, True):
        places, line = Places(100), Lines(100).of(PROMPT)
        places.write(line, model, 9, AT, marked=marked)
        other = Lines(100).of((*PROMPT[:3], Block(4, 1_700)))
        assert bool(places.read(other, 9, AT + 1)) is marked
        assert places.read(line, 9, AT + 1)["gpt-5.6-luna"][0] == PROMPT[3]
        assert not places.read(line, 9, AT + 31 * MINUTE)
    places.write(line, model, 9, AT, retention="12h")
    assert places.read(line, 9, AT + 11 * 60 * MINUTE)


def test_sizes_are_taken_from_what_upstream_reports(catalog: Catalog) -> None:
    model, sizes = catalog.resolve("gpt-5.4").model, Sizes(100)
    assert sizes.of(PROMPT[1], model) == 1_408
    sizes.learn(PROMPT, model, 1_760, 0)
    # All of it is a tenth more than estimated, so its start is too.
    assert sizes.of(PROMPT[1], model) == 1_536
    sizes.learn((*PROMPT[:3], Block(4, 1_700)), model, 1_870, 1_664)
    assert sizes.of(PROMPT[1], model) == 1_664


@pytest.mark.parametrize(("cached", "read"), [(0, 0), (2_048, 2_048), (4_096, 0)])
def test_a_size_is_corrected_only_where_it_is_near_what_was_read(
    catalog: Catalog, cached: int, read: int
) -> None:
    """On gpt-5.5 upstream tells the size to within 2,048 tokens, which makes no estimate better by more."""
    model, sizes = catalog.resolve("gpt-5.5").model, Sizes(100)
    blocks = (Block(1, 0), Block(2, 1_900), Block(3, 1_900), Block(4, 9_000))
    sizes.learn(blocks, model, 9_000, cached)
    assert sizes.of(blocks[1], model) == read
