"""Clusters hold what is not independent, and come in an order that a seed fixes."""

from __future__ import annotations

import random
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proving import said

from tierwise.calls import Call, Message, Request
from tierwise.prove import Cluster, clusters
from tierwise.prove._near import BANDS, HASHES, near_pairs

KEY = b"k" * 32
WORDS = [f"w{n:x}" for n in range(4_000)]


def prose(seed: int, words: int = 60) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def one(text: str, number: int = 0, *, instructions: str = "Sort it.", **more: Any) -> Call:
    messages = (Message(role="system", content=instructions), Message(role="user", content=text))
    return Call(
        **{
            "id": f"c{number}-{text[:20]}",
            "endpoint": "chat",
            "request": Request(endpoint="chat", messages=messages),
            "response": said("x"),
            "at": number,
        }
        | more
    )


def groups(found: list[Cluster], calls: list[Call]) -> set[frozenset[str]]:
    return {frozenset(str(calls[place].id) for place in cluster.members) for cluster in found}


def test_a_session_is_a_cluster_else_a_trace_else_a_call() -> None:
    calls = [
        one(prose(1), 1, session="s"),
        one(prose(2), 2, session="s", trace="t"),
        one(prose(3), 3, trace="t"),
        one(prose(4), 4, trace="t"),
        one(prose(5), 5),
        one(prose(6), 6),
    ]

    assert sorted(len(cluster.members) for cluster in clusters(calls, KEY, "seed")) == [1, 1, 2, 2]


JAPANESE = (
    "先週の金曜日に駅の北口にある店で新しい自転車を買いましたが、家に帰ってから後ろの車輪が少し曲がっていることに気づきました。"
    "領収書は手元にありますので、交換してもらえるかどうか、そして何日くらいかかるのかを教えていただけますでしょうか。"
)
NEAR = [
    (prose(1), prose(1).replace(prose(1).split()[30], "other"), True),
    (prose(1), prose(1).upper() + " ", True),
    (prose(1), prose(2), False),
    ("yes", "yes", True),
    ("yes", "yes!", False),
    (JAPANESE, JAPANESE.replace("北口", "南口"), True),
    ("Wie komme ich vom Bahnhof zum Flughafen, bitte sehr?", "Где находится ближайшая аптека, скажите пожалуйста?", False),
    ("\ud800" * 100, "\ud800" * 101, True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "other", "joined"), NEAR)
def test_calls_that_ask_nearly_the_same_are_one_cluster(text: str, other: str, joined: bool) -> None:
    calls = [one(text, 1, session="a"), one(other, 2, session="b")]

    assert (len(clusters(calls, KEY, "seed")) == 1) == joined


def test_the_same_instructions_join_nothing() -> None:
    same = prose(9, 500)
    calls = [one(f"{number}", number, instructions=same) for number in range(30)]

    assert len(clusters(calls, KEY, "seed")) == 30


def test_a_template_in_the_users_turn_joins_nothing_and_near_texts_within_it_do() -> None:
    template = prose(7, 300)
    calls = [one(f"{template} {prose(100 + number, 40)}", number) for number in range(40)]
    calls.append(one(f"{template} {prose(100, 40)} now", 40))

    found = clusters(calls, KEY, "seed")

    assert sorted(len(cluster.members) for cluster in found) == [1] * 39 + [2]


texts = st.sampled_from([prose(n) for n in range(6)] + ["yes", "no", ""])
sessions = st.sampled_from([None, "a", "b", "c"])
many = st.lists(st.tuples(texts, sessions, st.none() | st.integers(0, 9)), max_size=14).map(
    lambda rows: [
        one(text, number, session=session, at=at) for number, (text, session, at) in enumerate(rows)
    ]
)


@settings(max_examples=40)
@given(many, st.randoms(use_true_random=False))
def test_each_call_is_in_one_cluster_and_the_order_of_the_calls_changes_nothing(
    calls: list[Call], chance: Any
) -> None:
    turned = chance.sample(calls, len(calls))
    found, again = clusters(calls, KEY, "seed"), clusters(turned, KEY, "seed")

    assert sorted(place for cluster in found for place in cluster.members) == list(range(len(calls)))
    assert groups(found, calls) == groups(again, turned)
    assert [(c.id, c.newest) for c in found] == [(c.id, c.newest) for c in again]


def test_the_seed_fixes_the_order_and_another_gives_another() -> None:
    calls = [one(prose(number), number) for number in range(50)]
    first, same, other = (clusters(calls, KEY, seed) for seed in ("a", "a", "b"))

    assert first == same
    assert [c.id for c in first] != [c.id for c in other]
    assert {c.id for c in first} == {c.id for c in other}
    assert {c.id for c in first}.isdisjoint({c.id for c in clusters(calls, b"x" * 32, "a")})


@pytest.mark.parametrize(("count", "newest"), [(0, 0), (1, 1), (3, 1), (4, 1), (5, 2), (40, 10)])
def test_the_newest_quarter_is_marked_by_time(count: int, newest: int) -> None:
    calls = [one(prose(number), number) for number in range(count)] + [one(prose(99), 99, at=None)]

    marked = [c for c in clusters(calls, KEY, "seed") if c.newest]

    assert len(marked) == newest
    assert {place for c in marked for place in c.members} == set(range(count - newest, count))


def test_thousands_of_calls_are_clustered_in_seconds() -> None:
    calls = [one(prose(number % 5_000, 80), number) for number in range(2_000)]

    started = time.perf_counter()
    found = clusters(calls, KEY, "seed")

    assert len(found) == 2_000
    assert time.perf_counter() - started < 10


def test_near_texts_find_each_other_behind_one_that_is_near_neither() -> None:
    """All buckets that the second and third share are the first's too, which is half like both."""
    first = np.arange(HASHES, dtype=np.uint64)
    second, third = first.copy(), first.copy()
    second[HASHES // 2 :] += np.uint64(1_000)
    third[HASHES // 2 :] += np.uint64(1_000)
    third[HASHES // 2 :: HASHES // BANDS] += np.uint64(1_000)

    assert near_pairs([first, second, None, third]) == [(1, 3)]
