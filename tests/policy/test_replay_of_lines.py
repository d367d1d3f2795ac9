"""Recorded decisions made again, from lines as they come: damaged, huge, of other versions. Nothing is lost or raised."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tierwise.calls import RECORDER_VERSION, Recorded, decode_recorded, encode_recorded
from tierwise.catalog import Catalog, Tokens
from tierwise.policy import Policy, State, canonical, decide, proposal, replay
from tierwise.workloads import Facts

NOW = dt.datetime(2026, 11, 24, 23, 59, 59, tzinfo=dt.UTC)
AT = int(NOW.timestamp() * 1e6)
STATE = State(usage=Tokens(uncached=1000, output=100, reasoning=200))


@pytest.fixture
def line(catalog: Catalog, make_facts: Callable[..., Facts]) -> Recorded:
    facts, policy = make_facts(), proposal(catalog.ladder())
    return Recorded(
        recorder=RECORDER_VERSION,
        id="resp_1",
        at=AT,
        facts=msgspec.Raw(msgspec.json.encode(facts)),
        state=msgspec.Raw(msgspec.json.encode(STATE)),
        decision=msgspec.Raw(canonical(decide(facts, policy, STATE, catalog, NOW.date()))),
    )


def policies(catalog: Catalog) -> Callable[[str], Policy | None]:
    policy = proposal(catalog.ladder())
    return lambda digest: policy if digest == policy.digest else None


def test_a_line_as_it_was_written_gives_the_same_bytes(catalog: Catalog, line: Recorded) -> None:
    again = decode_recorded(encode_recorded(line))
    done = replay([again, again], policies(catalog), catalog)
    assert (done.same, done.differ, done.decisions) == (2, 0, 2)


DAMAGED: list[tuple[str, dict[str, Any], str]] = [
    ("facts of another version", {"facts": b'{"workload":1}'}, "another version, or damaged"),
    ("facts that are none", {"facts": b"[]"}, "another version, or damaged"),
    ("a state of another version", {"state": b'{"usage":7}'}, "another version, or damaged"),
    ("no state", {"state": b""}, "another version, or damaged"),
    ("a decision that is none", {"decision": b"3"}, "another version, or damaged"),
    ("a text that is no text", {"decision": b'{"plan":"\xff"}'}, "another version, or damaged"),
    ("deep as a well", {"state": b"[" * 100_000}, "another version, or damaged"),
    ("a time far off", {"at": 10**18 * 9}, "another version, or damaged"),
    ("a time before all", {"at": -(10**18) * 9}, "another version, or damaged"),
    ("no time", {"at": None}, "another version, or damaged"),
]


@pytest.mark.parametrize(("changes", "why"), [row[1:] for row in DAMAGED], ids=[row[0] for row in DAMAGED])
def test_a_line_that_cannot_be_made_again_is_counted_with_its_reason(
    changes: dict[str, Any], why: str, catalog: Catalog, line: Recorded
) -> None:
    raw = {name: msgspec.Raw(value) if isinstance(value, bytes) else value for name, value in changes.items()}
    if raw.get("state") == msgspec.Raw(b""):
        raw["state"] = msgspec.Raw()
    done = replay([msgspec.structs.replace(line, **raw), line], policies(catalog), catalog)
    assert (done.same, done.differ, done.decisions) == (1, 0, 2)
    assert why in next(iter(done.left))


def test_a_line_that_does_not_read_at_all_is_counted(catalog: Catalog, line: Recorded) -> None:
    done = replay([None, line], policies(catalog), catalog)
    assert (done.same, done.left.total()) == (1, 1)


def test_policy_and_prices_that_are_not_there_are_named(catalog: Catalog, line: Recorded) -> None:
    (why,) = replay([line], lambda _: None, catalog).left
    assert "policy" in why
    other = bytes(line.decision).replace(catalog.digest.encode(), b"0" * len(catalog.digest))
    (why,) = replay(
        [msgspec.structs.replace(line, decision=msgspec.Raw(other))], policies(catalog), catalog
    ).left
    assert "prices 000000000000" in why


HUGE = ["-1", "99999999999999999999", "1e400", '"\\ud83d"', "null", "[]", '"auto"', "0"]


@pytest.mark.parametrize("value", HUGE)
def test_whatever_stands_in_facts_and_state_replay_goes_on(
    value: str, catalog: Catalog, line: Recorded
) -> None:
    count = 0
    for name in ("facts", "state"):
        text = bytes(getattr(line, name))
        for field in msgspec.json.decode(text):
            fields = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
            fields[field] = msgspec.Raw(value.encode())
            changed = msgspec.structs.replace(line, **{name: msgspec.Raw(msgspec.json.encode(fields))})
            assert replay([changed], policies(catalog), catalog).decisions == 1
            count += 1
    assert count > 30
